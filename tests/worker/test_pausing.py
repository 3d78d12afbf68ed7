"""Pausing: one job, the whole queue, and slots that come and go while jobs run."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.site import Site
from tests.support import eventually
from tests.worker.rig import Desk, at_work, statuses, working
from tests.worker.test_ends import downloading
from z2d.pipeline.stages.audio import AudioStage
from z2d.store import control, presence, queue
from z2d.store.database import Database
from z2d.store.why import why
from z2d.wire.control import QueueMode, WhyCode
from z2d.wire.jobs import JobStatus, Outcome, StageName, StageStatus, WaitReason

SLOW = "/slow.mp4?rate=400000"


async def put_down(desk: Desk, job_id: int, within: float = 2) -> None:
    async def waits() -> bool:
        return (await desk.detail(job_id)).status is JobStatus.QUEUED

    await eventually(waits, within, what="the job put down")


async def running(desk: Desk, *job_ids: int) -> None:
    async def all_run() -> bool:
        return all([(await desk.detail(one)).status is JobStatus.RUNNING for one in job_ids])

    await eventually(all_run, 20, what=f"jobs {job_ids} running")


async def test_a_paused_download_goes_on_at_its_byte_and_ends_byte_for_byte_the_same(
    dsn: str, desk: Desk, site: Site
) -> None:
    async with working(dsn, desk.state_dir, slots=1) as (worker, _):
        straight = await desk.end_of(await desk.submit(site.url("/large.mp4")))
        job_id = await desk.submit(site.url(SLOW))
        await downloading(desk, job_id)
        assert (await control.pause(desk.db, job_id)).display_status == "PAUSING"
        await put_down(desk, job_id)
        await eventually(lambda: job_id not in worker.working_on, what="a free slot")
        assert not at_work(desk.state_dir)
        job = await desk.detail(job_id)
        assert (job.display_status, job.wait_reason, job.attempt) == ("PAUSED", WaitReason.USER, 0)
        assert statuses(job)[StageName.DOWNLOAD] is StageStatus.PENDING
        (part,) = [path for path in desk.folder(job_id).work.iterdir() if path.name.endswith(".part")]
        arrived, seen = part.stat().st_size, len(site.seen)
        assert arrived > 0

        site.hurry = True
        await control.resume(desk.db, job_id)
        job = await desk.end_of(job_id)
    assert (job.status, job.outcome) == (JobStatus.COMPLETED, straight.outcome), await desk.story(job_id)
    assert [one.result for one in job.attempts] == ["USER", "COMPLETED"]
    ranges = [one.range for one in site.seen[seen:] if one.path == "/slow.mp4"]
    assert ranges == [f"bytes={arrived}-"]
    assert media_sha(job) == media_sha(straight)
    assert f"Resuming download at byte {arrived}" in await desk.story(job_id)


def media_sha(job: Any) -> str:
    (found,) = [file.sha256 for file in job.files if file.kind == "media"]
    return str(found)


async def test_pause_without_a_word_from_the_listener(dsn: str, desk: Desk, site: Site) -> None:
    async with working(dsn, desk.state_dir, listen=False):
        job_id = await desk.submit(site.url(SLOW))
        await downloading(desk, job_id)
        await control.pause(desk.db, job_id)
        await put_down(desk, job_id, within=3)


async def test_pause_inside_ffmpeg_leaves_no_process(dsn: str, desk: Desk, site: Site, tmp_path: Path) -> None:
    """ffmpeg waits for ever on a pipe that nobody writes to, as it would on a slow disk."""
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    original = AudioStage.run

    async def run(self: AudioStage, work: Any) -> Any:
        ffmpeg, media = work.tools.ffmpeg, work.folder.root / "media" / "media.mp4"
        probe = await ffmpeg.probe(media, job_id=work.job.id)
        await ffmpeg.extract_audio(pipe, work.folder.root / "audio", probe=probe, job_id=work.job.id)

    async with working(dsn, desk.state_dir):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(AudioStage, "run", run)
            job_id = await desk.submit(site.url("/file.mp4"))
            await desk.in_stage(job_id, StageName.AUDIO)
            await eventually(lambda: at_work(desk.state_dir), 10, what="ffmpeg")
            await control.pause(desk.db, job_id)
            await put_down(desk, job_id, within=5)
            assert not at_work(desk.state_dir)
            patch.setattr(AudioStage, "run", original)
            await control.resume(desk.db, job_id)
            job = await desk.end_of(job_id)
    assert job.status is JobStatus.COMPLETED, await desk.story(job_id)
    assert "Reused" in await desk.story(job_id)


async def test_a_pause_that_is_taken_back_at_once_loses_nothing(dsn: str, desk: Desk, site: Site) -> None:
    async with working(dsn, desk.state_dir):
        job_id = await desk.submit(site.url(SLOW))
        await downloading(desk, job_id)
        await control.pause(desk.db, job_id)
        await control.resume(desk.db, job_id)
        site.hurry = True
        job = await desk.end_of(job_id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1), await desk.story(job_id)


async def test_a_paused_queue_runs_nothing_and_goes_on_where_it_was(dsn: str, desk: Desk, site: Site) -> None:
    async with working(dsn, desk.state_dir, poll_s=30) as (worker, _):
        first = await desk.submit(site.url(SLOW))
        second = await desk.submit(site.url("/slow.mp4?rate=399999"))
        held = await desk.submit(site.url("/audio.mp3"), hold=True)
        await downloading(desk, first)
        await downloading(desk, second)
        await queue.set_mode(desk.db, QueueMode.PAUSED)
        for job_id in (first, second):
            await put_down(desk, job_id)
            job = await desk.detail(job_id)
            assert (job.display_status, job.wait_reason, job.attempt) == ("QUEUED", WaitReason.QUEUE_PAUSED, 0)
            assert (await why(desk.db, job_id)).code is WhyCode.QUEUE_PAUSED
        assert not list(worker.working_on)
        late = await desk.submit(site.url("/audio.mp3?late"))

        site.hurry = True
        await queue.set_mode(desk.db, QueueMode.ACTIVE)
        for job_id in (first, second, late):
            job = await desk.end_of(job_id)
            assert job.status is JobStatus.COMPLETED, await desk.story(job_id)
        assert (await desk.detail(held)).display_status == "PAUSED"
    assert [one.result for one in (await desk.detail(first)).attempts] == ["QUEUE_PAUSED", "COMPLETED"]


async def test_a_draining_queue_finishes_what_runs(dsn: str, desk: Desk, site: Site) -> None:
    async with working(dsn, desk.state_dir, slots=1):
        first = await desk.submit(site.url(SLOW))
        await downloading(desk, first)
        second = await desk.submit(site.url("/audio.mp3"))
        await queue.set_mode(desk.db, QueueMode.DRAINING)
        site.hurry = True
        assert (await desk.end_of(first)).outcome in {Outcome.FULL, Outcome.PARTIAL}
        assert (await desk.detail(second)).status is JobStatus.QUEUED
        assert (await why(desk.db, second)).code is WhyCode.QUEUE_DRAINING
        await queue.set_mode(desk.db, QueueMode.ACTIVE)
        assert (await desk.end_of(second)).status is JobStatus.COMPLETED


async def test_a_queue_that_was_paused_stays_so_over_a_restart(dsn: str, desk: Desk, site: Site) -> None:
    await queue.set_mode(desk.db, QueueMode.PAUSED)
    job_id = await desk.submit(site.url("/audio.mp3"))
    async with working(dsn, desk.state_dir, poll_s=0.1):
        await eventually(lambda: presence.live_workers(desk.db), what="a worker")
        # long enough for a worker that does not know: one that starts takes what is there within a poll
        assert (await why(desk.db, job_id)).code is WhyCode.QUEUE_PAUSED
        assert (await desk.detail(job_id)).attempts == []
        await queue.set_mode(desk.db, QueueMode.ACTIVE)
        assert (await desk.end_of(job_id)).status is JobStatus.COMPLETED


@pytest.mark.parametrize("listen", [True, pytest.param(False, marks=pytest.mark.slow)])
async def test_slots_grow_and_shrink_while_jobs_run(dsn: str, desk: Desk, site: Site, listen: bool) -> None:
    async with working(dsn, desk.state_dir, slots=1, listen=listen, poll_s=30 if listen else 0.5) as (worker, _):
        jobs = [await desk.submit(site.url(f"/slow.mp4?rate=40000{number}")) for number in range(5)]
        await running(desk, jobs[0])
        assert (await why(desk.db, jobs[2])).sentence.endswith("all 1 are busy, 1 before it.")
        await queue.set_slots(desk.db, 3)
        await running(desk, *jobs[:3])
        assert (await queue.state(desk.db)).slots == 3
        await queue.set_slots(desk.db, 1)

        async def told() -> bool:
            return (await queue.state(desk.db)).slots == 1

        await eventually(told, 5, what="fewer slots")
        assert len(worker.working_on) == 3, "running jobs stay"
        site.hurry = True
        for job_id in jobs[:3]:
            assert (await desk.end_of(job_id)).attempt == 1
        await running(desk, jobs[3])
        assert (await desk.detail(jobs[4])).status is JobStatus.QUEUED, "one at a time again"
        assert (await desk.end_of(jobs[4])).status is JobStatus.COMPLETED


async def test_slots_outlive_a_restart(dsn: str, desk: Desk, db: Database) -> None:
    await queue.set_slots(db, 4)

    async def slots() -> int:
        return (await queue.state(db)).slots

    for expected in (4, 2):
        async with working(dsn, desk.state_dir, slots=2) as (_, task):
            await eventually(partial(_equal, slots, expected), 5, what=f"{expected} slots")
            assert not task.done()
        await queue.set_slots(db, None)


async def _equal(ask: Any, expected: int) -> bool:
    return bool(await ask() == expected)


async def test_a_full_disk_is_named_as_the_reason(dsn: str, desk: Desk, site: Site) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("z2d.worker.service.Worker._room", lambda self: False)
        async with working(dsn, desk.state_dir, poll_s=0.1):
            job_id = await desk.submit(site.url("/audio.mp3"))

            async def said() -> bool:
                return (await why(desk.db, job_id)).code is WhyCode.DISK_FULL

            await eventually(said, 5, what="the reason")
            patch.undo()
            assert (await asyncio.wait_for(desk.end_of(job_id), 60)).status is JobStatus.COMPLETED
