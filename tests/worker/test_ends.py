"""Every way a run can end that the pipeline does not choose: a person, a stop, a kill, a lost lease, a bug."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.site import Site
from tests.support import eventually
from tests.worker.rig import Desk, at_work, killed, leftovers, start_worker_process, statuses, working
from z2d.pipeline.folders import JobFolder
from z2d.pipeline.stages.audio import AudioStage
from z2d.store import claims, workers
from z2d.store.database import Database
from z2d.wire.errors import DatabaseUnavailable
from z2d.wire.jobs import JobStatus, Outcome, StageName, StageStatus, WaitReason
from z2d.wire.reasons import ErrorClass

SLOWLY = "/slow.mp4?rate=100000"


async def downloading(desk: Desk, job_id: int) -> None:
    """Wait until something of the download is on disk and known."""

    async def some_bytes() -> bool:
        return any(s.bytes_done for s in (await desk.detail(job_id)).stages if s.stage is StageName.DOWNLOAD)

    await eventually(some_bytes, 40, every=0.1, what="some bytes")


async def test_cancel_while_downloading(dsn: str, desk: Desk, site: Site) -> None:
    async with working(dsn, desk.state_dir):
        job_id = await desk.submit(site.url(SLOWLY))
        await downloading(desk, job_id)
        await desk.cancel(job_id)
        job = await desk.end_of(job_id, within=5)
        assert job.status is JobStatus.CANCELLED
        assert statuses(job)[StageName.DOWNLOAD] is StageStatus.CANCELLED
        assert not at_work(desk.state_dir)
        assert not list(desk.folder(job_id).work.iterdir())
        assert (await desk.log(job_id))[-1].message == "Cancelled, as asked."
        assert not job.publishing


async def test_cancel_without_a_word_from_the_listener(dsn: str, desk: Desk, site: Site) -> None:
    """Notifications may be missed; the poll is the net."""
    async with working(dsn, desk.state_dir, listen=False):
        job_id = await desk.submit(site.url(SLOWLY))
        await downloading(desk, job_id)
        await desk.cancel(job_id)
        assert (await desk.end_of(job_id, within=5)).status is JobStatus.CANCELLED


async def test_cancel_inside_ffmpeg(dsn: str, desk: Desk, site: Site, tmp_path: Path) -> None:
    """ffmpeg waits for ever on a pipe that nobody writes to, as it would on a slow disk."""
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)

    async with working(dsn, desk.state_dir) as (worker, _):
        original = AudioStage.run

        async def run(self: AudioStage, work: Any) -> Any:
            await work.tools.ffmpeg.extract_audio(
                pipe,
                work.folder.root / "audio",
                probe=await work.tools.ffmpeg.probe(work.folder.root / "media" / "media.mp4", job_id=work.job.id),
                job_id=work.job.id,
            )
            return await original(self, work)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(AudioStage, "run", run)
            job_id = await desk.submit(site.url("/file.mp4"))
            await desk.in_stage(job_id, StageName.AUDIO)
            await eventually(lambda: at_work(desk.state_dir), 10, what="ffmpeg")
            await desk.cancel(job_id)
            job = await desk.end_of(job_id, within=5)
        assert job.status is JobStatus.CANCELLED
        assert not at_work(desk.state_dir)
        assert job_id not in worker.working_on


async def test_pause_keeps_the_place(dsn: str, desk: Desk, site: Site, db: Database) -> None:
    async with working(dsn, desk.state_dir):
        job_id = await desk.submit(site.url("/slow.mp4?rate=300000"))
        await downloading(desk, job_id)
        await db.execute("UPDATE jobs SET pause_requested_at = now() WHERE id = $1", job_id)

        async def paused() -> bool:
            return (await desk.detail(job_id)).wait_reason is WaitReason.USER

        await eventually(paused, 8, what="the pause")
        assert any(path.name.endswith(".part") for path in desk.folder(job_id).work.iterdir())
        assert (await desk.detail(job_id)).attempt == 0


async def test_stop_puts_the_job_back_and_the_next_start_continues(dsn: str, desk: Desk, site: Site) -> None:
    path = "/slow.mp4?rate=400000"
    async with working(dsn, desk.state_dir):
        job_id = await desk.submit(site.url(path))
        await downloading(desk, job_id)
    job = await desk.detail(job_id)
    assert (job.status, job.wait_reason, job.attempt) == (JobStatus.QUEUED, WaitReason.SHUTDOWN, 0)
    assert statuses(job)[StageName.METADATA] is StageStatus.DONE
    asked, site.hurry = site.hits["/slow.mp4"], True
    async with working(dsn, desk.state_dir):
        job = await desk.end_of(job_id)
    assert job.status is JobStatus.COMPLETED, await desk.story(job_id)
    assert job.attempt == 1
    ranges = [seen.range for seen in site.seen[asked:] if seen.path.startswith("/slow.mp4")]
    assert ranges, "the download went on by itself"
    assert all(wanted and wanted != "bytes=0-" for wanted in ranges), ranges
    assert "Reused" in await desk.story(job_id)


@pytest.mark.slow
async def test_a_stop_waits_for_no_stage_that_will_not_end(dsn: str, desk: Desk, site: Site) -> None:
    """Nothing is lost by it: the next start finds the job in nobody's hands."""
    deaf = asyncio.Event()

    async def run(self: AudioStage, work: Any) -> Any:
        while not deaf.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await deaf.wait()
        raise asyncio.CancelledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AudioStage, "run", run)
        async with working(dsn, desk.state_dir) as (_, running):
            job_id = await desk.submit(site.url("/file.mp4"))
            await desk.in_stage(job_id, StageName.AUDIO)
            asked_at = time.monotonic()
            running.cancel()
            await asyncio.wait({running})
            assert time.monotonic() - asked_at < 10
            deaf.set()
    async with working(dsn, desk.state_dir):
        assert (await desk.end_of(job_id)).status is JobStatus.COMPLETED


