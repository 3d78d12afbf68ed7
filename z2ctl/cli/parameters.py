"""What the verbs' parameters have in common: job ids, times as people write them, `--json`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
JOB_ID = click.IntRange(min=1, max=2**63 - 1)
_DISTANCE = re.compile(r"([+-]?)(\d{1,6})\s*([smhdw])")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_HEAD = re.compile(r"-?[A-Za-z_]+\s*(<=|>=|<|>|:|=)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def json_option(command: F) -> F:
    """Give a verb `--json`; the answer stands in `app.out.as_json`."""

    def remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        ctx.ensure_object(object)
        ctx.obj.out.as_json = value

    option = click.option(
        "--json", is_flag=True, expose_value=False, callback=remember, help="One JSON object per line, for programs."
    )
    return option(command)


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
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def read_moment(text: str, *, now: datetime, past: bool) -> datetime | None:
    """A moment as people write it: RFC 3339, a local date and time, a time of day, a distance from now ("2h").

    `past` says on which side of `now` a distance without a sign and a time of day lie. None: it is no time.
    """
    try:
        if distance := _DISTANCE.fullmatch(text):
            back = distance[1] == "-" or (past and distance[1] != "+")
            step = timedelta(**{_UNITS[distance[3]]: int(distance[2])})
            return now - step if back else now + step
        if clock := _CLOCK.fullmatch(text):
            at = now.astimezone().replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
            if past and at > now:
                return at - timedelta(days=1)
            return at + timedelta(days=1) if not past and at <= now else at
        at = datetime.fromisoformat(text)
        return at.astimezone() if at.tzinfo is None else at
    except (ValueError, OverflowError):
        return None
