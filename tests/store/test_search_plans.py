"""The search reads indexes: what it costs depends on what is found, not on how much there is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.store.test_plans import filled, indexes, plan_of, scanned
from z2d.postgres.server import EmbeddedPostgres
from z2d.store import asking, search
from z2d.store.asking import Asked
from z2d.store.search import SearchQuery
from z2d.wire.filters import parse

pytestmark = pytest.mark.xdist_group("search plans")
FILL = """
    INSERT INTO jobs (url, site) SELECT 'https://example.org/' || n, 'site' FROM generate_series(1, 4000) n;
    INSERT INTO job_metadata (job_id, extractor, source_id, media_key, media_key_at, webpage_url, title, language)
        SELECT id, 'x', id, id, now(), url, 'Film number' || id, 'en' FROM jobs;
    INSERT INTO job_analysis (job_id, backend, input_hash, summary_short, summary, language)
        SELECT id, 'offline', 'h', 'Summary' || id, 'All of it', 'en' FROM jobs;
    INSERT INTO transcripts (job_id, language, source, is_primary) SELECT id, 'en', 'ASR', true FROM jobs;
    INSERT INTO transcript_segments (transcript_id, seq, job_id, start_ms, end_ms, text, tsv)
        SELECT t.id, n, t.job_id, n * 1000, n * 1000 + 900, said, z2_words('en', said)
        FROM transcripts t, generate_series(0, 9) n, concat('word', (t.id * 10 + n) % 5000, ' and something') said;
"""
ASKED = Asked({"english": "'word77'", "simple": "'word77'"}, frozenset({"english"}))


@pytest.fixture(scope="module")
def full_dsn(pg_server: EmbeddedPostgres) -> str:
    """40,000 cues."""
    return filled(pg_server, "z2_full_search", FILL, "VACUUM ANALYZE")


@pytest.fixture
async def full(full_dsn: str) -> AsyncIterator[Any]:
    """A connection to it."""
    connection = await asyncpg.connect(full_dsn)
    yield connection
    await connection.close()


@pytest.mark.parametrize("text", ["", "site:site", "age<7d -error:GEO"])
@pytest.mark.parametrize("cursor", [None, search._cursor_of({"mark": "0.200000", "job_id": 7})])
async def test_candidates_come_from_the_word_indexes(full: Any, text: str, cursor: str | None) -> None:
    sql, args = search.ranked_sql(SearchQuery("x", cursor=cursor, filter=parse(text)), ASKED)
    for _ in range(8):  # after five times PostgreSQL may change to a plan that knows no parameters: it must not
        await full.fetch(sql, *args)
    plan = await plan_of(full, sql, args)
    assert {"transcript_segments_tsv_idx", "job_metadata_tsv_idx", "job_analysis_tsv_idx"} <= indexes(plan)
    assert scanned(plan) <= {"jobs", "transcripts", "job_stages"}, "few rows are quicker read than looked up"


async def test_cues_of_a_page_are_found_by_their_key(full: Any) -> None:
    plan = await plan_of(full, search._LOOKED_AT, ["{1,2}", "{3,4}", "{english}", "{'word77'}"])
    assert "transcript_segments_pkey" in indexes(plan)
    assert scanned(plan) == set()
    plan = await plan_of(full, search._SHOWN, ["{1,2}", "{3,4}", "{t,f}", "'word77'"])
    assert scanned(plan) == set()
    plan = await plan_of(full, search._TEXTS, ["{1,2}", "'word77'", "{english}", "{'word77'}"])
    assert scanned(plan) == set()


async def test_languages_are_found_without_reading_every_row(full: Any) -> None:
    plan = await plan_of(full, asking._ASK, ["{word}"])
    assert {"transcripts_lang_idx", "job_metadata_lang_idx", "job_analysis_lang_idx"} <= indexes(plan)
    assert scanned(plan) == set()
