"""The statements that run all the time keep their index, with many rows and whichever plan the server settles on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import asyncpg
import pytest

from tests.conftest import TEMPLATE
from z2d.postgres.server import EmbeddedPostgres
from z2d.store import claims, known, log_writer, logs, reads, stages
from z2d.store.database import Database
from z2d.store.listing import ListQuery, cursor_of, page_sql
from z2d.wire.jobs import JobStatus, StageName

from .making import claimed

pytestmark = pytest.mark.xdist_group("plans")
FILL = """
    INSERT INTO workers (id, installation, hostname, pid, version, capacity) VALUES ('w', '', '', 1, '', 2);
    INSERT INTO jobs (url, site, dedup_key, status, outcome, finished_at, priority, title, tags, created_at)
    SELECT 'https://example.org/' || n, 'site' || n % 50, 'key' || n,
        CASE WHEN n % 100 = 0 THEN 'QUEUED' WHEN n % 10 = 0 THEN 'FAILED' ELSE 'COMPLETED' END,
        CASE WHEN n % 10 <> 0 THEN 'FULL' END,
        CASE WHEN n % 100 <> 0 THEN now() - n * interval '1 minute' END,
        n % 3, 'The talk number ' || n, ARRAY['tag' || n % 200], now() - n * interval '1 minute'
    FROM generate_series(1, 20000) n;
    UPDATE jobs SET status = 'RUNNING', worker_id = 'w' WHERE id IN (100, 200);
    INSERT INTO job_log_heads (job_id, last_seq) SELECT n, 10000 FROM generate_series(1, 20000) n;
    INSERT INTO job_logs (job_id, seq, at, level, source, message)
    SELECT job, n, now(), 20, 'z2', 'line' FROM generate_series(1, 5) job, generate_series(1, 10000) n;
    INSERT INTO job_metadata (job_id, extractor, source_id, media_key, media_key_at, webpage_url, title, channel)
    SELECT n, 'e', n, 'key' || n, now(), 'u', 'The talk number ' || n, 'Channel ' || n % 500
    FROM generate_series(1, 20000) n;
    INSERT INTO job_attempts (job_id, run_token, attempt, worker_id, waited_ms)
    SELECT n, 1, 1, 'w', 0 FROM generate_series(1, 20000) n;
    INSERT INTO job_stages (job_id, stage, status, run_token)
    SELECT n, 'download', 'DONE', 1 FROM generate_series(1, 20000) n;
    ANALYZE;
