"""`--playlist`, `--limit`, `--after` and `--match`: what is wanted of a list, for every verb that takes a URL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
_KEY = "z2ctl.playlist"
MOST_ENTRIES = 1000


def playlist_options(command: F) -> F:
    """Give a verb these flags; `playlist_of` has what was asked for."""

    def remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        if value not in (None, False):
            ctx.meta.setdefault(_KEY, {})[param.name] = value

    options = (
        click.option(
            "--playlist",
            is_flag=True,
            expose_value=False,
            callback=remember,
            help="The whole list, where the URL names a video and its list.",
        ),
        click.option(
            "--limit",
            type=click.IntRange(1, MOST_ENTRIES),
            expose_value=False,
            callback=remember,
            help="Of a list: at most so many entries, the newest ones (default 50).",
        ),
        click.option(
            "--after",
            type=click.DateTime(["%Y-%m-%d"]),
            expose_value=False,
            callback=remember,
            metavar="DAY",
            help="Of a list: only entries of this day and later.",
        ),
        click.option(
            "--match",
            expose_value=False,
            callback=remember,
            metavar="REGEX",
            help="Of a list: only entries whose title matches.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def playlist_of(ctx: click.Context) -> dict[str, Any] | None:
    """What the flags ask for as `PlaylistOptions`; None where none was given."""
    given = dict(ctx.meta.get(_KEY, {}))
    if not given:
        return None
    given.pop("playlist", None)
    if "after" in given:
        given["after"] = given["after"].strftime("%Y-%m-%d")
    return given
