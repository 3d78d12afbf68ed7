"""Live streams from the queue's side: waiting for the recording by default, recording when that is wanted."""

from __future__ import annotations

import pytest

from tests.acceptance.conftest import Counter
from tests.media.test_live import Broadcast
from tests.support import eventually
from tests.worker.rig import working
from z2d.wire.jobs import JobStatus, Outcome, WaitReason
from z2d.wire.library import FileKind


@pytest.mark.timeout(240)
async def test_a_stream_with_a_hole_becomes_an_entry(dsn: str, counter: Counter) -> None:
    async with Broadcast(missing=(5,)) as stream, working(dsn, counter.state_dir):
        job = await counter.end_of(await counter.take(stream.url, options={"live": "record"}), within=90)
    story = await counter.story(job.id)
    assert (job.status, job.outcome) == (JobStatus.COMPLETED, Outcome.PARTIAL), story  # nobody wrote captions
    kinds = {file.kind: file for file in job.files}
    assert kinds[FileKind.MEDIA].path == "media/media.ts"
    assert FileKind.AUDIO in kinds
    assert "Segment 5 is missing" in story


@pytest.mark.timeout(240)
async def test_a_recording_is_cancelled_and_continued_like_any_download(dsn: str, counter: Counter) -> None:
    async with Broadcast(ends=False) as stream:
        async with working(dsn, counter.state_dir):
            job_id = await counter.take(stream.url, options={"live": "record"})
            await eventually(lambda: len(stream.asked) >= 2, 30, what="two segments")
        before = list(stream.asked)
        job = await counter.detail(job_id)
        assert (job.status, job.wait_reason) == (JobStatus.QUEUED, WaitReason.SHUTDOWN)
        stream.ends = True
        async with working(dsn, counter.state_dir):
            job = await counter.end_of(job_id, within=60)
    assert job.status is JobStatus.COMPLETED, await counter.story(job_id)
    assert not set(before[:-1]) & set(stream.asked[len(before) :])


async def test_by_default_a_stream_is_waited_for(dsn: str, counter: Counter) -> None:
    async with Broadcast(ends=False) as stream, working(dsn, counter.state_dir, scale=1):
        job_id = await counter.take(stream.url)

        async def waits() -> bool:
            return (await counter.detail(job_id)).wait_reason is WaitReason.LIVE_NOT_STARTED

        await eventually(waits, 30, what="the wait")
        job = await counter.detail(job_id)
        assert job.run_after is not None
        assert (job.status, job.attempt) == (JobStatus.QUEUED, 0)
        assert job.error is not None
        assert job.error.message.endswith("is still on the air.")
        assert not stream.asked
