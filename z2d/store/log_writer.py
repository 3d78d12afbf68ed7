"""Gets log lines into the database without ever holding up who says them.

Batches clock themselves: while one commits, the next gathers, so a lone line is stored at once and a flood in large
batches. Memory is bounded; what does not fit - the database is away or too slow, or a child program floods - is
counted, and one line in its place says how many are missing. A commit whose answer was lost is looked up before the
batch is sent again, so no line is stored twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple

import asyncpg

from z2d.bus import Bus, LogsAppended
from z2d.store.database import Database
from z2d.store.lines import Line, append_lines, line, notify
from z2d.wire.errors import DatabaseUnavailable
from z2d.wire.jobs import LogLevel

log = logging.getLogger(__name__)

_BATCH_LINES = 4000
_BATCH_BYTES = 2 << 20
_LINE_OVERHEAD = 400  # bytes a line takes in memory beside its text
_NOTIFY_EVERY_S = 0.05  # NOTIFY makes commits wait for each other: at most 20 a second
_COUNT_EVERY_S = 1.0  # how often a job that floods without end is told so
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_DRAIN_S = 3.0
_KNOWN_JOBS = 256
_TICK = timedelta(microseconds=1)


class _Book:
    """What is to be written for one job."""

    def __init__(self, burst: float) -> None:
        self.lines: deque[Line] = deque()
        self.sending: list[Line] = []  # taken out of `lines`, not known to be committed
        self.in_doubt = False  # an earlier try to commit `sending` may have worked
        self.last_seq = 0
        self.tokens = burst
        self.filled_at = time.monotonic()
        self.flooding = False
        self.flooded = 0
        self.overflowed = 0
        self.counted_at = 0.0
        self.stage: str | None = None

    @property
    def idle(self) -> bool:
        return not (self.lines or self.sending or self.flooded or self.overflowed)


class LogState(NamedTuple):
    """What became of the lines so far, by reason where they were dropped, and the memory that waiting ones take."""

    stored: int
    dropped: dict[str, int]
    waiting_bytes: int


class LogWriter:
    """Writes the log lines of all jobs of this process; an async context manager, to be used from the loop's thread.

    `bus` hears of every commit at once, other processes by NOTIFY at most 20 times a second. `max_bytes` bounds the
    memory for lines that wait. Of the lines a foreign program prints, `flood_rate` per second and job are kept, with
    a burst of `flood_burst`; z2's own lines (source "z2") are not counted.
    """

    def __init__(
        self,
        db: Database,
        *,
        bus: Bus | None = None,
        max_bytes: int = 16 << 20,
        flood_rate: float = 2000,
        flood_burst: float = 10_000,
    ) -> None:
        self._db, self._bus, self._max_bytes = db, bus, max_bytes
        self._rate, self._burst = flood_rate, flood_burst
        self._books: dict[int, _Book] = {}
        self._bytes = 0
        self._stored = 0
        self._dropped = {"flood": 0, "backlog": 0, "refused": 0}
        self._last_at = datetime.min.replace(tzinfo=UTC)
        self._filled = asyncio.Event()
        self._moved = asyncio.Event()
        self._unannounced: dict[int, int] = {}
        self._announced_at = 0.0
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> LogWriter:
        await self._tasks.__aenter__()
        self._pumping = self._tasks.create_task(self._pump(), name="log writer")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not await self.flush(None, _DRAIN_S):
            log.warning("log lines were lost: the database did not take them within %d s", _DRAIN_S)
        self._pumping.cancel()
        await self._tasks.__aexit__(kind, error, trace)
        if self._unannounced:
            try:
                async with asyncio.timeout(_DRAIN_S):
                    await self._announce()
            except (DatabaseUnavailable, TimeoutError):
                log.info("the last log lines were stored, but nobody could be told")

    def write(
        self,
        job_id: int,
        level: LogLevel,
        stage: str | None,
        source: str,
        message: str,
        data: dict[str, Any] | None = None,
    ) -> None:
        """Take one line. Never blocks and never raises; the line may be dropped and counted (see the class)."""
        book = self._books.get(job_id) or self._open(job_id)
        book.stage = stage
        if source != "z2" and not self._within_rate(book):
            book.flooded += 1
            self._dropped["flood"] += 1
        elif self._bytes >= self._max_bytes:
            book.overflowed += 1
            self._dropped["backlog"] += 1
        else:
            if book.flooded or book.overflowed:
                self._count(book)
            self._add(book, line(level, stage, source, message, data, self._now()))
        self._filled.set()

    def state(self) -> LogState:
        """How the writer is doing."""
        return LogState(self._stored, dict(self._dropped), self._bytes)

    def _open(self, job_id: int) -> _Book:
        if len(self._books) >= _KNOWN_JOBS:
            self._books = {known: book for known, book in self._books.items() if not book.idle}
        book = self._books[job_id] = _Book(self._burst)
        return book

    def _now(self) -> datetime:
        """The present, and later than any time given before: so a line of this writer is known by its time."""
        self._last_at = max(datetime.now(UTC), self._last_at + _TICK)
        return self._last_at

    def _within_rate(self, book: _Book) -> bool:
        """A bucket of tokens. Once it is empty, lines are dropped until a second's worth has gathered again."""
        now = time.monotonic()
        book.tokens = min(self._burst, book.tokens + (now - book.filled_at) * self._rate)
        book.filled_at = now
        if book.flooding:
            book.flooding = book.tokens < min(self._rate, self._burst)
        elif book.tokens < 1:
            book.flooding = True
        if book.flooding:
            return False
        book.tokens -= 1
        return True

    def _count(self, book: _Book) -> None:
        """Say in the log how many lines are missing here."""
        for number, why in ((book.flooded, "flood"), (book.overflowed, "the database was away or too slow")):
            if number:
                self._add(
                    book, line(LogLevel.WARNING, book.stage, "z2", f"{number} lines dropped ({why})", None, self._now())
                )
        book.flooded = book.overflowed = 0
        book.counted_at = time.monotonic()

    def _add(self, book: _Book, added: Line) -> None:
        book.lines.append(added)
        self._bytes += len(added.message) + _LINE_OVERHEAD

    async def flush(self, job_id: int | None, timeout: float) -> bool:  # noqa: ASYNC109  part of the contract
        """Wait until every line written so far (of one job, or of all) is committed. False: not within `timeout` s."""
        books = [self._books[job_id]] if job_id in self._books else [] if job_id else list(self._books.values())
        for book in books:
            if book.flooded or book.overflowed:
                self._count(book)
        self._filled.set()
        try:
            async with asyncio.timeout(timeout):
                while any(book.lines or book.sending for book in books):
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    # -- the pump

    async def _pump(self) -> None:
        while True:
            self._filled.clear()
            for job_id, book in list(self._books.items()):
                if self._take(book):
                    await self._patiently(partial(self._commit, job_id, book))
                    self._tell_progress()
            if self._unannounced and time.monotonic() - self._announced_at >= _NOTIFY_EVERY_S:
                await self._patiently(self._announce)
            if not any(book.lines for book in self._books.values()):
                await self._rest()

    async def _rest(self) -> None:
        """Sleep until there is something to do: a line, a notice that is due, a count that is due."""
        wait = None
        if self._unannounced:
            wait = max(0.0, self._announced_at + _NOTIFY_EVERY_S - time.monotonic())
        elif any(not book.idle for book in self._books.values()):
            wait = _COUNT_EVERY_S
        try:
            async with asyncio.timeout(wait):
                await self._filled.wait()
        except TimeoutError:
            return

    def _take(self, book: _Book) -> bool:
        """Move the next batch to `sending`; whether there is one."""
        if (book.flooded or book.overflowed) and not book.lines and self._count_is_due(book):
            self._count(book)
        size = 0
        while book.lines and len(book.sending) < _BATCH_LINES and size < _BATCH_BYTES:
            taken = book.lines.popleft()
            size += len(taken.message)
            book.sending.append(taken)
        return bool(book.sending)

    @staticmethod
    def _count_is_due(book: _Book) -> bool:
        return time.monotonic() - book.counted_at >= _COUNT_EVERY_S

    async def _commit(self, job_id: int, book: _Book) -> None:
        """Store `sending`, once. Raises DatabaseUnavailable; then the batch is in doubt and stays where it is."""
        try:
            last = await self._find(job_id, book) if book.in_doubt else None
            if last is None:
                book.in_doubt = True
                last = await append_lines(self._db, job_id, book.sending)
        except (asyncpg.PostgresError, asyncpg.DataError) as error:
            # the job was purged, or a line cannot be stored in spite of all cleaning: it must not stop the others
            self._dropped["refused"] += len(book.sending)
            log.warning("%d log lines of job %d could not be stored: %s", len(book.sending), job_id, error)
        else:
            book.last_seq = last
            self._stored += len(book.sending)
            self._unannounced[job_id] = last
            if self._bus is not None:
                self._bus.publish(LogsAppended(job_id, last))
        self._bytes -= sum(len(sent.message) + _LINE_OVERHEAD for sent in book.sending)
        book.sending = []
        book.in_doubt = False

    async def _find(self, job_id: int, book: _Book) -> int | None:
        """The seq of the last line of `sending`, if an earlier try did commit the batch."""
        newest = book.sending[-1]
        async with self._db.transaction() as connection:
            await connection.execute(_LOCK_HEAD, job_id)  # waits for a try that may still be at work in the server
            found: int | None = await connection.fetchval(
                _FIND, job_id, book.last_seq, newest.at, newest.source, newest.message
            )
            return found

    async def _announce(self) -> None:
        await notify(self._db, self._unannounced)
        self._unannounced = {}
        self._announced_at = time.monotonic()

    async def _patiently(self, step: Callable[[], Awaitable[None]]) -> None:
        """Try `step` until the database takes it."""
        pause = _FIRST_PAUSE_S
        while True:
            try:
                await step()
            except DatabaseUnavailable as error:
                log.info("log lines wait: %s", error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
            else:
                return

    def _tell_progress(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


_LOCK_HEAD = "SELECT FROM job_log_heads WHERE job_id = $1 FOR UPDATE"

_FIND = """
    SELECT max(seq) FROM job_logs WHERE job_id = $1 AND seq > $2 AND at = $3 AND source = $4 AND message = $5
"""
