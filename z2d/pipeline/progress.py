"""How far a job is, as one number that never falls, written at most once per second and stage."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from z2d.media.ytdlp import Progress
from z2d.wire.jobs import StageName

WEIGHTS: dict[StageName, float] = {
    StageName.METADATA: 2,
    StageName.DOWNLOAD: 45,
    StageName.AUDIO: 5,
    StageName.TRANSCRIPT: 3,  # captions
    StageName.ANALYSIS: 5,  # offline; a language model would be 20
    StageName.PUBLISHING: 5,
}
LISTENING = 35.0
"""Weight of the transcript stage where speech is recognised: it takes about as long as all the rest."""
INTERVAL_S = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """How far one stage is. `share` is 0 to 1, and stays 0 while the whole is unknown."""

    share: float = 0.0
    bytes_done: int | None = None
    bytes_total: int | None = None
    speed_bps: int | None = None
    eta_s: int | None = None
    detail: str | None = None

    @classmethod
    def of_download(cls, progress: Progress) -> Report:
        """The same as the media room says it of a download."""
        total = progress.bytes_total
        return cls(
            share=min(1.0, max(0.0, progress.bytes_done / total)) if total else 0.0,
            bytes_done=progress.bytes_done,
            bytes_total=total,
            speed_bps=progress.speed_bps,
            eta_s=progress.eta_s,
            detail=progress.detail,
        )


class Meter:
    """Weighs the stages into the job's progress. A skipped stage weighs nothing."""

    def __init__(self, weights: Mapping[StageName, float] = WEIGHTS) -> None:
        self._weights = dict(weights)
        self._done: dict[StageName, float] = {}
        self._highest = 0.0

    def settle(self, stage: StageName) -> None:
        """The stage is finished (or failed, and the job goes on without it)."""
        self._done[stage] = 1.0

    def drop(self, stage: StageName) -> None:
        """The stage is skipped."""
        self._weights.pop(stage, None)

    def weigh(self, stage: StageName, weight: float) -> None:
        """It has become known how much work the stage is. To be said early: the bar does not go back for it."""
        if stage in self._weights:
            self._weights[stage] = weight

    def weight(self, stage: StageName) -> float:
        """What the stage counts at present."""
        return self._weights.get(stage, 0.0)

    def overall(self, stage: StageName | None = None, share: float = 0.0) -> float:
        """The job's progress with `stage` at `share`; never less than what was said before."""
        now = {**self._done, stage: share} if stage is not None else self._done
        total = sum(self._weights.values())
        reached = sum(weight * now.get(name, 0.0) for name, weight in self._weights.items())
        self._highest = max(self._highest, min(1.0, reached / total if total else 1.0))
        return self._highest


class Ticker:
    """Takes any number of reports and hands on the newest, at most one per interval.

    The work never waits for the database: `report` only remembers, a task of its own writes. What is still
    unwritten at the end is dropped, because the end of the stage says more.
    """

    def __init__(self, write: Callable[[Report], Awaitable[None]], interval_s: float = INTERVAL_S) -> None:
        self._write = write
        self._interval_s = interval_s
        self._newest: Report | None = None
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def report(self, report: Report) -> None:
        """Remember how far the work is. Call it in the event loop's thread."""
        self._newest = report
        self._news.set()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="progress")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=5)
        if self._task.done() and not self._task.cancelled() and (failure := self._task.exception()):
            log.error("progress was no longer written", exc_info=failure)  # a bug, but no reason to lose the work

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            if self._newest is not None:
                began = time.monotonic()
                await self._write(self._newest)
                await asyncio.sleep(max(0.0, self._interval_s - (time.monotonic() - began)))
