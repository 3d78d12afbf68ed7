"""Lists and uploads through the whole pipeline, with real files and a real worker."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from urllib.parse import urlencode

from tests import site_media
from tests.site import Site
from tests.support import eventually, fixture
from tests.worker.rig import Desk, statuses, working
from z2d.wire.jobs import JobKind, JobOptions, JobStatus, Outcome, StageName, StageStatus
from z2d.wire.lists import PlaylistOptions
from z2d.wire.uploads import Upload


def feed(site: Site, *items: str, dates: tuple[str, ...] = (), titles: tuple[str, ...] = ()) -> str:
    query = [*(("item", item) for item in items), *(("date", day) for day in dates), *(("title", t) for t in titles)]
    return site.url(f"/list.rss?{urlencode(query)}")


async def test_one_good_one_gone_one_duplicate_is_a_partial_list(dsn: str, desk: Desk, site: Site) -> None:
    async with working(dsn, desk.state_dir):
        there = await desk.submit(site.url("/speech"))
        await desk.end_of(there)
        parent = await desk.submit(feed(site, "/file.mp4", "/status/410", "/speech", titles=("Good", "Gone", "Known")))
        ended = await desk.end_of(parent)
        story = await desk.story(parent)
    assert (ended.status, ended.outcome, ended.kind) == (JobStatus.COMPLETED, Outcome.PARTIAL, JobKind.COLLECTION)
    assert ended.title == "A list"
    assert [(one.title, one.status, one.outcome) for one in ended.children] == [
        ("Good", "COMPLETED", "PARTIAL"),  # it has no captions
        ("Gone", "FAILED", None),
        ("Known", "COMPLETED", "DUPLICATE"),
    ]
    assert ended.children[1].error is not None
    assert ended.children[1].error.code == "REMOVED"
    assert ended.children[2].duplicate_of == there
    assert "2 queued, 1 already there" in story
    assert "All 3 entries are finished" in story
    assert site.hits["/list.rss"] == 1


async def test_what_a_feed_says_of_its_entries_is_kept(dsn: str, desk: Desk, site: Site) -> None:
    """A podcast's file knows nothing of the episode's title and date; the feed does."""
    url = feed(site, "/file.mp4", "/audio.mp3", dates=("2026-01-02", "2026-01-01"), titles=("Rabbits", "Bears"))
    async with working(dsn, desk.state_dir):
        parent = await desk.submit(url, options=JobOptions(playlist=PlaylistOptions(match="^rabb")))
        ended = await desk.end_of(parent)
    assert [one.title for one in ended.children] == ["Rabbits"]
    child = await desk.detail(ended.children[0].id)
    assert child.metadata is not None
    assert (child.metadata.title, child.metadata.description) == ("Rabbits", "About Rabbits")
    assert str(child.metadata.published_at) == "2026-01-02 10:00:00+00:00"


async def test_cancelling_a_waiting_list_ends_its_children_and_their_processes(
    dsn: str, desk: Desk, site: Site
) -> None:
    slow = ["/slow.mp4?rate=20000&n=1", "/slow.mp4?rate=20000&n=2", "/slow.mp4?rate=20000&n=3"]
    async with working(dsn, desk.state_dir, slots=2):
        parent = await desk.submit(feed(site, *slow))

        async def two_run() -> bool:
            children = (await desk.detail(parent)).children
            return sum(one.progress > 0 for one in children) == 2

        await eventually(two_run, 40, what="two children at work")
        await desk.cancel(parent)

        async def all_over() -> bool:
            children = (await desk.detail(parent)).children
            return all(one.status == "CANCELLED" for one in children)

        await eventually(all_over, 6, what="the end of all children")
        assert (await desk.detail(parent)).status == "CANCELLED"


async def test_a_list_inside_a_list_is_an_entry_that_failed(dsn: str, desk: Desk, site: Site) -> None:
    async with working(dsn, desk.state_dir):
        parent = await desk.submit(feed(site, "/two", "/nothing"))
        ended = await desk.end_of(parent)
    assert ended.status == "FAILED"
    assert [one.error and one.error.code for one in ended.children] == ["UNSUPPORTED", "UNSUPPORTED"]


async def test_a_retried_list_looks_again_and_repeats_only_what_failed(dsn: str, desk: Desk, site: Site) -> None:
    from z2d.store import requests

    async with working(dsn, desk.state_dir):
        parent = await desk.submit(feed(site, "/speech", "/status/404"))
        await desk.end_of(parent)
        hits = site.hits["/speech.mp4"]
        await requests.retry(desk.db, parent)
        again = await desk.end_of(parent)
    assert again.outcome is Outcome.PARTIAL
    assert [one.status for one in again.children] == ["COMPLETED", "FAILED"]
    assert site.hits["/speech.mp4"] == hits
    assert site.hits["/list.rss"] == 2


def uploaded(state_dir: Path, source: Path, name: str) -> Upload:
    upload = Upload(hashlib.sha256(source.read_bytes()).hexdigest(), name)
    place = upload.path(state_dir / "uploads")
    place.parent.mkdir(parents=True)
    shutil.copyfile(source, place)
    return upload


async def test_an_uploaded_file_goes_through_the_six_stages(dsn: str, desk: Desk) -> None:
    upload = uploaded(desk.state_dir, site_media.speech_mp4(), "Ask not? 100 % “sure”.mp4")
    async with working(dsn, desk.state_dir):
        ended = await desk.end_of(await desk.submit(upload.url, site="upload"))
    assert ended.status == "COMPLETED"
    assert ended.title == "Ask not? 100 % “sure”"
    assert ended.metadata is not None
    assert (ended.metadata.extractor, ended.metadata.media_key) == ("upload", upload.key)
    assert [path.name for path in (desk.state_dir / "library").iterdir()] == ["Uploads"]
    found = statuses(ended)
    assert found.pop(StageName.TRANSCRIPT) in (StageStatus.SKIPPED, StageStatus.DONE)
    assert set(found.values()) == {StageStatus.DONE}
    media = desk.folder(ended.id).root / "media" / "media.mp4"
    assert media.samefile(upload.path(desk.state_dir / "uploads"))


async def test_an_uploaded_file_that_is_no_video_or_is_gone_fails_with_the_reason(
    dsn: str, desk: Desk, tmp_path: Path
) -> None:
    text = uploaded(desk.state_dir, fixture("SOURCES.md"), "notes.mp4")
    half = tmp_path / "half.mp4"
    whole = fixture("media/bbb_rabbit320.mp4").read_bytes()
    half.write_bytes(whole[: len(whole) // 2])
    cut = uploaded(desk.state_dir, half, "half.mp4")
    async with working(dsn, desk.state_dir):
        for url, code in (
            (text.url, {"CORRUPT", "UNSUPPORTED"}),
            (cut.url, {"CORRUPT"}),
            (Upload("0" * 64, "gone.mp4").url, {"NOT_FOUND"}),
        ):
            ended = await desk.end_of(await desk.submit(url, site="upload"))
            assert ended.error is not None
            assert ended.error.code in code, url
            name = url.rpartition("/")[2]  # as long as nothing else is known of a file, its name is its title
            assert ended.title == ("half" if name == "half.mp4" else name)
