"""The present state of all jobs as a stream: what every client of the status socket is told.

The database is the source. News from the bus only says which rows to read; what is read becomes numbered messages.
They are kept compacted: of each job only its newest message, in the order of their numbers. A client is a number
(the last it was sent), so one that is slow costs nothing, delays nobody, and finds the newest state when it comes
back; only one that was away longer than the kept messages reach begins again with a snapshot. Everything is read
and numbered under one lock, so no client is ever taken back to an older state.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from z2d.api.service_parts import STATS_AGE_S, StatsCache
from z2d.bus import Bus, Event, JobChanged, Lagged, QueueChanged, Resync, Subscription
from z2d.store import reads
from z2d.store.database import Database
from z2d.wire.errors import DatabaseUnavailable
from z2d.wire.events import DeletedEvent, JobEvent, ProgressEvent, Snapshot, StatsEvent
from z2d.wire.jobs import FINISHED, JobStatus, JobSummary
from z2d.wire.service import Stats

KEPT = 2000  # messages; beyond, the oldest go and clients that still wait for them get a snapshot
GATHER_S = 0.03  # changes that come together are read together
AT_ONCE = 500  # rows per reading
IN_SNAPSHOT = 1000  # jobs of one message: libraries for clients often refuse more than a megabyte
PROGRESS_S = 0.5
PAUSES_S = (0.1, 0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A message as it is sent, and its number."""

    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class Beginning:
    """All active jobs at a number: a snapshot message and, for those that do not fit into it, a job message each.

    Only the last of the messages says the number. Those before say one from which nobody can go on, so that a client
    which is cut off between them begins anew.
    """

    seq: int
    messages: Sequence[str]


