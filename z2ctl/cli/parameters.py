"""What the verbs' parameters have in common: job ids, filters, times as people write them, `--json`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from math import isfinite
from typing import Any, TypeVar

import click

from z2ctl.moments import in_utc, read_moment

F = TypeVar("F", bound=Callable[..., Any])
_HEAD = re.compile(r"-?[A-Za-z_]+\s*(<=|>=|<|>|:|=)")


class Seconds(click.FloatRange):
    """A number of seconds. click takes "nan" and "inf" for numbers, and "nan" for one within any bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or the usage error that says what is wrong with it."""
        number = float(super().convert(value, param, ctx))
        if not isfinite(number):
            self.fail(f"{value!r} is no number of seconds.", param, ctx)
        return number


SECONDS = Seconds(min=0)


def a_job(text: str) -> int:
    """The number of a job. Refused in words of ours: of ranges and integers nobody has asked."""
    if not (text.isascii() and text.isdigit() and 0 < int(text[:20]) < 2**63):
        raise click.BadParameter(f"{text!r} is no id of a job: give a number that 'z2ctl list' shows.")
    return int(text)


def json_option(command: F) -> F:
    """Give a verb `--json`; the answer stands in `app.out.as_json`."""

    def remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        ctx.ensure_object(object)
        ctx.obj.out.as_json = value

    option = click.option(
        "--json", is_flag=True, expose_value=False, callback=remember, help="One JSON object per line, for programs."
    )
    return option(command)


def filter_option(command: F) -> F:
    """Give a verb `--filter`, for the jobs that it changes."""
    option = click.option(
        "--filter",
        "condition",
        metavar="FILTER",
        callback=_some,
        help="The jobs that this finds, as in 'z2ctl list FILTER'.",
    )
    return option(command)


def _some(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Callback of `--filter`: an empty one is what a script's unset variable leaves, and would mean every job."""
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty, and would mean every job; if that is wanted, write 'age>0s'.")
    return value


def filter_of(conditions: tuple[str, ...]) -> str | None:
    """The arguments of a verb as one line of the filter language, or None where there are none.

    A single argument is the line as it is. Of several, one with blanks had its quotes taken by the shell: it gets them
    back (`channel:"X Y"` arrives as `channel:X Y`).
    """
    if len(conditions) == 1:
        return conditions[0]
    return " ".join(_quoted(one) for one in conditions) or None


def _quoted(condition: str) -> str:
    if '"' in condition or not re.search(r"\s", condition):
        return condition
    head = _HEAD.match(condition)
    return f'{head[0]}"{condition[head.end() :]}"' if head else f'"{condition}"'


def past(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Callback of an option that names a moment gone by; "2h" is two hours ago. Gives RFC 3339 in UTC."""
    return _moment(value, param, now=datetime.now(UTC), past=True)


def future(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Callback of an option that names a moment to come; "2h" is in two hours. Gives RFC 3339 in UTC."""
    return _moment(value, param, now=datetime.now(UTC), past=False)


def _moment(value: str | None, param: click.Parameter, *, now: datetime, past: bool) -> str | None:
    if value is None:
        return None
    at = read_moment(value.strip(), now=now, past=past)
    if at is None:
        raise click.BadParameter(
            f"{value!r} is no time: write 2026-11-22, '2026-11-22 23:00', 23:00, 2h, 7d or an RFC 3339 time.",
            param=param,
        )
    return in_utc(at)
