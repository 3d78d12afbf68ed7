from __future__ import annotations

import asyncio

import pytest

from z2d.store import claims, control, logs, outbox, reads, requests, rescue, stages, workers
from z2d.store.claims import LeaseLost
from z2d.store.database import Database
from z2d.wire.errors import AlreadyFinished, Conflict, JobNotFound
from z2d.wire.jobs import JobStatus, Outcome, StageName, StageStatus, WaitReason
from z2d.wire.reasons import ErrorClass

from .making import analysis, artefact, claimed, job, metadata, publication, silence, transcript, worker

META, DOWNLOAD, TRANSCRIPT = StageName.METADATA, StageName.DOWNLOAD, StageName.TRANSCRIPT


async def test_the_queue_is_served_by_priority_and_age_and_each_job_once(db: Database) -> None:
    low, first, second = await job(db, priority=-1), await job(db), await job(db)
    high = await job(db, priority=5)
    who = await worker(db)
    order = [await claims.claim(db, who) for _ in range(4)]
    assert [claim and claim.job_id for claim in order] == [high.id, first.id, second.id, low.id]
    assert await claims.claim(db, who) is None


async def test_many_workers_claim_each_job_once(db: Database) -> None:
    made = {(await job(db)).id for _ in range(60)}
    crew = [await worker(db) for _ in range(8)]

    async def work(who: str) -> list[int]:
        mine = []
        while claim := await claims.claim(db, who):
            mine.append(claim.job_id)
            await claims.finish(db, claim, Outcome.FULL)
        return mine

    done = [number for mine in await asyncio.gather(*map(work, crew)) for number in mine]
    assert sorted(done) == sorted(made)


async def test_a_closed_gate_parks_its_site_alone(db: Database) -> None:
    parked, other = await job(db, site="slow", priority=9), await job(db, site="fine")
    assert await claims.close_gate(db, "slow", 900, "RATE_LIMITED") == pytest.approx(900, abs=5)
    who = await worker(db)
    claim = await claims.claim(db, who)
    assert claim is not None
    assert claim.job_id == other.id
    due = await claims.next_due(db)
    assert due == pytest.approx(900, abs=5)

    assert await claims.close_gate(db, "slow", 10, "RATE_LIMITED") == pytest.approx(900, abs=5), "never shorter"
    await db.execute("UPDATE site_gates SET not_before = now()")
    half_open = await claims.claim(db, who)
    assert half_open is not None
    assert half_open.job_id == parked.id
    second = await job(db, site="slow")
    assert await claims.claim(db, who) is None, "one at a time until one has completed"
    assert await claims.close_gate(db, "slow", 900, "RATE_LIMITED") == pytest.approx(1800, abs=5), "the second strike"
    await claims.requeue(db, half_open, WaitReason.RATE_LIMITED, 0, attempt_used=False)
    await db.execute("UPDATE site_gates SET not_before = now()")
    probe = await claims.claim(db, who)
    assert probe is not None
    await claims.finish(db, probe, Outcome.FULL)
    assert await db.fetchval("SELECT count(*) FROM site_gates") == 0
    last = await claims.claim(db, who)
    assert last is not None
    assert {probe.job_id, last.job_id} == {parked.id, second.id}


async def test_a_long_download_from_before_does_not_hold_up_the_one_that_tries(db: Database) -> None:
    """It began when the site had nothing against it, and may go on for hours."""
    who = await worker(db)
    await claimed(db, who, site="slow")
    await job(db, site="slow")
    await job(db, site="slow")
    await claims.close_gate(db, "slow", 900, "RATE_LIMITED")
    assert await claims.claim(db, who) is None
    await db.execute("UPDATE site_gates SET not_before = clock_timestamp()")
    assert await claims.claim(db, who) is not None
    assert await claims.claim(db, who) is None, "and then one at a time"


