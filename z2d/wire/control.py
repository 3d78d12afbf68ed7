"""What a person does to jobs that are there, one or many, and to the queue as a whole."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from z2d.wire.base import UtcTime, Wire
from z2d.wire.filters import LONGEST
from z2d.wire.jobs import DisplayStatus, JobId, JobOptions, JobSummary, StageName, Tag

MOST_JOBS = 1000  # of one `POST /api/jobs/actions`


class QueueMode(StrEnum):
    """What the queue does as a whole."""

    ACTIVE = "ACTIVE"
    """Jobs start as slots get free."""
    DRAINING = "DRAINING"
    """What runs is finished; nothing starts."""
    PAUSED = "PAUSED"
    """Nothing runs and nothing starts; what ran keeps its place and goes on when the queue is resumed."""


class JobChanges(Wire):
    """Body of `PATCH /api/jobs/{id}`: what is named is changed, everything else stays."""

    priority: int | None = Field(
        None, ge=-100, le=100, description="Of a job that is not finished; a job that was moved takes its place again"
    )
    tags: list[Tag] | None = Field(None, max_length=32, description="The new tags, all of them")
    options: JobOptions | None = Field(
        None, description="Of a job that waits in the queue; options that are not named stay"
    )
    rev: int | None = Field(None, ge=0, description="Refuse (412) unless this is the job's rev")


class MoveRequest(Wire):
    """Body of `POST /api/jobs/{id}/move`. The place holds until the job's priority is set."""

    to: Literal["first", "last", "up", "down"] = Field(
        description="Before or behind all others, whatever their priority; or past the next one in either direction"
    )


DEFAULT_LANES: dict[StageName, int | None] = {
    StageName.DOWNLOAD: None,
    StageName.TRANSCRIPT: 1,
    StageName.ANALYSIS: None,
    StageName.PUBLISHING: None,
}
"""The lanes, and how many jobs of a worker each holds as long as nobody said otherwise; None: as many as slots. One
job at a time listens: a speech model takes all the cores there are, and two of them twice the memory."""
Places = Annotated[int, Field(ge=0, le=64)]


class LaneChanges(Wire):
    """Lanes and their places: what is named is changed, the others stay. 0 closes a lane, null is its default."""

    download: Places | None = Field(None, description="Jobs that fetch their media; null: as many as slots")
    transcript: Places | None = Field(None, description="Jobs that listen to what is said; null: one")
    analysis: Places | None = Field(None, description="Jobs that are analysed; null: as many as slots")
    publishing: Places | None = Field(
        None,
        description="Entries that are written; null: as many as slots. Closed, nothing goes to other targets either",
    )


class QueueChanges(Wire):
    """Body of `PATCH /api/queue`: what is named is changed, the other stays."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    slots: int | None = Field(
        None, ge=1, le=64, description="Jobs at once, of each worker; null: as each worker was started (Z2_SLOTS)"
    )
    site_slots: int | None = Field(
        None, ge=1, le=64, description="Jobs of one site at once, all workers together; null: as many as slots"
    )

    lanes: LaneChanges = Field(LaneChanges(), description="Jobs of each worker at once, by kind of work")

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.model_fields_set or ("lanes" in self.model_fields_set and not self.lanes.model_fields_set):
            raise ValueError("name what is to be changed")
        return self


class PauseQueue(Wire):
    """Body of `POST /api/queue/pause`."""

    drain: bool = Field(False, description="Let what runs finish, and start nothing")


class SiteGate(Wire):
    """A site that is left alone for a while, because it asked for that."""

    site: str
    until: UtcTime
    reason: str
    strikes: int


class Lane(Wire):
    """A narrow place on the way of a job: only so many of each worker are in it at once, the others wait in line."""

    stage: StageName
    limit: int | None = Field(description="Jobs of each worker at once; 0: closed; null: as many as there are slots")
    busy: int = Field(description="Jobs that are in it, of all workers together; of transcript: those that listen")
    waiting: int = Field(description="Jobs that stand in line, each with its slot")
    parked: int = Field(description="Jobs that wait in the queue until it is opened")


class QueueState(Wire):
    """The queue as a whole. Every number counts jobs; `slots` and `busy` are of all living workers together."""

    mode: QueueMode
    slots: int
    slots_per_worker: int | None = Field(description="What was set at runtime; null: as each worker was started")
    site_slots: int | None = Field(description="Jobs of one site at once; null: as many as there are slots")
    workers: int
    busy: int
    ready: int = Field(description="Could start now, if a slot were free")
    scheduled: int = Field(description="Wait for a time")
    paused: int = Field(description="Wait for a person, or for a lane to be opened")
    waiting: int = Field(description="Wait for the jobs that came from them")
    lanes: list[Lane]
    gates: list[SiteGate]
    next: list[JobSummary] = Field(description="The jobs that are ready, in the order in which they start")


class WhyCode(StrEnum):
    """Why a job is where it is."""

    FINISHED = "FINISHED"
    RUNNING = "RUNNING"
    ENDING = "ENDING"
    CHILDREN = "CHILDREN"
    HELD = "HELD"
    SCHEDULED = "SCHEDULED"
    RETRY = "RETRY"
    SITE = "SITE"
    QUEUE_PAUSED = "QUEUE_PAUSED"
    QUEUE_DRAINING = "QUEUE_DRAINING"
    NO_WORKER = "NO_WORKER"
    DISK_FULL = "DISK_FULL"
    SLOTS = "SLOTS"
    SITE_SLOTS = "SITE_SLOTS"
    LANE = "LANE"
    LANE_CLOSED = "LANE_CLOSED"
    STARTING = "STARTING"


class Why(Wire):
    """Why a job runs, waits or has ended: one line for a person, a word for programs."""

    id: int
    status: DisplayStatus
    code: WhyCode
    sentence: str
    until: UtcTime | None = Field(None, description="When that is over, where it is known")
    queue_position: int | None = Field(None, description="1: the next to start")


JobAction = Literal["cancel", "pause", "resume", "retry", "delete", "restore"]


class ManyJobs(Wire):
    """Body of `POST /api/jobs/actions`: one action on the jobs of a list, or on those that a filter finds."""

    action: JobAction
    ids: list[JobId] | None = Field(None, min_length=1, max_length=MOST_JOBS)
    filter: Annotated[str, StringConstraints(max_length=LONGEST)] | None = Field(
        None,
        description="In place of ids: conditions in one line, as in `GET /api/jobs`. Jobs that the action does not fit "
        "are left out; a retry without from_stage fits those that failed or were cancelled, "
        "a resume without any condition leaves jobs alone that were submitted on hold",
    )
    after: int = Field(
        0, ge=0, le=2**63 - 1, description="With a filter: only larger ids (`next_after` of the call before)"
    )
    from_stage: StageName | None = Field(None, description="For retry: this stage and all later ones run again")
    files: bool = Field(False, description="For delete: the files go too")
    dry_run: bool = Field(False, description="Say which jobs it would be; change nothing")


class RefusedJob(Wire):
    """A job that the action did not fit."""

    id: int
    code: str
    detail: str


class ManyAnswer(Wire):
    """What became of it."""

    done: list[int]
    refused: list[RefusedJob]
    next_after: int | None = Field(description="The filter finds more: call again with this as `after`")
