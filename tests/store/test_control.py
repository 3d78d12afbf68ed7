"""Pausing, moving, changing and explaining jobs, and the queue as a whole, straight at the store."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from z2d.bus import QueueChanged, Resync
from z2d.store import claims, control, gates, many, queue, reads, requests, stages, workers
from z2d.store.database import Database
from z2d.store.listen import listen
from z2d.store.why import why
from z2d.wire import filters
from z2d.wire.control import JobChanges, QueueMode, WhyCode
from z2d.wire.errors import AlreadyFinished, Conflict, JobNotFound, PreconditionFailed
from z2d.wire.jobs import JobOptions, JobStatus, Outcome, StageName, WaitReason
from z2d.wire.reasons import HINTS, ErrorClass

from . import making


async def order(db: Database) -> list[int]:
    return [job.id for job in (await queue.state(db)).next]


async def test_a_paused_job_of_the_queue_is_nobodys(db: Database) -> None:
    job = await making.job(db)
    paused = await control.pause(db, job.id)
    assert (paused.display_status, paused.wait_reason, paused.run_after) == ("PAUSED", WaitReason.USER, None)
    assert await claims.claim(db, await making.worker(db)) is None
    again = await control.pause(db, job.id)
    assert again.rev == paused.rev, "asked again nothing changes"
    resumed = await control.resume(db, job.id)
    assert (resumed.display_status, resumed.wait_reason) == ("QUEUED", None)
    assert (await control.resume(db, job.id)).rev == resumed.rev


async def test_what_was_submitted_on_hold_is_resumed(db: Database) -> None:
    job = await making.job(db, hold=True)
    assert (await control.resume(db, job.id)).display_status == "QUEUED"
    claim = await claims.claim(db, await making.worker(db))
    assert claim is not None
    assert claim.job_id == job.id


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


async def test_a_wanted_time_outlives_a_pause_and_being_on_hold(db: Database) -> None:
    wanted = in_an_hour()
    scheduled = await making.job(db, run_after=wanted)
    held = await making.job(db, run_after=wanted, hold=True)
    for _ in range(2):
        for job_id in (scheduled.id, held.id):
            paused = await control.pause(db, job_id)
            assert (paused.display_status, paused.run_after) == ("PAUSED", None)
            assert (await reads.detail(db, job_id)).due_after == wanted
            assert (await reads.summary(db, job_id)).due_after == wanted
            assert "lets it go on, and it may start in 60 min." in (await why(db, job_id)).sentence
        for job_id in (scheduled.id, held.id):
            job = await control.resume(db, job_id)
            assert (job.display_status, job.run_after, job.wait_reason) == ("SCHEDULED", wanted, None)
            assert (await reads.detail(db, job_id)).due_after is None
    assert await claims.claim(db, await making.worker(db)) is None

    await control.pause(db, held.id)
    await db.execute("UPDATE jobs SET due_after = now() - interval '1 hour' WHERE id = $1", held.id)
    assert (await reads.detail(db, held.id)).due_after is None, "it has come: a resume starts it at once"
    assert "may start" not in (await why(db, held.id)).sentence
    late = await control.resume(db, held.id)
    assert late.display_status == "QUEUED", "the time has come meanwhile"
    assert late.run_after is not None
    assert late.run_after > datetime.now(UTC) - timedelta(minutes=1), "who was paused comes behind who was not"


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (WaitReason.RETRY, "RETRYING"),
        (WaitReason.LIVE_NOT_STARTED, "SCHEDULED"),
        (WaitReason.RATE_LIMITED, "SCHEDULED"),
        (WaitReason.DISK_FULL, "SCHEDULED"),
    ],
)
@pytest.mark.parametrize("when", ["in the queue", "while it runs"])
async def test_why_and_until_when_a_job_waits_outlives_a_pause(
    db: Database, reason: WaitReason, shown: str, when: str
) -> None:
    """Also when the person pauses it in the moment in which its run ends by itself."""
    claim = await making.claimed(db)
    if when == "while it runs":
        await control.pause(db, claim.job_id)
    await claims.requeue(db, claim, reason, 3600, attempt_used=True, error_class=ErrorClass.NETWORK, message="m")
    paused = await control.pause(db, claim.job_id)
    assert (paused.display_status, paused.run_after) == ("PAUSED", None)
    job = await control.resume(db, claim.job_id)
    assert (job.display_status, job.wait_reason) == (shown, reason)
    assert job.run_after is not None
    assert timedelta(minutes=59) < job.run_after - datetime.now(UTC) < timedelta(minutes=61)

    await control.pause(db, claim.job_id)
    await db.execute("UPDATE jobs SET due_after = now() WHERE id = $1", claim.job_id)
    job = await control.resume(db, claim.job_id)
    assert (job.display_status, job.wait_reason) == ("QUEUED", None)


async def test_a_site_that_is_let_go_is_no_reason_for_paused_jobs_either(db: Database) -> None:
    claim = await making.claimed(db)
    await claims.requeue(db, claim, WaitReason.RATE_LIMITED, 3600, attempt_used=False)
    await control.pause(db, claim.job_id)
    assert await gates.release(db, "site") == 0
    assert (await reads.summary(db, claim.job_id)).display_status == "PAUSED"
    assert (await control.resume(db, claim.job_id)).display_status == "QUEUED"


async def test_a_job_before_a_closed_lane_is_there_again_after_a_pause(db: Database) -> None:
    await queue.set_lanes(db, {"download": 0})
    claim = await making.claimed(db)
    await claims.requeue(db, claim, WaitReason.LANE_CLOSED, 0, attempt_used=False, stage=StageName.DOWNLOAD)
    await control.pause(db, claim.job_id)
    assert (await control.resume(db, claim.job_id)).wait_reason is WaitReason.LANE_CLOSED
    assert (await why(db, claim.job_id)).code is WhyCode.LANE_CLOSED
    await control.pause(db, claim.job_id)
    await queue.set_lanes(db, {"download": 1})
    assert (await control.resume(db, claim.job_id)).wait_reason is None, "meanwhile it was opened"


async def test_resuming_everything_is_for_what_was_paused(db: Database) -> None:
    async def would(condition: str = "") -> list[int]:
        return await many.matching(db, filters.parse(condition), "resume", limit=100)

    held, again, paused = [(await making.job(db, hold=hold)).id for hold in (True, True, False)]
    await control.pause(db, paused)
    assert await would() == [paused]
    assert await would("status:paused") == [held, again, paused], "who names them means them"

    await control.pause(db, held)  # on hold as it is: that changes nothing
    assert await would() == [paused]
    await control.resume(db, again)
    await control.pause(db, again)
    assert await would() == [again, paused]
    await requests.ask_cancel(db, held)
    await requests.retry(db, held)
    await control.pause(db, held)
    assert await would() == [held, again, paused]


async def test_pausing_a_list_pauses_what_came_from_it(db: Database) -> None:
    who = await making.worker(db)
    parent = await making.claimed(db, who)
    await db.execute("UPDATE jobs SET status = 'WAITING', wait_reason = 'CHILDREN' WHERE id = $1", parent.job_id)
    running = await making.claimed(db, who)
    queued = await making.job(db)
    done = await making.claimed(db, who, priority=1)
    await claims.finish(db, done, Outcome.FULL)
    for job_id in (running.job_id, queued.id, done.job_id):
        await db.execute("UPDATE jobs SET parent_id = $2 WHERE id = $1", job_id, parent.job_id)

    async def states() -> list[str]:
        ids = (parent.job_id, running.job_id, queued.id, done.job_id)
        return [(await reads.summary(db, job_id)).display_status for job_id in ids]

    await control.pause(db, parent.job_id)
    assert await states() == ["WAITING", "PAUSING", "PAUSED", "COMPLETED"]
    await control.resume(db, parent.job_id)
    assert await states() == ["WAITING", "RUNNING", "QUEUED", "COMPLETED"]
    said = await why(db, parent.job_id)
    assert (said.code, said.sentence) == (WhyCode.CHILDREN, "It waits for 2 of the 3 jobs that came from it.")


async def test_a_job_that_is_being_cancelled_cannot_be_paused(db: Database) -> None:
    claim = await making.claimed(db)
    await requests.ask_cancel(db, claim.job_id)
    for act in (control.pause, control.resume):
        with pytest.raises(Conflict):
            await act(db, claim.job_id)
    await claims.cancelled(db, claim)
    for act in (control.pause, control.resume):
        with pytest.raises(AlreadyFinished):
            await act(db, claim.job_id)
        with pytest.raises(JobNotFound):
            await act(db, 999)


async def test_the_order_of_the_queue(db: Database) -> None:
    plain = (await making.job(db)).id
    later = (await making.job(db)).id
    urgent = (await making.job(db, priority=50)).id
    held = (await making.job(db, hold=True)).id
    assert await order(db) == [urgent, plain, later]
    await control.move(db, later, "first")
    assert await order(db) == [later, urgent, plain]
    await control.move(db, plain, "first")
    assert await order(db) == [plain, later, urgent]
    await control.move(db, urgent, "last")
    newest = (await making.job(db)).id
    assert await order(db) == [plain, later, newest, urgent]
    places = [(await reads.detail(db, job_id)).queue_position for job_id in await order(db)]
    assert places == [1, 2, 3, 4]
    assert (await reads.detail(db, held)).queue_position is None
    await control.change(db, urgent, JobChanges(priority=50))
    await control.change(db, plain, JobChanges(priority=0))
    assert await order(db) == [later, urgent, plain, newest], "a priority that is set takes a moved job back"
    assert [job.id async for some in reads.active(db) for job in some][:4] == await order(db)
    who = await making.worker(db)
    claimed = [await claims.claim(db, who) for _ in range(4)]
    assert [claim and claim.job_id for claim in claimed] == [later, urgent, plain, newest]
    with pytest.raises(Conflict):
        await control.move(db, later, "first")


async def test_places_are_those_of_the_list_also_with_a_site_left_alone(db: Database) -> None:
    await making.job(db, site="shut", priority=9)
    ids = [(await making.job(db)).id for _ in range(2)]
    behind = (await making.job(db, site="shut")).id
    await claims.close_gate(db, "shut", 900, "RATE_LIMITED")
    assert await order(db) == ids
    assert [(await reads.detail(db, job_id)).queue_position for job_id in (*ids, behind)] == [1, 2, None]
    assert (await why(db, behind)).queue_position is None
    await db.execute("UPDATE site_gates SET not_before = now()")
    assert [(await reads.detail(db, job_id)).queue_position for job_id in (*ids, behind)] == [2, 3, 4]


async def test_past_a_neighbour_and_no_further(db: Database) -> None:
    a, b, c, d = [(await making.job(db, priority=priority)).id for priority in (9, 5, 5, 0)]
    held = (await making.job(db, priority=7, hold=True)).id  # stands in no line
    await control.move(db, d, "up")
    assert await order(db) == [a, b, d, c]
    await control.move(db, d, "up")
    await control.move(db, d, "up")
    assert await order(db) == [d, a, b, c]
    for _ in range(2):
        await control.move(db, d, "up")
        assert await order(db) == [d, a, b, c], "the first stays the first"
    await control.move(db, a, "down")
    assert await order(db) == [d, b, a, c]
    for _ in range(3):
        await control.move(db, d, "down")
    await control.move(db, d, "down")
    assert await order(db) == [b, a, c, d]
    newest = (await making.job(db, priority=100)).id
    await control.move(db, newest, "first")
    await control.move(db, newest, "down")
    assert await order(db) == [b, newest, a, c, d]
    await control.move(db, held, "up")
    with pytest.raises(Conflict, match="more than 2"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(control, "_MOST_PASSED", 2)
        await control.move(db, d, "up")


async def test_movers_at_the_same_time_take_different_places(db: Database) -> None:
    ids = [(await making.job(db)).id for _ in range(8)]
    await asyncio.gather(*(control.move(db, job_id, "first") for job_id in ids))
    ranks = [row["rank"] for row in await db.fetch("SELECT rank FROM jobs ORDER BY rank")]
    assert ranks == list(range(-8, 0))


async def test_changing_a_job(db: Database) -> None:
    job = await making.job(db, options=JobOptions(max_height=720, languages=["de"]))
    changed = await control.change(
        db, job.id, JobChanges(priority=7, tags=["a", "b\x1b[31m", "a"], options=JobOptions(audio_only=True))
    )
    assert (changed.priority, changed.tags) == (7, ["a", "b"])
    stored = (await reads.detail(db, job.id)).options
    assert {name: stored[name] for name in ("audio_only", "max_height", "languages")} == {
        "audio_only": True,
        "max_height": 720,
        "languages": ["de"],
    }
    await control.change(db, job.id, JobChanges.model_validate({"options": {"max_height": None}}))
    assert (await reads.detail(db, job.id)).options["max_height"] is None
    claim = await claims.claim(db, await making.worker(db))
    assert claim is not None
    assert (claim.options.audio_only, claim.options.max_height) == (True, None)


async def test_of_two_who_change_a_job_the_second_is_told(db: Database) -> None:
    job = await making.job(db)
    both = [control.change(db, job.id, JobChanges(priority=number, rev=job.rev)) for number in (1, 2)]
    answers = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["JobSummary", "PreconditionFailed"]
    with pytest.raises(PreconditionFailed):
        await control.change(db, job.id, JobChanges(tags=[]), rev=job.rev)


async def test_what_runs_or_is_finished_changes_less(db: Database) -> None:
    claim = await making.claimed(db)
    other = JobChanges(options=JobOptions(audio_only=True), tags=["never"])
    with pytest.raises(Conflict):
        await control.change(db, claim.job_id, other)
    await control.change(db, claim.job_id, JobChanges(priority=3, tags=["while it runs"]))
    await claims.finish(db, claim, Outcome.FULL)
    with pytest.raises(Conflict):
        await control.change(db, claim.job_id, JobChanges(priority=4, tags=["never"]))
    assert (await reads.summary(db, claim.job_id)).tags == ["while it runs"]
    assert (await control.change(db, claim.job_id, JobChanges(tags=["after"]))).tags == ["after"]


async def test_the_settings_of_the_queue_are_kept_and_told(db: Database, dsn: str) -> None:
    assert (await queue.settings(db))[:2] == (QueueMode.ACTIVE, None)
    news = listen(dsn)
    assert await anext(news) == Resync()
    await queue.set_mode(db, QueueMode.DRAINING)
    await queue.set_slots(db, 5)
    assert [await asyncio.wait_for(anext(news), 5) for _ in range(2)] == [QueueChanged(), QueueChanged()]
    await news.aclose()
    assert (await queue.settings(db))[:2] == (QueueMode.DRAINING, 5)
    await db.execute("DELETE FROM queue_settings")
    assert (await queue.settings(db))[:2] == (QueueMode.ACTIVE, None)
    await queue.set_slots(db, 3)
    assert (await queue.settings(db))[:2] == (QueueMode.ACTIVE, 3)


async def test_nothing_is_claimed_from_a_queue_that_does_not_go(db: Database) -> None:
    who = await making.worker(db)
    await making.job(db)
    for mode in (QueueMode.PAUSED, QueueMode.DRAINING):
        await queue.set_mode(db, mode)
        assert await claims.claim(db, who) is None
    await queue.set_mode(db, QueueMode.ACTIVE)
    assert await claims.claim(db, who) is not None


async def test_no_more_jobs_of_a_site_run_than_wanted_whoever_claims(db: Database) -> None:
    crew = [await making.worker(db) for _ in range(8)]
    for site in ("a", "a", "a", "b", None, None, None):
        await making.job(db, site=site, priority=0 if site == "b" else 1)
    await queue.set_site_slots(db, 1)
    taken = [one for one in await asyncio.gather(*(claims.claim(db, who) for who in crew)) if one is not None]
    assert sorted(str(one.site) for one in taken) == ["None", "None", "None", "a", "b"]
    waiting = await db.fetchval("SELECT min(id) FROM jobs WHERE status = 'QUEUED'")
    answer = await why(db, waiting)
    assert answer.code is WhyCode.SITE_SLOTS
    assert answer.sentence == "It waits for other jobs of its site: a has 1 running, and not more than 1 are to."
    await queue.set_site_slots(db, 2)
    assert await claims.claim(db, crew[0]) is not None
    assert await claims.claim(db, crew[0]) is None
    await queue.set_site_slots(db, None)
    assert await claims.claim(db, crew[0]) is not None


async def test_what_is_set_of_the_lanes(db: Database) -> None:
    default = {"download": None, "transcript": 1, "analysis": None, "publishing": None}
    assert (await queue.settings(db)).lanes == default
    await queue.set_lanes(db, {"transcript": 3, "download": 0})
    await queue.set_lanes(db, {"analysis": 2})
    assert (await queue.settings(db)).lanes == default | {"transcript": 3, "download": 0, "analysis": 2}
    await queue.set_lanes(db, {"transcript": None, "download": None, "analysis": None})
    assert (await queue.settings(db)).lanes == default
    await db.execute("DELETE FROM queue_settings")
    assert (await queue.settings(db)).lanes == default
    await queue.set_lanes(db, {"publishing": 1, "analysis": None})
    assert (await queue.settings(db)).lanes == default | {"publishing": 1}


async def test_before_a_closed_lane_jobs_wait_and_others_go_past(db: Database) -> None:
    who = await making.worker(db)
    await workers.describe_worker(db, who, capacity=2, has_room=True)
    await queue.set_lanes(db, {"download": 0})
    parked = await making.claimed(db, who)
    await claims.requeue(db, parked, WaitReason.LANE_CLOSED, 0, attempt_used=False, stage=StageName.DOWNLOAD)
    other = await making.job(db)
    assert await claims.next_due(db) == 0.0
    claim = await claims.claim(db, who)
    assert claim is not None
    assert claim.job_id == other.id
    assert await claims.claim(db, who) is None
    assert await claims.next_due(db) is None, "nobody is asked to look again soon"

    answer = await why(db, parked.job_id)
    assert (answer.code, answer.queue_position) == (WhyCode.LANE_CLOSED, None)
    assert answer.sentence == "The download lane is closed; 'z2ctl queue lanes download=default' opens it."
    state = await queue.state(db)
    assert (state.ready, state.scheduled, state.paused, state.next) == (0, 0, 1, [])
    assert next((lane.stage, lane.limit, lane.parked) for lane in state.lanes) == ("download", 0, 1)

    await queue.set_lanes(db, {"transcript": 2})
    assert (await reads.summary(db, parked.job_id)).wait_reason is WaitReason.LANE_CLOSED
    await queue.set_lanes(db, {"download": None})
    assert [(job.id, job.wait_reason) for job in (await queue.state(db)).next] == [(parked.job_id, None)]
    again = await claims.claim(db, who)
    assert again is not None
    assert (again.job_id, again.attempt) == (parked.job_id, 1)


async def test_a_lane_is_opened_for_however_many(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "_AT_ONCE", 2)
    await queue.set_lanes(db, {"download": 0, "analysis": 0})
    for stage in [StageName.DOWNLOAD] * 4 + [StageName.ANALYSIS]:
        claim = await making.claimed(db)
        await claims.requeue(db, claim, WaitReason.LANE_CLOSED, 0, attempt_used=False, stage=stage)
    await queue.set_lanes(db, {"download": 1})
    waits = [job.wait_reason for job in (await reads.page(db, reads.ListQuery())).items]
    assert (waits.count(None), waits.count(WaitReason.LANE_CLOSED)) == (4, 1)


async def test_who_is_in_a_lane_and_who_stands_in_line(db: Database) -> None:
    who = await making.worker(db)
    inside, in_line = await making.claimed(db, who), await making.claimed(db, who)
    for claim, waits in ((inside, False), (in_line, True)):
        await stages.start_stage(db, claim, StageName.TRANSCRIPT, "hash", 1.0)
        before = (await reads.summary(db, claim.job_id)).rev
        await stages.mark_lane(db, claim, StageName.TRANSCRIPT, waits=waits)
        assert (await reads.summary(db, claim.job_id)).rev - before == waits, "people hear of a line, of nothing else"
    await stages.save_progress(
        db, in_line, StageName.TRANSCRIPT, stage_progress=0, job_progress=0, detail="said before it stood in line"
    )
    lane = {lane.stage: lane for lane in (await queue.state(db)).lanes}[StageName.TRANSCRIPT]
    assert (lane.limit, lane.busy, lane.waiting, lane.parked) == (1, 1, 1, 0)
    answer = await why(db, in_line.job_id)
    assert answer.code is WhyCode.LANE
    assert answer.sentence == "It is running on host, and waits for a place in the transcript lane, which is full."
    told = next(one for one in (await reads.detail(db, in_line.job_id)).stages if one.stage is StageName.TRANSCRIPT)
    assert told.detail == stages.IN_LINE
    assert (await reads.summary(db, in_line.job_id)).wait_reason is WaitReason.LANE
    assert (await reads.summary(db, inside.job_id)).wait_reason is None

    await stages.mark_lane(db, in_line, StageName.TRANSCRIPT, waits=False)
    now = next(one for one in (await reads.detail(db, in_line.job_id)).stages if one.stage is StageName.TRANSCRIPT)
    assert now.detail is None
    assert now.started_at > told.started_at, "waiting does not count in how long a stage takes"
    assert (await why(db, in_line.job_id)).code is WhyCode.RUNNING
    assert (await reads.summary(db, in_line.job_id)).wait_reason is None
    await claims.cancelled(db, in_line)
    with pytest.raises(claims.LeaseLost):
        await stages.mark_lane(db, in_line, StageName.TRANSCRIPT, waits=True)


async def test_half_open_the_gate_lets_one_job_through_however_many_ask_at_once(db: Database) -> None:
    crew = [await making.worker(db) for _ in range(8)]
    for _ in crew:
        await making.job(db, site="slow")
    await claims.close_gate(db, "slow", 900, "RATE_LIMITED")
    await db.execute("UPDATE site_gates SET not_before = now()")
    await asyncio.gather(*(db.execute("SELECT pg_sleep(0.2)") for _ in crew))  # a connection for each
    taken = await asyncio.gather(*(claims.claim(db, who) for who in crew))
    assert len([one for one in taken if one is not None]) == 1


async def test_the_numbers_of_the_queue(db: Database) -> None:
    who = await making.worker(db)
    running = await making.claimed(db, who)
    for fields in ({}, {"hold": True}, {"run_after": "2030-01-01T00:00:00Z"}, {"site": "shut"}):
        await making.job(db, **fields)
    await claims.close_gate(db, "shut", 60, "RATE_LIMITED")
    await workers.describe_worker(db, who, capacity=3, has_room=True)
    state = await queue.state(db, limit=0)
    numbers = (state.slots, state.workers, state.busy, state.ready, state.scheduled, state.paused, state.waiting)
    assert numbers == (3, 1, 1, 1, 2, 1, 0)
    assert [(gate.site, gate.reason, gate.strikes) for gate in state.gates] == [("shut", "RATE_LIMITED", 1)]
    assert state.next == []
    await workers.retire_worker(db, who)
    assert (await queue.state(db)).slots == 0
    assert running.job_id


async def test_why_a_job_is_where_it_is(db: Database) -> None:
    async def said(job_id: int) -> tuple[WhyCode, str]:
        answer = await why(db, job_id)
        return answer.code, answer.sentence

    first = await making.job(db)
    assert (await said(first.id))[0] is WhyCode.NO_WORKER
    who = await making.worker(db)
    await workers.describe_worker(db, who, capacity=1, has_room=True)
    assert await said(first.id) == (WhyCode.STARTING, "It is about to start.")
    claim = await claims.claim(db, who)
    assert claim is not None
    running = "It is running on host: its beginning, 0 % of the whole job."
    assert await said(first.id) == (WhyCode.RUNNING, running)
    second, third = await making.job(db), await making.job(db)
    assert await said(second.id) == (WhyCode.SLOTS, "It waits for a free slot: all 1 are busy, it is the next.")
    assert await said(third.id) == (WhyCode.SLOTS, "It waits for a free slot: all 1 are busy, 1 before it.")
    assert (await why(db, third.id)).queue_position == 2
    await workers.describe_worker(db, who, capacity=1, has_room=False)
    assert (await said(third.id))[0] is WhyCode.DISK_FULL
    await claims.close_gate(db, "site", 1800, "BOT_CHECK")
    gate = await why(db, third.id)
    assert gate.sentence == "Its site is left alone and is tried again in 30 min: site (BOT_CHECK)."
    assert gate.until is not None
    await db.execute("UPDATE site_gates SET not_before = now() - interval '1 hour'")
    assert "one job at a time" in (await said(third.id))[1]
    for mode, code in ((QueueMode.PAUSED, WhyCode.QUEUE_PAUSED), (QueueMode.DRAINING, WhyCode.QUEUE_DRAINING)):
        await queue.set_mode(db, mode)
        assert (await said(third.id))[0] is code
    await control.pause(db, third.id)
    assert (await said(third.id))[0] is WhyCode.HELD
    await control.pause(db, first.id)
    assert (await said(first.id))[0] is WhyCode.ENDING
    await requests.ask_cancel(db, first.id)
    assert await said(first.id) == (WhyCode.ENDING, "It is being cancelled: what it has started is being ended.")
    await claims.cancelled(db, claim)
    assert await said(first.id) == (WhyCode.FINISHED, f"It was cancelled; 'z2ctl retry {first.id}' runs it again.")
    scheduled = await making.job(db, run_after="2030-01-01T00:00:00Z")
    assert (await said(scheduled.id))[0] is WhyCode.SCHEDULED
    with pytest.raises(JobNotFound):
        await why(db, 999)


@pytest.mark.parametrize(
    ("reason", "code", "words"),
    [
        (WaitReason.RETRY, WhyCode.RETRY, "It tries again in 2 min: attempt 1 of 5 ended with NETWORK."),
        (WaitReason.RATE_LIMITED, WhyCode.SITE, "It starts in 2 min: its site asked to slow down."),
        (WaitReason.DISK_FULL, WhyCode.DISK_FULL, "It starts in 2 min: the disk was full."),
        (WaitReason.LIVE_NOT_STARTED, WhyCode.SCHEDULED, "It starts in 2 min: the stream is not ready."),
    ],
)
async def test_why_a_job_waits_for_a_time(db: Database, reason: WaitReason, code: WhyCode, words: str) -> None:
    claim = await making.claimed(db)
    await claims.requeue(db, claim, reason, 120, attempt_used=True, error_class=ErrorClass.NETWORK, message="m")
    answer = await why(db, claim.job_id)
    assert (answer.code, answer.sentence) == (code, words)


async def test_why_a_job_has_ended(db: Database) -> None:
    claim = await making.claimed(db)
    await claims.fail(db, claim, ErrorClass.GEO, "Not here.", StageName.METADATA)
    said = (await why(db, claim.job_id)).sentence
    assert said == f"It failed in the metadata stage: Not here. {HINTS[ErrorClass.GEO]}"
    for outcome, words in ((Outcome.FULL, "It is done."), (Outcome.PARTIAL, "in part"), (Outcome.DUPLICATE, "job 1.")):
        done = await making.claimed(db)
        await claims.finish(db, done, outcome, duplicate_of=1 if outcome is Outcome.DUPLICATE else None)
        assert words in (await why(db, done.job_id)).sentence


async def test_which_jobs_an_action_by_filter_fits(db: Database) -> None:
    who = await making.worker(db)
    failed = await making.claimed(db, who, tags=["t"])
    await claims.fail(db, failed, ErrorClass.GEO, "m", None)
    done = await making.claimed(db, who, tags=["t"])
    await claims.finish(db, done, Outcome.FULL)
    running = await making.claimed(db, who, tags=["t"])
    held = await making.job(db, tags=["t"], hold=True)
    queued = await making.job(db, tags=["t"])
    other = await making.job(db)
    terms = filters.parse("tag:t")

    async def found(action: many.JobAction, **more: bool) -> list[int]:
        return await many.matching(db, terms, action, limit=100, **more)

    assert await found("retry") == [failed.job_id]
    assert await found("retry", rerun=True) == [failed.job_id, done.job_id]
    assert await found("delete") == [failed.job_id, done.job_id]
    assert await found("pause") == [running.job_id, queued.id]
    assert await found("resume") == [held.id]
    assert await found("cancel") == [running.job_id, held.id, queued.id]
    assert await found("restore") == []
    assert await many.matching(db, terms, "cancel", after=running.job_id, limit=1) == [held.id]
    everything = await many.matching(db, (), "cancel", limit=100)
    assert everything == [running.job_id, held.id, queued.id, other.id]
    assert (await reads.summary(db, running.job_id)).status is JobStatus.RUNNING