"""


def filled(server: EmbeddedPostgres, name: str, *texts: str) -> str:
    """A database with these rows, for all tests of a file (which are a group, so that it is made once)."""

    async def fill() -> str:
        for dsn, text in (
            ("postgres", f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"),
            *((name, text) for text in texts),
        ):
            connection = await asyncpg.connect(server.dsn_of(dsn))
            await connection.execute(text, timeout=60)
            await connection.close()
        return server.dsn_of(name)

    return asyncio.run(fill())


@pytest.fixture(scope="module")
def full_dsn(pg_server: EmbeddedPostgres) -> str:
    """20,000 jobs and 50,000 lines."""
    return filled(pg_server, "z2_full", FILL)


@pytest.fixture
async def full(full_dsn: str) -> AsyncIterator[Any]:
    """A connection to it that plans without knowing its parameters."""
    connection = await asyncpg.connect(full_dsn, server_settings={"plan_cache_mode": "force_generic_plan"})
    yield connection
    await connection.close()


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)


async def plan_of(connection: Any, text: str, args: list[Any]) -> list[dict[str, Any]]:
    await connection.execute(f"PREPARE looked_at AS {text}")
    try:
        values = [await connection.fetchval("SELECT quote_nullable($1::text)", str(value)) for value in args]
        given = f"({', '.join(values)})" if values else ""
        (row,) = await connection.fetch(f"EXPLAIN (FORMAT JSON) EXECUTE looked_at{given}")
    finally:
        await connection.execute("DEALLOCATE looked_at")
    return list(nodes((row[0] if isinstance(row[0], list) else json.loads(row[0]))[0]["Plan"]))


def indexes(plan: list[dict[str, Any]]) -> set[str]:
    return {node["Index Name"] for node in plan if "Index Name" in node}


def scanned(plan: list[dict[str, Any]]) -> set[str]:
    return {node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"} - {
        "site_gates",
        "workers",
        "queue_settings",
    }


async def test_claiming_reads_the_head_of_the_queue(full: Any) -> None:
    plan = await plan_of(full, claims._CLAIM, ["w"])
    assert "jobs_claim_idx" in indexes(plan)
    assert scanned(plan) == set()
    assert not [node for node in plan if any("rank" in key for key in node.get("Sort Key", ()))]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(
    ("fields", "index"),
    [
        ({}, "jobs_list_idx"),
        ({"status": [JobStatus.FAILED]}, "jobs_status_list_idx"),
        ({"site": "site7"}, "jobs_site_list_idx"),
        ({"sort": "finished_at"}, "jobs_finished_idx"),
        ({"sort": "title"}, "jobs_title_idx"),
        ({"sort": "status"}, "jobs_status_list_idx"),
        ({"sort": "priority"}, "jobs_priority_idx"),
    ],
)
async def test_every_page_of_a_list_is_read_from_its_index_in_order(
    full: Any, fields: dict[str, Any], index: str, order: str
) -> None:
    first = ListQuery(order=order, limit=20, **fields)  # type: ignore[arg-type]
    text, args = page_sql(first)
    row = (await full.fetch(text, *args))[10]
    later = ListQuery(order=order, limit=20, cursor=cursor_of(first, row), **fields)  # type: ignore[arg-type]
    for query in (first, later):
        plan = await plan_of(full, *page_sql(query))
        assert index in indexes(plan)
        assert scanned(plan) == set()
        picking = next(node for node in plan if node["Node Type"] == "Limit")
        assert not any("Sort" in node["Node Type"] for node in nodes(picking)), "the page itself needs no sorting"
        if query.cursor:
            assert any("Index Cond" in node for node in nodes(picking)), "a later page begins at its place"


async def test_words_are_looked_up(full: Any) -> None:
    plan = await plan_of(full, *page_sql(ListQuery(q="talk number 777")))
    assert "jobs_words_idx" in indexes(plan)


@pytest.mark.parametrize(
    ("text", "args", "index"),
    [
        (logs._PAGE + " AND seq > $2 ORDER BY seq LIMIT $3", [1, 500, 100], "job_logs_pkey"),
        (logs._PAGE + " AND seq < $2 ORDER BY seq DESC LIMIT $3", [1, 500, 100], "job_logs_pkey"),
        (logs._HEAD, [1], "job_log_heads_pkey"),
        (log_writer._FIND, [1, 9990, "2026-01-01", "z2", "line"], "job_logs_pkey"),
        (reads._SUMMARIES, ["{1,2,3}"], "jobs_pkey"),
        (reads._RUNNING_PROGRESS, [], "jobs_status_list_idx"),
        (reads._DETAIL, [1], "jobs_pkey"),
        (claims._PENDING_REQUESTS, ["w"], "jobs_running_idx"),
        (stages._PROGRESS, [1, 1, "w", "download", 0.5, 0.5, 1, 1, 1, 1, "d"], "jobs_pkey"),
        (stages._SAME_MEDIA, [1, 1, "w", "key5"], "job_metadata_media_idx"),
        (known._ANSWERING, ["{key5,key6}", False], "jobs_dedup_idx"),
    ],
)
async def test_small_things_are_found_by_their_key(full: Any, text: str, args: list[Any], index: str) -> None:
    plan = await plan_of(full, text, args)
    assert index in indexes(plan)
    assert scanned(plan) <= {
        "job_files",
        "job_attempts",
        "job_analysis",
        "job_publishing",
        "transcripts",
    }


async def test_updates_while_a_job_runs_touch_no_index(db: Database) -> None:
    claim = await claimed(db)
    await stages.start_stage(db, claim, StageName.DOWNLOAD, "h", 1)
    async with db.connection() as connection:
        await connection.execute("VACUUM jobs, job_stages")
    before = await updates(db)
    for share in range(50):
        await stages.save_progress(
            db, claim, StageName.DOWNLOAD, stage_progress=share / 50, job_progress=share / 50, detail=str(share)
        )
    after = await updates(db)
    for name in ("jobs", "job_stages"):
        assert after[name] - before[name] == (50, 50), name


class Updates(NamedTuple):
    all: int
    hot: int

    def __sub__(self, other: Updates) -> tuple[int, int]:
        return self.all - other.all, self.hot - other.hot


async def updates(db: Database) -> dict[str, Updates]:
    """How many updates each table has seen, and how many of them were heap-only."""
    async with db.connection() as connection:
        await connection.execute("SELECT pg_stat_force_next_flush()")
        rows = await connection.fetch("SELECT relname, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables")
    return {row["relname"]: Updates(row["n_tup_upd"], row["n_tup_hot_upd"]) for row in rows}
