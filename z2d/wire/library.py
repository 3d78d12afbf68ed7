"""What z2 knows about one video: metadata, files, transcript, analysis, publications.

The pipeline's stages return these values, the store keeps them, the API shows them: one shape everywhere.
Media times are integer milliseconds, sizes are bytes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from z2d.wire.base import UtcTime, Wire


class Chapter(Wire):
    """One chapter, from the source or found by analysis."""

    start_ms: int = Field(ge=0)
    end_ms: int = Field(ge=0)
    title: str
    summary: str | None = None
    origin: Literal["source", "analysis", "sponsorblock"] = "source"
    category: str | None = Field(None, description="Of a passage from SponsorBlock: sponsor, intro, outro ...")


class Subtitles(Wire):
    """The caption languages the source offers."""

    manual: list[str] = []
    auto: list[str] = []


class Metadata(Wire):
    """The normalised description of a video (from yt-dlp's info.json, completed from the file itself)."""

    extractor: str
    source_id: str
    media_key: str = Field(description="What is the same video: 'youtube:ID', or 'url:NORMALISED' for plain pages")
    webpage_url: str
    title: str
    description: str | None = None
    channel: str | None = None
    channel_id: str | None = None
    channel_url: str | None = None
    uploader: str | None = None
    uploader_id: str | None = None
    published_at: UtcTime | None = None
    published_precision: Literal["second", "day"] | None = None
    duration_ms: int | None = Field(None, ge=0)
    live_status: Literal["not_live", "is_live", "was_live", "is_upcoming", "post_live"] | None = None
    availability: str | None = None
    age_limit: int | None = None
    language: str | None = None
    license: str | None = None
    tags: list[str] = []
    categories: list[str] = []
    chapters: list[Chapter] = []
    subtitles: Subtitles = Subtitles()
    view_count: int | None = None
    like_count: int | None = None
    comment_count: int | None = None
    thumbnail_url: str | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    vcodec: str | None = None
    acodec: str | None = None
    format_id: str | None = None
    extractor_version: str | None = None


class FileKind(StrEnum):
    """What an artefact is."""

    MEDIA = "media"
    AUDIO = "audio"
    ASR_AUDIO = "asr_audio"
    THUMBNAIL = "thumbnail"
    INFO_JSON = "info_json"
    METADATA_JSON = "metadata_json"
    SUBTITLE = "subtitle"
    TRANSCRIPT_JSON = "transcript_json"
    TRANSCRIPT_VTT = "transcript_vtt"
    TRANSCRIPT_TXT = "transcript_txt"
    ANALYSIS_JSON = "analysis_json"
    NOTE = "note"
    NFO = "nfo"
    FEED = "feed"
    OTHER = "other"


class Artefact(Wire):
    """One finished file of a stage; `path` is relative to the job's folder."""

    kind: FileKind
    path: str
    size_bytes: int = Field(ge=0)
    sha256: str
    mime: str | None = None
    language: str | None = None
    duration_ms: int | None = None


class FileInfo(Wire):
    """An artefact as the API shows it."""

    id: int
    stage: str
    kind: FileKind
    path: str
    size_bytes: int
    sha256: str | None
    mime: str | None
    language: str | None
    duration_ms: int | None
    state: Literal["PRESENT", "MISSING", "PURGED"]
    created_at: UtcTime


class Word(Wire):
    """One spoken word with its time, where the source gives it."""

    start_ms: int = Field(ge=0)
    text: str


class Segment(Wire):
    """One cue of a transcript. `words` is empty where the source has no word times."""

    start_ms: int = Field(ge=0)
    end_ms: int = Field(ge=0)
    text: str
    speaker: str | None = None
    words: list[Word] = []


class TranscriptSource(StrEnum):
    """Where a transcript comes from."""

    MANUAL_SUBS = "MANUAL_SUBS"
    AUTO_CAPTIONS = "AUTO_CAPTIONS"
    ASR = "ASR"
    UPLOADED = "UPLOADED"
    IMPORTED = "IMPORTED"


class ModelUse(Wire):
    """What was asked of a language model, and what it cost."""

    calls: int = Field(0, description="Answers that were paid for")
    cached: int = Field(0, description="Answers that an earlier run had kept")
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = Field(None, description="As the endpoint says it, else by the configured prices, if any")
    estimated: bool = Field(False, description="The endpoint did not count its tokens: they are estimated by length")


class Provenance(Wire):
    """How a result came about: enough to say why two of them differ."""

    z2: str
    python: str
    tools: dict[str, str] = Field(default={}, description="Version of each library that took part")
    machine: str
    endpoint: str | None = Field(None, description="Of a language model or a speech service: its address")
    prompt_hash: str | None = Field(None, description="Of a language model: what it was told to do, as a hash")
    options: dict[str, Any] = {}
    use: ModelUse | None = None


class TranscriptHead(Wire):
    """What a transcript is, without its text."""

    language: str = "und"
    source: TranscriptSource
    engine: str | None = None
    model: str | None = None
    format: str | None = None
    segments: int = 0
    words: int = 0
    coverage: float | None = Field(None, description="Spoken share of the media's length, 0-1")
    translated: bool = False
    warnings: list[str] = []
    provenance: Provenance | None = None


class Transcript(TranscriptHead):
    """A whole transcript. In this model `segments` of the head is given by `cues`."""

    cues: list[Segment]


class Insight(Wire):
    """A key passage: its claim, the transcript's own words, and where they are said."""

    text: str
    quote: str
    start_ms: int = Field(ge=0)
    end_ms: int = Field(ge=0)
    segment_from: int
    segment_to: int
    score: float
    verified: bool


class Topic(Wire):
    """A subject of the video and the stretches in which it is spoken about."""

    label: str
    keywords: list[str]
    weight: float
    spans: list[tuple[int, int]] = Field(description="[start_ms, end_ms] of each stretch")


class Keyword(Wire):
    """A term that sets this video apart, with the first place it is said."""

    term: str
    weight: float
    start_ms: int | None = None


class Analysis(Wire):
    """The result of the analysis stage; everything in it is grounded in the transcript, or marked as not."""

    backend: str
    model: str | None = None
    prompt_version: str | None = None
    input_hash: str
    language: str | None = None
    basis: Literal["transcript", "description"] = "transcript"
    summary_short: str
    summary: str
    insights: list[Insight] = []
    topics: list[Topic] = []
    chapters: list[Chapter] = []
    keywords: list[Keyword] = []
    stats: dict[str, Any] = {}
    grounding_total: int = 0
    grounding_verified: int = 0
    duration_ms: int | None = None
    warnings: list[str] = []
    provenance: Provenance | None = None


class AnalysisVersion(Analysis):
    """One of the analyses a job has had; the current one is shown and published."""

    id: int
    is_current: bool
    created_at: UtcTime


class AnalysisVersions(Wire):
    """Every analysis of a job, the newest first."""

    items: list[AnalysisVersion]


class PublishStatus(StrEnum):
    """The life of one publication."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PUBLISHED = "PUBLISHED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    CANCELLED = "CANCELLED"
    RETRACTED = "RETRACTED"


class Publication(Wire):
    """What became of one publishing target of a job."""

    target: str
    kind: Literal["library", "feed", "webhook", "notification", "objects"]
    event: Literal["publish", "finished", "failed", "attention"] = "publish"
    status: PublishStatus
    attempt: int = 0
    max_attempts: int = 8
    run_after: UtcTime | None = Field(None, description="Of a PENDING one: when it is tried (again)")
    content_hash: str | None = None
    remote_id: str | None = None
    remote_url: str | None = Field(None, description="Where the published thing lies: a folder or a URL")
    error_class: str | None = None
    error_message: str | None = None
    published_at: UtcTime | None = None
