"""What the daemon says about itself: statistics, version, health."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from z2d.wire.base import UtcTime, Wire
from z2d.wire.control import QueueMode


class Durations(Wire):
    """How long something took over recent jobs, in milliseconds; null where nothing was measured."""

    count: int
    avg_ms: int | None
    p50_ms: int | None
    p95_ms: int | None


class Day(Wire):
    """Jobs that finished on one UTC day."""

    day: str
    completed: int
    failed: int
    cancelled: int
    bytes: int


class Stats(Wire):
    """Counts and averages. Durations and success rate cover the last 30 days."""

    counts: dict[str, int]
    total: int
    duration: Durations
    stages: dict[str, Durations]
    queue_wait: Durations
    success_rate: float | None
    bytes_total: int
    days: list[Day]
    disk_free_bytes: int | None
    disk_total_bytes: int | None
    slots: int = Field(description="Jobs at once, of all living workers together")
    running: int
    queue: QueueMode = QueueMode.ACTIVE
    as_of: UtcTime


class Version(Wire):
    """Versions of the daemon and of what it stands on; `schema` is the number of the newest migration."""

    model_config = ConfigDict(populate_by_name=True)

    version: str
    api: int
    schema_: int = Field(alias="schema")
    yt_dlp: str
    ffmpeg: str | None
    postgresql: str | None


class Part(Wire):
    """The health of one part."""

    ok: bool
    detail: str = ""


class Health(Wire):
    """Answer of `/healthz` and `/readyz`."""

    status: Literal["ok", "degraded", "unavailable"]
    parts: dict[str, Part] = {}


class Finding(Wire):
    """One thing that was looked at: what was found, why it matters, and what to do about it."""

    name: str
    state: Literal["ok", "warning", "wrong"]
    detail: str
    why: str = ""
    remedy: str = ""


class Diagnosis(Wire):
    """Answer of `/api/diagnosis`."""

    findings: list[Finding]
