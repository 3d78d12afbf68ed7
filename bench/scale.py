"""What a million jobs cost against a thousand: submitting, every list, statistics, the dashboard (bars 4-7, 13).

Two databases on one server, with durable defaults; both hold finished jobs of the same kinds, and some that wait. Each
round does everything in both, one after the other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import asyncpg

from bench.ground import daemon, new_database, postgres
from bench.queueing import idling, jobs_per_s
from bench.rounds import Row, interleaved, ms_of
from bench.tui_cost import opened
from z2d.postgres.server import EmbeddedPostgres
from z2d.store import reads
from z2d.store.claims import claim
from z2d.store.database import Database
from z2d.store.listing import ListQuery
from z2d.store.stats import stats
from z2d.store.submission import submit
from z2d.store.upkeep import upkeep
from z2d.wire import filters
from z2d.wire.jobs import JobStatus, NewJobFields

FEW, MANY = 1000, 1_000_000
PIECE = 50_000  # rows of one statement
WAITING = 200
REPEATS, ROUNDS = 5, 7
WRITERS, EACH = 8, 60
COUNTED = (
    "the total of a list with filters is counted, up to 10,000; of a thousand jobs there are fewer to count, and often "
    "less than a page to show"
)
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
_PLAIN_OFFSET = "SELECT * FROM job_list ORDER BY created_at DESC, id DESC LIMIT 50 OFFSET $1"


@dataclass
class Library:
    """One of the two databases, and how often something was submitted to it."""

    db: Database
    dsn: str
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
    connection = await asyncpg.connect(dsn)
    try:
        async with Database.open(dsn) as db:
            for first in range(1, jobs + 1, PIECE):
                last = min(jobs, first + PIECE - 1)
                await connection.execute(_FINISHED, first, last, timeout=300)
                await connection.execute(_DESCRIBED, first, last, timeout=300)
                await upkeep(db)  # as the daemon does each minute, and the server soon after that
                await connection.execute("VACUUM job_counts", timeout=60)
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


async def deeds(few: Library, many: Library) -> dict[str, tuple[int, float, Callable[[Library], Awaitable[Any]]]]:
    """Everything that is compared, by its name: the bar, how much dearer it may be, and how it is done."""
    behind = {one.jobs: await one.deep(ListQuery(), 18) for one in (few, many)}
    found: dict[str, tuple[int, float, Callable[[Library], Awaitable[Any]]]] = {}
    found["submitting one URL"] = 4, 1.2, Library.submit
    for name, query in LISTS.items():
        found[f"list, {name}"] = 6, 1.3, partial(Library.page, query=query)
    found["list, behind 18 pages"] = 6, 1.3, lambda one: one.page(ListQuery(cursor=behind[one.jobs]))
    found["one job in detail"] = 6, 1.3, lambda one: reads.detail(one.db, one.jobs // 2)
    found["statistics"] = 7, 2, lambda one: stats(one.db)
    found["claiming the next job"] = 5, 1.3, Library.claim
    return found


async def million() -> list[Row]:
    """Bars 4, 6 and 7, and what a million jobs cost of 5 and 13."""
    rows = []
    async with postgres() as server, AsyncExitStack() as open_ones:
        libraries = []
        for jobs in (FEW, MANY):
            dsn = await new_database(server, f"of_{jobs}")
            await fill(dsn, jobs)
            db = await open_ones.enter_async_context(Database.open(dsn))
            await db.execute(_WAITING, WAITING)
            await db.execute(_WORKER)
            libraries.append(Library(db, dsn, jobs))
        few, many = libraries
        for name, (bar, most, deed) in (await deeds(few, many)).items():
            ways = {str(one.jobs): partial(ms_of, partial(deed, one), REPEATS) for one in libraries}
            small, large = (await interleaved(ways, rounds=ROUNDS)).values()
            why = COUNTED if name.startswith("list") else ""
            rows.append(Row(bar, f"{name}, a million jobs", large, "ms", "a thousand", small, most=most, why=why))
        rows += [await _offset(many), await _counting(server), await _drained(few, many), *await _opened(few, many)]
    return rows


async def _offset(many: Library) -> Row:
    """A list by number instead of cursor."""
    half = many.jobs // 2
    plain = await asyncpg.connect(many.dsn)  # without the limits in time of z2's own connections
    try:
        found = await interleaved({
            "z2": lambda: ms_of(lambda: many.page(ListQuery(offset=half))),
            "plain": lambda: ms_of(lambda: plain.fetch(_PLAIN_OFFSET, half, timeout=60)),
        })  # fmt: skip
    finally:
        await plain.close()
    return Row(6, f"list, {half:,} jobs skipped", found["z2"], "ms", "plain OFFSET", found["plain"], most=0.4)


async def _counting(server: EmbeddedPostgres) -> Row:
    """What the counts that statistics read cost those who write."""
    async with AsyncExitStack() as open_ones:
        dbs = {name: await new_database(server, name) for name in ("counted", "uncounted")}
        open_dbs = {name: await open_ones.enter_async_context(Database.open(dsn)) for name, dsn in dbs.items()}
        await open_dbs["uncounted"].execute("ALTER TABLE jobs DISABLE TRIGGER jobs_count")
        ways = {name: partial(_written, Library(db, dbs[name], 0)) for name, db in open_dbs.items()}
        found = await interleaved(ways)
    return Row(7, f"submissions of {WRITERS} writers at once, counted for the statistics", found["counted"], "jobs/s",
               "not counted", found["uncounted"], least=0.8)  # fmt: skip


async def _written(library: Library) -> float:
    """Submissions a second of so many writers."""

    async def write() -> None:
        for _ in range(EACH):
            await library.submit()

    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(WRITERS):
            tasks.create_task(write(), name=f"writer {number}")
    return WRITERS * EACH / (time.perf_counter() - began)


async def _drained(few: Library, many: Library) -> Row:
    """Jobs through the queue, beside many that are finished. Whatever waited is done after it."""
    async with AsyncExitStack() as open_ones:
        ways = {}
        for one in (few, many):
            worker = await open_ones.enter_async_context(idling(one.dsn, one.db))
            ways[str(one.jobs)] = partial(jobs_per_s, one.db, worker)
        small, large = (await interleaved(ways)).values()
    return Row(5, "jobs without work through a worker, beside a million finished ones", large, "jobs/s", "a thousand",
               small, least=0.9)  # fmt: skip


async def _opened(few: Library, many: Library) -> list[Row]:
    """The dashboard, in front of a daemon with many jobs."""
    memory: dict[int, float] = {}
    with daemon(Z2_DATABASE_URL=few.dsn) as small, daemon(Z2_DATABASE_URL=many.dsn) as large:

        def painted(jobs: int, one: Any) -> float:
            ms, memory[jobs] = opened(one.socket, "example.org")  # of the jobs drained last
            return ms

        ways = {"few": partial(painted, few.jobs, small), "many": partial(painted, many.jobs, large)}
        found = await interleaved(ways)
    return [
        Row(13, "dashboard with a million jobs, to the first on the screen", found["many"], "ms", "a thousand",
            found["few"], most=1.2),
        Row(13, "memory of the dashboard with a million jobs", memory[many.jobs], "MiB", "a thousand",
            memory[few.jobs], most=1.2),
    ]  # fmt: skip