async def test_a_stop_and_a_wish_in_the_same_tick(dsn: str, desk: Desk, site: Site) -> None:
    async with working(dsn, desk.state_dir) as (_, running):
        job_id = await desk.submit(site.url(SLOWLY))
        await downloading(desk, job_id)
        asking = asyncio.create_task(desk.cancel(job_id), name="ask")
        await asking
        running.cancel()
        await asyncio.wait({running}, timeout=10)
    assert (await desk.detail(job_id)).status is JobStatus.CANCELLED


@pytest.mark.timeout(400)
@pytest.mark.slow
async def test_killed_at_every_point_of_every_stage_and_going_on(
    dsn: str, desk: Desk, site: Site, db: Database
) -> None:
    """One job, eighteen kills. What was finished is never done again, and nothing is left over."""
    job_id = await desk.submit(site.url("/speech"))
    await db.execute("UPDATE jobs SET max_attempts = 50 WHERE id = $1", job_id)
    hits_when_done: dict[StageName, Counter[str]] = {}
    for number, stage in enumerate(StageName):
        for point in ("start", "mid", "done"):
            await killed(await start_worker_process(dsn, desk.state_dir, crash_at=f"{stage.value}:{point}"))
            await db.execute("UPDATE jobs SET crashes = 0")  # so many kills without getting on would be poison
            job = await desk.detail(job_id)
            assert job.status is JobStatus.RUNNING
            assert [s.status for s in job.stages][:number] == [StageStatus.DONE] * number
            await eventually(lambda: not at_work(desk.state_dir), 5, what="the end of what it had started")
        hits_when_done[stage] = site.hits.copy()
    async with working(dsn, desk.state_dir):
        job = await desk.end_of(job_id)
    story = await desk.story(job_id)
    assert (job.status, job.outcome, job.attempt) == (JobStatus.COMPLETED, Outcome.FULL, 19), story
    # a stage that was killed after its files were in place runs once more; then the site is left alone
    assert site.hits["/speech"] == hits_when_done[StageName.DOWNLOAD]["/speech"]
    assert site.hits["/speech.mp4"] == hits_when_done[StageName.AUDIO]["/speech.mp4"]
    assert site.hits == hits_when_done[StageName.ANALYSIS]
    on_disk = {path.relative_to(desk.folder(job_id).root).as_posix() for path in files_in(desk.folder(job_id).root)}
    assert on_disk == {file.path for file in job.files} | {"manifest.json"}
    entries = [path for path in (desk.state_dir / "library").glob("*/*") if path.is_dir()]
    assert len(entries) == 1
    assert not [path for path in files_in(desk.state_dir / "library") if path.suffix in {".part", ".tmp"}]


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_job_that_kills_its_worker_each_time_is_stopped(dsn: str, desk: Desk, site: Site, db: Database) -> None:
    job_id = await desk.submit(site.url("/file.mp4"))
    for _ in range(3):
        await killed(await start_worker_process(dsn, desk.state_dir, crash_at="metadata:start"))
    async with working(dsn, desk.state_dir):
        job = await desk.end_of(job_id)
        other = await desk.end_of(await desk.submit(site.url("/audio.mp3")))
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert job.error.code == ErrorClass.POISON.value
    assert other.status is JobStatus.COMPLETED


