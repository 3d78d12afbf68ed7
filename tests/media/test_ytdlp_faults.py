"""yt-dlp in children: bad servers, hostile names, and being stopped."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.media.conftest import LIMITS, Job
from tests.site import Site
from tests.support import ROOT, eventually, fixture, session_of
from z2d.media.faults import MediaFault
from z2d.media.ffmpeg import Ffmpeg
from z2d.media.process import marked
from z2d.media.ytdlp import FetchLimits
from z2d.wire.reasons import ErrorClass


async def fault_of(call: object) -> MediaFault:
    with pytest.raises(MediaFault) as caught:
        await call  # type: ignore[misc]
    return caught.value


@pytest.mark.parametrize(
    ("path", "error_class", "retry_after"),
    [
        ("/status/401", ErrorClass.LOGIN_REQUIRED, None),
        ("/status/403", ErrorClass.FORBIDDEN, None),
        ("/status/404", ErrorClass.NOT_FOUND, None),
        ("/status/410", ErrorClass.REMOVED, None),
        ("/status/429?retry_after=120", ErrorClass.RATE_LIMITED, 120.0),
        ("/status/451", ErrorClass.GEO, None),
        ("/status/500", ErrorClass.SERVER_ERROR, None),
        ("/status/503?retry_after=7", ErrorClass.SERVER_ERROR, 7.0),
        ("/flaky.mp4", ErrorClass.SERVER_ERROR, None),
        ("/nothing", ErrorClass.UNSUPPORTED, None),
        ("/two", ErrorClass.UNSUPPORTED, None),
        ("/feed.rss", ErrorClass.UNSUPPORTED, None),
        ("/picture.jpg", ErrorClass.UNSUPPORTED, None),
        ("/captions.vtt", ErrorClass.UNSUPPORTED, None),
    ],
)
async def test_each_refusal_has_its_class_and_costs_one_request(
    job: Job, site: Site, path: str, error_class: ErrorClass, retry_after: float | None
) -> None:
    fault = await fault_of(job.extract(site.url(path)))
    assert (fault.error_class, fault.retry_after) == (error_class, retry_after)
    assert fault.message
    assert sum(site.hits.values()) == 1
    assert job.files() == []


async def test_the_queue_gets_past_a_server_that_recovers(job: Job, site: Site) -> None:
    for _ in range(2):
        assert (await fault_of(job.extract(site.url("/flaky.mp4")))).error_class is ErrorClass.SERVER_ERROR
    await job.extract(site.url("/flaky.mp4"))
    await job.download()
    assert site.hits == {"/flaky.mp4": 4}


async def described(job: Job, url: str, **more: object) -> None:
    """Put a description of a plain file in place, without a request."""
    job.info_json.parent.mkdir()
    one = {"format_id": "mp4", "url": url, "ext": "mp4", "protocol": "http"}
    description = {"id": "x", "title": "x", "extractor": "x", "extractor_key": "X", "formats": [one], **more}
    job.info_json.write_text(json.dumps(description))


@pytest.mark.parametrize(
    ("path", "error_class"),
    [
        ("/status/403", ErrorClass.FORBIDDEN),
        ("/status/404", ErrorClass.NOT_FOUND),
        ("/status/429", ErrorClass.RATE_LIMITED),
        ("/status/503", ErrorClass.SERVER_ERROR),
        ("/corrupt.mp4", ErrorClass.CORRUPT),
        ("/nothing", ErrorClass.CORRUPT),
        ("/picture.jpg", ErrorClass.UNSUPPORTED),
        ("/captions.vtt", ErrorClass.UNSUPPORTED),
    ],
)
async def test_each_bad_download_has_its_class(job: Job, site: Site, path: str, error_class: ErrorClass) -> None:
    await described(job, site.url(path))
    assert (await fault_of(job.download())).error_class is error_class
    assert sum(site.hits.values()) == 1
    assert job.files() == ["source/info.json"]


async def test_nobody_there_is_a_network_fault(job: Job) -> None:
    await described(job, "http://127.0.0.1:9/x.mp4")
    assert (await fault_of(job.download())).error_class is ErrorClass.NETWORK


async def test_a_truncated_download_is_kept_and_said_so(job: Job, site: Site) -> None:
    await described(job, site.url("/truncated.mp4"))
    assert (await fault_of(job.download())).error_class is ErrorClass.TRUNCATED
    # once because bytes came, and not again because no more came than before
    assert site.hits == {"/truncated.mp4": 2}
    assert job.files() == ["source/info.json", "work/media-mp4.mp4.part"]


async def test_a_part_that_does_not_fit_is_thrown_away(job: Job, site: Site) -> None:
    """The file changed on the server between two attempts: what is put together does not decode."""
    await described(job, site.url("/file.mp4"))
    part = job.folder / "work" / "media-mp4.mp4.part"
    part.parent.mkdir()
    part.write_bytes(bytes(300_000))
    assert (await fault_of(job.download())).error_class is ErrorClass.TRUNCATED
    assert job.files() == ["source/info.json"]
    await job.download()


async def test_a_video_shorter_than_the_site_says_is_truncated(job: Job, site: Site) -> None:
    await described(job, site.url("/file.mp4"), duration=12.0)
    fault = await fault_of(job.download())
    assert fault.error_class is ErrorClass.TRUNCATED
    assert fault.message == "only 7.8 s of 12.0 s arrived"


@pytest.mark.parametrize("path", ["/stall.mp4", "/trickle.mp4"])
async def test_a_standstill_ends_after_its_window(job: Job, site: Site, path: str) -> None:
    job.yt.limits = replace(LIMITS, stall_window_s=1.5, stall_bytes=5000)
    await described(job, site.url(path))
    started = time.monotonic()
    assert (await fault_of(job.download())).error_class is ErrorClass.STALLED
    assert time.monotonic() - started < 1.5 + 5


async def test_an_endless_stream_ends_at_the_limit(job: Job, site: Site) -> None:
    limit = 4_000_000
    job.yt.limits = replace(LIMITS, max_bytes=limit)
    await described(job, site.url("/endless.mp4"))
    assert (await fault_of(job.download())).error_class is ErrorClass.TOO_LARGE
    assert sum(path.stat().st_size for path in (job.folder / "work").iterdir()) <= limit * 1.05


async def test_an_announced_size_beyond_the_limit_is_not_downloaded(job: Job, site: Site) -> None:
    job.yt.limits = replace(LIMITS, max_bytes=500_000)
    await described(job, site.url("/file.mp4"))
    fault = await fault_of(job.download())
    assert fault.error_class is ErrorClass.TOO_LARGE
    assert "834563" in fault.message
    assert sum(path.stat().st_size for path in (job.folder / "work").iterdir()) < 100_000


async def test_the_reserve_of_the_disk_is_kept(job: Job, site: Site) -> None:
    job.yt.limits = replace(LIMITS, disk_reserve_bytes=1 << 60)
    await described(job, site.url("/file.mp4"))
    assert (await fault_of(job.download())).error_class is ErrorClass.DISK_FULL
    assert not site.hits


async def test_a_deadline_ends_a_download(job: Job, site: Site, ffmpeg: Ffmpeg) -> None:
    job.yt.limits = replace(LIMITS, download_deadline_s=2.0)
    await described(job, site.url("/stall.mp4"))
    assert (await fault_of(job.download())).error_class is ErrorClass.TIMEOUT
    assert job.processes() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "../../../evil"),
        ("id", "x" * 5000),
        ("title", "\x1b]0;x\x07 ../../evil \u202e\x00"),
        ("format_id", "../../evil/\x00"),
        ("format_id", "x" * 5000),
        ("ext", "desktop"),
        ("ext", "../../evil"),
        ("ext", "exe"),
    ],
)
async def test_hostile_names_stay_inside_the_folder(job: Job, site: Site, name: str, value: str) -> None:
    await described(job, site.url("/file.mp4"))
    description = json.loads(job.info_json.read_text())
    (description["formats"][0] if name in ("format_id", "ext") else description)[name] = value
    job.info_json.write_text(json.dumps(description))
    above = set(job.folder.parent.iterdir())
    try:
        media = await job.download()
    except MediaFault as fault:
        assert fault.error_class is ErrorClass.UNSUPPORTED
    else:
        assert media == job.folder / "media" / "media.mp4"
    assert set(job.folder.parent.iterdir()) == above
    assert {Path(file).parts[0] for file in job.files()} <= {"source", "media", "work"}


async def test_a_link_in_the_folder_is_not_followed(
    job: Job, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    await described(job, site.url("/file.mp4"))
    foreign = tmp_path_factory.mktemp("foreign") / "film.mp4"
    foreign.write_bytes(fixture("media/bbb_rabbit320.mp4").read_bytes())
    (job.folder / "work").mkdir()
    (job.folder / "work" / "media-mp4.mp4").symlink_to(foreign)
    await fault_of(job.download())
    assert foreign.exists()
    assert not (job.folder / "media").exists()


async def test_cancelling_stops_everything_within_seconds(job: Job, site: Site, ffmpeg: Ffmpeg) -> None:
    await described(job, site.url("/slow.mp4"))
    task = asyncio.create_task(job.download(), name="download")
    await eventually(lambda: job.steps and job.steps[-1].bytes_done > 50_000)
    assert job.processes()
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 5
    assert job.processes() == []
    size = (job.folder / "work" / "media-mp4.mp4.part").stat().st_size
    sent = site.sent["/slow.mp4"]
    await asyncio.sleep(0.2)
    assert (job.folder / "work" / "media-mp4.mp4.part").stat().st_size == size
    assert site.sent["/slow.mp4"] - sent < 100_000


DAEMON = """
import asyncio, json, sys
from pathlib import Path
from z2d.media.ffmpeg import Ffmpeg
from z2d.media.ytdlp import YtDlp
from z2d.wire.jobs import JobOptions
async def main():
    installation, ffmpeg, folder = sys.argv[1:]
    folder = Path(folder)
    async with YtDlp(installation=installation, ffmpeg=Ffmpeg(Path(ffmpeg), installation), allow_private=True) as yt:
        await yt.download(folder / "source/info.json", folder, options=JobOptions(), job_id=1,
                          log=lambda *_: None, progress=lambda p: print(p.bytes_done, flush=True))