async def test_a_stop_costs_no_attempt_and_a_wish_to_cancel_survives_it(db: Database) -> None:
    claim = await claimed(db)
    assert await claims.requeue(db, claim, WaitReason.SHUTDOWN, 0, attempt_used=False) == JobStatus.QUEUED
    found = await reads.summary(db, claim.job_id)
    assert (found.attempt, found.wait_reason) == (0, WaitReason.SHUTDOWN)
    again = await claims.claim(db, await worker(db))
    assert again is not None
    assert (again.attempt, again.run_token) == (1, 2)
    await requests.ask_cancel(db, claim.job_id)
    assert await claims.requeue(db, again, WaitReason.SHUTDOWN, 0, attempt_used=False) == JobStatus.CANCELLED
    attempts = (await reads.detail(db, claim.job_id)).attempts
    assert [(one.attempt, one.result) for one in attempts] == [(1, "SHUTDOWN"), (1, "CANCELLED")]


@pytest.mark.parametrize("reason", [WaitReason.SHUTDOWN, WaitReason.QUEUE_PAUSED])
async def test_what_is_put_down_goes_on_before_what_has_not_begun(db: Database, reason: WaitReason) -> None:
    first, second, later = await job(db), await job(db), await job(db)
    who = await worker(db)
    begun = [await claims.claim(db, who), await claims.claim(db, who)]
    assert [claim and claim.job_id for claim in begun] == [first.id, second.id]
    await db.execute("UPDATE jobs SET run_after = run_after - interval '1 hour'")  # they ran for an hour
    for claim in reversed(begun):
        assert claim is not None
        await claims.requeue(db, claim, reason, 0, attempt_used=False)
    again = [await claims.claim(db, who) for _ in range(3)]
    assert [claim and claim.job_id for claim in again] == [first.id, second.id, later.id]
    waited = await db.fetchval("SELECT max(waited_ms) FROM job_attempts WHERE run_token = 2")
    assert waited < 600_000, "what it ran is no waiting"


async def test_the_last_attempt_ends_the_job_with_its_error(db: Database) -> None:
    claim = await claimed(db)
    await db.execute("UPDATE jobs SET max_attempts = 1")
    status = await claims.requeue(
        db,
        claim,
        WaitReason.RETRY,
        30,
        attempt_used=True,
        error_class=ErrorClass.NETWORK,
        message="cut",
        stage=DOWNLOAD,
    )
    assert status == JobStatus.FAILED
    error = (await reads.summary(db, claim.job_id)).error
    assert error is not None
    assert (error.code, error.message, error.stage) == ("NETWORK", "cut", DOWNLOAD)
    assert "could not be reached" in error.hint


async def test_a_waiting_retry_shows_its_error_and_a_new_run_forgets_it(db: Database) -> None:
    claim = await claimed(db)
    await claims.requeue(
        db, claim, WaitReason.RETRY, 60, attempt_used=True, error_class=ErrorClass.NETWORK, message="m"
    )
    waiting = await reads.summary(db, claim.job_id)
    assert (waiting.display_status, waiting.error and waiting.error.code) == ("RETRYING", "NETWORK")
    assert (waiting.attempt, waiting.max_attempts) == (1, 5)
    assert waiting.run_after is not None
    assert await db.fetchval("SELECT $1 BETWEEN now() + interval '50 s' AND now() + interval '60 s'", waiting.run_after)
    await db.execute("UPDATE jobs SET run_after = now()")
    await claims.claim(db, await worker(db))
    assert (await reads.summary(db, claim.job_id)).error is None


async def test_a_pause_wish_keeps_place_and_attempt(db: Database) -> None:
    claim = await claimed(db)
    await db.execute("UPDATE jobs SET pause_requested_at = now()")
    assert (await reads.summary(db, claim.job_id)).display_status == "PAUSING"
    assert await claims.pending_requests(db, claim.worker_id) == [claims.Request(claim.job_id, False, True)]
    await claims.requeue(db, claim, WaitReason.RETRY, 30, attempt_used=True)
    paused = await reads.summary(db, claim.job_id)
    assert (paused.display_status, paused.wait_reason, paused.attempt) == ("PAUSED", WaitReason.USER, 0)


