"""What becomes of a job whose worker dies, and of one whose worker must not die of it."""

from __future__ import annotations

from typing import Any

import pytest

from z2d.store import claims, logs, reads, requests, rescue, stages, workers
from z2d.store.database import Database
from z2d.wire.jobs import JobStatus, Outcome, StageName, WaitReason
from z2d.wire.reasons import ErrorClass

from .making import claimed, job, silence, worker


async def test_a_job_that_ends_its_worker_each_time_is_poison(db: Database) -> None:
    made = await job(db)
    for attempt in range(1, claims.POISON_AFTER + 1):
        assert (await lose(db)).attempt == attempt
    found = await reads.detail(db, made.id)
    assert (found.status, found.attempt, found.max_attempts) == (JobStatus.FAILED, 3, 5)
    assert found.error is not None
    assert found.error.code == ErrorClass.POISON
    assert {one.result for one in found.attempts} == {"LOST"}
    lines = (await logs.page(db, made.id)).items
    assert len(lines) == 3
    assert "gone" in lines[-1].message
    assert (await requests.retry(db, made.id)).status == JobStatus.QUEUED
    await lose(db)
    assert (await reads.summary(db, made.id)).status == JobStatus.QUEUED, "a person's retry counts anew"


async def lose(db: Database) -> claims.Claim:
    """A worker takes the next job, and dies."""
    claim = await claims.claim(db, await worker(db))
    assert claim is not None
    await silence(db, claim.worker_id)
    assert await rescue.rescue(db, 30) == [claim.job_id]
    return claim


@pytest.mark.parametrize("sign", ["a stage", "a checkpoint", "another end"])
async def test_workers_lost_to_a_job_that_gets_on_are_an_accident(db: Database, sign: str) -> None:
    made = await job(db)
    await db.execute("UPDATE jobs SET max_attempts = 50")
    for _ in range(2):
        for _ in range(claims.POISON_AFTER - 1):
            await lose(db)
        claim = await claims.claim(db, await worker(db))
        assert claim is not None
        await stages.start_stage(db, claim, StageName.TRANSCRIPT, "h", 1)
        if sign == "a stage":
            await stages.finish_stage(db, claim, StageName.TRANSCRIPT, input_hash="h", artefacts=[])
        elif sign == "a checkpoint":
            await stages.checkpoint_stage(db, claim, StageName.TRANSCRIPT, {"chunks": 1})
        assert await claims.requeue(db, claim, WaitReason.RETRY, 0, attempt_used=True) == JobStatus.QUEUED
    assert (await reads.summary(db, made.id)).status == JobStatus.QUEUED


async def test_stored_options_that_cannot_be_used_cost_one_job(db: Database) -> None:
    """Written by another version, or by hand: neither does the worker die of them, nor is the next job kept waiting."""
    broken, good = await job(db), await job(db)
    stored = {"max_height": "tall", "live": "perhaps", "of_a_newer_version": 1}
    await db.execute("UPDATE jobs SET options = $2 WHERE id = $1", broken.id, stored)
    claim = await claims.claim(db, await worker(db))
    assert claim is not None
    assert claim.job_id == good.id
    found = await reads.detail(db, broken.id)
    assert found.status == JobStatus.FAILED
    assert found.error is not None
    assert (found.error.code, found.error.message) == (
        ErrorClass.BAD_OPTIONS,
        "Stored options cannot be used: live, max_height.",
    )
    assert "Submit it again" in found.error.hint


async def test_who_is_declared_gone_while_such_a_job_fails_takes_no_other(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await job(db)
    await db.execute("""UPDATE jobs SET options = '{"max_height": "tall"}'""")
    write = claims.fail

    async def too_late(*given: Any) -> JobStatus:
        await silence(db, who)
        assert await rescue.rescue(db, 30) == [made.id]
        return await write(*given)

    monkeypatch.setattr(claims, "fail", too_late)
    who = await worker(db)
    assert await claims.claim(db, who) is None
    assert (await reads.summary(db, made.id)).status is JobStatus.QUEUED
    monkeypatch.undo()
    assert await claims.claim(db, await worker(db)) is None
    assert (await reads.summary(db, made.id)).status is JobStatus.FAILED


async def test_the_rescue_leaves_the_living_alone_and_does_not_count_time_of_work(db: Database) -> None:
    claim = await claimed(db)
    await db.execute("UPDATE jobs SET started_at = now() - interval '1 day'")
    assert await workers.beat(db, claim.worker_id)
    assert await rescue.rescue(db, 30) == []
    assert await claims.finish(db, claim, Outcome.FULL) == JobStatus.COMPLETED


async def test_at_start_an_installation_takes_up_its_own_jobs_at_once(db: Database) -> None:
    mine, other = await worker(db, installation="mine"), await worker(db, installation="other")
    first, second = await claimed(db, mine), await claimed(db, other)
    new = await worker(db, installation="mine")
    assert await rescue.rescue_installation(db, "mine", keep=new) == [first.job_id]
    assert await claims.finish(db, second, Outcome.FULL) == JobStatus.COMPLETED
    assert (await reads.summary(db, first.job_id)).status == JobStatus.QUEUED
