"""What every wire model shares: unknown fields are refused, times are RFC 3339 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer


class Wire(BaseModel):
    """A value that crosses the wire. Frozen: events are shared between sockets and never edited."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


UtcTime = Annotated[datetime, PlainSerializer(_rfc3339, return_type=str, when_used="json")]
