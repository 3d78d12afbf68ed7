"""Ten kinds of pages through the whole pipeline, with the real database: how each ends, and what the site was asked."""

from __future__ import annotations

import pytest

from tests.site import Site
from tests.worker.rig import Desk, statuses, working
from z2d.wire.jobs import JobDetail, JobStatus, Outcome, StageName, StageStatus
from z2d.wire.reasons import ErrorClass, hint

GOOD: dict[str, tuple[Outcome, set[StageName]]] = {
    "/speech": (Outcome.FULL, set()),
    "/page": (Outcome.FULL, set()),
    "/file.mp4": (Outcome.PARTIAL, {StageName.TRANSCRIPT}),
    "/hls/master.m3u8": (Outcome.PARTIAL, {StageName.TRANSCRIPT}),
    "/ldjson": (Outcome.PARTIAL, {StageName.TRANSCRIPT}),
    "/audio.mp3": (Outcome.PARTIAL, {StageName.TRANSCRIPT}),
    "/video-only.mp4": (Outcome.PARTIAL, {StageName.AUDIO, StageName.TRANSCRIPT}),
}
BAD = {
    "/status/404": (ErrorClass.NOT_FOUND, 1),
    "/status/403": (ErrorClass.FORBIDDEN, 3),
    "/truncated.mp4": (ErrorClass.TRUNCATED, 5),
    "/corrupt.mp4": (ErrorClass.CORRUPT, 1),
}


@pytest.mark.slow  # tests/e2e/test_pages.py takes the same ones through a whole daemon
@pytest.mark.timeout(300)
async def test_pages_that_have_something(dsn: str, desk: Desk, site: Site) -> None:
    async with working(dsn, desk.state_dir):
        ids = {path: await desk.submit(site.url(path)) for path in GOOD}
        jobs = {path: await desk.end_of(job_id, within=120) for path, job_id in ids.items()}
    for path, (outcome, skipped) in GOOD.items():
        await check_entry(desk, jobs[path], outcome, skipped)


async def check_entry(desk: Desk, job: JobDetail, outcome: Outcome, skipped: set[StageName]) -> None:
    story = await desk.story(job.id)
    assert (job.status, job.outcome) == (JobStatus.COMPLETED, outcome), story
    found = statuses(job)
    assert {name for name, status in found.items() if status is StageStatus.SKIPPED} == skipped, story
    assert all(status in (StageStatus.DONE, StageStatus.SKIPPED) for status in found.values())
    assert all(stage.skip_reason for stage in job.stages if stage.status is StageStatus.SKIPPED)
    assert (job.attempt, job.progress) == (1, 1)
    assert job.metadata is not None
    assert job.publishing
    assert (job.transcript is None) == (StageName.TRANSCRIPT in skipped)
    assert all(desk.folder(job.id).path(file.path).stat().st_size == file.size_bytes for file in job.files)
    assert not list(desk.folder(job.id).work.iterdir())
    assert "stage took" in story
    assert (await desk.log(job.id))[-1].message.startswith("Finished")


@pytest.mark.slow  # tests/acceptance/test_errors.py takes such pages too
@pytest.mark.timeout(300)
async def test_pages_that_do_not(dsn: str, desk: Desk, site: Site) -> None:
    async with working(dsn, desk.state_dir):
        ids = {path: await desk.submit(site.url(path)) for path in BAD}
        jobs = {path: await desk.end_of(job_id, within=120) for path, job_id in ids.items()}
    for path, (error_class, attempts) in BAD.items():
        job, story = jobs[path], await desk.story(ids[path])
        assert job.status is JobStatus.FAILED, story
        assert job.error is not None
        assert (job.error.code, job.error.hint) == (error_class.value, hint(error_class, job.site)), story
        assert job.attempt == attempts == len(job.attempts)
        assert hint(error_class, job.site) in (await desk.log(job.id))[-1].message
        if path.startswith("/status"):
            assert site.hits[path] == attempts, "one request per attempt"


async def test_a_site_that_recovers(dsn: str, desk: Desk, site: Site) -> None:
    async with working(dsn, desk.state_dir):
        job = await desk.end_of(await desk.submit(site.url("/flaky.mp4")))
    story = await desk.story(job.id)
    assert job.status is JobStatus.COMPLETED, story
    assert job.attempt == 3
    assert [a.result for a in job.attempts] == ["RETRY", "RETRY", "COMPLETED"]
    assert [a.error_class for a in job.attempts] == ["SERVER_ERROR", "SERVER_ERROR", None]
    assert story.count("Next try in") == 2


async def test_the_same_video_under_another_address_is_a_duplicate(dsn: str, desk: Desk, site: Site) -> None:
    async with working(dsn, desk.state_dir):
        first = await desk.end_of(await desk.submit(site.url("/file.mp4")))
        second = await desk.end_of(await desk.submit(site.url("/file.mp4") + "#again"))
        forced = await desk.end_of(await desk.submit(site.url("/file.mp4"), force=True))
    assert (second.status, second.outcome, second.duplicate_of) == (
        JobStatus.COMPLETED,
        Outcome.DUPLICATE,
        first.id,
    ), await desk.story(second.id)
    assert forced.outcome is Outcome.PARTIAL
    assert not list(desk.folder(second.id).work.iterdir())
