"""Jobs on the wire: what is sent to submit one, how it is listed, and all that is known of it.

The state machine behind these words is drawn in docs/states.md.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from z2d.wire import uploads
from z2d.wire.base import GivenTime, UtcTime, Wire
from z2d.wire.library import Analysis, FileInfo, Metadata, Publication, TranscriptHead
from z2d.wire.lists import PlaylistOptions

Tag = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]
LanguageTag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*$")]
UrlText = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
JobId = Annotated[int, Field(ge=1, le=2**63 - 1)]


class JobKind(StrEnum):
    """What a job is about."""

    MEDIA = "MEDIA"
    """One video or sound."""
    COLLECTION = "COLLECTION"
    """A playlist, channel or feed; its entries are jobs of their own."""


class JobStatus(StrEnum):
    """The stored states."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


FINISHED = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})


class DisplayStatus(StrEnum):
    """What a person sees: the stored state, refined by requests and times. Derived in the view `job_list`."""

    QUEUED = "QUEUED"
    SCHEDULED = "SCHEDULED"
    RETRYING = "RETRYING"
    PAUSED = "PAUSED"
    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"
    PAUSING = "PAUSING"
    WAITING = "WAITING"
    COMPLETED = "COMPLETED"
    COMPLETED_PARTIAL = "COMPLETED_PARTIAL"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Outcome(StrEnum):
    """How complete a COMPLETED job is."""

    FULL = "FULL"
    PARTIAL = "PARTIAL"
    DUPLICATE = "DUPLICATE"


class WaitReason(StrEnum):
    """Why a job waits."""

    RETRY = "RETRY"
    LIVE_NOT_STARTED = "LIVE_NOT_STARTED"
    RATE_LIMITED = "RATE_LIMITED"
    DISK_FULL = "DISK_FULL"
    CHILDREN = "CHILDREN"
    SHUTDOWN = "SHUTDOWN"
    QUEUE_PAUSED = "QUEUE_PAUSED"
    LANE_CLOSED = "LANE_CLOSED"
    LANE = "LANE"
    """Of a job that runs: it stands in line before a lane that is full."""
    USER = "USER"


class StageName(StrEnum):
    """The six stages, in their order."""

    METADATA = "metadata"
    DOWNLOAD = "download"
    AUDIO = "audio"
    TRANSCRIPT = "transcript"
    ANALYSIS = "analysis"
    PUBLISHING = "publishing"


class StageStatus(StrEnum):
    """The states of a stage."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    DONE = "DONE"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class LogLevel(IntEnum):
    """Levels of log lines: stored as numbers, said as names on the wire."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


LevelName = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


SponsorCategory = Literal[
    "sponsor", "intro", "outro", "selfpromo", "preview", "filler", "interaction", "music_offtopic", "hook",
    "poi_highlight", "chapter",
]  # fmt: skip


class JobOptions(Wire):
    """What a person may choose for one job. Options of yt-dlp itself are never taken from a client."""

    audio_only: bool = Field(False, description="Fetch the sound alone")
    max_height: int | None = Field(None, ge=144, le=8640, description="Largest picture height in pixels")
    container: Literal["any", "mp4", "webm"] = Field("any", description="Kind of file to prefer")
    codec: Literal["any", "h264", "vp9", "av1"] = Field("any", description="Picture codec to prefer")
    languages: list[LanguageTag] = Field(
        default=[], max_length=16, description="Wanted transcript languages, best first; empty: the video's own"
    )
    analysis: Literal["auto", "offline"] = Field(
        "auto", description="By the configured language model, if there is one, or never sent to one"
    )
    analysis_language: LanguageTag | None = Field(
        None, description="Language in which a language model writes; null: as configured, else the video's own"
    )
    playlist: PlaylistOptions | None = Field(
        None, description="What is wanted of a playlist, channel or feed; asks for the list behind a video's URL"
    )
    thumbnail: bool = Field(True, description="Fetch the poster too")
    sponsorblock: list[SponsorCategory] = Field(
        default=[], max_length=11, description="Kinds of passages to mark as chapters, from SponsorBlock; YouTube only"
    )
    live: Literal["wait", "record"] = Field(
        "wait", description="What to do with a stream that is on the air: wait for its recording, or record it from now"
    )
    rate_limit_bps: int | None = Field(None, ge=1024, le=2**40, description="Most bytes per second of a download")
    sleep_s: float = Field(0, ge=0, le=60, allow_inf_nan=False, description="Seconds between two requests to the site")


class NewJobFields(Wire):
    """What one submission and a batch have in common."""

    options: JobOptions = JobOptions()
    priority: int = Field(0, ge=-100, le=100, description="Higher runs first")
    profile: str = Field("default", max_length=64)
    tags: list[Tag] = Field(default=[], max_length=32)
    force: bool = Field(False, description="Make a new job although the video is already in the library")
    run_after: GivenTime | None = Field(None, description="Do not start before this time (RFC 3339 with offset)")
    hold: bool = Field(False, description="Queue it paused; it starts when resumed")


