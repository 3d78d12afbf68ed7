"""Moments as people write them: "23:00", "2h", "2026-11-22 23:00". Standard library only, as every part of `z2ctl`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_DISTANCE = re.compile(r"([+-]?)(\d{1,6})\s*([smhdw])")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


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
        # in UTC: a moment whose offset leads out of the years that there are is none
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def in_utc(at: datetime) -> str:
    """A moment as the API wants it: RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
