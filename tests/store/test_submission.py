from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from z2d.store import claims, requests, submission
from z2d.store.database import Database
from z2d.store.known import known_keys
from z2d.store.submission import Submission, submit, submit_many
from z2d.wire.errors import Conflict
from z2d.wire.jobs import DisplayStatus, JobOptions, JobStatus, NewJobFields, Outcome, WaitReason
from z2d.wire.reasons import ErrorClass

from .making import claimed, job, worker

URL = "https://example.org/watch"


async def test_many_at_once_are_answered_in_their_order(db: Database) -> None:
    there, _ = await submit(db, url=URL, site="s", dedup_key="k7", job=NewJobFields())
    batch = [Submission(f"{URL}/{number % 120}", "s", f"k{number % 120}") for number in range(130)]
    answers = await submit_many(db, batch, job=NewJobFields(tags=["t"]))
    assert answers[7] == (there.id, True)
    made = [job_id for job_id, known in answers if not known]
    assert len(made) == 119
    assert made == sorted(made), "the queue has the order of the batch"
    assert [answers[number] for number in range(120, 130)] == [(answers[number][0], True) for number in range(10)]
    assert await db.fetchval("SELECT count(*) FROM jobs WHERE tags = '{t}'") == 119


async def test_batches_that_name_the_same_videos_in_another_order_do_not_meet(db: Database) -> None:
    batch = [Submission(f"{URL}/{number}", "s", f"k{number}") for number in range(100)]
    runs = await asyncio.gather(*(submit_many(db, batch[::step], job=NewJobFields()) for step in (1, -1, 1, -1)))
    assert len({job_id for answers in runs for job_id, _ in answers}) == 100
    assert sum(not known for answers in runs for _, known in answers) == 100


async def test_a_batch_outlasts_a_lock_that_is_held_for_too_long(db: Database) -> None:
    async with db.transaction() as other:
        await other.execute(submission._ONE_BATCH_AT_A_TIME)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                submission, "_ONE_BATCH_AT_A_TIME", f"SET LOCAL lock_timeout = 50; {submission._ONE_BATCH_AT_A_TIME}"
            )
            answers = await submit_many(db, [Submission(URL, "s", "k"), Submission(URL, "s", "k")], job=NewJobFields())
    assert [known for _, known in answers] == [False, True]


async def test_forty_parallel_submissions_of_one_video_make_one_job(db: Database) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(submit(db, url=URL, site="s", dedup_key="k", job=NewJobFields()), name=f"submit {number}")
            for number in range(40)
        ]
    answers = [task.result() for task in tasks]
    assert len({made.id for made, _ in answers}) == 1
    assert [seen for _, seen in answers].count(False) == 1
    assert await db.fetchval("SELECT count(*) FROM jobs") == 1


async def test_submissions_while_the_job_completes_never_make_a_second(db: Database) -> None:
    for number in range(10):
        claim = await claimed(db, key=f"k{number}", url=URL)
        async with asyncio.TaskGroup() as group:
            group.create_task(claims.finish(db, claim, Outcome.FULL), name="finish")
            for other in range(8):
                group.create_task(
                    submit(db, url=URL, site="s", dedup_key=f"k{number}", job=NewJobFields()), name=f"submit {other}"
                )
        assert await db.fetchval("SELECT count(*) FROM jobs WHERE dedup_key = $1", f"k{number}") == 1


async def test_who_answers_for_a_new_submission(db: Database) -> None:
    claim = await claimed(db, key="k")
    assert (await job(db, key="k", force=True)).id == claim.job_id, "an unfinished one, forced or not"
    await claims.finish(db, claim, Outcome.FULL)
    assert (await job(db, key="k")).id == claim.job_id, "a completed one"
    assert await known_keys(db, ["k"]) == {"k": claim.job_id}
    forced = await job(db, key="k", force=True)
    assert forced.id != claim.job_id
    assert await known_keys(db, ["k"]) == {"k": forced.id}, "the unfinished one before the completed one"


async def test_failed_and_cancelled_jobs_answer_for_nobody(db: Database) -> None:
    failed = await claimed(db, key="k")
    await claims.fail(db, failed, ErrorClass.GEO, "no", None)
    second = await job(db, key="k")
    assert second.id != failed.job_id
    await requests.ask_cancel(db, second.id)
    assert await known_keys(db, ["k"]) == {}
    assert (await job(db, key="k")).id not in {failed.job_id, second.id}


