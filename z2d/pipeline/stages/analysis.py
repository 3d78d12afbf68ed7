"""Stage 5: what the video says. Leaves `analysis/analysis.json`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque
from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import ValidationError

from z2d.analysis.llm import prompt
from z2d.analysis.models import AnalysisRequest, LanguageModel
from z2d.media import process
from z2d.pipeline.folders import ANSWERS
from z2d.pipeline.progress import Report
from z2d.pipeline.stage import Done, Retry, Skipped, Work
from z2d.pipeline.wording import plural
from z2d.wire.jobs import LogLevel, StageName
from z2d.wire.library import Analysis, Artefact, FileKind, ModelUse, Transcript
from z2d.wire.reasons import ErrorClass

MEMORY_BYTES = 4 << 30
ANSWER = "analysis.json"
RECORD_S = 10.0
"""How long the end of the stage, whatever it is, waits until the last answers of a model are written down."""


class AnalysisStage:
    """Runs the analysis in a child process: it is heavy, and the daemon must stay light and quick to answer."""

    name: ClassVar[StageName] = StageName.ANALYSIS
    version: ClassVar[int] = 1
    optional: ClassVar[bool] = True
    deadline_s: ClassVar[float] = 3600

    def input_hash(self, work: Work) -> str:
        """The transcript, what the description says, and who is asked what about it."""
        metadata = work.metadata()
        options = metadata.model_dump(mode="json", include={"title", "description", "duration_ms", "chapters"})
        if model := model_of(work):
            asked = model.model_dump(mode="json", include={"url", "model", "language", "chunk_tokens"})
            options |= {"model": asked, "prompt": prompt.fingerprint()}
        return work.digest(self, options=options, kinds=[FileKind.TRANSCRIPT_JSON])

    async def verify(self, work: Work, artefacts: Sequence[Artefact]) -> bool:
        """Unchanged."""
        return await work.folder.verify(artefacts)

    async def run(self, work: Work) -> Done | Skipped:
        """Analyse the transcript; without one, title and description, and say so."""
        request = await asyncio.to_thread(request_of, work, self.input_hash(work))
        async with work.place():
            analysis = await self._analyse(work, request)
        placed = work.folder.place(work.folder.work / ANSWER, "analysis/analysis.json")
        basis = plural(len(request.cues), "cue") if request.cues else "title and description"
        counts = (
            plural(len(analysis.insights), "key passage"),
            plural(len(analysis.topics), "topic"),
            plural(len(analysis.chapters), "chapter"),
            plural(len(analysis.keywords), "keyword"),
        )
        work.say(
            f"Analysed {basis}: {', '.join(counts)}.",
            grounded=f"{analysis.grounding_verified} of {analysis.grounding_total}",
            backend=analysis.backend,
        )
        for warning in analysis.warnings:
            work.say(warning, level=LogLevel.WARNING)
        artefact = await work.folder.artefact(FileKind.ANALYSIS_JSON, placed, mime="application/json")
        return Done(artefacts=[artefact], analysis=analysis)

    async def _analyse(self, work: Work, request: AnalysisRequest) -> Analysis:
        """Ask the child; its answer is left in `work/`."""
        if request.llm is not None:
            left = request.llm.day_tokens - await work.model_tokens_today()
            request = request.model_copy(update={"tokens_left": max(0, min(left, request.llm.job_tokens))})
        asked, answer = work.folder.work / "analysis-request.json", work.folder.work / ANSWER
        asked.write_text(request.model_dump_json(), encoding="utf-8")
        work.progress(Report())
        await self._run_child(work, ["-m", "z2d.analysis.child", str(asked), str(answer)])
        try:
            analysis = Analysis.model_validate_json(answer.read_bytes())
        except (OSError, ValidationError) as error:
            raise Retry(ErrorClass.UNKNOWN, "The analysis left no usable result.") from error
        asked.unlink(missing_ok=True)
        return analysis

    async def _run_child(self, work: Work, arguments: Sequence[str]) -> None:
        last: deque[str] = deque(maxlen=1)
        paid: asyncio.Queue[ModelUse | None] = asyncio.Queue()

        def complain(line: str) -> None:
            last.append(line)
            work.log(LogLevel.DEBUG, "analysis", line)

        recording = asyncio.create_task(_record(work, paid), name=f"model use of job {work.job.id}")
        try:
            code = await process.run(
                [sys.executable, "-I", *arguments],
                installation=work.tools.installation,
                job_id=work.job.id,
                limits=process.Limits(memory_bytes=MEMORY_BYTES),
                deadline_s=self.deadline_s,
                on_stdout=lambda line: _hear(work, line, paid),
                on_stderr=complain,
            )
        finally:
            paid.put_nowait(None)
            await asyncio.wait({recording}, timeout=RECORD_S)
            recording.cancel()
        if code != 0:
            reason = last[0] if last else f"status {code}"
            raise Retry(ErrorClass.UNKNOWN, f"The analysis failed: {reason}")


def _hear(work: Work, line: str, paid: asyncio.Queue[ModelUse | None]) -> None:
    """One event of the child (`z2d.analysis.llm.backend.Tell`); any other line is detail for the log."""
    event = _event(line)
    match event.pop("event", None):
        case "progress":
            done, total = int(event["done"]), max(1, int(event["total"]))
            work.progress(Report(share=done / total, detail=f"part {done + 1} of {total}"))
        case "say":
            work.say(str(event["message"]), level=LogLevel.WARNING)
        case "call":
            paid.put_nowait(ModelUse.model_validate(event))
        case _:
            work.log(LogLevel.DEBUG, "analysis", line)


def _event(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


async def _record(work: Work, paid: asyncio.Queue[ModelUse | None]) -> None:
    """Write down each answer as it is paid for, so that a daemon that is killed forgets one at most."""
    model = model_of(work)
    while (use := await paid.get()) is not None:
        if model is not None:
            await work.model_spent(model.model, use)


def model_of(work: Work) -> LanguageModel | None:
    """The language model for this job, in the language that the job wants; None: it is to be analysed offline."""
    model, options = work.tools.llm, work.job.options
    if model is None or options.analysis == "offline":
        return None
    return model.model_copy(update={"language": options.analysis_language or model.language})


def request_of(work: Work, input_hash: str) -> AnalysisRequest:
    """What the analysis is told, all but the budget."""
    metadata, transcript = work.metadata(), None
    if found := work.artefact(FileKind.TRANSCRIPT_JSON):
        transcript = Transcript.model_validate_json(work.folder.path(found.path).read_bytes())
    return AnalysisRequest(
        title=metadata.title,
        description=metadata.description,
        cues=transcript.cues if transcript else [],
        language=transcript.language if transcript else metadata.language,
        duration_ms=metadata.duration_ms,
        source_chapters=[chapter for chapter in metadata.chapters if chapter.origin == "source"],
        input_hash=input_hash,
        llm=model_of(work),
        answers=str(work.folder.path(ANSWERS)),
    )
