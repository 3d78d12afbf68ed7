"""A journal in memory and stages made to order, for what the runner decides by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from z2d.media.ffmpeg import Ffmpeg
from z2d.media.ytdlp import YtDlp
from z2d.pipeline.journal import StageRecord
from z2d.pipeline.progress import Report
from z2d.pipeline.stage import Done, Skipped, Tools, Work
from z2d.wire.jobs import LogLevel, StageName, StageStatus
from z2d.wire.library import Artefact, FileKind, Metadata, ModelUse
from z2d.wire.reasons import ErrorClass


@dataclass
class MemoryJournal:
    """The book of one job, as the worker keeps it in the database."""

    records: dict[StageName, StageRecord] = field(default_factory=dict)
    lines: list[tuple[LogLevel, StageName | None, str]] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    reports: list[tuple[StageName, Report, float]] = field(default_factory=list)
    twin: int | None = None
    """What `same_media` answers."""
    spent: list[tuple[str, ModelUse]] = field(default_factory=list)
    """What language models were paid for, by all jobs of today."""

    def log(
        self, level: LogLevel, stage: StageName | None, source: str, message: str, data: dict[str, Any] | None = None
    ) -> None:
        self.lines.append((level, stage, message))

    def said(self, words: str) -> bool:
        return any(words in message for _, _, message in self.lines)

    async def load(self) -> dict[StageName, StageRecord]:
        return dict(self.records)

    def _change(self, stage: StageName, **changes: Any) -> None:
        self.records[stage] = replace(self.records.get(stage, StageRecord()), **changes)

    async def start(self, stage: StageName, input_hash: str, weight: float, tools: Mapping[str, str]) -> None:
        self.events.append(f"start {stage.value}")
        attempt = self.records.get(stage, StageRecord()).attempt + 1
        self._change(stage, status=StageStatus.RUNNING, input_hash=input_hash, attempt=attempt)

    async def in_lane(self, stage: StageName, *, waits: bool) -> None:
        self.events.append(f"{'in line' if waits else 'inside'} {stage.value}")

    async def done(self, stage: StageName, input_hash: str, result: Done) -> None:
        self.events.append(f"done {stage.value}")
        self._change(
            stage,
            status=StageStatus.DONE,
            input_hash=input_hash,
            artefacts=tuple(result.artefacts),
            checkpoint=dict(result.checkpoint),
        )

    async def skipped(self, stage: StageName, reason: str) -> None:
        self.events.append(f"skipped {stage.value}: {reason}")
        self._change(stage, status=StageStatus.SKIPPED)

    async def failed(self, stage: StageName, error_class: ErrorClass, message: str) -> None:
        self.events.append(f"failed {stage.value}: {error_class.value}")
        self._change(stage, status=StageStatus.FAILED)

    async def checkpoint(self, stage: StageName, data: Mapping[str, Any]) -> None:
        self._change(stage, checkpoint=dict(data))

    async def progress(self, stage: StageName, report: Report, overall: float) -> None:
        self.reports.append((stage, report, overall))

    async def model_spent(self, model: str, use: ModelUse) -> None:
        self.spent.append((model, use))

    async def model_tokens_today(self) -> int:
        return sum(use.prompt_tokens + use.completion_tokens for _, use in self.spent)

    async def same_media(self, media_key: str) -> int | None:
        return self.twin


Behaviour = Callable[[Work], Awaitable[Done | Skipped | None]]


@dataclass
class MadeStage:
    """A stage that leaves one file, unless `behave` does something else; counts its runs."""

    name: StageName
    optional: bool = False
    version: int = 1
    deadline_s: float = 30
    behave: Behaviour | None = None
    runs: int = 0

    def input_hash(self, work: Work) -> str:
        inputs = [kind for kind in FileKind if kind is not self.kind]
        return work.digest(self, options={"url": work.job.url}, kinds=inputs)

    @property
    def kind(self) -> FileKind:
        return {
            StageName.METADATA: FileKind.METADATA_JSON,
            StageName.DOWNLOAD: FileKind.MEDIA,
            StageName.AUDIO: FileKind.AUDIO,
            StageName.TRANSCRIPT: FileKind.TRANSCRIPT_JSON,
            StageName.ANALYSIS: FileKind.ANALYSIS_JSON,
        }.get(self.name, FileKind.OTHER)

    async def verify(self, work: Work, artefacts: Sequence[Artefact]) -> bool:
        return not work.saved.get("stale") and await work.folder.verify(artefacts)

    async def run(self, work: Work) -> Done | Skipped:
        self.runs += 1
        if self.behave is not None and (result := await self.behave(work)) is not None:
            return result
        if self.name is StageName.METADATA:
            data = metadata().model_dump_json().encode()
        else:
            data = f"the file of {self.name.value}".encode()
        place = "source" if self.name is StageName.METADATA else "media"
        path = work.folder.write(f"{place}/{self.name.value}.bin", data)
        return Done(artefacts=[await work.folder.artefact(self.kind, path)])


def metadata(**fields: Any) -> Metadata:
    known = {
        "extractor": "generic",
        "source_id": "clip",
        "media_key": "url:http://site/clip",
        "webpage_url": "http://site/clip",
        "title": "clip",
    }
    return Metadata.model_validate(known | fields)


def tools(folder: Path) -> Tools:
    """Real tools that nobody starts."""
    ffmpeg = Ffmpeg(Path("ffmpeg"), "test")
    return Tools(
        ytdlp=YtDlp(installation="test", ffmpeg=ffmpeg), ffmpeg=ffmpeg, library_dir=folder, installation="test"
    )
