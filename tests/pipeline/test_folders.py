from __future__ import annotations

import asyncio
import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from z2d.pipeline.folders import JobFolder, job_folder
from z2d.pipeline.threads import Abandoned, Wanted, in_thread
from z2d.wire.jobs import StageName
from z2d.wire.library import FileKind


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    made = JobFolder(job_folder(tmp_path, 1234567))
    made.create()
    return made


def test_a_thousand_jobs_share_a_parent(tmp_path: Path) -> None:
    assert job_folder(tmp_path, 1234567) == tmp_path / "1234" / "1234567"


def test_only_this_account_may_look(folder: JobFolder) -> None:
    assert folder.root.stat().st_mode & 0o777 == 0o700
    assert folder.work.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../b", ""])
def test_paths_stay_inside(folder: JobFolder, path: str) -> None:
    with pytest.raises(ValueError, match="not inside"):
        folder.path(path)


async def test_a_link_out_of_the_folder_is_no_artefact(folder: JobFolder, tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.write_text("x")
    link = folder.root / "media" / "link"
    link.symlink_to(outside)
    with pytest.raises(ValueError, match="subpath"):
        await folder.artefact(FileKind.MEDIA, link)


async def test_artefacts_verify_until_they_change(folder: JobFolder) -> None:
    path = folder.write("media/a.bin", b"abc")
    artefact = await folder.artefact(FileKind.MEDIA, path)
    assert (artefact.path, artefact.size_bytes) == ("media/a.bin", 3)
    assert await folder.verify([artefact])
    path.write_bytes(b"abd")
    assert not await folder.verify([artefact])
    path.unlink()
    assert not await folder.verify([artefact])


async def test_writing_leaves_nothing_in_work(folder: JobFolder) -> None:
    folder.write_json("source/x.json", {"a": "ü\ud800"})
    assert json.loads((folder.root / "source/x.json").read_text())["a"] == "ü?"
    assert not list(folder.work.iterdir())


async def test_reconcile_keeps_what_is_claimed_and_downloads_to_continue(folder: JobFolder) -> None:
    kept = await folder.artefact(FileKind.MEDIA, folder.write("media/a.bin", b"abc"))
    folder.write("media/orphan.bin", b"x")
    (folder.work / "deep").mkdir()
    (folder.work / "deep" / "b.tmp").write_bytes(b"x")
    for name in ("v.mp4.part", "v.mp4.part-Frag7", "v.mp4.ytdl", "v.temp.mp4"):
        (folder.work / name).write_bytes(b"x")
    removed = folder.reconcile([kept], keep_downloads=True)
    assert set(removed) == {"media/orphan.bin", "work/deep/b.tmp", "work/v.temp.mp4"}
    assert sorted(path.name for path in folder.work.iterdir()) == ["v.mp4.part", "v.mp4.part-Frag7", "v.mp4.ytdl"]
    assert await folder.verify([kept])
    folder.reconcile([kept], keep_downloads=False)
    assert not list(folder.work.iterdir())


async def test_the_manifest_can_rebuild_the_rows(folder: JobFolder) -> None:
    artefact = await folder.artefact(FileKind.MEDIA, folder.write("media/a.bin", b"abc"))
    folder.write_manifest(7, {StageName.DOWNLOAD: (1, "f00", [artefact])})
    written = json.loads((folder.root / "manifest.json").read_text())
    assert written["job"] == 7
    assert written["stages"]["download"]["files"][0]["sha256"] == artefact.sha256


def test_clearing_survives_a_purged_folder(tmp_path: Path) -> None:
    JobFolder(tmp_path / "gone").clear_work()
    assert not JobFolder(tmp_path / "gone").has_work()


def test_some_clear_and_some_look_at_once(folder: JobFolder) -> None:
    """The end of a cancelled run and the worker's tidying meet in one folder; neither may stumble over the other."""
    with ThreadPoolExecutor(4) as threads:
        for _ in range(300):
            for name in ("a", "b"):
                (folder.work / name).mkdir()
                (folder.work / name / "deep.part").touch()
                (folder.work / f"{name}.part").touch()
            tasks = [threads.submit(what) for what in (folder.clear_work, folder.has_work) * 2]
            for done in tasks:
                done.result()
            assert folder.work.is_dir()
            assert not folder.has_work()


def test_what_cannot_be_removed_is_said_and_the_rest_goes(folder: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        (folder.work / f"{name}.part").touch()
        (folder.work / name).mkdir()
        (folder.work / name / "deep.part").touch()
    really_unlink = os.unlink

    def unlink(path: Any, **where: Any) -> None:
        if Path(path).name in ("b.part", "deep.part"):
            raise OSError(errno.EIO, "the disk fails")
        really_unlink(path, **where)

    with monkeypatch.context() as patch:
        patch.setattr("os.unlink", unlink)
        with pytest.raises(OSError, match="the disk fails"):
            folder.clear_work()
    assert {path.name for path in folder.work.iterdir()} == {"a", "b", "c", "b.part"}
    folder.clear_work()
    assert not folder.has_work()


async def test_a_thread_learns_that_nobody_waits() -> None:
    begun, seen = asyncio.Event(), []
    loop = asyncio.get_running_loop()

    def work(wanted: Wanted) -> None:
        loop.call_soon_threadsafe(begun.set)
        try:
            while True:
                wanted.check()
        except Abandoned:
            seen.append("abandoned")
            raise

    task = asyncio.create_task(in_thread(work), name="test")
    await asyncio.wait_for(begun.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["abandoned"]


async def test_a_fault_in_a_thread_is_passed_on() -> None:
    def work(_: Wanted) -> None:
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        await in_thread(work)
