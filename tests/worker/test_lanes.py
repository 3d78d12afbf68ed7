"""Lanes at work: real jobs that stand in line, that are parked and go on, that are called away."""

from __future__ import annotations

import asyncio

from tests.site import Site
from tests.support import eventually
from tests.worker.rig import Desk, start_worker_process, working
from tests.worker.test_ends import downloading
from z2d.store import queue
from z2d.store.why import why
from z2d.wire.control import Lane, WhyCode
from z2d.wire.jobs import JobStatus, StageName, StageStatus, WaitReason

SLOW = "/slow.mp4?rate=400000"


async def lane(desk: Desk, stage: StageName) -> Lane:
    return next(one for one in (await queue.state(desk.db)).lanes if one.stage is stage)


async def code(desk: Desk, job_id: int) -> WhyCode:
    return (await why(desk.db, job_id)).code


async def in_line(desk: Desk, job_id: int) -> None:
    async def waits() -> bool:
        return await code(desk, job_id) is WhyCode.LANE

    await eventually(waits, 20, what=f"job {job_id} in line")


async def parked(desk: Desk, job_id: int) -> None:
    async def waits() -> bool:
        job = await desk.detail(job_id)
        return (job.status, job.wait_reason) == (JobStatus.QUEUED, WaitReason.LANE_CLOSED)

    await eventually(waits, 20, what=f"job {job_id} parked")


async def test_before_a_full_lane_jobs_stand_in_line_with_their_slots(dsn: str, desk: Desk, site: Site) -> None:
    await queue.set_lanes(desk.db, {"download": 1})
    async with working(dsn, desk.state_dir, slots=3, poll_s=30):
        first = await desk.submit(site.url("/endless.mp4"))
        await downloading(desk, first)
        second, third = await desk.submit(site.url("/audio.mp3")), await desk.submit(site.url("/audio.mp3?other"))
        for job_id in (second, third):
            await in_line(desk, job_id)
        full = await lane(desk, StageName.DOWNLOAD)
        assert (full.limit, full.busy, full.waiting, full.parked) == (1, 1, 2, 0)
        await desk.cancel(third)  # called away from the line
        assert (await desk.end_of(third)).status is JobStatus.CANCELLED
        assert await code(desk, second) is WhyCode.LANE
        await desk.cancel(first)  # called away from inside: the place is free
        assert (await desk.end_of(second)).status is JobStatus.COMPLETED, await desk.story(second)
    assert "Waiting for a place in the download lane" in await desk.story(second)
    empty = await lane(desk, StageName.DOWNLOAD)
    assert (empty.busy, empty.waiting) == (0, 0)


async def test_before_a_closed_lane_jobs_wait_without_a_slot_and_go_on_there(dsn: str, desk: Desk, site: Site) -> None:
    await queue.set_lanes(desk.db, {"analysis": 0})
    async with working(dsn, desk.state_dir, slots=1, poll_s=30) as (worker, _):
        jobs = [await desk.submit(site.url(f"/audio.mp3?{number}")) for number in range(2)]
        for job_id in jobs:  # with a single slot: the first has given it back
            await parked(desk, job_id)
            assert await code(desk, job_id) is WhyCode.LANE_CLOSED
        assert not list(worker.working_on)
        assert (await lane(desk, StageName.ANALYSIS)).parked == 2
        before = [(await desk.detail(job_id)).attempts[-1].result for job_id in jobs]
        assert before == ["LANE_CLOSED", "LANE_CLOSED"]

        await queue.set_lanes(desk.db, {"analysis": None})
        for job_id in jobs:
            job = await desk.end_of(job_id)
            assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1), await desk.story(job_id)
            assert "Reused" in await desk.story(job_id)


async def test_a_stop_puts_back_who_stands_in_line(dsn: str, desk: Desk, site: Site) -> None:
    await queue.set_lanes(desk.db, {"download": 1})
    child = await start_worker_process(dsn, desk.state_dir)  # two slots
    try:
        inside = await desk.submit(site.url("/endless.mp4"))
        await downloading(desk, inside)
        waiting = await desk.submit(site.url("/audio.mp3"))
        await in_line(desk, waiting)
    finally:
        child.terminate()
        async with asyncio.timeout(10):
            assert await child.wait() == 0
    for job_id in (inside, waiting):
        job = await desk.detail(job_id)
        assert (job.status, job.wait_reason, job.attempt) == (JobStatus.QUEUED, WaitReason.SHUTDOWN, 0)
        assert "z2 stops; the job goes back into the queue" in await desk.story(job_id)
    assert (await lane(desk, StageName.DOWNLOAD)).waiting == 0
    stage = next(one for one in (await desk.detail(waiting)).stages if one.stage is StageName.DOWNLOAD)
    assert (stage.status, stage.attempt, stage.detail) == (StageStatus.PENDING, 0, None), "it has never begun"

    await desk.cancel(inside)
    async with working(dsn, desk.state_dir):
        assert (await desk.end_of(waiting)).status is JobStatus.COMPLETED, await desk.story(waiting)


async def test_a_lane_that_is_closed_sends_home_who_stands_in_line(dsn: str, desk: Desk, site: Site) -> None:
    await queue.set_lanes(desk.db, {"download": 1})
    async with working(dsn, desk.state_dir, slots=2, poll_s=30):
        first = await desk.submit(site.url(SLOW))
        await downloading(desk, first)
        second = await desk.submit(site.url("/audio.mp3"))
        await in_line(desk, second)
        await queue.set_lanes(desk.db, {"download": 0})
        await parked(desk, second)
        site.hurry = True
        assert (await desk.end_of(first)).status is JobStatus.COMPLETED, "who is inside stays"
        await desk.cancel(second)
        assert (await desk.end_of(second)).status is JobStatus.CANCELLED
