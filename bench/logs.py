"""How fast log lines get into the database (bars 1 and 2): the writer against raw COPY, and the way of a single line.

    python -m bench.logs [--lines N] [--rounds N] [--dsn DSN]

Without a DSN it starts an embedded server of its own with the durable defaults. F is the server as it is; S makes each
commit cost 2 ms (commit_delay), as on a cloud disk. Ratios are of medians from interleaved rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg

from tests.support import short_tmp
from z2d.bus import Bus, LogsAppended
from z2d.postgres.server import EmbeddedPostgres
from z2d.store.database import Database
from z2d.store.log_writer import LogWriter
from z2d.store.migrations import migrate
from z2d.store.submission import submit
from z2d.wire.jobs import LogLevel, NewJobFields

LINE = "frame= 1012 fps= 25 q=28.0 size=    1024kB time=00:00:40.48 bitrate= 207.2kbits/s speed=1.01x"
SLOW_COMMIT = "ALTER DATABASE {} SET commit_delay = 2000; ALTER DATABASE {} SET commit_siblings = 0"


async def new_job(db: Database) -> int:
    job, _ = await submit(db, url="https://example.org/", site=None, dedup_key=None, job=NewJobFields())
    return job.id


async def through_the_writer(db: Database, lines: int) -> float:
    """Lines per second from `write` to committed."""
    job = await new_job(db)
    async with LogWriter(db, max_bytes=1 << 30, flood_rate=1e9, flood_burst=1e9) as writer:
        started = time.perf_counter()
        for number in range(lines):
            writer.write(job, LogLevel.INFO, "download", "ffmpeg", LINE)
            if number % 500 == 0:
                await asyncio.sleep(0)  # as the reader of a child's pipe does between two pieces
        assert await writer.flush(job, 600)
        took = time.perf_counter() - started
    assert await db.fetchval("SELECT count(*) FROM job_logs WHERE job_id = $1", job) == lines
    return lines / took


async def by_copy(db: Database, lines: int) -> float:
    """Lines per second of one raw COPY into a table like job_logs."""
    columns = ["job_id", "seq", "at", "level", "stage", "source", "message"]
    now = datetime.now(UTC)
    async with db.connection() as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS raw_logs (LIKE job_logs INCLUDING ALL)")
        await connection.execute("TRUNCATE raw_logs")
        await connection.execute("SET statement_timeout = '60s'")
        started = time.perf_counter()
        await connection.copy_records_to_table(
            "raw_logs",
            columns=columns,
            records=((1, number, now, 20, "download", "ffmpeg", LINE) for number in range(lines)),
            timeout=60,
        )
        return lines / (time.perf_counter() - started)


async def one_commit(db: Database) -> float:
    """Seconds of the smallest commit."""
    job = await new_job(db)
    took = []
    for _ in range(50):
        started = time.perf_counter()
        await db.execute("UPDATE jobs SET progress = random() WHERE id = $1", job)
        took.append(time.perf_counter() - started)
    return statistics.median(took)


async def line_to_event(db: Database, rate: int) -> float:
    """The 99th percentile of seconds from `write` to the event after the commit, at `rate` lines a second."""
    job = await new_job(db)
    bus = Bus()
    said: list[float] = []
    late: list[float] = []

    async def hear() -> None:
        with bus.subscribe(10_000) as events:
            while len(late) < rate * 2:
                event = await events.get(10)
                assert isinstance(event, LogsAppended)
                now = time.perf_counter()
                late.extend(now - at for at in said[len(late) : event.last_seq])

    async with LogWriter(db, bus=bus, flood_rate=1e9, flood_burst=1e9) as writer:
        hearing = asyncio.create_task(hear(), name="hear")
        await asyncio.sleep(0)
        started = time.perf_counter()
        while len(said) < rate * 2:
            due = int((time.perf_counter() - started) * rate) - len(said)
            for _ in range(due):
                said.append(time.perf_counter())
                writer.write(job, LogLevel.INFO, "download", "ffmpeg", LINE)
            await asyncio.sleep(0.001)
        await hearing
    return statistics.quantiles(late, n=100)[98]


async def measure(name: str, dsn: str, lines: int, rounds: int) -> None:
    async with Database.open(dsn) as db:
        copied, written = [], []
        for _ in range(rounds):
            copied.append(await by_copy(db, lines))
            written.append(await through_the_writer(db, lines))
        copy, writer = statistics.median(copied), statistics.median(written)
        print(f"{name} lines/s: COPY {copy:,.0f}, writer {writer:,.0f}, ratio {writer / copy:.2f} (bar 1: >= 0.5)")
        commit = await one_commit(db)
        for rate in (500, 5000):
            p99 = statistics.median([await line_to_event(db, rate) for _ in range(rounds)])
            print(
                f"{name} line to event at {rate}/s: p99 {p99 * 1000:.1f} ms, one commit {commit * 1000:.1f} ms, "
                f"ratio {p99 / commit:.1f} (bar 2: <= 5 on S)"
            )


@asynccontextmanager
async def server(dsn: str | None) -> AsyncIterator[str]:
    if dsn:
        yield dsn
        return
    with short_tmp() as folder:
        async with EmbeddedPostgres(folder / "pg") as running:
            yield running.dsn


async def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--lines", type=int, default=300_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--dsn", help="an empty or z2 database; it is written to")
    given = options.parse_args()
    async with server(given.dsn) as dsn:
        await migrate(dsn)
        await measure("F", dsn, given.lines, given.rounds)
        connection = await asyncpg.connect(dsn)
        name = await connection.fetchval("SELECT quote_ident(current_database())")
        try:
            await connection.execute(SLOW_COMMIT.format(name, name))
            await measure("S", dsn, given.lines, given.rounds)
        finally:
            await connection.execute(
                f"ALTER DATABASE {name} RESET commit_delay; ALTER DATABASE {name} RESET commit_siblings"
            )
            await connection.close()


if __name__ == "__main__":
    asyncio.run(main())