async def test_a_worker_declared_gone_drops_its_jobs_and_goes_on_under_a_new_name(
    dsn: str, desk: Desk, site: Site, db: Database
) -> None:
    async with working(dsn, desk.state_dir, lease_s=1.5) as (worker, _):
        job_id = await desk.submit(site.url("/slow.mp4?rate=400000"))
        await downloading(desk, job_id)
        first = await db.fetchval("SELECT worker_id FROM jobs WHERE id = $1", job_id)
        await workers.retire_worker(db, first)

        async def taken_again() -> bool:
            return bool(await db.fetchval("SELECT true FROM jobs WHERE id = $1 AND worker_id <> $2", job_id, first))

        await eventually(taken_again, 15, what="the job under a new name")
        await eventually(lambda: list(worker.working_on) == [job_id], what="the job in hand")
        site.hurry = True
        job = await desk.end_of(job_id)
    assert job.status is JobStatus.COMPLETED, await desk.story(job_id)
    assert job.attempt == 2
    assert len(job.publishing) == 1


async def test_a_claim_whose_answer_was_lost_is_nobodys_for_long(dsn: str, desk: Desk, site: Site) -> None:
    lost = 0

    async def claim(db: Database, worker_id: str) -> claims.Claim | None:
        nonlocal lost
        found = await really_claim(db, worker_id)
        if found is not None and lost == 0:
            lost = found.job_id
            raise DatabaseUnavailable("the answer was lost")
        return found

    really_claim = claims.claim
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "claim", claim)
        async with working(dsn, desk.state_dir, lease_s=1.5):
            job = await desk.end_of(await desk.submit(site.url("/audio.mp3")))
    assert lost == job.id
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 2)
    assert [attempt.result for attempt in job.attempts] == ["LOST", "COMPLETED"]


async def test_a_job_much_longer_than_the_lease_runs_once(dsn: str, desk: Desk, site: Site) -> None:
    async with working(dsn, desk.state_dir, lease_s=0.6):
        job_id = await desk.submit(site.url("/slow.mp4?rate=200000"))
        await downloading(desk, job_id)
        later = await desk.db.fetchval("SELECT now() + interval '4 s'")  # seven leases
        await eventually(lambda: desk.db.fetchval("SELECT now() > $1", later), 40, every=0.1, what="many leases")
        site.hurry = True
        job = await desk.end_of(job_id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)


async def test_cut_connections_cost_no_attempt(dsn: str, desk: Desk, site: Site, db: Database) -> None:
    cut: set[int] = set()

    async def others() -> set[int]:
        """Connections that were not cut yet: those that were take a moment to go."""
        pids = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        return {row["pid"] for row in await db.fetch(pids)} - cut

    async with working(dsn, desk.state_dir, lease_s=3) as (_, running):
        job_id = await desk.submit(site.url("/slow.mp4?rate=200000"))
        await downloading(desk, job_id)
        for _ in range(5):
            found = await eventually(others, 15, what="new connections")
            await db.fetch("SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) pid", list(found))
            cut |= found
        site.hurry = True
        job = await desk.end_of(job_id)
        assert not running.done()
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1), await desk.story(job_id)