async def test_a_zombie_can_write_nothing_at_all(db: Database) -> None:
    zombie = await claimed(db)
    await stages.start_stage(db, zombie, META, "h", 1)
    await silence(db, zombie.worker_id)
    assert await rescue.rescue(db, 30) == [zombie.job_id]
    fresh = await claims.claim(db, await worker(db))
    assert fresh is not None
    before = await reads.detail(db, zombie.job_id)
    assert not await workers.beat(db, zombie.worker_id)
    for write in (
        claims.finish(db, zombie, Outcome.FULL),
        claims.fail(db, zombie, ErrorClass.UNKNOWN, "m", META),
        claims.requeue(db, zombie, WaitReason.RETRY, 0, attempt_used=True),
        claims.cancelled(db, zombie),
        stages.load_stages(db, zombie),
        stages.start_stage(db, zombie, META, "h", 1),
        stages.finish_stage(db, zombie, META, input_hash="h", artefacts=[artefact()], metadata=metadata()),
        stages.skip_stage(db, zombie, META, "r"),
        stages.fail_stage(db, zombie, META, ErrorClass.UNKNOWN, "m"),
        stages.checkpoint_stage(db, zombie, META, {"a": 1}),
        stages.save_progress(db, zombie, META, stage_progress=1, job_progress=1),
        stages.find_same_media(db, zombie, "k"),
    ):
        with pytest.raises(LeaseLost):
            await write
    assert await reads.detail(db, zombie.job_id) == before
    assert await claims.claim(db, zombie.worker_id) is None


async def test_cancel_at_every_moment(db: Database) -> None:
    queued = await job(db)
    for _ in range(2):
        assert (await requests.ask_cancel(db, queued.id)).status == JobStatus.CANCELLED
    claim = await claimed(db)
    for _ in range(2):
        assert (await requests.ask_cancel(db, claim.job_id)).display_status == "CANCELLING"
    assert await claims.pending_requests(db, claim.worker_id) == [claims.Request(claim.job_id, True, False)]
    assert await claims.finish(db, claim, Outcome.FULL) == JobStatus.CANCELLED, "asked before it was done"
    done = await claimed(db)
    await claims.finish(db, done, Outcome.FULL)
    with pytest.raises(AlreadyFinished):
        await requests.ask_cancel(db, done.job_id)
    with pytest.raises(JobNotFound):
        await requests.ask_cancel(db, 10**12)


async def test_what_was_still_to_be_sent_of_a_cancelled_job_is_not_sent(db: Database) -> None:
    """Cancelled in the queue, or as an entry of a list that waits: there is no run whose end would call it off."""
    me = await worker(db)
    await outbox.declare_targets(db, "here", [outbox.TargetRow("feed", "feed", ("publish",), "s")])
    alone, parent = await claimed(db, me), await claimed(db, me)
    child = await claimed(db, me)
    for claim in (alone, child):
        await stages.finish_stage(
            db, claim, StageName.PUBLISHING, input_hash="h", artefacts=[], publications=[publication()]
        )
        await claims.requeue(db, claim, WaitReason.SHUTDOWN, 0, attempt_used=False)
    await db.execute("UPDATE jobs SET parent_id = $1 WHERE id = $2", parent.job_id, child.job_id)
    await db.execute("UPDATE jobs SET status = 'WAITING', wait_reason = 'CHILDREN' WHERE id = $1", parent.job_id)
    sent = "SELECT job_id, status FROM job_publishing WHERE target = 'feed' ORDER BY job_id"
    assert [row["status"] for row in await db.fetch(sent)] == ["PENDING", "PENDING"]
    for claim in (alone, parent):
        await requests.ask_cancel(db, claim.job_id)
    assert [row["status"] for row in await db.fetch(sent)] == ["CANCELLED", "CANCELLED"]


async def test_cancelling_a_collection_reaches_all_its_unfinished_children(db: Database) -> None:
    parent = await claimed(db)
    await db.execute("UPDATE jobs SET status = 'WAITING', wait_reason = 'CHILDREN' WHERE id = $1", parent.job_id)
    running, queued = await claimed(db), await job(db)
    await db.execute("UPDATE jobs SET parent_id = $1 WHERE id <> $1", parent.job_id)
    assert (await requests.ask_cancel(db, parent.job_id)).status == JobStatus.CANCELLED
    assert (await reads.summary(db, running.job_id)).display_status == "CANCELLING"
    assert (await reads.summary(db, queued.id)).status == JobStatus.CANCELLED


