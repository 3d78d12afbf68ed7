"""What a stage is: its protocol, the `Work` it is given, and the three ways it can end.

A stage returns `Done` or `Skipped`, or raises `Retry` or `Fatal`. A `MediaFault` of the media room may pass through
it untouched: the runner translates it in one place.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Protocol

from z2d.analysis.models import LanguageModel
from z2d.media.access import DIRECT, Access
from z2d.media.ffmpeg import Ffmpeg
from z2d.media.ytdlp import YtDlp
from z2d.pipeline.folders import JobFolder
from z2d.pipeline.lanes import Lanes
from z2d.pipeline.progress import Report
from z2d.speech.engine import CHUNK_MS, Engine, Off
from z2d.wire.jobs import JobOptions, LogLevel, StageName
from z2d.wire.library import Analysis, Artefact, FileKind, Metadata, ModelUse, Publication, Transcript
from z2d.wire.lists import ListEntry
from z2d.wire.reasons import ErrorClass


class Retry(Exception):
    """The stage cannot finish now but may later. `after`: seconds to wait, when the stage knows better than policy."""

    def __init__(self, error_class: ErrorClass, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.error_class, self.message, self.after = error_class, message, after


class Fatal(Exception):
    """The stage cannot finish, now or later, unless a person changes something."""

    def __init__(self, error_class: ErrorClass, message: str) -> None:
        super().__init__(message)
        self.error_class, self.message = error_class, message


@dataclass(frozen=True)
class Job:
    """What the pipeline needs to know of a job. `attempt` counts from 1."""

    id: int
    url: str
    attempt: int = 1
    max_attempts: int = 5
    options: JobOptions = field(default_factory=JobOptions)
    tags: tuple[str, ...] = ()
    site: str | None = None
    profile: str = "default"
    forced: bool = False
    """A person wants this job although the video is already there: the duplicate check is left out."""
    is_child: bool = False
    """It came from a list, so it is one video: lists in lists would have no end."""
    listed: Mapping[str, Any] = field(default_factory=dict)
    """What its list knows better than its own page, in the words of info.json."""


@dataclass(frozen=True)
class Tools:
    """The parts of the outside world that stages use."""

    ytdlp: YtDlp
    ffmpeg: Ffmpeg
    library_dir: Path
    installation: str
    """Marks child processes, so that a later start can find those of a killed daemon."""
    access: Callable[[str | None, str], Access] = lambda site, profile: DIRECT
    """How jobs of a site and a profile get at it: by which proxy, with which cookies. Reads the disk."""
    llm: LanguageModel | None = None
    """The language model for analysis. None: analysis is offline."""
    speech: Engine = field(default_factory=Off)
    """What turns sound into text where there are no good captions."""
    speech_chunk_ms: int = CHUNK_MS
    """Speech is recognised, and kept, in pieces of at most this length."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """The version of each program: "z2", "yt-dlp", "ffmpeg"."""
    lanes: Lanes = field(default_factory=Lanes)
    """How many jobs here may do the same at once."""
    uploads_dir: Path | None = None
    """Where uploaded files lie, see `z2d.wire.uploads`."""


@dataclass(frozen=True)
class Done:
    """A stage has finished and its files are in place. What is not None is stored with it, in one transaction."""

    artefacts: Sequence[Artefact] = ()
    checkpoint: Mapping[str, Any] = field(default_factory=dict)
    metadata: Metadata | None = None
    transcript: Transcript | None = None
    analysis: Analysis | None = None
    publications: Sequence[Publication] = ()
    gaps: Sequence[str] = ()
    """What is missing all the same, one sentence each: the job ends COMPLETED/PARTIAL."""
    entries: Sequence[ListEntry] | None = None
    """There is a list at the address: its entries become jobs, and this one waits for them."""


@dataclass(frozen=True)
class Skipped:
    """There is nothing for this stage to do; the reason is one sentence for a person."""

    reason: str


@dataclass(frozen=True)
class Work:
    """One stage of one job: all it may know and say."""

    stage: StageName
    job: Job
    folder: JobFolder
    tools: Tools
    finished: Mapping[StageName, Sequence[Artefact]]
    """The artefacts of the stages before this one, verified."""
    skipped: Mapping[StageName, str]
    """The stages before this one that have no result, with the reason."""
    saved: Mapping[str, Any]
    """What this stage kept for itself with `checkpoint` in an earlier run, or empty. `stale` is the runner's word:
    true when a later stage found the result to be out of date."""
    write_log: Callable[[LogLevel, str, str, dict[str, Any] | None], None]
    progress: Callable[[Report], None]
    """Say how far the stage is. Never blocks; may be called as often as one likes."""
    checkpoint: Callable[[Mapping[str, Any]], Awaitable[None]]
    """Keep a small dict for the next run of this stage, should this one be interrupted. Its `keep` names files of the
    job's folder that the next run needs; they are left alone until the stage is done."""
    model_spent: Callable[[str, ModelUse], Awaitable[None]]
    """Write down what a language model (its name) was paid for."""
    model_tokens_today: Callable[[], Awaitable[int]]
    """The tokens that language models were paid for today (UTC), by all jobs."""
    place: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    """A place in the stage's lane, to be held during its heavy work. Waiting for it does not count in the stage's
    time. May raise `LaneClosed`, which passes through the stage."""

    def log(self, level: LogLevel, source: str, message: str) -> None:
        """A line of somebody else (yt-dlp, ffmpeg); the shape the media room calls back with.

        What they say in passing is detail: the story of the job is told by the stages.
        """
        self.write_log(LogLevel.DEBUG if level is LogLevel.INFO else level, source, message, None)

    def say(self, message: str, *, level: LogLevel = LogLevel.INFO, **data: Any) -> None:
        """One event of the job's story, for a person; `data` for programs."""
        self.write_log(level, "z2", message, data or None)

    def access(self) -> Access:
        """How this job gets at its site, as things are now."""
        return self.tools.access(self.job.site, self.job.profile)

    def artefacts(self, kind: FileKind) -> list[Artefact]:
        """The finished artefacts of this kind, those of later stages first."""
        found = [a for artefacts in self.finished.values() for a in reversed(artefacts) if a.kind is kind]
        return found[::-1]

    def artefact(self, kind: FileKind) -> Artefact | None:
        """The newest finished artefact of this kind."""
        return next(iter(self.artefacts(kind)), None)

    def metadata(self) -> Metadata:
        """The newest description of the video on disk."""
        newest = self.artefact(FileKind.METADATA_JSON)
        if newest is None:
            raise LookupError("no metadata.json: the metadata stage has not finished")
        return Metadata.model_validate_json(self.folder.path(newest.path).read_bytes())

    def info_json(self) -> Path:
        """Where yt-dlp's info.json lies."""
        found = self.artefact(FileKind.INFO_JSON)
        if found is None:
            raise LookupError("no info.json: the metadata stage has not finished")
        return self.folder.path(found.path)

    def digest(self, stage: Stage, *, options: Mapping[str, Any] | None = None, kinds: Sequence[FileKind] = ()) -> str:
        """The usual input hash: stage, version, the options that matter, the content of the inputs."""
        inputs = {kind.value: [a.sha256 for a in self.artefacts(kind)] for kind in kinds}
        text = json.dumps([stage.name.value, stage.version, options or {}, inputs], sort_keys=True)
        return sha256(text.encode()).hexdigest()


class Stage(Protocol):
    """One step of the pipeline. Stages hold no state: everything is in `Work` and on disk."""

    name: ClassVar[StageName]
    version: ClassVar[int]
    """Goes into the input hash: raise it when the same input gives a different output."""
    optional: ClassVar[bool]
    """When it fails for good the job goes on and ends COMPLETED/PARTIAL."""
    deadline_s: ClassVar[float]
    """Longest time one run may take."""

    def input_hash(self, work: Work) -> str:
        """Hash of all that decides the output; a finished stage with an equal hash is reused."""
        ...

    async def verify(self, work: Work, artefacts: Sequence[Artefact]) -> bool:
        """True if what the finished stage left is still there, unchanged."""
        ...

    async def run(self, work: Work) -> Done | Skipped:
        """Do it. Raises `Retry`, `Fatal` or `MediaFault`."""
        ...
