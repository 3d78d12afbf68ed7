"""What a million jobs cost against a thousand: submitting, every list, statistics, claims (bars 4, 6 and 7).

    python -m bench.scale [--jobs N] [--rounds N]

Two databases on one server, with durable defaults; both hold finished jobs of the same kinds, and some that wait. Each
round does everything in both, one after the other; a figure is the median of the rounds, a ratio that of two medians.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import asyncpg

from tests.support import short_tmp
from z2d.postgres.server import EmbeddedPostgres
from z2d.store import reads
from z2d.store.claims import claim
from z2d.store.database import Database
from z2d.store.listing import ListQuery
from z2d.store.migrations import migrate
from z2d.store.stats import stats
from z2d.store.submission import submit
from z2d.store.upkeep import upkeep
from z2d.wire import filters
from z2d.wire.jobs import JobStatus, NewJobFields

FEW = 1000
PIECE = 50_000  # rows of one statement
WAITING = 200
_FINISHED = """
    INSERT INTO jobs (url, site, dedup_key, status, outcome, error_class, priority, title, tags, bytes, attempt,
                      created_at, started_at, finished_at)
    SELECT 'https://site' || n % 7 || '.example/' || n, 'site' || n % 7, 'url:' || n,
        CASE WHEN n % 12 = 0 THEN 'FAILED' ELSE 'COMPLETED' END, CASE WHEN n % 12 <> 0 THEN 'FULL' END,
        CASE WHEN n % 12 = 0 THEN 'NOT_FOUND' END, n % 3, 'The talk number ' || n || ' of ' || n % 977,
        ARRAY['tag' || n % 19], 1000000 + n, 1, at, at + interval '1 s', at + interval '40 s'
    FROM generate_series($1::int, $2::int) n, LATERAL (SELECT now() - interval '1 day' - n * interval '20 s') x(at)
"""
_DESCRIBED = """
    INSERT INTO job_metadata (job_id, extractor, source_id, media_key, media_key_at, webpage_url, title, channel)
    SELECT id, 'e', id, 'key' || id, now(), url, title, 'Channel ' || id % 17 FROM jobs WHERE id BETWEEN $1 AND $2
"""
_WAITING = """
    INSERT INTO jobs (url, site, dedup_key, title)
    SELECT 'https://new.example/' || n, 'new', 'url:new' || n, 'Waits ' || n FROM generate_series(1, $1::int) n
"""
_WORKER = """
    INSERT INTO workers (id, installation, hostname, pid, version, capacity, heartbeat_at)
    VALUES ('w', '', '', 1, '', 64, now() + interval '1 day')
