"""From the submission to the first statement of the pipeline (bar 3), and jobs without work (bar 5).

    python -m bench.queueing DSN FILE   a worker of its own, whose jobs have no work; makes FILE when it is at work

The worker is that of the daemon; only what it does with a job is left out. The raw limits are a bare table, a NOTIFY
and one connection each for submitting, listening and claiming.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg

from bench.ground import new_database, new_job, postgres, program
from bench.rounds import Row, interleaved
from tests.support import eventually, short_tmp
from z2d.bus import Bus
from z2d.media.ffmpeg import Ffmpeg, find_ffmpeg
from z2d.media.ytdlp import FetchLimits, YtDlp
from z2d.postgres.server import EmbeddedPostgres
from z2d.store import claims
from z2d.store.claims import Claim
from z2d.store.database import Database
from z2d.store.listen import Listener
from z2d.store.log_writer import LogWriter
from z2d.wire.jobs import Outcome
from z2d.worker import Worker

AT_ONCE = 20  # submissions of one round
JOBS = 500  # of one round: on a slow disk each is two commits of some milliseconds
# what the peers reached of the raw limit when the bars were set: 1.5 and 1.1 of 5.6 thousand jobs a second
PGQUEUER, PROCRASTINATE = 1.5 / 5.6, 1.3 * 1.1 / 5.6
PEERS = "PgQueuer and procrastinate were not run"
_MANY = "INSERT INTO jobs (url) SELECT 'https://example.org/' || n FROM generate_series(1, $1::int) n"
_LEFT = "SELECT count(*) FROM jobs WHERE status IN ('QUEUED', 'RUNNING')"
_TWICE = "SELECT count(*) FROM (SELECT FROM job_attempts GROUP BY job_id HAVING count(*) > 1) again"
_RAW = """
    CREATE TABLE IF NOT EXISTS raw_jobs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, url text,
        status text NOT NULL DEFAULT 'QUEUED');
    CREATE INDEX IF NOT EXISTS raw_queued ON raw_jobs (id) WHERE status = 'QUEUED'