async def test_an_idempotency_key_gives_the_same_job_even_after_it_failed(db: Database) -> None:
    first = await job(db, url=URL, client_key="once")
    await requests.ask_cancel(db, first.id)
    assert (await job(db, url=URL, client_key="once")).id == first.id
    with pytest.raises(Conflict):
        await job(db, url=URL + "?other", client_key="once")
    other, seen = await submit(
        db, url=URL, site=None, dedup_key=None, job=NewJobFields(), submitted_by="somebody else", client_key="once"
    )
    assert (other.id != first.id, seen) == (True, False)


async def test_what_was_asked_for_is_kept(db: Database) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    options = JobOptions(audio_only=True, languages=["de"])
    made = await job(db, priority=7, tags=["a", "b"], profile="p", options=options, run_after=soon, force=True)
    assert (made.priority, made.tags, made.display_status) == (7, ["a", "b"], DisplayStatus.SCHEDULED)
    assert await claims.claim(db, await worker(db)) is None
    due = await claims.next_due(db)
    assert due is not None
    assert 3500 < due <= 3600
    await db.execute("UPDATE jobs SET run_after = now()")
    claim = await claims.claim(db, await worker(db))
    assert claim is not None
    assert (claim.options, claim.profile, claim.forced) == (options, "p", True)


async def test_a_job_on_hold_waits_for_its_person(db: Database) -> None:
    made = await job(db, hold=True)
    assert (made.status, made.display_status, made.wait_reason) == (
        JobStatus.QUEUED,
        DisplayStatus.PAUSED,
        WaitReason.USER,
    )
    assert await claims.claim(db, await worker(db)) is None
    assert await claims.next_due(db) is None


async def test_keys_of_any_length_are_unique(db: Database) -> None:
    long = "url:https://example.org/" + "x" * 4000
    first = await job(db, key=long + "1")
    assert (await job(db, key=long + "2")).id != first.id
    assert (await job(db, key=long + "1")).id == first.id


async def test_batches_while_their_jobs_complete_never_make_a_second(db: Database) -> None:
    batch = [Submission(f"{URL}/{number}", "s", f"k{number}") for number in range(12)]
    held = [await claimed(db, key=f"k{number}", url=f"{URL}/{number}") for number in range(6)]
    async with asyncio.TaskGroup() as group:
        for claim in held:
            group.create_task(claims.finish(db, claim, Outcome.FULL), name=f"finish {claim.job_id}")
        runs = [
            group.create_task(submit_many(db, batch, job=NewJobFields()), name=f"batch {number}") for number in range(4)
        ]
    made = {row["dedup_key"]: row["id"] for row in await db.fetch("SELECT dedup_key, id FROM jobs")}
    assert len(made) == await db.fetchval("SELECT count(*) FROM jobs") == 12
    for run in runs:
        assert [job_id for job_id, _ in run.result()] == [made[f"k{number}"] for number in range(12)]


async def test_a_batch_sent_again_gives_the_same_jobs_and_no_key_twice(db: Database) -> None:
    batch = [Submission(f"{URL}/{number}", None, None, f"once#{number}") for number in range(60)]
    first = await submit_many(db, batch, job=NewJobFields(force=True))
    again = await submit_many(db, [*batch, Submission(URL, None, None, "new")], job=NewJobFields(force=True))
    assert [known for _, known in first] == [False] * 60
    assert again[:60] == [(job_id, True) for job_id, _ in first]
    assert again[60][1] is False
    with pytest.raises(Conflict):
        await submit_many(db, [Submission(URL, None, None, "x"), Submission(URL + "/2", None, None, "x")],
                          job=NewJobFields())  # fmt: skip


async def test_forced_in_one_batch_a_video_is_made_once(db: Database) -> None:
    done = await claimed(db, key="k", url=URL)
    await claims.finish(db, done, Outcome.FULL)
    answers = await submit_many(
        db, [Submission(URL, "s", "k"), Submission(URL, "s", "k"), Submission(URL)], job=NewJobFields(force=True)
    )
    assert [known for _, known in answers] == [False, True, False]
    assert answers[0][0] == answers[1][0] != done.job_id