class NewJob(NewJobFields):
    """Body of `POST /api/jobs`."""

    url: UrlText


class NewBatch(NewJobFields):
    """Body of `POST /api/jobs/batch`."""

    urls: list[str] = Field(min_length=1, max_length=1000, description="Each is judged by itself, an empty one too")
    dry_run: bool = Field(False, description="Say what would happen; queue nothing")


class JobError(Wire):
    """Why a job failed: `code` is an error class of `z2d.wire.reasons`."""

    code: str
    stage: StageName | None
    message: str
    hint: str


class JobSummary(Wire):
    """One row of the job list."""

    id: int
    url: str
    title: str | None
    status: JobStatus
    display_status: DisplayStatus
    outcome: Outcome | None
    stage: StageName | None
    progress: float = Field(ge=0, le=1)
    speed_bps: int | None
    eta_s: int | None
    site: str | None
    channel: str | None
    duration_ms: int | None
    priority: int
    attempt: int
    max_attempts: int = Field(description="Tries before it fails for good")
    tags: list[str]
    error: JobError | None
    wait_reason: WaitReason | None
    parent_id: int | None
    kind: JobKind = JobKind.MEDIA
    run_after: UtcTime | None = Field(description="Not before this time; null while it is paused or on hold")
    due_after: UtcTime | None = Field(
        None, description="While it is paused or on hold: not before this time, once it is resumed; null: at once"
    )
    created_at: UtcTime
    started_at: UtcTime | None
    finished_at: UtcTime | None
    rev: int

    @field_validator("title")
    @classmethod
    def _or_the_name_of_the_file(cls, title: str | None, info: ValidationInfo) -> str | None:
        """The address of an uploaded file is a hash, so until there is a title its name stands for it."""
        upload = None if title else uploads.parse(str(info.data.get("url")))
        return upload.name if upload else title


class SubmittedJob(JobSummary):
    """Answer to a submission; `deduplicated` means an older job of the same video answers for it."""

    deduplicated: bool = False


class BatchResult(Wire):
    """What became of one URL of a batch."""

    url: str
    result: Literal["queued", "duplicate", "rejected"]
    job_id: int | None = None
    code: str | None = None
    detail: str | None = None


class BatchAnswer(Wire):
    """One result per URL, in the order sent."""

    results: list[BatchResult]


class RetryRequest(Wire):
    """Body of `POST /api/jobs/{id}/retry`; without a stage, finished stages are kept and the rest runs again."""

    from_stage: StageName | None = None


class StageInfo(Wire):
    """The state of one stage of a job."""

    stage: StageName
    status: StageStatus
    attempt: int
    progress: float
    bytes_done: int | None = None
    bytes_total: int | None = None
    speed_bps: int | None = None
    eta_s: int | None = None
    detail: str | None = None
    skip_reason: str | None = None
    error_class: str | None = None
    error_message: str | None = None
    started_at: UtcTime | None = None
    finished_at: UtcTime | None = None
    tools: dict[str, str] = Field(default={}, description="Version of each program that took part")


class AttemptInfo(Wire):
    """One run of a job by a worker."""

    attempt: int
    worker: str | None
    result: str | None
    error_class: str | None
    error_message: str | None
    started_at: UtcTime
    finished_at: UtcTime | None


class Child(Wire):
    """One entry of a collection as its job stands now."""

    id: int
    position: int | None = Field(description="Place in the list, from 0")
    url: str
    title: str | None
    status: JobStatus
    display_status: DisplayStatus
    outcome: Outcome | None
    progress: float
    error: JobError | None
    duplicate_of: int | None


class JobDetail(JobSummary):
    """All that is known of a job."""

    profile: str
    options: dict[str, Any]
    queue_position: int | None = Field(None, description="1: the next to start; null: it does not wait for a slot")
    duplicate_of: int | None
    warnings: int
    metadata: Metadata | None
    stages: list[StageInfo]
    files: list[FileInfo]
    transcript: TranscriptHead | None
    analysis: Analysis | None
    publishing: list[Publication]
    attempts: list[AttemptInfo]
    children: list[Child] = Field(default=[], description="Of a collection: its entries, in the order of the list")


class LogLine(Wire):
    """One line of a job's log; `seq` is gapless per job, from 1."""

    seq: int
    at: UtcTime
    level: LevelName
    stage: str | None
    source: str
    message: str
    data: dict[str, Any] | None = None


T = TypeVar("T")


class Page(Wire, Generic[T]):
    """A page of a list; `next_cursor` is null on the last one."""

    items: list[T]
    total: int
    next_cursor: str | None
    limit: int
    offset: int


class LogPage(Wire):
    """A page of log lines in rising order of `seq`."""

    items: list[LogLine]
    first_seq: int = Field(description="Smallest seq that still exists")
    last_seq: int = Field(description="Largest seq that exists")