async def test_retry_keeps_finished_stages_or_begins_again_from_one(db: Database) -> None:
    claim = await claimed(db)
    for stage in (META, DOWNLOAD, TRANSCRIPT):
        await stages.start_stage(db, claim, stage, f"h-{stage}", 1)
        await stages.finish_stage(
            db, claim, stage, input_hash=f"h-{stage}", artefacts=[artefact(f"{stage}/x")], checkpoint={"at": stage}
        )
    await stages.start_stage(db, claim, StageName.ANALYSIS, "h", 1)
    await claims.fail(db, claim, ErrorClass.UNKNOWN, "m", StageName.ANALYSIS)
    assert (await reads.detail(db, claim.job_id)).stages[4].status == StageStatus.FAILED
    again = await requests.retry(db, claim.job_id)
    assert (again.status, again.attempt, again.error, again.progress) == (JobStatus.QUEUED, 0, None, 0)
    with pytest.raises(Conflict):
        await requests.retry(db, claim.job_id)

    second = await claims.claim(db, await worker(db))
    assert second is not None
    stored = await stages.load_stages(db, second)
    assert [stored[name].status for name in (META, DOWNLOAD, TRANSCRIPT)] == [StageStatus.DONE] * 3
    assert stored[StageName.ANALYSIS].status == StageStatus.PENDING
    assert [one.path for one in stored[DOWNLOAD].files] == ["download/x"]
    await claims.finish(db, second, Outcome.FULL)

    await requests.retry(db, claim.job_id, DOWNLOAD)
    third = await claims.claim(db, await worker(db))
    assert third is not None
    stored = await stages.load_stages(db, third)
    assert (stored[META].status, stored[META].checkpoint) == (StageStatus.DONE, {"at": "metadata"})
    assert (stored[DOWNLOAD].status, stored[DOWNLOAD].input_hash, stored[DOWNLOAD].checkpoint) == ("PENDING", None, {})
    assert third.forced, "what was completed once does not become a duplicate"


async def test_retry_gives_way_to_a_job_that_is_at_it(db: Database) -> None:
    failed = await claimed(db, key="k")
    await claims.fail(db, failed, ErrorClass.GEO, "m", None)
    other = await job(db, key="k")
    with pytest.raises(Conflict, match=str(other.id)):
        await requests.retry(db, failed.job_id)


async def test_a_stage_leaves_all_its_results_or_none(db: Database) -> None:
    claim = await claimed(db)
    await stages.finish_stage(
        db, claim, META, input_hash="h", artefacts=[artefact("source/info.json")], metadata=metadata("A talk")
    )
    await stages.finish_stage(
        db, claim, TRANSCRIPT, input_hash="h", artefacts=[artefact("transcript/a.vtt")], transcript=transcript()
    )
    await stages.finish_stage(
        db, claim, StageName.ANALYSIS, input_hash="h", artefacts=[], analysis=analysis("One."), publications=()
    )
    await stages.finish_stage(
        db, claim, StageName.PUBLISHING, input_hash="h", artefacts=[], publications=[publication("a")]
    )
    await stages.finish_stage(
        db, claim, StageName.PUBLISHING, input_hash="h2", artefacts=[], publications=[publication("b")]
    )
    await claims.finish(db, claim, Outcome.FULL)
    found = await reads.detail(db, claim.job_id)
    assert found.metadata is not None
    assert (found.title, found.channel, found.metadata.title) == ("A talk", "A talk", "A talk")
    assert found.transcript is not None
    assert (found.transcript.segments, found.transcript.words) == (2, 5)
    assert found.analysis is not None
    assert found.analysis.summary == "One."
    assert [one.content_hash for one in found.publishing] == ["b"]
    assert [one.path for one in found.files] == ["source/info.json", "transcript/a.vtt"]
    assert [one.status for one in found.stages].count(StageStatus.DONE) == 4
    assert [one.text for one in (await reads.transcript(db, claim.job_id)).cues] == ["hello world", "and good bye"]
    assert await reads.file(db, claim.job_id, found.files[0].id) == found.files[0]
    across = await db.fetchval(
        "SELECT count(*) FROM transcript_segments WHERE tsv @@ phraseto_tsquery('world and good')"
    )
    assert across == 1, "a phrase that crosses the border of two cues is found at the first"


