from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from z2d.store import claims, reads, requests, stages
from z2d.store.database import Database
from z2d.store.reads import ListQuery
from z2d.store.stats import stats
from z2d.store.upkeep import upkeep
from z2d.wire.errors import FileNotFound, InvalidRequest, JobNotFound, TranscriptNotFound
from z2d.wire.jobs import JobStatus, Outcome, StageName, StageStatus
from z2d.wire.reasons import ErrorClass

from .making import artefact, claimed, job, metadata, worker

SORTS = ["created_at", "finished_at", "title", "status", "priority"]


async def test_all_that_was_cancelled_within_a_day(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [(await job(db)).id for _ in range(8)]
    for job_id in made[:7]:
        await requests.ask_cancel(db, job_id)
    await db.execute("UPDATE jobs SET finished_at = now() - interval '1 minute' WHERE id = ANY($1)", made[2:6])
    await db.execute("UPDATE jobs SET finished_at = now() - interval '2 days' WHERE id = $1", made[6])
    for at_once in (1, 2, 3, 1000):
        monkeypatch.setattr(reads, "AT_ONCE", at_once)
        found = [job_id async for job_id in reads.lately_cancelled(db)]
        assert found == [made[1], made[0], *reversed(made[2:6])]


async def many(db: Database) -> list[int]:
    """Jobs in several states, with equal times, priorities and titles among them."""
    who = await worker(db)
    made = []
    for number in range(23):
        claim = await claimed(db, who, priority=number % 3, tags=["even"] if number % 2 == 0 else [])
        made.append(claim.job_id)
        if number % 4 == 0:
            await stages.finish_stage(
                db,
                claim,
                StageName.METADATA,
                input_hash="h",
                artefacts=[],
                metadata=metadata("Same title", f"k{number}"),
            )
        if number % 3 == 0:
            await claims.finish(db, claim, Outcome.PARTIAL)
        elif number % 3 == 1:
            await claims.fail(db, claim, ErrorClass.GEO, "no", StageName.METADATA)
    await db.execute("UPDATE jobs SET created_at = date_trunc('hour', created_at) WHERE id % 2 = 0")
    return made


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", SORTS)
async def test_pages_by_cursor_hold_every_job_once_in_order(db: Database, sort: Any, order: Any) -> None:
    made = await many(db)
    whole = (await reads.page(db, ListQuery(sort=sort, order=order, limit=500))).items
    assert sorted(one.id for one in whole) == made
    if sort == "priority":
        assert [one.priority for one in whole] == sorted((one.priority for one in whole), reverse=order == "desc")
    if sort == "finished_at":
        unfinished = [one.finished_at is None for one in whole]
        assert unfinished == sorted(unfinished, reverse=order == "desc"), "what is still to finish counts as the latest"
    walked, cursor = [], None
    while True:
        page = await reads.page(db, ListQuery(sort=sort, order=order, limit=4, cursor=cursor))
        assert page.total == len(made)
        walked += page.items
        if (cursor := page.next_cursor) is None:
            break
        assert len(page.items) == 4
    assert walked == whole
    by_offset = (await reads.page(db, ListQuery(sort=sort, order=order, limit=4, offset=20))).items
    assert by_offset == whole[20:24]


async def test_filters(db: Database) -> None:
    made = await many(db)
    special = await job(db, site="vimeo", url="https://video.example.net/Some-Lecture_2024?id=77")

    async def ids(**fields: Any) -> set[int]:
        page = await reads.page(db, ListQuery(limit=500, **fields))
        assert page.total == len(page.items)
        return {one.id for one in page.items}

    assert await ids(status=[JobStatus.QUEUED]) == {special.id}
    assert await ids(status=[JobStatus.QUEUED, JobStatus.FAILED]) == {special.id, *made[1::3]}
    assert await ids(site="vimeo") == {special.id}
    assert await ids(tag="even") == set(made[::2])
    assert await ids(channel="Same title") == set(made[::4])
    assert await ids(q="same TIT") == set(made[::4])
    assert await ids(q="lecture 2024") == await ids(q="net/some") == {special.id}
    assert await ids(q="no such words") == await ids(q="!?") == await ids(q="'; --") == set()
    now = datetime.now(UTC)
    assert await ids(since=now - timedelta(days=1), until=now + timedelta(days=1)) == {*made, special.id}
    assert await ids(until=now - timedelta(days=1)) == set()


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "====",
        "é",
        *(
            base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
            for value in (
                None,
                [],
                ["created_at", "desc"],
                ["created_at", "asc", "2026-01-01", "1"],
                ["title", "desc", "a", "1"],
                ["created_at", "desc", "not a time", "1"],
                ["created_at", "desc", "2026-01-01", "x"],
                ["created_at", "desc", "2026-01-01", str(2**63)],
                ["created_at", "desc", 5, 5],
                ["created_at", "desc", "2026-01-01", "1", "1"],
            )
        ),
    ],
)
async def test_a_cursor_of_elsewhere_is_refused(db: Database, cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        await reads.page(db, ListQuery(cursor=cursor))


async def test_active_jobs_stand_in_the_order_of_the_queue(db: Database) -> None:
    who = await worker(db)
    running = await claimed(db, who)
    done = await claimed(db, who)
    await claims.finish(db, done, Outcome.FULL)
    low, high = await job(db, priority=-5), await job(db, priority=5)
    assert [one.id async for some in reads.active(db) for one in some] == [running.job_id, high.id, low.id]
    assert [one.id for one in await reads.summaries(db, [high.id, 10**9, low.id])] == [low.id, high.id]


async def test_a_new_job_shows_all_six_stages(db: Database) -> None:
    made = await job(db)
    found = await reads.detail(db, made.id)
    assert [one.stage for one in found.stages] == list(StageName)
    assert {one.status for one in found.stages} == {StageStatus.PENDING}
    assert (found.metadata, found.transcript, found.analysis, found.files, found.attempts) == (None, None, None, [], [])


async def test_what_is_not_there_says_so(db: Database) -> None:
    made = await job(db)
    with pytest.raises(FileNotFound):
        await reads.file(db, made.id, 1)
    with pytest.raises(TranscriptNotFound):
        await reads.transcript(db, made.id)
    with pytest.raises(JobNotFound):
        await reads.file(db, 10**9, 1)
    with pytest.raises(JobNotFound):
        await reads.transcript(db, 10**9)


async def test_statistics_are_exact_and_survive_folding(db: Database) -> None:
    made = await many(db)
    claim = await claimed(db)
    await stages.start_stage(db, claim, StageName.DOWNLOAD, "h", 1)
    await stages.finish_stage(
        db, claim, StageName.DOWNLOAD, input_hash="h", artefacts=[artefact(), artefact("media/b.mp4")]
    )
    await claims.finish(db, claim, Outcome.FULL)
    before = await stats(db)
    await upkeep(db)
    await upkeep(db)
    after = await stats(db)
    assert after.model_copy(update={"as_of": before.as_of}) == before
    assert await db.fetchval("SELECT count(*) FROM job_counts") <= 6
    assert after.total == len(made) + 1
    assert after.counts == {"QUEUED": 0, "RUNNING": 7, "WAITING": 0, "COMPLETED": 9, "FAILED": 8, "CANCELLED": 0}
    assert (after.running, after.bytes_total, after.success_rate) == (7, 20, 9 / 17)
    assert (after.duration.count, after.stages["download"].count, after.queue_wait.count) == (9, 1, 17)
    (day,) = after.days
    assert (day.completed, day.failed, day.bytes) == (9, 8, 20)
    assert (await reads.page(db, ListQuery(status=[JobStatus.FAILED]))).total == 8


async def test_folding_writes_only_what_has_changed(db: Database) -> None:
    """A library of some years has thousands of these rows, and this happens every minute."""
    rows = "SELECT status, jobs, xmin::text FROM job_counts ORDER BY status"
    await many(db)
    await upkeep(db)
    before = await db.fetch(rows)
    await upkeep(db)
    assert await db.fetch(rows) == before
    await job(db)
    await upkeep(db)
    after = await db.fetch(rows)
    assert {row["status"] for row in after if row not in before} == {"QUEUED"}
    assert sum(row["jobs"] for row in after) == sum(row["jobs"] for row in before) + 1


async def test_statistics_of_nothing(db: Database) -> None:
    found = await stats(db)
    assert (found.total, found.success_rate, found.days, found.duration.avg_ms) == (0, None, [], None)


async def test_workers_that_are_long_gone_are_forgotten_and_others_kept(db: Database) -> None:
    old, silent, fresh = [await worker(db) for _ in range(3)]
    await db.execute("UPDATE workers SET heartbeat_at = now() - interval '2 days' WHERE id <> $1", fresh)
    await db.execute("UPDATE workers SET state = 'GONE' WHERE id = $1", old)
    await upkeep(db)
    assert {row["id"] for row in await db.fetch("SELECT id FROM workers")} == {silent, fresh}
