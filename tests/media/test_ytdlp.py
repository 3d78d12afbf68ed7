"""yt-dlp in children: what comes of good sites, and how many requests it takes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import ClassVar

import pytest

from tests import site_media
from tests.media.conftest import LIMITS, Job
from tests.site import Site
from tests.support import eventually, fixture
from z2d.media.faults import MediaFault
from z2d.media.ffmpeg import Ffmpeg
from z2d.media.installed import ytdlp_stamp
from z2d.media.process import Limits, marked
from z2d.media.ytdlp import YtDlp
from z2d.wire.jobs import JobOptions, LogLevel
from z2d.wire.reasons import ErrorClass


async def test_a_plain_file_costs_two_requests(job: Job, site: Site) -> None:
    info = await job.extract(site.url("/file.mp4"))
    assert (info["id"], info["title"], info["extractor_key"]) == ("file", "file", "Generic")
    assert info == json.loads(job.info_json.read_bytes())
    media = await job.download()
    assert media == job.folder / "media" / "media.mp4"
    assert media.read_bytes() == fixture("media/bbb_rabbit320.mp4").read_bytes()
    assert site.hits == {"/file.mp4": 2}
    assert job.files() == ["media/media.mp4", "source/info.json"]
    assert job.steps[-1].bytes_done == job.steps[-1].bytes_total == media.stat().st_size
    assert not [line for level, line in job.lines if level >= LogLevel.WARNING or "%" in line]


async def test_a_page_with_a_video_and_captions(job: Job, site: Site) -> None:
    info = await job.extract(site.url("/speech"))
    assert info["title"] == "Ask not what your country can do for you"
    assert info["thumbnail"] == site.url("/picture.jpg")
    assert [track["url"] for track in info["subtitles"]["en"]] == [site.url("/speech.vtt")]
    assert (await job.download()).name == "media.mp4"
    assert b"fellow Americans" in await job.fetch(site.url("/speech.vtt"))
    assert site.hits == {"/speech": 1, "/speech.mp4": 1, "/speech.vtt": 1}


async def test_a_page_with_structured_data(job: Job, site: Site) -> None:
    info = await job.extract(site.url("/ldjson"))
    assert (info["title"], info["duration"], info["uploader"]) == ("A rabbit in three parts", 7.8, "The animators")
    assert [chapter["title"] for chapter in info["chapters"]] == ["Waking", "Stretching", "Walking"]
    await job.download()
    assert site.hits == {"/ldjson": 1, "/file.mp4": 2}


async def test_hls_is_put_together(job: Job, site: Site, ffmpeg: Ffmpeg) -> None:
    await job.extract(site.url("/hls/master.m3u8"))
    probe = await ffmpeg.probe(await job.download())
    assert probe.video is not None
    assert probe.audio is not None
    assert abs(probe.duration_ms - 7800) < 300
    segments = {path: n for path, n in site.hits.items() if path.endswith(".ts")}
    assert len(segments) >= 7
    assert set(segments.values()) == {1}


@pytest.mark.parametrize(
    ("path", "name"), [("/audio.mp3", "media.mp3"), ("/audio-only.mp4", "media.mp4"), ("/video-only.mp4", "media.mp4")]
)
async def test_one_kind_of_stream_is_enough(job: Job, site: Site, path: str, name: str) -> None:
    await job.extract(site.url(path))
    assert (await job.download()).name == name


async def test_formats_are_merged_and_options_choose_them(job: Job, site: Site, ffmpeg: Ffmpeg) -> None:
    """As a site describes it that has picture and sound apart."""
    sound = {"protocol": "http", "ext": "mp4", "vcodec": "none", "acodec": "mp4a.40.2"}
    picture = {"protocol": "http", "ext": "mp4", "vcodec": "avc1", "acodec": "none"}
    formats = [
        {**sound, "format_id": "a", "url": site.url("/audio-only.mp4")},
        {**picture, "format_id": "v720", "url": site.url("/video-only.mp4"), "height": 720},
        {**picture, "format_id": "v144", "url": site.url("/silent.mp4"), "height": 144},
    ]
    description = {"id": "x", "title": "x", "extractor": "x", "extractor_key": "X", "formats": formats}
    job.info_json.parent.mkdir()
    job.info_json.write_text(json.dumps(description))
    probe = await ffmpeg.probe(await job.download())
    assert (probe.video is not None, probe.audio is not None) == (True, True)
    assert site.hits == {"/audio-only.mp4": 1, "/video-only.mp4": 1}
    assert any(step.detail == "merger" for step in job.steps)
    assert job.files() == ["media/media.mp4", "source/info.json"]

    job.options = JobOptions(audio_only=True)
    probe = await ffmpeg.probe(await job.download())
    assert probe.video is None
    job.options = JobOptions(max_height=360)
    with pytest.raises(MediaFault):  # /silent.mp4 does not exist: it was the one chosen
        await job.download()
    assert site.hits["/silent.mp4"] == 1


async def test_an_interrupted_download_goes_on_where_it_was(job: Job, site: Site) -> None:
    await job.extract(site.url("/slow.mp4"))
    task = asyncio.create_task(job.download(), name="download")
    await eventually(lambda: job.steps and job.steps[-1].bytes_done > 200_000)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    part = job.folder / "work" / "media-mp4.mp4.part"
    kept = part.stat().st_size
    assert kept > 200_000
    site.sent.clear()
    job.info_json.write_text(job.info_json.read_text().replace("/slow.mp4", "/slow.mp4?rate=90000000"))
    media = await job.download()
    assert site.seen[-1].range == f"bytes={kept}-"
    assert site.sent["/slow.mp4"] == media.stat().st_size - kept
    assert media.read_bytes() == site_media.large_mp4().read_bytes()


async def test_a_finished_download_is_not_fetched_again(job: Job, site: Site) -> None:
    """As after a crash between the last byte and the move into place."""
    await job.extract(site.url("/file.mp4"))
    (job.folder / "work").mkdir()
    (job.folder / "work" / "media-mp4.mp4").write_bytes(fixture("media/bbb_rabbit320.mp4").read_bytes())
    await job.download()
    assert site.hits == {"/file.mp4": 1}


async def test_a_broken_connection_is_taken_up_at_once(job: Job, site: Site) -> None:
    await job.extract(site.url("/breaks.mp4"))
    media = await job.download()
    assert media.read_bytes() == fixture("media/bbb_rabbit320.mp4").read_bytes()
    assert site.hits == {"/breaks.mp4": 3}
    assert site.seen[-1].range is not None


async def test_captions_and_pictures_are_fetched_with_a_limit(job: Job, site: Site) -> None:
    await job.extract(site.url("/page"))
    assert (await job.fetch(site.url("/picture.jpg"))).startswith(b"\xff\xd8")
    for path, limit in (("/picture.jpg", 100), ("/bomb.vtt", 1 << 20)):
        with pytest.raises(MediaFault) as caught:
            await job.fetch(site.url(path), max_bytes=limit)
        assert caught.value.error_class is ErrorClass.TOO_LARGE


async def test_another_ytdlp_on_the_disk_is_what_the_next_step_gets(
    ffmpeg: Ffmpeg, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was warmed before an update does not serve after it; a job that runs keeps its child."""
    async with YtDlp(installation=ffmpeg.installation, ffmpeg=ffmpeg, allow_private=True, limits=LIMITS) as yt:
        children = yt._children
        before = children.session
        held = await children.serve(b'{"op": "extract"}', Limits())
        assert children.session == before
        stamp = ytdlp_stamp()
        assert stamp is not None
        monkeypatch.setattr("z2d.media.ytdlp_children.ytdlp_stamp", lambda: (stamp[0] + 1, *stamp[1:]))
        await yt.adjust(limits=LIMITS, allow_private=True)
        assert children.session != before
        assert b"fault" in await held.stdout.read(), "it has served what it was asked, as well as it could"
        await held.stop()
    assert marked(ffmpeg.installation) == []


