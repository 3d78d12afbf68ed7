"""A look at a URL before anything is queued, and files given by a person instead of a URL."""

from __future__ import annotations

from pydantic import Field

from z2d.wire.base import UtcTime, Wire
from z2d.wire.jobs import JobError, JobKind, JobOptions, UrlText
from z2d.wire.library import Subtitles
from z2d.wire.lists import ListEntry


class ProbeRequest(Wire):
    """Body of `POST /api/probe`. The options are those that a job would have: they choose format and entries."""

    url: UrlText
    profile: str = Field("default", max_length=64)
    options: JobOptions = JobOptions()


class ProbedEntry(ListEntry):
    """An entry of a list, and the job that would answer for it."""

    duplicate_of: int | None = None


class ProbeAnswer(Wire):
    """What a job of this URL would find. Where the look failed, `error` says why and everything else is empty."""

    url: str
    site: str | None = None
    kind: JobKind | None = None
    title: str | None = None
    channel: str | None = None
    published_at: UtcTime | None = None
    duration_ms: int | None = None
    live_status: str | None = None
    size_bytes: int | None = Field(None, description="Of the format that would be fetched; an estimate where need be")
    width: int | None = None
    height: int | None = None
    subtitles: Subtitles = Subtitles()
    chapters: int = 0
    media_key: str | None = Field(None, description="What is the same video, whatever URL leads to it")
    duplicate_of: int | None = Field(None, description="The job that would answer for this URL")
    seen: int = Field(0, description="Of a list: the entries that were looked at")
    entries: list[ProbedEntry] = Field(default=[], description="Of a list: the entries that would become jobs")
    error: JobError | None = None


class UploadedFile(Wire):
    """A file that was received. Submitting its `url` makes a job of it."""

    url: str
    name: str
    size_bytes: int
    sha256: str