class StatusHub:
    """Reads changes from the database and keeps the messages that say them.

    Args:
        now: seconds since 1970. Numbers begin at the milliseconds of the start, so those of an older daemon are
            smaller than any of this one and its clients get a snapshot.
    """

    def __init__(self, db: Database, bus: Bus, stats: StatsCache, *, now: Callable[[], float] = time.time) -> None:
        self._db = db
        self._bus = bus
        self._stats = stats
        self._seq = int(now() * 1000)
        self._floor = self._seq  # whoever has seen less cannot be brought up by messages alone
        self._kept: OrderedDict[str, Numbered] = OrderedDict()
        self._reading = asyncio.Lock()
        self._news = asyncio.Event()
        self._active: set[int] = set()
        self._running: set[int] = set()
        self._progress: dict[int, tuple[object, ...]] = {}
        self._snapshot: Beginning | None = None
        self._restart: Beginning | None = None  # the snapshot of the last new beginning, for those who were there
        self._snapshot_at = float("-inf")
        self._in_snapshot: set[int] = set()
        self._watchers = 0
        self._watched = asyncio.Event()
        self._stats_due = asyncio.Event()

    @property
    def seq(self) -> int:
        """The newest message's number."""
        return self._seq

    async def run(self) -> None:
        """Follow the bus until cancelled."""
        with self._bus.subscribe(maxsize=10_000) as news:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow_jobs(news), name="status-jobs")
                group.create_task(self._follow_progress(), name="status-progress")
                group.create_task(self._follow_stats(), name="status-stats")

    # -- for clients --------------------------------------------------------------------------------------------

    @contextmanager
    def watching(self) -> Iterator[None]:
        """For the time of the block somebody looks: progress and statistics are worth reading."""
        self._watchers += 1
        self._wake_pollers()
        try:
            yield
        finally:
            self._watchers -= 1
            self._wake_pollers()

    def after(self, seq: int) -> list[Numbered] | None:
        """The kept messages with larger numbers, oldest first; None where only a snapshot can help."""
        if not self._floor <= seq <= self._seq:
            return None
        newer = []
        for message in reversed(self._kept.values()):
            if message.seq <= seq:
                break
            newer.append(message)
        newer.reverse()
        return newer

    async def snapshot(self) -> Beginning:
        """The active jobs and statistics at a number. Raises: DatabaseUnavailable."""
        asked = time.monotonic()
        async with self._reading:
            if self._snapshot is None or self._snapshot_at < asked:  # else one was begun since: it will do
                self._snapshot = await self._take_snapshot()
            return self._snapshot

    async def restart(self) -> Beginning:
        """What a connected client goes on from when `after` cannot help it. Raises: DatabaseUnavailable.

        After a new beginning that is its own snapshot, so that the word of jobs no longer in it still follows.
        """
        if self._restart is not None and self._restart.seq >= self._floor:
            return self._restart
        return await self.snapshot()

    async def changed(self, seq: int) -> None:
        """Wait until there is something newer than `seq`."""
        while seq >= self._seq:
            await self._news.wait()

    # -- following ----------------------------------------------------------------------------------------------

    async def _follow_jobs(self, news: Subscription) -> None:
        await self._patiently(self._begin_again)
        while True:
            event: Event | Lagged | None = await news.get()
            await asyncio.sleep(GATHER_S)
            changed: dict[int, None] = {}
            again = False
            while event is not None:
                if isinstance(event, Resync | Lagged):
                    again = True
                elif isinstance(event, JobChanged):
                    changed[event.id] = None
                elif isinstance(event, QueueChanged):
                    self._stats_due.set()
                event = await news.get(timeout=0) if len(changed) < AT_ONCE else None
            if again:
                await self._patiently(self._begin_again)
            elif changed:
                await self._patiently(partial(self._tell_jobs, list(changed)))

    async def _patiently(self, read: Callable[[], Awaitable[None]]) -> None:
        """Read until the database answers: what the bus said is not said again."""
        tries = 0
        while True:
            try:
                async with self._reading:
                    return await read()
            except DatabaseUnavailable:
                await asyncio.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
                tries += 1

    async def _tell_jobs(self, ids: list[int]) -> None:
        found = {job.id: job for job in await reads.summaries(self._db, ids)}
        for job_id in ids:
            self._forget_progress(job_id)
            job = found.get(job_id)
            if job is None:
                self._publish(f"job {job_id}", DeletedEvent(seq=self._next(), id=job_id))
                self._active.discard(job_id)
                self._running.discard(job_id)
                continue
            self._publish(f"job {job_id}", JobEvent(seq=self._next(), job=job))
            (self._active.discard if job.status in FINISHED else self._active.add)(job_id)
            (self._running.add if job.status is JobStatus.RUNNING else self._running.discard)(job_id)
        self._wake_pollers()
        self._stats_due.set()
        self._announce()

    async def _begin_again(self) -> None:
        """Something may have been missed: a snapshot for everybody, and word of every job that is no longer in it."""
        before = self._active
        self._snapshot = self._restart = await self._take_snapshot(restart=True)
        self._active = set(self._in_snapshot)
        self._stats_due.set()
        if gone := sorted(before - self._active):
            await self._tell_jobs(gone)
        self._announce()

    async def _take_snapshot(self, *, restart: bool = False) -> Beginning:
        self._snapshot_at = time.monotonic()
        jobs = [job async for some in reads.active(self._db) for job in some]
        stats = await self._stats.get()
        if restart:  # from here on nothing that was kept helps anybody
            self._floor = self._next()
            self._kept.clear()
            self._progress.clear()
        self._in_snapshot = {job.id for job in jobs}
        self._active |= self._in_snapshot
        self._running = {job.id for job in jobs if job.status is JobStatus.RUNNING}
        self._wake_pollers()
        return Beginning(self._seq, [text async for text in self._words(jobs, stats)])

    async def _words(self, jobs: list[JobSummary], stats: Stats) -> AsyncIterator[str]:
        """The messages of a `Beginning`."""
        numbers = [*[self._floor - 1] * (len(jobs) - IN_SNAPSHOT), self._seq]
        yield Snapshot(seq=numbers[0], jobs=jobs[:IN_SNAPSHOT], stats=stats).model_dump_json()
        for at, (seq, job) in enumerate(zip(numbers[1:], jobs[IN_SNAPSHOT:], strict=True)):
            yield JobEvent(seq=seq, job=job).model_dump_json()
            if at % AT_ONCE == 0:
                await asyncio.sleep(0)  # a long queue keeps nobody waiting

    async def _follow_progress(self) -> None:
        while True:
            await self._watched.wait()
            await asyncio.sleep(PROGRESS_S)
            try:
                async with self._reading:
                    await self._tell_progress()
            except DatabaseUnavailable:
                await asyncio.sleep(PAUSES_S[-1])

    async def _tell_progress(self) -> None:
        for job_id, *said in await reads.running_progress(self._db):
            if self._progress.get(job_id) == tuple(said) or job_id not in self._running:
                continue
            self._progress[job_id] = tuple(said)
            stage, progress, speed, eta = said
            event = ProgressEvent(
                seq=self._next(), id=job_id, stage=stage, progress=progress, speed_bps=speed, eta_s=eta
            )
            self._publish(f"progress {job_id}", event)
        self._announce()

    async def _follow_stats(self) -> None:
        while True:
            await self._stats_due.wait()
            await asyncio.sleep(STATS_AGE_S)  # so what is read is newer than what made it due
            self._stats_due.clear()
            if not self._watchers:
                continue
            try:
                async with self._reading:
                    said = await self._stats.get()
                    self._publish("stats", StatsEvent(seq=self._next(), stats=said))
                    self._announce()
            except DatabaseUnavailable:
                self._stats_due.set()

    # -- keeping ------------------------------------------------------------------------------------------------

    def _next(self) -> int:
        self._seq += 1
        return self._seq

    def _publish(self, subject: str, event: JobEvent | DeletedEvent | ProgressEvent | StatsEvent) -> None:
        """Keep `event` in the place of what was said of the same subject before."""
        self._kept[subject] = Numbered(event.seq, event.model_dump_json())
        self._kept.move_to_end(subject)
        if len(self._kept) > KEPT:
            _, oldest = self._kept.popitem(last=False)
            self._floor = max(self._floor, oldest.seq)

    def _announce(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _forget_progress(self, job_id: int) -> None:
        self._kept.pop(f"progress {job_id}", None)
        self._progress.pop(job_id, None)

    def _wake_pollers(self) -> None:
        if self._watchers and self._running:
            self._watched.set()
        else:
            self._watched.clear()
