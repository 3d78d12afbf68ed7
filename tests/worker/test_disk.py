"""A disk that gets full for real: a small one of its own for the state folder."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.site import Site
from tests.support import eventually
from tests.worker.rig import Desk, working
from z2d.store.database import Database
from z2d.store.why import why
from z2d.wire.control import WhyCode
from z2d.wire.jobs import JobStatus, WaitReason

SIZE = 24 << 20
LARGE = 7_500_000  # bytes of /large.mp4, about


@pytest.fixture
def small(db: Database, tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a disk")
    yield Desk(db, folder)
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def waits_for_room(desk: Desk, job_id: int) -> None:
    async def waits() -> bool:
        return (await desk.detail(job_id)).wait_reason is WaitReason.DISK_FULL

    await eventually(waits, 30, what=f"job {job_id} waiting for room")


async def test_a_video_that_does_not_fit_waits_for_room_and_smaller_ones_go_on(
    dsn: str, small: Desk, site: Site
) -> None:
    filler = small.state_dir / "filler"
    filler.write_bytes(bytes(SIZE - LARGE))
    async with working(dsn, small.state_dir):
        large = await small.submit(site.url("/large.mp4"))
        await waits_for_room(small, large)
        other = await small.end_of(await small.submit(site.url("/audio.mp3")))
        assert other.status is JobStatus.COMPLETED, await small.story(other.id)
        job = await small.detail(large)
        assert (job.status in (JobStatus.QUEUED, JobStatus.RUNNING), job.finished_at) == (True, None)
        filler.unlink()
        job = await small.end_of(large)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1), await small.story(large)


async def test_a_stream_without_an_end_fills_the_disk_and_its_cancel_makes_room(
    dsn: str, small: Desk, site: Site
) -> None:
    async with working(dsn, small.state_dir, scale=1, poll_s=0.2):
        endless = await small.submit(site.url("/endless.mp4"))
        await waits_for_room(small, endless)
        job = await small.detail(endless)
        assert (job.status, job.attempt) == (JobStatus.QUEUED, 0)
        assert job.error is not None
        assert job.error.hint == "The disk is full. Free some room; the queue goes on by itself."
        other = await small.submit(site.url("/audio.mp3"))

        async def named() -> bool:
            return (await why(small.db, other)).code is WhyCode.DISK_FULL

        await eventually(named, 10, what="the reason why nothing starts")
        await small.cancel(endless)
        done = await small.end_of(other)
        assert done.status is JobStatus.COMPLETED, await small.story(other)
