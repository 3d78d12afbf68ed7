"""The pipeline's journal, kept in the store under the fencing token of one claim.

Every write waits for a database that is away, and raises `LeaseLost` when the job has been given to somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from z2d.pipeline.journal import StageRecord
from z2d.pipeline.progress import Report
from z2d.pipeline.stage import Done
from z2d.store import analyses, stages
from z2d.store.claims import Claim, LeaseLost
from z2d.store.database import Database
from z2d.store.logs import LogWriter
from z2d.wire.errors import DatabaseUnavailable
from z2d.wire.jobs import LogLevel, StageName
from z2d.wire.library import ModelUse
from z2d.wire.reasons import ErrorClass
from z2d.worker.patience import persist


class StoreJournal:
    """Implements `z2d.pipeline.journal.Journal`. `on_lost` is called when a progress write finds the job gone."""

    def __init__(self, db: Database, logs: LogWriter, claim: Claim, on_lost: Callable[[], None]) -> None:
        self._db, self._logs, self._claim, self._on_lost = db, logs, claim, on_lost

    def log(
        self, level: LogLevel, stage: StageName | None, source: str, message: str, data: dict[str, Any] | None = None
    ) -> None:
        """Hand the line to the batching writer."""
        self._logs.write(self._claim.job_id, level, stage, source, message, data)

    async def load(self) -> dict[StageName, StageRecord]:
        """The stage rows and their files."""
        stored = await persist(lambda: stages.load_stages(self._db, self._claim))
        return {
            name: StageRecord(
                status=one.status,
                input_hash=one.input_hash,
                checkpoint=one.checkpoint,
                attempt=one.attempt,
                artefacts=one.files,
            )
            for name, one in stored.items()
        }

    async def start(self, stage: StageName, input_hash: str, weight: float, tools: Mapping[str, str]) -> None:
        """PENDING -> RUNNING."""
        await persist(lambda: stages.start_stage(self._db, self._claim, stage, input_hash, weight, tools))

    async def in_lane(self, stage: StageName, *, waits: bool) -> None:
        """Shown to people, and counted."""
        await persist(lambda: stages.mark_lane(self._db, self._claim, stage, waits=waits))

    async def done(self, stage: StageName, input_hash: str, result: Done) -> None:
        """RUNNING -> DONE with everything the stage found, in one transaction."""
        await persist(
            lambda: stages.finish_stage(
                self._db,
                self._claim,
                stage,
                input_hash=input_hash,
                artefacts=list(result.artefacts),
                checkpoint=dict(result.checkpoint),
                metadata=result.metadata,
                transcript=result.transcript,
                analysis=result.analysis,
                publications=tuple(result.publications),
            )
        )

    async def skipped(self, stage: StageName, reason: str) -> None:
        """-> SKIPPED."""
        await persist(lambda: stages.skip_stage(self._db, self._claim, stage, reason))

    async def failed(self, stage: StageName, error_class: ErrorClass, message: str) -> None:
        """-> FAILED, while the job goes on."""
        await persist(lambda: stages.fail_stage(self._db, self._claim, stage, error_class, message))

    async def checkpoint(self, stage: StageName, data: Mapping[str, Any]) -> None:
        """Keep the stage's own notes."""
        await persist(lambda: stages.checkpoint_stage(self._db, self._claim, stage, dict(data)))

    async def progress(self, stage: StageName, report: Report, overall: float) -> None:
        """One try: the next report says more than this one."""
        try:
            await stages.save_progress(
                self._db,
                self._claim,
                stage,
                stage_progress=report.share,
                job_progress=overall,
                bytes_done=report.bytes_done,
                bytes_total=report.bytes_total,
                speed_bps=report.speed_bps,
                eta_s=report.eta_s,
                detail=report.detail,
            )
        except DatabaseUnavailable:
            return
        except LeaseLost:
            self._on_lost()

    async def model_spent(self, model: str, use: ModelUse) -> None:
        """Without the claim: what was paid for was paid for, even if the job is somebody else's by now."""
        await persist(lambda: analyses.record_use(self._db, self._claim.job_id, model, use))

    async def model_tokens_today(self) -> int:
        """The sum of the day."""
        return await persist(lambda: analyses.tokens_today(self._db))

    async def same_media(self, media_key: str) -> int | None:
        """Asked under the store's lock: of two jobs that ask at once the later one is the duplicate."""
        return await persist(lambda: stages.find_same_media(self._db, self._claim, media_key))