async def test_a_frozen_worker_loses_its_job_and_its_late_writes_count_for_nothing(
    dsn: str, desk: Desk, site: Site, tmp_path: Path
) -> None:
    frozen = await start_worker_process(dsn, desk.state_dir, lease_s=3)
    try:
        job_id = await desk.submit(site.url("/slow.mp4?rate=400000"))
        await downloading(desk, job_id)
        frozen.send_signal(signal.SIGSTOP)
        other_state = tmp_path / "other-machine"
        async with working(dsn, other_state, lease_s=3):

            async def taken() -> bool:
                return (await desk.detail(job_id)).attempt == 2

            await eventually(taken, 20, what="the other worker")
            frozen.send_signal(signal.SIGCONT)
            site.hurry = True
            job = await desk.end_of(job_id)
            await eventually(lambda: not at_work(desk.state_dir), 10, what="the end of the frozen worker's download")
        assert (job.status, job.attempt) == (JobStatus.COMPLETED, 2), await desk.story(job_id)
        assert [attempt.result for attempt in job.attempts] == ["LOST", "COMPLETED"]
        assert len(job.publishing) == 1
        assert not list((desk.state_dir / "library").glob("*"))
        assert frozen.returncode is None
    finally:
        frozen.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(frozen.wait(), 15) == 0
    await eventually(lambda: not leftovers(tmp_path / "other-machine"), 5)


async def test_what_was_cancelled_while_its_worker_lay_dead_is_tidied(dsn: str, desk: Desk, site: Site) -> None:
    job_id = await desk.submit(site.url("/slow.mp4?rate=400000"))
    await killed(await start_worker_process(dsn, desk.state_dir, crash_at="download:mid"))
    await desk.cancel(job_id)
    async with working(dsn, desk.state_dir):
        job = await desk.end_of(job_id)
        assert job.status is JobStatus.CANCELLED
        await eventually(lambda: not list(desk.folder(job_id).work.iterdir()))