asyncio.run(main())
"""


async def test_a_child_that_the_system_kills(job: Job, site: Site) -> None:
    await described(job, site.url("/slow.mp4"))
    task = asyncio.create_task(job.download(), name="download")
    await eventually(lambda: job.steps and job.steps[-1].bytes_done > 50_000)
    for pid in job.processes():
        if session_of(pid) != pid:  # not the leash
            os.kill(pid, signal.SIGKILL)
    fault = await fault_of(task)
    assert fault.error_class is ErrorClass.UNKNOWN
    assert fault.message == "the yt-dlp child was killed, perhaps because the memory was full"


async def test_a_killed_daemon_leaves_no_download_running(job: Job, site: Site, ffmpeg: Ffmpeg) -> None:
    await described(job, site.url("/slow.mp4"))
    command = [sys.executable, "-c", DAEMON, ffmpeg.installation, str(ffmpeg.path), str(job.folder)]
    daemon = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)  # noqa: ASYNC220 - killed below
    try:
        assert daemon.stdout is not None
        assert await asyncio.to_thread(daemon.stdout.readline)
        assert len(marked(ffmpeg.installation)) >= 2
    finally:
        daemon.kill()
        daemon.communicate()
    await eventually(lambda: not marked(ffmpeg.installation), within=3)


def test_the_defaults_bound_everything() -> None:
    limits = FetchLimits()
    assert all(value > 0 for value in vars(limits).values())
