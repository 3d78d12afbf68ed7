"""One job as the dashboard keeps it: what a summary says, made safe once when it arrives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from sys import intern
from typing import Any

from z2ctl.text import FINISHED, at_lane, next_try, when_resumed


def seconds(text: object) -> float | None:
    """An RFC 3339 time as seconds since 1970, parsed once when it arrives; None where there is none."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


@dataclass(slots=True, frozen=True)
class Job:
    """A `JobSummary` with its texts made safe and its times as seconds since 1970."""

    id: int
    url: str
    title: str
    status: str
    display: str
    outcome: str
    stage: str
    progress: float
    speed: int | None
    eta: int | None
    site: str
    channel: str
    length_ms: int | None
    priority: int
    attempt: int
    attempts: int | None
    due: float | None
    kept: float | None
    tags: tuple[str, ...]
    error_code: str
    error_stage: str
    error: str
    hint: str
    wait: str
    parent: int | None
    kind: str
    created: float
    started: float | None
    finished: float | None
    rev: int

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Job:
        """A job from a `JobSummary` (or `JobDetail`) whose texts have passed `feed.clean`."""
        error = data.get("error") or {}
        return cls(
            id=int(data["id"]),
            url=data.get("url") or "",
            title=data.get("title") or "",
            status=intern(str(data.get("status") or "")),
            display=intern(str(data.get("display_status") or data.get("status") or "")),
            outcome=intern(str(data.get("outcome") or "")),
            stage=intern(str(data.get("stage") or "")),
            progress=float(data.get("progress") or 0.0),
            speed=data.get("speed_bps"),
            eta=data.get("eta_s"),
            site=intern(str(data.get("site") or "")),
            channel=data.get("channel") or "",
            length_ms=data.get("duration_ms"),
            priority=int(data.get("priority") or 0),
            attempt=int(data.get("attempt") or 0),
            attempts=data.get("max_attempts"),
            due=seconds(data.get("run_after")),
            kept=seconds(data.get("due_after")),
            tags=tuple(data.get("tags") or ()),
            error_code=str(error.get("code") or ""),
            error_stage=str(error.get("stage") or ""),
            error=str(error.get("message") or ""),
            hint=str(error.get("hint") or ""),
            wait=str(data.get("wait_reason") or ""),
            parent=data.get("parent_id"),
            kind=intern(str(data.get("kind") or "MEDIA")),
            created=seconds(data.get("created_at")) or 0.0,
            started=seconds(data.get("started_at")),
            finished=seconds(data.get("finished_at")),
            rev=int(data.get("rev") or 0),
        )

    @property
    def name(self) -> str:
        """What a person calls it: the title, or the URL while there is none."""
        return self.title or self.url

    @property
    def over(self) -> bool:
        """Whether it has finished, in whatever way."""
        return self.status in FINISHED

    @property
    def running(self) -> bool:
        """Whether a worker has it."""
        return self.status == "RUNNING"

    @property
    def retrying(self) -> bool:
        """Whether it waits for a further attempt."""
        return self.display == "RETRYING" and self.attempt > 0

    def next_try(self, now: float) -> str:
        """What it says while it waits for its next attempt ("retry 2/3 in 12 s"), else nothing."""
        if not self.retrying:
            return ""
        return next_try(self.attempt, self.attempts, None if self.due is None else self.due - now)

    def when_resumed(self, now: float) -> str:
        """What it says while it is held and keeps a time to come ("starts in 3 h when resumed"), else nothing."""
        return when_resumed(None if self.kept is None else self.kept - now)

    @property
    def at_lane(self) -> str:
        """What it says while it waits for a place in its lane, or before one that is closed, else nothing."""
        return at_lane(self.status, self.wait, self.stage)

    def moved(self, stage: str | None, progress: float, speed: int | None, eta: int | None) -> Job:
        """The same job a little further on."""
        return replace(self, stage=intern(stage or self.stage), progress=progress, speed=speed, eta=eta)
