"""Everything the feed tells the app. All of it is posted to the app and to nobody else: workers never touch widgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from textual.message import Message

from z2ctl.tui.job import Job
from z2ctl.tui.widgets.log_view import Entry


@dataclass
class Connected(Message):
    """The line stands; `version` and `api` are the daemon's."""

    version: str
    api: int | None


@dataclass
class Lost(Message):
    """The line is gone; the feed tries again by itself in `retry_in` seconds."""

    reason: str
    retry_in: float
    tries: int


@dataclass
class Refused(Message):
    """The daemon does not want this client (token, account); said again with each try."""

    reason: str
    retry_in: float


class Heard(Message):
    """The daemon answered a question: what is shown is fresh although nothing happens."""


@dataclass
class Snapshot(Message):
    """The active jobs and the statistics, from the start or after a gap."""

    jobs: list[Job]
    stats: Mapping[str, Any]


@dataclass
class JobCame(Message):
    """A job was added or changed."""

    job: Job


@dataclass
class JobMoved(Message):
    """A running job moved on."""

    job_id: int
    stage: str | None
    progress: float
    speed: int | None
    eta: int | None


@dataclass
class StatsCame(Message):
    """New statistics."""

    stats: Mapping[str, Any]


@dataclass
class JobGone(Message):
    """A job was deleted."""

    job_id: int


@dataclass
class LogCame(Message):
    """Lines of the log that is being watched, collected over a short while; `first_seq` is the oldest stored."""

    job_id: int
    entries: list[Entry]
    first_seq: int | None = None


@dataclass
class LogEnded(Message):
    """The watched log has had its last line, or cannot be read (`reason`)."""

    job_id: int
    reason: str = ""
