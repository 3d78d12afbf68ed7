"""Where the pipeline writes down what happened. The worker implements it over the database.

Every method may raise the implementation's own "this job is no longer yours" error; the runner lets it pass.
None raises because the database is away: waiting for it is the implementation's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from z2d.pipeline.progress import Report
from z2d.pipeline.stage import Done
from z2d.wire.jobs import LogLevel, StageName, StageStatus
from z2d.wire.library import Artefact, ModelUse
from z2d.wire.reasons import ErrorClass


@dataclass(frozen=True)
class StageRecord:
    """What an earlier run of the job left of one stage."""

    status: StageStatus = StageStatus.PENDING
    input_hash: str | None = None
    checkpoint: Mapping[str, Any] = field(default_factory=dict)
    attempt: int = 0
    """How often the stage was started."""
    artefacts: Sequence[Artefact] = ()


class Journal(Protocol):
    """The job's book, kept by whoever holds the job."""

    def log(
        self, level: LogLevel, stage: StageName | None, source: str, message: str, data: dict[str, Any] | None = None
    ) -> None:
        """A line for the job's log. Never blocks."""
        ...

    async def load(self) -> dict[StageName, StageRecord]:
        """What is known of each stage; stages that never ran may be missing."""
        ...

    async def start(self, stage: StageName, input_hash: str, weight: float, tools: Mapping[str, str]) -> None:
        """The stage runs now; `tools`: the version of each program that takes part."""
        ...

    async def in_lane(self, stage: StageName, *, waits: bool) -> None:
        """The running stage waits in line of its lane, or has got in."""
        ...

    async def done(self, stage: StageName, input_hash: str, result: Done) -> None:
        """The stage has finished: its state, artefacts and results, all or nothing."""
        ...

    async def skipped(self, stage: StageName, reason: str) -> None:
        """The stage has nothing to do."""
        ...

    async def failed(self, stage: StageName, error_class: ErrorClass, message: str) -> None:
        """The stage has failed for good and the job goes on without it."""
        ...

    async def checkpoint(self, stage: StageName, data: Mapping[str, Any]) -> None:
        """Keep a small dict for the next run of the stage."""
        ...

    async def progress(self, stage: StageName, report: Report, overall: float) -> None:
        """How far the stage and (`overall`, 0 to 1) the job are. May be dropped; never raises."""
        ...

    async def model_spent(self, model: str, use: ModelUse) -> None:
        """A language model was asked for this job; that is written down whatever becomes of the job."""
        ...

    async def model_tokens_today(self) -> int:
        """What language models were asked today (UTC), by all jobs, in tokens."""
        ...

    async def same_media(self, media_key: str) -> int | None:
        """The earlier job that has or fetches the same video, if there is one."""
        ...