async def test_results_of_an_earlier_run_go_when_the_stage_ends_without(db: Database) -> None:
    claim = await claimed(db)
    await stages.finish_stage(
        db, claim, TRANSCRIPT, input_hash="h", artefacts=[artefact("transcript/a.vtt")], transcript=transcript()
    )
    await stages.finish_stage(db, claim, StageName.ANALYSIS, input_hash="h", artefacts=[], analysis=analysis())
    await stages.skip_stage(db, claim, TRANSCRIPT, "no captions")
    await stages.fail_stage(db, claim, StageName.ANALYSIS, ErrorClass.UNKNOWN, "m")
    found = await reads.detail(db, claim.job_id)
    assert (found.transcript, found.analysis, found.files) == (None, None, [])
    assert (found.stages[3].status, found.stages[3].skip_reason) == (StageStatus.SKIPPED, "no captions")


@pytest.mark.parametrize("wish", ["none", "pause"])
async def test_a_start_that_found_its_lane_closed_is_none(db: Database, wish: str) -> None:
    """Two parks and one "slow down" are not three tries of the transcript."""
    who = await worker(db)
    claim = await claimed(db, who)
    await stages.start_stage(db, claim, TRANSCRIPT, "h", 1)
    if wish == "pause":
        await control.pause(db, claim.job_id)
    await claims.requeue(db, claim, WaitReason.LANE_CLOSED, 0, attempt_used=False, stage=TRANSCRIPT)
    await control.resume(db, claim.job_id)
    parked = await claims.claim(db, who)
    assert parked is not None
    assert (await stages.load_stages(db, parked))[TRANSCRIPT].attempt == 0

    await stages.start_stage(db, parked, TRANSCRIPT, "h", 1)
    await stages.mark_lane(db, parked, TRANSCRIPT, waits=True)
    await claims.requeue(db, parked, WaitReason.SHUTDOWN, 0, attempt_used=False)
    in_line = await claims.claim(db, who)
    assert in_line is not None
    assert (await stages.load_stages(db, in_line))[TRANSCRIPT].attempt == 0, "nor is one that only stood in line"

    await stages.start_stage(db, in_line, TRANSCRIPT, "h", 1)
    await stages.mark_lane(db, in_line, TRANSCRIPT, waits=False)
    await claims.requeue(db, in_line, WaitReason.RATE_LIMITED, 0, attempt_used=False)
    tried = await claims.claim(db, who)
    assert tried is not None
    assert (await stages.load_stages(db, tried))[TRANSCRIPT].attempt == 1


async def test_a_checkpoint_lives_as_long_as_its_input(db: Database) -> None:
    claim = await claimed(db)
    await stages.start_stage(db, claim, DOWNLOAD, "h1", 1)
    await stages.checkpoint_stage(db, claim, DOWNLOAD, {"bytes": 5})
    await stages.start_stage(db, claim, DOWNLOAD, "h1", 1)
    stored = (await stages.load_stages(db, claim))[DOWNLOAD]
    assert (stored.checkpoint, stored.attempt) == ({"bytes": 5}, 2)
    await stages.start_stage(db, claim, DOWNLOAD, "h2", 1)
    assert (await stages.load_stages(db, claim))[DOWNLOAD].checkpoint == {}