async def test_a_folder_that_makes_trouble_costs_no_other_job(
    dsn: str, desk: Desk, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be looked into or removed when a job is cancelled is tidied up the next time."""
    broken: set[Path] = set()

    def fails(what: Any) -> Any:
        def tried(self: JobFolder) -> Any:
            if self.root in broken:
                raise OSError(errno.EIO, "the disk fails")
            return what(self)

        return tried

    with pytest.MonkeyPatch.context() as patch:
        for name in ("has_work", "clear_work", "forget_session"):
            patch.setattr(JobFolder, name, fails(getattr(JobFolder, name)))
        async with working(dsn, desk.state_dir) as (worker, running):
            job_id = await desk.submit(site.url(SLOWLY))
            folder = desk.folder(job_id)
            await downloading(desk, job_id)
            broken.add(folder.root)
            await desk.cancel(job_id)
            assert (await desk.end_of(job_id, within=5)).status is JobStatus.CANCELLED
            await eventually(lambda: not list(worker.working_on), what="the end of the run")
            await desk.cancel(await desk.submit(site.url("/audio.mp3"), hold=True))  # tidying looks again, in vain
            words = f"the folder of job {job_id} could not be tidied"
            tidying = "z2d.worker.service"
            await eventually(lambda: any(r.name == tidying and words in r.getMessage() for r in caplog.records))
            assert list(folder.work.iterdir())
            assert not running.done()

            broken.clear()
            await desk.cancel(await desk.submit(site.url("/audio.mp3?other"), hold=True))
            await eventually(lambda: not list(folder.work.iterdir()), what="a tidy folder")
            assert (await desk.end_of(await desk.submit(site.url("/audio.mp3")))).status is JobStatus.COMPLETED


async def test_tidying_leaves_a_job_alone_that_is_still_held(dsn: str, desk: Desk, site: Site) -> None:
    """Its end is written, its run is not over: the folder is whose it was until then."""
    holding, over = threading.Event(), threading.Event()
    looked: list[Path] = []
    really_clear, really_look = JobFolder.clear_work, JobFolder.has_work

    def clear(self: JobFolder) -> None:
        holding.set()
        assert over.wait(20)
        really_clear(self)

    def look(self: JobFolder) -> bool:
        looked.append(self.root)
        return really_look(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JobFolder, "clear_work", clear)
        patch.setattr(JobFolder, "has_work", look)
        async with working(dsn, desk.state_dir) as (worker, _):
            other = await desk.submit(site.url("/audio.mp3?other"), hold=True)
            job_id = await desk.submit(site.url(SLOWLY))
            await downloading(desk, job_id)
            await desk.db.execute("UPDATE jobs SET cancel_requested_at = now() WHERE id = $1", job_id)
            try:
                await eventually(holding.is_set, what="the end of the run")
                await desk.cancel(other)
                await eventually(lambda: desk.folder(other).root in looked, what="a round of tidying")
                assert list(worker.working_on) == [job_id]
                assert desk.folder(job_id).root not in looked
            finally:
                over.set()
            assert (await desk.end_of(job_id)).status is JobStatus.CANCELLED


async def test_a_bug_costs_one_job(dsn: str, desk: Desk, site: Site) -> None:
    async def run(self: AudioStage, work: Any) -> Any:
        raise ZeroDivisionError("a bug")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AudioStage, "run", run)
        async with working(dsn, desk.state_dir) as (_, running):
            job = await desk.end_of(await desk.submit(site.url("/file.mp4")))
            assert not running.done()
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert (job.error.code, job.attempt) == (ErrorClass.UNKNOWN.value, 2)
    assert "Traceback" in await desk.story(job.id)


async def test_a_rate_limit_closes_the_site_for_its_other_jobs_too(dsn: str, desk: Desk, site: Site) -> None:
    async with working(dsn, desk.state_dir, slots=1):
        limited = await desk.submit(site.url("/status/429?retry_after=60"))

        async def waiting() -> bool:
            return (await desk.detail(limited)).wait_reason is WaitReason.RATE_LIMITED

        await eventually(waiting, 30, what="the gate")
        neighbour = await desk.submit(site.url("/file.mp4"), priority=1)
        elsewhere = await desk.end_of(await desk.submit(site.url("/audio.mp3"), site="Elsewhere"))
        assert elsewhere.status is JobStatus.COMPLETED
        assert (await desk.detail(neighbour)).status is JobStatus.QUEUED
        assert (await desk.detail(limited)).attempt == 0


async def test_nothing_starts_without_room(dsn: str, desk: Desk, site: Site) -> None:
    asked = 0

    def full(_: Path) -> shutil._ntuple_diskusage:
        nonlocal asked
        asked += 1
        return shutil._ntuple_diskusage(1, 1, 0)

    async with working(dsn, desk.state_dir, poll_s=0.1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("z2d.worker.service.shutil.disk_usage", full)
            await eventually(lambda: asked >= 2, what="a look at the disk by each slot")
            job_id = await desk.submit(site.url("/audio.mp3"))
            seen = asked
            await eventually(lambda: asked > seen + 4, what="more looks at the disk")
            assert (await desk.detail(job_id)).status is JobStatus.QUEUED
        assert (await desk.end_of(job_id)).status is JobStatus.COMPLETED


async def test_an_end_that_cannot_be_written_costs_that_job_alone(
    dsn: str, desk: Desk, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stumble(*_args: Any, **_how: Any) -> JobStatus:
        raise ValueError("a bug")

    async with working(dsn, desk.state_dir) as (_worker, running):
        with monkeypatch.context() as patched:
            patched.setattr(claims, "finish", stumble)
            job = await desk.end_of(await desk.submit(site.url("/file.mp4")))
        assert (job.status, job.error and job.error.code) == (JobStatus.FAILED, ErrorClass.UNKNOWN)
        other = await desk.end_of(await desk.submit(site.url("/audio.mp3")))
        assert other.status is JobStatus.COMPLETED
        assert not running.done()


async def test_who_removes_the_files_of_all_jobs_does_not_end_the_worker(dsn: str, desk: Desk, site: Site) -> None:
    async with working(dsn, desk.state_dir, poll_s=0.1) as (_worker, running):
        assert (await desk.end_of(await desk.submit(site.url("/file.mp4")))).status is JobStatus.COMPLETED
        shutil.rmtree(desk.state_dir / "jobs")
        job = await desk.end_of(await desk.submit(site.url("/audio.mp3")))
        assert job.status is JobStatus.COMPLETED
        assert not running.done()
