"""What goes for good: deleted jobs after their time, what settings call old - and never a transcript by itself."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.store import making
from z2d.daemon.housekeeping import Housekeeping, Keep
from z2d.pipeline.folders import job_folder
from z2d.publish.library import Entry, SourceFile, publish
from z2d.store import claims, logs, reads, removal, requests, stages
from z2d.store.database import Database
from z2d.wire.errors import JobNotFound
from z2d.wire.jobs import LogLevel, Outcome, StageName
from z2d.wire.library import FileKind
from z2d.wire.reasons import ErrorClass


class House:
    """A state folder with jobs as a worker leaves them."""

    def __init__(self, db: Database, folder: Path) -> None:
        self.db, self.jobs_dir, self.library = db, folder / "jobs", folder / "library"

    async def keep(self, **days: Any) -> None:
        await Housekeeping(self.db, Keep(**days), jobs_dir=self.jobs_dir, library=self.library).round()

    def folder(self, job_id: int) -> Path:
        return job_folder(self.jobs_dir, job_id)

    def media(self, job_id: int) -> Path:
        return self.folder(job_id) / "media" / "a.mp4"

    async def completed(self, key: str = "site:1") -> tuple[int, Path]:
        """A completed job with files, transcript and library entry; its id and the entry's folder."""
        claim = await making.claimed(self.db)
        media = self.media(claim.job_id)
        media.parent.mkdir(parents=True)
        media.write_bytes(b"film")
        metadata = making.metadata(key=key)
        entry = Entry(metadata, "https://example.org/a", media=SourceFile(media, "a" * 64))
        published = publish(self.library, entry)
        assert published.remote_url is not None
        for stage, found in (
            (StageName.METADATA, {"metadata": metadata, "artefacts": []}),
            (StageName.DOWNLOAD, {"artefacts": [making.artefact("media/a.mp4")]}),
            (StageName.TRANSCRIPT, {"transcript": making.transcript(), "artefacts": []}),
            (StageName.PUBLISHING, {"publications": [published], "artefacts": []}),
        ):
            await stages.start_stage(self.db, claim, stage, "h", 1)
            await stages.finish_stage(self.db, claim, stage, input_hash="h", **found)
        said = [logs.line(LogLevel.INFO, None, "z2", f"line {number}") for number in range(50)]
        await logs.append(self.db, claim.job_id, said)
        await claims.finish(self.db, claim, Outcome.FULL)
        return claim.job_id, Path(published.remote_url)

    async def failed(self) -> int:
        claim = await making.claimed(self.db)
        await claims.fail(self.db, claim, ErrorClass.NOT_FOUND, "gone", StageName.METADATA)
        return claim.job_id

    async def age(self, job_id: int, days: int) -> None:
        """Make what happened to the job so many days older."""
        await self.db.execute(
            """
            UPDATE jobs SET finished_at = finished_at - make_interval(days => $2),
                deleted_at = deleted_at - make_interval(days => $2) WHERE id = $1
            """,
            job_id,
            days,
        )


@pytest.fixture
def house(db: Database, tmp_path: Path) -> House:
    return House(db, tmp_path)


async def test_a_deleted_job_comes_back_whole_until_its_time(house: House) -> None:
    job_id, entry = await house.completed()
    before = await requests.mark_deleted(house.db, job_id, files=True)
    with pytest.raises(JobNotFound):
        await reads.summary(house.db, job_id)
    await house.age(job_id, 6)
    await house.keep()
    assert (await removal.restore(house.db, job_id)).title == before.title
    assert (await reads.transcript(house.db, job_id)).words
    assert house.media(job_id).read_bytes() == b"film"
    assert entry.is_dir()


async def test_files_go_with_the_job_when_that_was_asked(house: House) -> None:
    job_id, entry = await house.completed()
    (entry / "my notes.txt").write_text("mine")
    await requests.mark_deleted(house.db, job_id, files=True)
    await house.age(job_id, 7)
    await house.keep()
    assert not house.media(job_id).parent.parent.exists()
    assert [path.name for path in entry.iterdir()] == ["my notes.txt"], "what somebody put there stays"
    await house.age(job_id, 2)
    await house.keep()
    with pytest.raises(JobNotFound):
        await removal.restore(house.db, job_id)
    assert await house.db.fetchval("SELECT count(*) FROM transcripts") == 0