async def test_a_finished_stage_has_done_all_its_bytes(db: Database) -> None:
    """Its reports are written once a second, so those of a fast download say little."""
    claim = await claimed(db)
    said: dict[str, int | None]
    for stage, files, said in (
        (DOWNLOAD, [artefact()], {"bytes_done": 1, "bytes_total": 12}),  # estimated; the file has 10
        (StageName.AUDIO, [], {}),
        (StageName.PUBLISHING, [], {"bytes_done": 1, "bytes_total": 12}),
    ):
        await stages.start_stage(db, claim, stage, "h", 1)
        if said:
            await stages.save_progress(db, claim, stage, stage_progress=0.1, job_progress=0.1, **said)
        await stages.finish_stage(db, claim, stage, input_hash="h", artefacts=files)
    found = {one.stage: one for one in (await reads.detail(db, claim.job_id)).stages}
    assert [(found[stage].bytes_done, found[stage].bytes_total) for stage in (DOWNLOAD, "audio", "publishing")] == [
        (10, 10),
        (None, None),
        (12, 12),
    ]
    await stages.start_stage(db, claim, DOWNLOAD, "h", 1)
    await stages.save_progress(db, claim, DOWNLOAD, stage_progress=0, job_progress=0.1, bytes_done=7)  # a live stream
    await stages.finish_stage(db, claim, DOWNLOAD, input_hash="h", artefacts=[artefact()])
    again = (await reads.detail(db, claim.job_id)).stages[1]
    assert (again.bytes_done, again.bytes_total) == (10, 10)


async def test_progress_never_falls_and_rewrites_no_index(db: Database) -> None:
    claim = await claimed(db)
    await stages.start_stage(db, claim, DOWNLOAD, "h", 1)
    before = await db.fetchval("SELECT rev FROM jobs WHERE id = $1", claim.job_id)
    for share in (0.5, 0.2, float("nan"), 7):
        await stages.save_progress(
            db, claim, DOWNLOAD, stage_progress=share, job_progress=share, speed_bps=1e300, eta_s=1e12, bytes_done=2**70
        )
    (row,) = await reads.running_progress(db)
    assert row == (claim.job_id, DOWNLOAD, 1.0, None, None)
    assert await db.fetchval("SELECT rev FROM jobs WHERE id = $1", claim.job_id) == before
    await db.execute("SELECT pg_stat_force_next_flush()")
    hot = await db.fetchrow("SELECT n_tup_hot_upd AS hot FROM pg_stat_user_tables WHERE relname = 'job_stages'")
    assert hot is not None


async def test_of_two_jobs_with_the_same_video_the_later_gives_way(db: Database) -> None:
    who = await worker(db)
    first, second = await claimed(db, who), await claimed(db, who)
    assert first.job_id < second.job_id
    # the younger job knows its video first: so it is the one that stays
    await stages.finish_stage(db, second, META, input_hash="h", artefacts=[], metadata=metadata(key="yt:1"))
    assert await stages.find_same_media(db, second, "yt:1") is None
    await stages.finish_stage(db, first, META, input_hash="h", artefacts=[], metadata=metadata(key="yt:1"))
    assert await stages.find_same_media(db, first, "yt:1") == second.job_id
    await claims.finish(db, first, Outcome.DUPLICATE, duplicate_of=second.job_id)
    assert (await reads.detail(db, first.job_id)).duplicate_of == second.job_id
    # and stays so when its metadata is read again
    await stages.finish_stage(db, second, META, input_hash="h", artefacts=[], metadata=metadata(key="yt:1"))
    assert await stages.find_same_media(db, second, "yt:1") is None


async def test_at_once_exactly_one_of_many_jobs_with_the_same_video_stays(db: Database) -> None:
    who = await worker(db)
    held = [await claimed(db, who) for _ in range(8)]

    async def look(claim: claims.Claim) -> int | None:
        await stages.finish_stage(db, claim, META, input_hash="h", artefacts=[], metadata=metadata(key="yt:2"))
        return await stages.find_same_media(db, claim, "yt:2")

    found = await asyncio.gather(*map(look, held))
    assert found.count(None) == 1
    assert set(found) == {None, held[found.index(None)].job_id}


async def test_a_deleted_job_is_gone_from_everywhere(db: Database) -> None:
    claim = await claimed(db, key="k")
    with pytest.raises(Conflict):
        await requests.mark_deleted(db, claim.job_id)
    await claims.finish(db, claim, Outcome.FULL)
    await requests.mark_deleted(db, claim.job_id)
    for look in (reads.summary, reads.detail, reads.transcript, logs.head, requests.mark_deleted, requests.retry):
        with pytest.raises(JobNotFound):
            await look(db, claim.job_id)  # type: ignore[operator]
    page = await reads.page(db, reads.ListQuery())
    assert (page.items, page.total) == ([], 0)
    assert (await job(db, key="k")).id != claim.job_id
