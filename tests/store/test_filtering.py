"""The filter language against real rows: each key finds what it says, alone and turned around."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from z2d.store import claims, reads, requests, stages
from z2d.store.database import Database
from z2d.store.reads import ListQuery
from z2d.wire.filters import DERIVED, GROUPS, STORED, parse
from z2d.wire.jobs import FINISHED, JobSummary, Outcome, StageName, WaitReason
from z2d.wire.reasons import ErrorClass

from . import making


async def found(db: Database, text: str, **fields: object) -> set[int]:
    page = await reads.page(db, ListQuery(limit=500, filter=parse(text), **fields))  # type: ignore[arg-type]
    assert page.total == len(page.items)
    return {one.id for one in page.items}


async def of_every_state(db: Database) -> list[JobSummary]:
    """A job in each state a person can see."""
    worker = await making.worker(db)
    made = []
    for end in ("full", "partial", "fail", "cancelled", "cancelling", "pausing", "running", "retry", "later"):
        job = await making.job(db, priority=100)
        claim = await claims.claim(db, worker)
        assert claim is not None
        made.append(job.id)
        match end:
            case "full" | "partial":
                await claims.finish(db, claim, Outcome(end.upper()))
            case "fail":
                await claims.fail(db, claim, ErrorClass.GEO, "not here", StageName.METADATA)
            case "cancelled" | "cancelling":
                await requests.ask_cancel(db, job.id)
                if end == "cancelled":
                    await claims.cancelled(db, claim)
            case "pausing":
                await db.execute("UPDATE jobs SET pause_requested_at = now() WHERE id = $1", job.id)
            case "retry":
                await claims.requeue(db, claim, WaitReason.RETRY, 900, attempt_used=True)
            case "later":
                await claims.requeue(db, claim, WaitReason.LIVE_NOT_STARTED, 900, attempt_used=False)
    made += [(await making.job(db, hold=True)).id, (await making.job(db)).id]
    made.append((await making.job(db, run_after=datetime(2090, 1, 1, tzinfo=UTC))).id)
    return await reads.summaries(db, made)


async def test_states_are_those_that_the_list_shows(db: Database) -> None:
    jobs = await of_every_state(db)
    assert {job.display_status for job in jobs} >= set(DERIVED) | {"QUEUED", "RUNNING", "COMPLETED", "FAILED"}
    everything = {job.id for job in jobs}
    for word in STORED:
        expected = {job.id for job in jobs if job.status == word}
        assert await found(db, f"status:{word.lower()}") == expected
        assert await found(db, f"-status:{word}") == everything - expected
    for word in DERIVED:
        expected = {job.id for job in jobs if job.display_status == word}
        assert expected
        assert await found(db, f"status:{word.lower()}") == expected
        assert await found(db, f"-status:{word}") == everything - expected
        both = expected | {job.id for job in jobs if job.status == "FAILED"}
        assert await found(db, f"status:failed,{word}") == both
    assert set(GROUPS) == {"active", "finished", "done", "partial"}
    assert await found(db, "status:finished") == {job.id for job in jobs if job.status in FINISHED}
    assert await found(db, "status:active") == {job.id for job in jobs if job.status not in FINISHED}


async def test_each_key(db: Database) -> None:
    first = await making.claimed(db, site="youtube", tags=["talk", "dogs"], priority=5, profile="music")
    await stages.start_stage(db, first, StageName.METADATA, "h", 1)
    described = making.metadata("Café Olé")
    await stages.finish_stage(db, first, StageName.METADATA, input_hash="h", artefacts=[], metadata=described)
    await claims.finish(db, first, Outcome.FULL)
    second = await making.job(db, site="vimeo", tags=["talk"], url="https://vimeo.example/two_words-here")
    failed = await making.job(db, site=None, priority=1)
    claim = await claims.claim(db, await making.worker(db))
    assert claim is not None
    assert claim.job_id == failed.id
    await claims.fail(db, claim, ErrorClass.GEO, "not here", StageName.METADATA)
    await db.execute("UPDATE jobs SET created_at = now() - '8 days'::interval WHERE id = $1", failed.id)
    one, two, three = first.job_id, second.id, failed.id
    for text, expected in {
        "": {one, two, three},
        "site:youtube": {one},
        "site:youtube,vimeo": {one, two},
        "-site:youtube": {two, three},  # the one without a site too
        "tag:talk": {one, two},
        "tag:talk tag:dogs": {one},
        "tag:dogs,cats": {one},
        "-tag:dogs": {two, three},
        'channel:"Café Olé"': {one},
        '-channel:"Café Olé"': {two, three},
        "profile:music": {one},
        "error:geo": {three},
        "-error:geo": {one, two},
        "stage:metadata": {one, three},
        "outcome:full": {one},
        "-outcome:full": {two, three},
        f"id:{one},{two}": {one, two},
        f"id>{one}": {two, three},
        "parent:1": set(),
        "priority:5,1": {one, three},
        "priority<5": {two, three},
        "age<7d": {one, two},
        "age>7d": {three},
        "-age<7d": {three},
        "since:7d": {one, two},
        "until:7d": {three},
        "since:2090-01-01": set(),
        "until:2090-01-01": {one, two, three},
        "duration>30s": {one},
        "duration>=60s duration<=1:00": {one},
        "duration>1m": set(),
        "-duration>1m": {one, two, three},
        "caf": {one},
        '"words here"': {two},
        '"here words"': set(),
        "here words": {two},
        "-words": {one, three},
        "...": set(),
        "status:failed site:youtube": set(),
    }.items():
        assert await found(db, text) == expected, text
    assert await found(db, "tag:talk", site="youtube", q="caf") == {one}


async def test_pages_of_a_filtered_list_hold_every_job_once(db: Database) -> None:
    made = [(await making.job(db, tags=["a"] if number % 2 else [])).id for number in range(20)]
    seen: list[int] = []
    cursor = None
    while True:
        page = await reads.page(db, ListQuery(limit=3, cursor=cursor, filter=parse("tag:a age<1d")))
        seen += [one.id for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(seen) == made[1::2]


@pytest.mark.parametrize("value", ["'; DROP TABLE jobs; --", "\x1b[31mred", "{}", "$1", "%", "\\", "a:*", "&|!()"])
async def test_values_are_only_compared(db: Database, value: str) -> None:
    await making.job(db, tags=["x"])
    for key in ("site", "channel", "tag", "profile"):
        assert await found(db, f'{key}:"{value}"') == set()
        assert len(await found(db, f'-{key}:"{value}"')) == 1
    await found(db, f'"{value}"')


async def test_jobs_of_a_list_and_jobs_of_none(db: Database) -> None:
    parents = [(await making.job(db)).id for _ in range(2)]
    children = [(await making.job(db)).id for _ in range(2)]
    for parent, child in zip(parents, children, strict=True):
        await db.execute("UPDATE jobs SET parent_id = $1 WHERE id = $2", parent, child)
    everything = {*parents, *children}
    for text, expected in {
        "parent:none": set(parents),
        "-parent:none": set(children),
        f"parent:{parents[0]}": {children[0]},
        f"-parent:{parents[0]}": everything - {children[0]},
        f"parent:{parents[0]},{parents[1]}": set(children),
        f"parent:none,{parents[1]}": {*parents, children[1]},
    }.items():
        assert await found(db, text) == expected, text
