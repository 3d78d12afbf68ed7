"""`--playlist`, `--limit`, `--after` and `--match`: what is wanted of a list, for every verb that takes a URL."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from datetime import date
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
_KEY = "z2ctl.playlist"
MOST_ENTRIES = 1000
LONGEST_EXPRESSION = 200


class Day(click.ParamType[str]):
    """A day as the API takes it."""

    name = "day"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The day as it is."""
        try:
            if not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):  # others, such as weeks, the API does not take
                raise ValueError(value)
            date.fromisoformat(value)
            return value
        except ValueError:
            self.fail(f"{value!r} is no day: write year, month and day, like 2026-01-31.", param, ctx)


class Expression(click.ParamType[str]):
    """A regular expression, looked at before it is sent."""

    name = "regex"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The expression as it is."""
        if not 1 <= len(value) <= LONGEST_EXPRESSION:
            self.fail(f"a regular expression of 1 to {LONGEST_EXPRESSION} characters is wanted.", param, ctx)
        try:
            with warnings.catch_warnings(action="ignore"):  # of spellings that will mean something else one day
                re.compile(value)
        except (re.error, OverflowError, RecursionError) as error:
            self.fail(f"{value!r} is no regular expression: {error}.", param, ctx)
        return value


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
            type=Day(),
            expose_value=False,
            callback=remember,
            help="Of a list: only entries of this day and later.",
        ),
        click.option(
            "--match",
            type=Expression(),
            expose_value=False,
            callback=remember,
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
    return given