async def test_files_that_cannot_be_removed_hold_up_nothing_else(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stuck, _ = await house.completed("site:1")
    after, _ = await house.completed("site:2")
    for job_id in (stuck, after):
        await requests.mark_deleted(house.db, job_id, files=True)
        await house.age(job_id, 9)
    old = [(await house.completed(f"site:{number}"))[0] for number in (3, 4)]
    for job_id in old:
        await house.age(job_id, 40)
    really_remove, really_unlink = shutil.rmtree, Path.unlink

    def rmtree(path: Path, **how: Any) -> None:
        if path == house.folder(stuck):
            raise PermissionError(errno.EACCES, "not yours")
        really_remove(path, **how)

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path == house.media(old[0]):
            raise OSError(errno.EIO, "the disk fails")
        really_unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr("z2d.daemon.housekeeping.shutil.rmtree", rmtree)
        patch.setattr("pathlib.Path.unlink", unlink)
        await house.keep(media_days=30, log_days=30)
    assert [house.folder(job_id).exists() for job_id in (stuck, after)] == [True, False]
    assert [house.media(job_id).exists() for job_id in old] == [True, False]
    assert (await logs.page(house.db, old[0])).first_seq == 31
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == [
        f"the files of deleted job {stuck} could not be removed: [Errno 13] not yours",
        f"old media of job {old[0]} could not be removed: [Errno 5] the disk fails",
    ]
    rows = await house.db.fetch("SELECT id FROM jobs WHERE deleted_at IS NOT NULL")
    assert [row["id"] for row in rows] == [stuck], "as long as there are files of it, it is not forgotten"

    await house.keep(media_days=30)
    assert not house.folder(stuck).exists()
    assert not house.media(old[0]).exists()
    assert await house.db.fetchval("SELECT count(*) FROM jobs WHERE deleted_at IS NOT NULL") == 0


async def test_an_entry_without_foreign_files_goes_with_its_shelf(house: House) -> None:
    job_id, entry = await house.completed()
    await requests.mark_deleted(house.db, job_id, files=True)
    await house.age(job_id, 7)
    await house.keep()
    assert not entry.parent.exists()
    assert house.library.is_dir()


async def test_the_record_alone_leaves_every_file(house: House) -> None:
    job_id, entry = await house.completed()
    await requests.mark_deleted(house.db, job_id)
    await house.age(job_id, 9)
    await house.keep()
    with pytest.raises(JobNotFound):
        await removal.restore(house.db, job_id)
    assert house.media(job_id).is_file()
    assert entry.is_dir()


async def test_an_entry_that_another_job_stands_for_stays(house: House) -> None:
    old, entry = await house.completed()
    await requests.mark_deleted(house.db, old, files=True)
    _, same = await house.completed()
    assert same == entry
    await house.age(old, 9)
    await house.keep()
    assert not house.media(old).exists()
    assert len(list(entry.iterdir())) > 1


async def test_an_entry_outside_of_the_library_is_not_touched(house: House, tmp_path: Path) -> None:
    job_id, entry = await house.completed()
    house.library = tmp_path / "elsewhere"
    house.library.mkdir()
    await requests.mark_deleted(house.db, job_id, files=True)
    await house.age(job_id, 9)
    await house.keep()
    assert entry.is_dir()


async def test_nothing_goes_by_itself(house: House) -> None:
    job_id, entry = await house.completed()
    failed = await house.failed()
    for one in (job_id, failed):
        await house.age(one, 3000)
    await house.keep()
    job = await reads.detail(house.db, job_id)
    assert [file.state for file in job.files] == ["PRESENT"]
    assert (await logs.page(house.db, job_id)).first_seq == 1
    assert (await reads.summary(house.db, failed)).id == failed
    assert entry.is_dir()


async def test_settings_never_take_a_transcript(house: House) -> None:
    job_id, entry = await house.completed()
    failed = await house.failed()
    with_transcript, _ = await house.completed("site:2")
    await requests.retry(house.db, with_transcript)
    await requests.ask_cancel(house.db, with_transcript)
    for one in (job_id, failed, with_transcript):
        await house.age(one, 40)
    await house.keep(failed_days=30, media_days=30, log_days=30)
    with pytest.raises(JobNotFound):
        await reads.summary(house.db, failed)
    for one in (job_id, with_transcript):
        assert (await reads.transcript(house.db, one)).words
    job = await reads.detail(house.db, job_id)
    (media,) = [file for file in job.files if file.kind is FileKind.MEDIA]
    assert media.state == "PURGED"
    assert not house.media(job_id).exists()
    assert list(entry.glob("*.mp4")), "the library keeps its own"
    assert house.media(with_transcript).exists(), "media of completed jobs only"
    page = await logs.page(house.db, job_id)
    assert (page.first_seq, page.last_seq, len(page.items)) == (31, 50, 20)
    await house.keep(failed_days=30, media_days=30, log_days=30)
    assert (await logs.page(house.db, job_id)).first_seq == 31


async def test_a_stage_whose_media_are_gone_is_not_reused(house: House) -> None:
    job_id, _ = await house.completed()
    await house.age(job_id, 40)
    await house.keep(media_days=30)
    await requests.retry(house.db, job_id, StageName.ANALYSIS)
    claim = await claims.claim(house.db, await making.worker(house.db))
    assert claim is not None
    found = await stages.load_stages(house.db, claim)
    assert found[StageName.DOWNLOAD].input_hash is None
    assert found[StageName.TRANSCRIPT].input_hash == "h"


async def test_a_list_may_go_before_what_came_from_it(house: House) -> None:
    parent = await house.failed()
    child, _ = await house.completed()
    await house.db.execute("UPDATE jobs SET parent_id = $1 WHERE id = $2", parent, child)
    await requests.mark_deleted(house.db, parent)
    await house.age(parent, 9)
    await house.keep()
    job = await reads.summary(house.db, child)
    assert (job.id, job.parent_id) == (child, None)


async def test_old_media_is_found_piece_by_piece(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of a large library are more than one statement can look through."""
    monkeypatch.setattr(removal, "_LOOKED_AT", 2)
    jobs = [(await house.completed(f"site:{number}"))[0] for number in range(5)]
    await house.db.execute("UPDATE jobs SET finished_at = now() - interval '31 d' WHERE id = ANY($1)", jobs[3:])
    await house.keep(media_days=30)
    assert [house.media(job).exists() for job in jobs] == [True, True, True, False, False]
