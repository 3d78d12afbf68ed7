"""What every wire model shares: unknown fields are refused, times are RFC 3339 in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema


class Wire(BaseModel):
    """A value that crosses the wire. Frozen: events are shared between sockets and never edited."""

    # built when they are defined: threads use them too, and two that build one model at once get in each other's way
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


UtcTime = Annotated[
    datetime,
    PlainSerializer(_rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _from_rfc3339(value: Any) -> Any:
    """Other spellings (seconds since 1970, a date alone, no offset) mean different moments to different readers."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and _RFC3339.fullmatch(value):
        return datetime.fromisoformat(value.upper())
    raise ValueError("should be an RFC 3339 time with an offset, like 2026-01-31T08:00:00Z")


def _can_be_stored(value: datetime) -> datetime:
    if value.tzinfo is None or not 1970 <= value.year <= 9000:
        raise ValueError("should have an offset and lie between the years 1970 and 9000")
    return value


# A moment that a caller names.
GivenTime = Annotated[datetime, BeforeValidator(_from_rfc3339), AfterValidator(_can_be_stored)]
