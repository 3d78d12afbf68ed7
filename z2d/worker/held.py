"""One job from its claim to the end of the run, whatever ends it.

Four things can end a run: the pipeline comes to an end, a person wants the job cancelled or paused, the daemon
stops (the slot is cancelled), or the job is no longer ours. Each has its own way out, and they may come in the same
tick: what a person asked for is kept in the database and wins there, whatever is written here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from z2d import jobmark
from z2d.pipeline.folders import JobFolder
from z2d.pipeline.policy import Policy
from z2d.pipeline.runner import Completed, End, Expanded, Failed, Parked, Requeue, Run
from z2d.pipeline.stage import Job, Tools
from z2d.store import claims, collections
from z2d.store.claims import Claim, LeaseLost
from z2d.store.database import Database
from z2d.store.logs import LogWriter
from z2d.wire.jobs import JobStatus, LogLevel, WaitReason
from z2d.wire.reasons import ErrorClass
from z2d.worker.journal import StoreJournal
from z2d.worker.patience import persist

STOP_S = 7.0
"""Longest time a job gets to end when the daemon stops: its processes have 5 s before they are killed, and how it
ended is to be written. What is not done by then, the next start finds out."""
GIVE_UP_S = 0.5
FLUSH_S = 1.0

log = logging.getLogger(__name__)


class Held:
    """A claimed job and the task that works on it. `carry` is called once, by the slot."""

    def __init__(
        self, claim: Claim, folder: JobFolder, *, db: Database, logs: LogWriter, tools: Tools, policy: Policy
    ) -> None:
        self.claim = claim
        self.over = asyncio.Event()
        """Set by the slot when nothing of this run is left."""
        self._db, self._logs, self._folder = db, logs, folder
        self._lost = self._cancel_wanted = self._pause_wanted = self._queue_paused = False
        journal = StoreJournal(db, logs, claim, on_lost=self.lose)
        job = Job(
            id=claim.job_id,
            url=claim.url,
            attempt=claim.attempt,
            max_attempts=claim.max_attempts,
            options=claim.options,
            site=claim.site,
            profile=claim.profile,
            forced=claim.forced,
            tags=claim.tags,
            is_child=claim.parent_id is not None,
            listed=claim.listed,
        )
        self._run = Run(job, folder, tools, journal, policy=policy)
        self._task = asyncio.create_task(self._to_the_end(), name=f"job {claim.job_id}")

    def obey(self, *, cancel: bool, pause: bool) -> None:
        """A person wants the job to end or to wait. Said twice is said once."""
        if (cancel and not self._cancel_wanted) or (pause and not self._pause_wanted):
            self._cancel_wanted |= cancel
            self._pause_wanted |= pause
            self._task.cancel()

    def put_back(self) -> None:
        """The whole queue was paused: back into it, keeping its place."""
        if not self._queue_paused:
            self._queue_paused = True
            self._task.cancel()

    def lose(self) -> None:
        """The job is somebody else's now: stop at once and write nothing more."""
        if not self._lost:
            self._lost = True
            self._task.cancel()

    async def carry(self) -> None:
        """Wait for the end of the run and write it down; when cancelled, put the job back into the queue first."""
        ending = asyncio.create_task(self._end(), name=f"end of job {self.claim.job_id}")
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            self._task.cancel()
            await asyncio.wait({ending}, timeout=STOP_S)
            if not ending.done():
                log.error("job %d did not end in time; the next start of z2 puts it back", self.claim.job_id)
                ending.cancel()
                await asyncio.wait({ending}, timeout=GIVE_UP_S)
            raise

    async def _end(self) -> None:
        await asyncio.wait({self._task})
        with jobmark.of_job(self.claim.job_id):
            await self._settle()

    async def _to_the_end(self) -> End:
        """The run, with a net under it: a bug costs the stage or the job in which it shows, never the worker."""
        with jobmark.of_job(self.claim.job_id):
            return await self._proceed()

    async def _proceed(self) -> End:
        stumbled: Exception | None = None
        for _ in range(8):  # more often than there are stages: each may stumble once, and so may the saying of it
            try:
                return await self._run.proceed(stumbled)
            except LeaseLost:
                raise
            except Exception as error:
                log.exception("job %d stumbled", self.claim.job_id)
                stumbled = error
        return Failed(ErrorClass.UNKNOWN, f"It stumbled again and again, at last over {type(stumbled).__name__}.", None)

    async def _settle(self) -> None:
        """Say in the database how the run ended, after the last line of its log."""
        if self._lost or (not self._task.cancelled() and isinstance(self._task.exception(), LeaseLost)):
            log.warning("job %d went to another worker; dropped", self.claim.job_id)
            return
        self._say_farewell()
        await self._tidy(self._folder.forget_session)
        if self._cancel_wanted:
            await self._tidy(self._folder.clear_work)
        while not await self._logs.flush(self.claim.job_id, timeout=FLUSH_S):
            log.info("the end of job %d waits for its log", self.claim.job_id)
        try:
            status = await self._end_somehow()
        except LeaseLost:
            log.warning("job %d went to another worker before its end was written", self.claim.job_id)
            return
        if status is JobStatus.CANCELLED:
            await self._tidy(self._folder.clear_work)

    async def _end_somehow(self) -> JobStatus:
        """Write the end; one that cannot be written is a failure of the job, and no other job notices."""
        try:
            return await persist(self._write_end)
        except LeaseLost:
            raise
        except Exception as error:
            log.exception("the end of job %d could not be written", self.claim.job_id)
            words = f"How it ended could not be written down: {type(error).__name__}."
            return await persist(lambda: claims.fail(self._db, self.claim, ErrorClass.UNKNOWN, words, None))

    async def _tidy(self, tidy: Callable[[], None]) -> None:
        """The folder of one job may make trouble; its end is written all the same, and no other job notices.

        Unfinished work of a cancelled job is tried again by the worker's tidying; a next run puts the rest right.
        """
        try:
            await asyncio.to_thread(tidy)
        except OSError as error:
            log.warning("the folder of job %d could not be tidied: %s", self.claim.job_id, error)

    def _say_farewell(self) -> None:
        """The last line of a run that did not end by itself."""
        if not self._task.cancelled():
            return
        if self._cancel_wanted:
            words = "Cancelled, as asked."
        elif self._pause_wanted:
            words = "Paused, as asked. It continues here when it is resumed."
        elif self._queue_paused:
            words = "Put down: the queue is paused. It continues here when the queue is resumed."
        else:
            words = "z2 stops; the job goes back into the queue and continues at the next start."
        self._logs.write(self.claim.job_id, LogLevel.INFO, None, "z2", words)

    async def _write_end(self) -> JobStatus:
        if self._task.cancelled():
            if self._cancel_wanted:
                return await claims.cancelled(self._db, self.claim)
            return await claims.requeue(self._db, self.claim, self._why_put_down(), 0, attempt_used=False)
        match self._task.result():
            case Completed() as end:
                return await claims.finish(self._db, self.claim, end.outcome, duplicate_of=end.duplicate_of)
            case Failed() as end:
                return await claims.fail(self._db, self.claim, end.error_class, end.message, end.stage)
            case Requeue() as end:
                return await self._requeue(end)
            case Parked() as end:
                return await claims.requeue(
                    self._db, self.claim, WaitReason.LANE_CLOSED, 0, attempt_used=False, stage=end.stage
                )
            case Expanded() as end:
                return await collections.expand(self._db, self.claim, end.entries)

    def _why_put_down(self) -> WaitReason:
        if self._pause_wanted:
            return WaitReason.USER
        return WaitReason.QUEUE_PAUSED if self._queue_paused else WaitReason.SHUTDOWN

    async def _requeue(self, end: Requeue) -> JobStatus:
        delay_s = end.delay_s
        if end.gate_s is not None and self.claim.site is not None:
            delay_s = await claims.close_gate(self._db, self.claim.site, end.gate_s, end.error_class.value)
        return await claims.requeue(
            self._db,
            self.claim,
            end.reason,
            delay_s,
            attempt_used=end.attempt_used,
            error_class=end.error_class,
            message=end.message,
            stage=end.stage,
        )
