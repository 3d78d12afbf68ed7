"""Takes one job through the stages: reuses what is finished, runs the rest, and says how it ended.

How a job ends is a value (`Completed`, `Requeue`, `Failed`, `Expanded`), not an exception: whoever holds the job
writes it down. Cancellation and the loss of the job pass through as exceptions, after the stage has put its processes
to rest.
"""

from __future__ import annotations

import asyncio
import errno
import time
import traceback
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from z2d.media.faults import MediaFault
from z2d.pipeline import faultpoints
from z2d.pipeline.folders import JobFolder
from z2d.pipeline.journal import Journal, StageRecord
from z2d.pipeline.lanes import LaneClosed
from z2d.pipeline.origin import PROGRAMS
from z2d.pipeline.policy import Again, Policy
from z2d.pipeline.progress import LISTENING, WEIGHTS, Meter, Report, Ticker
from z2d.pipeline.stage import Done, Fatal, Job, Retry, Skipped, Stage, Tools, Work
from z2d.pipeline.stages.analysis import AnalysisStage
from z2d.pipeline.stages.audio import AudioStage
from z2d.pipeline.stages.download import DownloadStage
from z2d.pipeline.stages.metadata import MetadataStage
from z2d.pipeline.stages.publishing import PublishingStage
from z2d.pipeline.stages.transcript import TranscriptStage, will_listen
from z2d.pipeline.wording import duration, sentence
from z2d.wire.jobs import LogLevel, Outcome, StageName, StageStatus, WaitReason
from z2d.wire.library import Artefact
from z2d.wire.lists import ListEntry
from z2d.wire.reasons import ErrorClass, hint

STAGES: tuple[Stage, ...] = (
    MetadataStage(),
    DownloadStage(),
    AudioStage(),
    TranscriptStage(),
    AnalysisStage(),
    PublishingStage(),
)

PATIENCE = 3
"""Starts of an optional stage that only has to wait (a closed site); then the job goes on without it."""


@dataclass(frozen=True)
class Completed:
    """The job is done; `gaps` says what is missing, one sentence per stage."""

    outcome: Outcome
    duplicate_of: int | None = None
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Requeue:
    """The job is to run again in `delay_s` seconds; with `gate_s` its whole site is left alone that long."""

    reason: WaitReason
    delay_s: float
    attempt_used: bool
    error_class: ErrorClass
    message: str
    stage: StageName
    gate_s: float | None = None


@dataclass(frozen=True)
class Failed:
    """The job has failed for good."""

    error_class: ErrorClass
    message: str
    stage: StageName | None


@dataclass(frozen=True)
class Expanded:
    """The job is a list: these are to become jobs, for which it waits."""

    entries: Sequence[ListEntry]


@dataclass(frozen=True)
class Parked:
    """The lane of `stage` is closed: the job waits in the queue until a person opens it."""

    stage: StageName


End = Completed | Requeue | Failed | Expanded | Parked


@dataclass(frozen=True)
class Fault:
    """A failure in the pipeline's own terms. `final`: the stage knows that no retry helps."""

    error_class: ErrorClass
    message: str
    after: float | None = None
    final: bool = False


def translate(error: BaseException) -> Fault:
    """The one place where exceptions become error classes."""
    match error:
        case Retry():
            return Fault(error.error_class, sentence(error.message), error.after)
        case Fatal():
            return Fault(error.error_class, sentence(error.message), final=True)
        case MediaFault():
            return Fault(error.error_class, sentence(error.message), error.retry_after)
        case TimeoutError():
            return Fault(ErrorClass.TIMEOUT, sentence(str(error) or "it took longer than it may"))
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return Fault(ErrorClass.DISK_FULL, "There is no room left on the disk.")
        case _:
            return Fault(ErrorClass.UNKNOWN, sentence(f"{type(error).__name__}: {error}"))


