"""Stage 5: what the video says. Leaves `analysis/analysis.json`."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Sequence
from typing import ClassVar

from pydantic import ValidationError

from z2d.analysis.models import AnalysisRequest
from z2d.media import process
from z2d.pipeline.progress import Report
from z2d.pipeline.stage import Done, Retry, Skipped, Work
from z2d.wire.jobs import LogLevel, StageName
from z2d.wire.library import Analysis, Artefact, FileKind, Transcript
from z2d.wire.reasons import ErrorClass

MEMORY_BYTES = 4 << 30


class AnalysisStage:
    """Runs the analysis in a child process: it is heavy, and the daemon must stay light and quick to answer."""

    name: ClassVar[StageName] = StageName.ANALYSIS
    version: ClassVar[int] = 1
    optional: ClassVar[bool] = True
    deadline_s: ClassVar[float] = 3600

    def input_hash(self, work: Work) -> str:
        """The transcript, and what the description says."""
        metadata = work.metadata()
        options = metadata.model_dump(mode="json", include={"title", "description", "duration_ms", "chapters"})
        return work.digest(self, options=options, kinds=[FileKind.TRANSCRIPT_JSON])

    async def verify(self, work: Work, artefacts: Sequence[Artefact]) -> bool:
        """Unchanged."""
        return await work.folder.verify(artefacts)

    async def run(self, work: Work) -> Done | Skipped:
        """Analyse the transcript; without one, title and description, and say so."""
        request = await asyncio.to_thread(request_of, work, self.input_hash(work))
        asked, answer = work.folder.work / "analysis-request.json", work.folder.work / "analysis.json"
        asked.write_text(request.model_dump_json(), encoding="utf-8")
        work.progress(Report())
        await self._run_child(work, ["-m", "z2d.analysis.child", str(asked), str(answer)])
        try:
            analysis = Analysis.model_validate_json(answer.read_bytes())
        except (OSError, ValidationError) as error:
            raise Retry(ErrorClass.UNKNOWN, "The analysis left no usable result.") from error
        asked.unlink(missing_ok=True)
        placed = work.folder.place(answer, "analysis/analysis.json")
        basis = f"{len(request.cues)} cues" if request.cues else "title and description"
        work.say(
            f"Analysed {basis}: {len(analysis.insights)} key passages, {len(analysis.topics)} topics, "
            f"{len(analysis.chapters)} chapters, {len(analysis.keywords)} keywords.",
            grounded=f"{analysis.grounding_verified} of {analysis.grounding_total}",
        )
        for warning in analysis.warnings:
            work.say(warning, level=LogLevel.WARNING)
        artefact = await work.folder.artefact(FileKind.ANALYSIS_JSON, placed, mime="application/json")
        return Done(artefacts=[artefact], analysis=analysis)

    async def _run_child(self, work: Work, arguments: Sequence[str]) -> None:
        last: deque[str] = deque(maxlen=1)

        def complain(line: str) -> None:
            last.append(line)
            work.log(LogLevel.DEBUG, "analysis", line)

        code = await process.run(
            [sys.executable, "-I", *arguments],
            installation=work.tools.installation,
            job_id=work.job.id,
            limits=process.Limits(memory_bytes=MEMORY_BYTES),
            deadline_s=self.deadline_s,
            on_stdout=lambda line: work.log(LogLevel.DEBUG, "analysis", line),
            on_stderr=complain,
        )
        if code != 0:
            reason = last[0] if last else f"status {code}"
            raise Retry(ErrorClass.UNKNOWN, f"The analysis failed: {reason}")


def request_of(work: Work, input_hash: str) -> AnalysisRequest:
    """What the analysis is told."""
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
    )
