"""What the two WebSockets say. Every message has a `type`; unknown types are to be ignored by clients."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from z2d.wire.base import Wire
from z2d.wire.jobs import JobStatus, JobSummary, LogLine, StageName
from z2d.wire.service import Stats


class StatusHello(Wire):
    """First message of the status socket. `seq` is the newest event's number."""

    type: Literal["hello"] = "hello"
    version: str
    api: int
    seq: int


class Snapshot(Wire):
    """The active jobs and the statistics at `seq`; follows hello unless `?since=` could be resumed.

    It replaces all that a client knew: a job that is not in it is finished or gone, and what was known of finished
    jobs may be old, so a list of them is to be read again. Of more than 1,000 active jobs the others follow in job
    messages (of more than 20,000, those at the end of the queue do not, until something happens to them).
    """

    type: Literal["snapshot"] = "snapshot"
    seq: int
    jobs: list[JobSummary]
    stats: Stats


class JobEvent(Wire):
    """A job was added or changed."""

    type: Literal["job"] = "job"
    seq: int
    job: JobSummary


class ProgressEvent(Wire):
    """A running job moved on; at most two per second and job."""

    type: Literal["progress"] = "progress"
    seq: int
    id: int
    stage: StageName | None
    progress: float
    speed_bps: int | None = None
    eta_s: int | None = None


class StatsEvent(Wire):
    """New statistics."""

    type: Literal["stats"] = "stats"
    seq: int
    stats: Stats


class DeletedEvent(Wire):
    """A job was deleted."""

    type: Literal["deleted"] = "deleted"
    seq: int
    id: int


StatusMessage = Annotated[
    StatusHello | Snapshot | JobEvent | ProgressEvent | StatsEvent | DeletedEvent, Field(discriminator="type")
]


class LogHello(Wire):
    """First message of a log socket; the range of lines that exist now (0, 0 when there are none)."""

    type: Literal["hello"] = "hello"
    job_id: int
    first_seq: int
    last_seq: int


class Lines(Wire):
    """Log lines in rising order of `seq`."""

    type: Literal["lines"] = "lines"
    lines: list[LogLine]


class Gap(Wire):
    """Lines `from`..`to` were not sent because this client was too slow; they can be fetched as a page."""

    type: Literal["gap"] = "gap"
    from_: int = Field(alias="from", serialization_alias="from")
    to: int


class End(Wire):
    """The job is finished and its last line has been sent."""

    type: Literal["end"] = "end"
    status: JobStatus


LogMessage = Annotated[LogHello | Lines | Gap | End, Field(discriminator="type")]