class Run:
    """One run of one job. `proceed` may be called again with the exception that ended the call before."""

    def __init__(
        self,
        job: Job,
        folder: JobFolder,
        tools: Tools,
        journal: Journal,
        *,
        policy: Policy | None = None,
        stages: Sequence[Stage] = STAGES,
    ) -> None:
        self._job, self._folder, self._tools, self._journal = job, folder, tools, journal
        self._policy = policy or Policy()
        self._stages = stages
        self._position = 0
        self._meter = Meter({stage.name: WEIGHTS[stage.name] for stage in stages})
        self._records: dict[StageName, StageRecord] = {}
        self._finished: dict[StageName, Sequence[Artefact]] = {}
        self._hashes: dict[StageName, str] = {}
        self._skipped: dict[StageName, str] = {}
        self._gaps: list[str] = []
        self._kept: dict[StageName, Sequence[str]] = {}
        self._entries: Sequence[ListEntry] | None = None

    async def proceed(self, stumbled: Exception | None = None) -> End:
        """Run what is left of the job and say how it ends.

        `stumbled`: an exception that came out of an earlier call, a bug. It counts as a failure of the stage in
        which it happened, so that a bug in an optional stage costs no more than that stage.
        """
        if stumbled is not None:
            if (end := await self._failure(stumbled)) is not None:
                return end
        elif self._position == 0:
            await self._open()
        while self._position < len(self._stages):
            end = await self._pass(self._stages[self._position])
            if end is not None:
                return end
        return await self._close()

    async def _open(self) -> None:
        """Put the folder right: only what finished stages claim counts."""
        self._log(LogLevel.INFO, None, f"Begun: attempt {self._job.attempt} of {self._job.max_attempts}.")
        self._records = await self._journal.load()
        done = {name: r for name, r in self._records.items() if r.status is StageStatus.DONE}
        self._kept = {name: _keep_of(r.checkpoint) for name, r in self._records.items() if name not in done}
        known = [artefact for record in done.values() for artefact in record.artefacts]

        def put_right() -> list[str]:
            self._folder.create()
            kept = self._still_needed()
            return self._folder.reconcile(known, keep_downloads=StageName.DOWNLOAD not in done, kept=kept)

        if removed := await asyncio.to_thread(put_right):
            names = ", ".join(removed[:5]) + (" ..." if len(removed) > 5 else "")
            self._log(LogLevel.DEBUG, None, f"Removed what an interrupted run had left: {names}")

    async def _pass(self, stage: Stage) -> End | None:
        """Get one stage behind us, by reuse or by work. Returns the job's end, if this was it."""
        work = self._work_of(stage)
        try:
            await self._reuse_or_run(stage, work)
        except (Retry, Fatal, MediaFault, OSError) as error:  # TimeoutError is an OSError
            return await self._failure(error)
        except LaneClosed:
            words = f"The {stage.name.value} lane is closed: the job goes on here when it is opened."
            self._log(LogLevel.INFO, stage.name, words)
            return Parked(stage.name)
        if self._entries is not None:
            return Expanded(self._entries)
        if stage.name is StageName.METADATA and not self._job.forced:
            key = self._work_of(stage).metadata().media_key
            if (other := await self._journal.same_media(key)) is not None:
                self._log(LogLevel.INFO, stage.name, f"The same video is already job {other}; nothing more to do.")
                await self._clear_work(stage)
                return Completed(Outcome.DUPLICATE, duplicate_of=other)
        if stage.name is StageName.METADATA and will_listen(self._work_of(stage)):
            self._meter.weigh(StageName.TRANSCRIPT, LISTENING)
        self._position += 1
        return None

    async def _reuse_or_run(self, stage: Stage, work: Work) -> None:
        record = self._records.get(stage.name, StageRecord())
        input_hash = self._hashes[stage.name] = stage.input_hash(work)
        if (
            record.status is StageStatus.DONE
            and record.input_hash == input_hash
            and await stage.verify(work, record.artefacts)
        ):
            self._finished[stage.name] = record.artefacts
            self._meter.settle(stage.name)
            work.say("Reused: an earlier run has finished this stage and nothing has changed since.")
            return
        known = self._tools.versions
        tools = {name: known[name] for name in PROGRAMS[stage.name] if name in known}
        await self._journal.start(stage.name, input_hash, self._meter.weight(stage.name), tools)
        faultpoints.reached(stage.name, "start")
        began = time.monotonic()
        result = await self._run(stage, work)
        if isinstance(result, Skipped):
            self._skipped[stage.name] = result.reason
            self._gaps.append(result.reason)
            self._meter.drop(stage.name)
            work.say(f"Skipped: {result.reason}", level=LogLevel.WARNING)
            await self._journal.skipped(stage.name, result.reason)
            return
        faultpoints.reached(stage.name, "done")
        await self._journal.done(stage.name, input_hash, result)
        self._finished[stage.name] = result.artefacts
        self._gaps += result.gaps
        self._entries = result.entries
        self._meter.settle(stage.name)
        await self._write_manifest()
        took = time.monotonic() - began
        work.say(f"The {stage.name.value} stage took {duration(took)}.", took_ms=round(took * 1000))

    async def _run(self, stage: Stage, work: Work) -> Done | Skipped:
        async def write(report: Report) -> None:
            await self._journal.progress(stage.name, report, self._meter.overall(stage.name, report.share))

        try:
            async with asyncio.timeout(stage.deadline_s) as deadline, Ticker(write) as ticker:

                def progress(report: Report) -> None:
                    ticker.report(report)
                    faultpoints.reached(stage.name, "mid")

                work = self._work_of(stage, progress=progress)
                return await stage.run(replace(work, place=lambda: self._place(stage, deadline)))
        except TimeoutError as error:
            if not deadline.expired():
                raise
            message = f"The {stage.name.value} stage took longer than {duration(stage.deadline_s)}."
            raise Retry(ErrorClass.TIMEOUT, message) from error

    @asynccontextmanager
    async def _place(self, stage: Stage, deadline: asyncio.Timeout) -> AsyncIterator[None]:
        """A place in the stage's lane. Waiting for it is told, and does not count in the stage's time."""
        lanes, name = self._tools.lanes, stage.name
        if lanes.full(name) and not lanes.closed(name):
            deadline.reschedule(None)
            self._log(LogLevel.INFO, name, f"Waiting for a place in the {name.value} lane: it is full.")
            await self._journal.in_lane(name, waits=True)
        async with lanes.place(name):
            await self._journal.in_lane(name, waits=False)
            deadline.reschedule(asyncio.get_running_loop().time() + stage.deadline_s)
            yield

    async def _failure(self, error: Exception) -> End | None:
        """What a failure of the stage at hand means; None: the job goes on without the stage."""
        stage, fault = self._stages[self._position], translate(error)
        if fault.error_class is ErrorClass.UNKNOWN:
            self._log(LogLevel.DEBUG, stage.name, "".join(traceback.format_exception(error)[-20:]).rstrip())
        verdict = None if fault.final else self._verdict(stage, fault)
        if verdict is not None:
            return await self._again(stage, fault, verdict)
        data = {"error_class": fault.error_class.value}
        if stage.optional:
            gap = f"No {_result_of(stage.name)}: {fault.message}"
            self._log(LogLevel.WARNING, stage.name, f"{gap} The job goes on without it.", data)
            await self._journal.failed(stage.name, fault.error_class, fault.message)
            self._skipped[stage.name] = fault.message
            self._gaps.append(gap)
            self._meter.settle(stage.name)
            self._position += 1
            return None
        self._log(LogLevel.ERROR, stage.name, f"{fault.message} {hint(fault.error_class, self._job.site)}", data)
        if self._policy.decide(fault.error_class, attempt=1, max_attempts=2) is None:
            await self._clear_work(stage)  # else a person's retry continues the download
        return Failed(fault.error_class, fault.message, stage.name)

    async def _clear_work(self, stage: Stage) -> None:
        """Remove what is unfinished. Whether that goes well does not change how the job ends."""
        try:
            await asyncio.to_thread(self._folder.clear_work)
        except OSError as error:
            self._log(LogLevel.WARNING, stage.name, f"What is unfinished could not be removed: {error.strerror}.")

    def _verdict(self, stage: Stage, fault: Fault) -> Again | None:
        verdict = self._policy.decide(
            fault.error_class, attempt=self._job.attempt, max_attempts=self._job.max_attempts, after=fault.after
        )
        waits_for_site = verdict is not None and verdict.gate_s is not None
        starts = self._records.get(stage.name, StageRecord()).attempt + 1
        if stage.optional and waits_for_site and starts >= PATIENCE:
            return None
        return verdict

    async def _again(self, stage: Stage, fault: Fault, verdict: Again) -> Requeue:
        if verdict.refresh and stage.name is not StageName.METADATA:
            await self._journal.checkpoint(StageName.METADATA, {"stale": True})
        then = f"Next try in {duration(verdict.delay_s)}"
        if verdict.attempt_used:
            then += f" (this was attempt {self._job.attempt} of {self._job.max_attempts})"
        data = {"error_class": fault.error_class.value, "delay_s": round(verdict.delay_s, 1)}
        self._log(LogLevel.WARNING, stage.name, f"{fault.message} {then}.", data)
        return Requeue(
            reason=verdict.reason,
            delay_s=verdict.delay_s,
            attempt_used=verdict.attempt_used,
            error_class=fault.error_class,
            message=fault.message,
            stage=stage.name,
            gate_s=verdict.gate_s,
        )

    async def _close(self) -> Completed:
        """Leave exactly what is claimed: a stage that ran anew may have replaced a file by one of another name."""
        known, kept = [one for found in self._finished.values() for one in found], self._still_needed()
        try:
            await asyncio.to_thread(self._folder.reconcile, known, keep_downloads=False, kept=kept)
            await self._write_manifest()
        except OSError as error:  # a disk that is full at last does not undo what is in the library
            self._log(LogLevel.WARNING, None, f"The job's folder could not be put in order: {error.strerror}.")
        if self._gaps:
            self._log(LogLevel.WARNING, None, "Finished, but not complete. " + " ".join(self._gaps))
            return Completed(Outcome.PARTIAL, gaps=tuple(self._gaps))
        self._log(LogLevel.INFO, None, "Finished: everything is in the library.")
        return Completed(Outcome.FULL)

    async def _write_manifest(self) -> None:
        versions = {stage.name: stage.version for stage in self._stages}
        stages = {
            name: (versions[name], self._hashes[name], tuple(artefacts)) for name, artefacts in self._finished.items()
        }
        await asyncio.to_thread(self._folder.write_manifest, self._job.id, stages)

    def _work_of(self, stage: Stage, *, progress: Any = None) -> Work:
        name = stage.name

        def write_log(level: LogLevel, source: str, message: str, data: dict[str, Any] | None) -> None:
            self._journal.log(level, name, source, message, data)

        return Work(
            stage=name,
            job=self._job,
            folder=self._folder,
            tools=self._tools,
            finished=dict(self._finished),
            skipped=dict(self._skipped),
            saved=self._records.get(name, StageRecord()).checkpoint,
            write_log=write_log,
            progress=progress or (lambda _progress: None),
            checkpoint=lambda data: self._checkpoint(name, data),
            model_spent=self._journal.model_spent,
            model_tokens_today=self._journal.model_tokens_today,
        )

    async def _checkpoint(self, stage: StageName, data: Mapping[str, Any]) -> None:
        await self._journal.checkpoint(stage, data)
        self._kept[stage] = _keep_of(data)

    def _still_needed(self) -> list[str]:
        """The files with which stages that are not finished would go on."""
        return [path for stage, paths in self._kept.items() if stage not in self._finished for path in paths]

    def _log(self, level: LogLevel, stage: StageName | None, message: str, data: dict[str, Any] | None = None) -> None:
        self._journal.log(level, stage, "z2", message, data)


def _keep_of(checkpoint: Mapping[str, Any]) -> Sequence[str]:
    return [path for path in checkpoint.get("keep", ()) if isinstance(path, str)]


def _result_of(stage: StageName) -> str:
    return {
        StageName.TRANSCRIPT: "transcript",
        StageName.ANALYSIS: "analysis",
        StageName.PUBLISHING: "library entry",
    }.get(stage, stage.value)