"""


@dataclass
class Library:
    """One of the two databases, and how often something was submitted to it."""

    db: Database
    jobs: int
    submitted: int = 0

    async def submit(self) -> None:
        """One new URL, as POST /api/jobs stores it."""
        self.submitted += 1
        url = f"https://again.example/{self.submitted}"
        await submit(self.db, url=url, site="again", dedup_key=f"url:{url}", job=NewJobFields())

    async def claim(self) -> None:
        """The next job for the one worker."""
        assert await claim(self.db, "w") is not None

    async def page(self, query: ListQuery) -> None:
        """One page of the list."""
        assert (await reads.page(self.db, query)).items, query

    async def deep(self, query: ListQuery, pages: int) -> str | None:
        """The cursor behind so many pages of 50."""
        cursor = None
        for _ in range(pages):
            cursor = (await reads.page(self.db, replace(query, cursor=cursor))).next_cursor
        return cursor


async def fill(dsn: str, jobs: int) -> None:
    """So many jobs, nearly all of them finished."""
    await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    try:
        async with Database.open(dsn) as db:
            for first in range(1, jobs + 1, PIECE):
                last = min(jobs, first + PIECE - 1)
                await connection.execute(_FINISHED, first, last, timeout=300)
                await connection.execute(_DESCRIBED, first, last, timeout=300)
                await upkeep(db)  # as the daemon does each minute, and the server soon after that
                await connection.execute("VACUUM job_counts", timeout=60)
            await connection.execute(_WAITING, WAITING)
            await upkeep(db)
        await connection.execute("VACUUM ANALYZE", timeout=600)
    finally:
        await connection.close()


LISTS = {
    "newest first": ListQuery(),
    "failed": ListQuery(status=(JobStatus.FAILED,)),
    "of a site": ListQuery(site="site3"),
    "of a channel": ListQuery(channel="Channel 7"),
    "with a tag": ListQuery(tag="tag7"),
    "by title": ListQuery(sort="title", order="asc"),
    "by priority": ListQuery(sort="priority"),
    "by end": ListQuery(sort="finished_at"),
    "words of the title": ListQuery(q="talk 77"),
    "a line of filters": ListQuery(filter=filters.parse("status:failed site:site3 age<30d")),
}


async def deeds(few: Library, many: Library) -> dict[str, Callable[[Library], Awaitable[Any]]]:
    """Everything that is compared, by its name."""
    behind = {one.jobs: await one.deep(ListQuery(), 18) for one in (few, many)}
    found: dict[str, Callable[[Library], Awaitable[Any]]] = {"submit one URL": Library.submit}
    for name, query in LISTS.items():
        found[f"list, {name}"] = partial(Library.page, query=query)
    found["list, behind 18 pages"] = lambda one: one.page(ListQuery(cursor=behind[one.jobs]))
    found["list, half of it skipped"] = lambda one: one.page(ListQuery(offset=one.jobs // 2))
    found["one job in detail"] = lambda one: reads.detail(one.db, one.jobs // 2)
    found["statistics"] = lambda one: stats(one.db)
    found["claim the next job"] = Library.claim
    return found


async def timed(deed: Callable[[Library], Awaitable[Any]], library: Library, repeats: int) -> float:
    """Milliseconds of one of so many in a row."""
    began = time.perf_counter()
    for _ in range(repeats):
        await deed(library)
    return (time.perf_counter() - began) * 1000 / repeats


async def measure(few: Library, many: Library, rounds: int) -> None:
    """Print a line for each deed."""
    print(f"{'':28}{few.jobs:>12,} jobs{many.jobs:>12,} jobs    ratio")
    for name, deed in (await deeds(few, many)).items():
        times: dict[int, list[float]] = {few.jobs: [], many.jobs: []}
        for turn in range(rounds + 1):  # the first one warms up
            for library in (few, many) if turn % 2 else (many, few):
                took = await timed(deed, library, repeats=5)
                if turn:
                    times[library.jobs].append(took)
        small, large = statistics.median(times[few.jobs]), statistics.median(times[many.jobs])
        print(f"{name:28}{small:14.2f} ms{large:14.2f} ms{large / small:9.2f}")


async def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--jobs", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=7)
    given = options.parse_args()
    with short_tmp() as folder:
        async with EmbeddedPostgres(folder / "pg") as server, AsyncExitStack() as open_ones:
            libraries = []
            for jobs in (FEW, given.jobs):
                owner = await asyncpg.connect(server.dsn)
                await owner.execute(f"CREATE DATABASE of_{jobs}")
                await owner.close()
                began = time.perf_counter()
                await fill(server.dsn_of(f"of_{jobs}"), jobs)
                db = await open_ones.enter_async_context(Database.open(server.dsn_of(f"of_{jobs}")))
                await db.execute(_WORKER)
                size = await db.fetchval("SELECT pg_size_pretty(pg_database_size(current_database()))")
                print(f"{jobs:,} jobs stored in {time.perf_counter() - began:.0f} s, {size}")
                libraries.append(Library(db, jobs))
            few, many = libraries
            await measure(few, many, given.rounds)


if __name__ == "__main__":
    asyncio.run(main())