async def test_it_is_warm_before_the_first_job_and_serves_many_at_once(
    ffmpeg: Ffmpeg, site: Site, tmp_path: Path
) -> None:
    async with YtDlp(installation=ffmpeg.installation, ffmpeg=ffmpeg, allow_private=True, limits=LIMITS) as yt:
        job = Job(yt, tmp_path)
        before = marked(ffmpeg.installation)
        assert before
        await asyncio.gather(*(job.extract(site.url(path)) for path in ("/file.mp4", "/page", "/ldjson")))
        assert set(before) <= set(marked(ffmpeg.installation))
    assert marked(ffmpeg.installation) == []


@pytest.mark.parametrize("victims", [slice(None), slice(-1, None)])  # with its leash, and alone
async def test_a_warm_program_that_was_killed_costs_no_job(job: Job, site: Site, victims: slice) -> None:
    for _ in range(2):
        await job.extract(site.url("/file.mp4"))
        for pid in sorted(marked(job.yt._children._installation))[victims]:
            os.kill(pid, signal.SIGKILL)
        jobs = [Job(job.yt, job.folder / name) for name in ("one", "other")]
        both = await asyncio.gather(*(one.extract(site.url("/file.mp4")) for one in jobs))
        assert all(one["id"] for one in both)


class Broken(YtDlp):
    child_arguments: ClassVar = ("-c", "raise SystemExit('No module named yt_dlp')")


async def test_a_ytdlp_that_cannot_start_says_why(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    async with Broken(installation=ffmpeg.installation, ffmpeg=ffmpeg) as yt:
        job = Job(yt, tmp_path)
        asked = [asyncio.create_task(job.extract("http://127.0.0.1:1/"), name="asking") for _ in range(3)]
        await asyncio.wait(asked, timeout=30)
    for one in asked:
        fault = one.exception()
        assert isinstance(fault, MediaFault)
        assert fault.error_class is ErrorClass.EXTRACTOR_BUG
        assert fault.message == "yt-dlp cannot be started: No module named yt_dlp"


class Chatty(YtDlp):
    child_arguments: ClassVar = (
        "-c",
        "from z2d.media import forks; from z2d.media.ytdlp_child import Answers\n"
        "forks.request(); answers = Answers()\n"
        "answers.log(30, chr(0x1F600) * 9000); answers.send('done')",
    )


async def test_the_longest_line_of_any_script_gets_through(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    async with Chatty(installation=ffmpeg.installation, ffmpeg=ffmpeg) as yt:
        job = Job(yt, tmp_path)
        (tmp_path / "source").mkdir()
        job.info_json.write_text("{}")
        await job.extract("http://127.0.0.1:1/")
    assert [line for _, line in job.lines] == [chr(0x1F600) * 8000]