"""
_RAW_SUBMIT = "WITH new AS (INSERT INTO raw_jobs (url) VALUES ($1)) SELECT pg_notify('raw', '')"
_RAW_CLAIM = """
    UPDATE raw_jobs SET status = 'RUNNING' WHERE id = (
        SELECT id FROM raw_jobs WHERE status = 'QUEUED' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id
"""


class Idler(Worker):
    """A worker whose jobs are done as soon as they are in its hands."""

    on_job: Callable[[], None] = staticmethod(lambda: None)
    on_end: Callable[[], None] = staticmethod(lambda: None)
    database: Database

    async def _work_on(self, claim: Claim) -> None:
        self.on_job()
        await claims.finish(self.database, claim, Outcome.FULL)
        self.on_end()


@asynccontextmanager
async def idling(dsn: str, db: Database) -> AsyncIterator[Idler]:
    """Such a worker at work, with two slots, and what tells it of new jobs."""
    found = find_ffmpeg()
    assert found is not None
    ffmpeg, bus = Ffmpeg(found, "bench"), Bus()
    limits = FetchLimits(disk_reserve_bytes=1 << 20)
    with short_tmp() as folder:
        async with (
            LogWriter(db, bus=bus) as logs,
            YtDlp(installation="bench", ffmpeg=ffmpeg, limits=limits, ahead=False) as ytdlp,
        ):
            worker = Idler(
                db, bus, logs, installation=folder.name, slots=2, state_dir=folder, library_dir=folder / "library",
                ytdlp=ytdlp, ffmpeg=ffmpeg,
            )  # fmt: skip
            worker.database = db
            tasks = [
                asyncio.create_task(worker.run(), name="worker"),
                asyncio.create_task(Listener(dsn).run(bus), name="listener"),
            ]
            try:
                yield worker
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks, timeout=15)


async def start() -> list[Row]:
    """Bar 3."""
    rows = []
    async with postgres() as server:
        for name in ("F", "S"):
            dsn = await new_database(server, f"start_{name.lower()}", slow=name == "S")
            async with Database.open(dsn) as db, idling(dsn, db) as worker, raw(dsn) as bare:
                await _until_done(db)
                found = await interleaved({"z2": lambda: _to_the_worker(db, worker), "raw": lambda: _raw_start(bare)})
            rows.append(
                Row(3, f"submission to the job in a worker's hands, p50, {name}", found["z2"], "ms",
                    "raw INSERT, NOTIFY, claim", found["raw"], most=2.5, note=PEERS,
                    why="a submission looks for the same video first, and a claim weighs gates, limits and lanes "
                        "under a lock: several statements in a transaction each, where the raw way has one")
            )  # fmt: skip
    return rows


async def _to_the_worker(db: Database, worker: Idler) -> float:
    """The median of milliseconds from submitting to the claim in hand."""
    waits = []
    for number in range(AT_ONCE):
        there: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        worker.on_job = partial(_note, there)
        began = time.perf_counter()
        await new_job(db, f"https://example.org/{number}")
        waits.append((await asyncio.wait_for(there, 10) - began) * 1000)
        await _until_done(db)
    return median(waits)


def _note(there: asyncio.Future[float]) -> None:
    there.set_result(time.perf_counter())


async def _until_done(db: Database) -> None:
    await eventually(lambda: _none_left(db), 60, every=0.005)


async def _none_left(db: Database) -> bool:
    left: int = await db.fetchval(_LEFT)
    return left == 0


@asynccontextmanager
async def raw(dsn: str) -> AsyncIterator[tuple[Any, Any, asyncio.Queue[None]]]:
    """A bare queue: who submits, who claims, and what the latter hears of the former."""
    submitter, claimer, ears = [await asyncpg.connect(dsn) for _ in range(3)]
    heard: asyncio.Queue[None] = asyncio.Queue(10_000)
    try:
        await submitter.execute(_RAW)
        await ears.add_listener("raw", lambda *_: heard.put_nowait(None))
        yield submitter, claimer, heard
    finally:
        for connection in (submitter, claimer, ears):
            await connection.close()


async def _raw_start(bare: tuple[Any, Any, asyncio.Queue[None]]) -> float:
    """The same for a table, a NOTIFY and an UPDATE."""
    submitter, claimer, heard = bare
    waits = []
    for number in range(AT_ONCE):
        began = time.perf_counter()
        await submitter.execute(_RAW_SUBMIT, f"https://example.org/{number}")
        await asyncio.wait_for(heard.get(), 10)
        assert await claimer.fetchval(_RAW_CLAIM)
        waits.append((time.perf_counter() - began) * 1000)
    return median(waits)


async def drain() -> list[Row]:
    """Bar 5, but for what many finished jobs cost (`bench.scale`)."""
    rows = []
    async with postgres() as server:
        for name in ("F", "S"):
            dsn = await new_database(server, f"drain_{name.lower()}", slow=name == "S")
            async with Database.open(dsn) as db, idling(dsn, db) as worker, raw(dsn) as bare:
                found = await interleaved(
                    {"z2": lambda: jobs_per_s(db, worker), "raw": lambda: _raw_drain(bare)}, warm=False
                )
            rows.append(
                Row(5, f"jobs without work through a worker, {name}", found["z2"], "jobs/s", "raw claim and end",
                    found["raw"], least=round(max(PGQUEUER, PROCRASTINATE), 2),
                    note=f"{PEERS}; wanted is the share of the raw limit that they had when the bar was set, "
                    "1x of the one and 1.3x of the other",
                    why="a claim and an end are a transaction of four and six statements, each end tells everybody")
            )  # fmt: skip
        rows.append(Row(5, "jobs that two processes ran twice", await _by_two(server), "", "", 0))
    return rows


async def jobs_per_s(db: Database, worker: Idler) -> float:
    """How many jobs a second go through the queue when hundreds come at once."""
    left, done = [JOBS], asyncio.Event()

    def count() -> None:
        left[0] -= 1
        if not left[0]:
            done.set()

    worker.on_end = count
    await db.execute(_MANY, JOBS)
    began = time.perf_counter()
    await asyncio.wait_for(done.wait(), 60)
    return JOBS / (time.perf_counter() - began)


async def _raw_drain(bare: tuple[Any, Any, asyncio.Queue[None]]) -> float:
    """The same with one statement for a claim and one for an end."""
    submitter, claimer, _ = bare
    await submitter.execute("INSERT INTO raw_jobs (url) SELECT '' FROM generate_series(1, $1::int)", JOBS)
    began = time.perf_counter()
    while (job := await claimer.fetchval(_RAW_CLAIM)) is not None:
        await claimer.execute("UPDATE raw_jobs SET status = 'COMPLETED' WHERE id = $1", job)
    return JOBS / (time.perf_counter() - began)


async def _by_two(server: EmbeddedPostgres) -> float:
    """How many of the jobs that two processes take from one queue are run twice."""
    dsn = await new_database(server, "by_two")
    async with Database.open(dsn) as db:
        with (
            short_tmp() as folder,
            program("bench.queueing", dsn, folder / "one", ready=folder / "one"),
            program("bench.queueing", dsn, folder / "two", ready=folder / "two"),
        ):
            await db.execute(_MANY, JOBS)
            await _until_done(db)
            workers = await db.fetchval("SELECT count(DISTINCT worker_id) FROM job_attempts")
            assert workers == 2, "only one of them has worked"
        twice: int = await db.fetchval(_TWICE)
    return twice


async def _main(dsn: str, ready: Path) -> None:
    async with Database.open(dsn) as db, idling(dsn, db):
        ready.touch()
        await asyncio.sleep(120)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_main(sys.argv[1], Path(sys.argv[2])))
