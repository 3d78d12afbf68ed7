"""Streams: when one is looked at again, and recording one that is on the air."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from tests import site_media
from tests.media.conftest import LIMITS, Job
from tests.site import Site
from tests.support import eventually
from z2d.media.faults import MediaFault
from z2d.media.ffmpeg import Ffmpeg
from z2d.media.live import read_window
from z2d.media.verdict import refuse_what_cannot_be_downloaded, until
from z2d.wire.jobs import JobOptions
from z2d.wire.reasons import ErrorClass

FORMAT = {"url": "https://a.example/x", "ext": "mp4"}


def verdict(record: bool = False, warnings: tuple[str, ...] = (), **info: Any) -> MediaFault | None:
    try:
        refuse_what_cannot_be_downloaded({"title": "Launch", "formats": [FORMAT], **info}, warnings, record=record)
    except MediaFault as fault:
        return fault
    return None


def test_an_announced_stream_is_looked_at_half_a_minute_after_its_start() -> None:
    start = time.time() + 7200
    fault = verdict(live_status="is_upcoming", release_timestamp=start)
    assert fault is not None
    assert fault.error_class is ErrorClass.LIVE_NOT_STARTED
    assert fault.retry_after is not None
    assert abs(fault.retry_after - 7230) < 2
    assert fault.message.startswith("“Launch” has not begun; announced for 2")


@pytest.mark.parametrize(("late_s", "wait_s"), [(-100, 130), (0, 30), (29, 1), (60, 60), (1200, 292.5), (90_000, 600)])
def test_a_late_one_is_asked_after_less_and_less_often(late_s: float, wait_s: float) -> None:
    assert until(1_000_000, 1_000_000 + late_s) == wait_s


@pytest.mark.parametrize("start", [None, "soon", 0, float("inf"), 1e300])
def test_one_without_a_time_waits_as_the_policy_says(start: object) -> None:
    fault = verdict(live_status="is_upcoming", release_timestamp=start)
    assert fault is not None
    assert (fault.error_class, fault.retry_after) == (ErrorClass.LIVE_NOT_STARTED, None)


def test_on_the_air_means_waiting_unless_recording_is_wanted() -> None:
    fault = verdict(live_status="is_live")
    assert fault is not None
    assert (fault.error_class, fault.retry_after) == (ErrorClass.LIVE_ENDED_PROCESSING, 600)
    assert verdict(record=True, live_status="is_live") is None
    assert verdict(record=True, live_status="was_live") is None
    ended = verdict(record=True, live_status="post_live")
    assert ended is not None
    assert ended.retry_after == 300


def test_the_warning_that_says_most_decides() -> None:
    fault = verdict(
        warnings=("[youtube] x: Private video. Sign in if you may. Use --cookies", "No video formats found!"),
        formats=[],
    )
    assert fault is not None
    assert (fault.error_class, fault.message) == (ErrorClass.PRIVATE, "Private video. Sign in if you may.")


HEAD = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:7\n"


def test_a_window_is_read() -> None:
    window = read_window(
        HEAD + '#EXTINF:3.9,\na.ts\n#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x01\n#EXTINF:4,x\n/b.ts\n#EXT-X-ENDLIST\n',
        "http://h.example/live/index.m3u8",
    )
    first, second = window.segments
    assert (first.number, first.url, first.seconds, first.key_url) == (7, "http://h.example/live/a.ts", 3.9, None)
    assert (second.number, second.url, second.key_url) == (8, "http://h.example/b.ts", "http://h.example/live/k")
    assert second.iv == (1).to_bytes(16, "big")
    assert (window.target_s, window.ended, window.head_url) == (4, True, None)


@pytest.mark.parametrize(
    ("text", "error_class"),
    [
        ("<html>", ErrorClass.UNSUPPORTED),
        (HEAD + "#EXT-X-BYTERANGE:10@0\na.ts", ErrorClass.UNSUPPORTED),
        (HEAD + '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x"\na.ts', ErrorClass.DRM),
    ],
)
def test_a_window_that_cannot_be_recorded(text: str, error_class: ErrorClass) -> None:
    with pytest.raises(MediaFault) as caught:
        read_window(text, "http://h.example/")
    assert caught.value.error_class is error_class


class Broadcast:
    """A live stream of the test's segments: each second of the clock one more, a window of three, at last an end."""

    def __init__(self, *, ends: bool = True, missing: tuple[int, ...] = (), behind: int = 0) -> None:
        self.shown, self.ends, self.missing = 2, ends, missing
        self.behind = behind
        """By how much every third list is older than the one before it, as where several servers answer in turn."""
        self.names = sorted(path.name for path in site_media.hls().glob("seg*.ts"))
        self.asked: list[str] = []
        self.port = 0

    async def playlist(self, request: web.Request) -> web.Response:
        shown = min(self.shown, len(self.names)) - (self.behind if self.shown % 3 == 0 else 0)
        first = max(0, shown - 3)
        lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:1", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
        for name in self.names[first:shown]:
            lines += ["#EXTINF:1.0,", name]
        if self.ends and shown == len(self.names):
            lines.append("#EXT-X-ENDLIST")
        self.shown += 1
        return web.Response(text="\n".join(lines) + "\n", content_type="application/vnd.apple.mpegurl")

    async def segment(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        self.asked.append(name)
        if self.names.index(name) in self.missing:
            return web.Response(status=404)
        return web.FileResponse(site_media.hls() / name)

    async def __aenter__(self) -> Broadcast:
        app = web.Application()
        app.router.add_get("/live.m3u8", self.playlist)
        app.router.add_get("/{name}", self.segment)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.port = self.runner.addresses[0][1]
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/live.m3u8"


@pytest.fixture
def recorder(job: Job) -> Job:
    job.options = JobOptions(live="record")
    return job


async def test_a_stream_is_recorded_to_its_end(recorder: Job, ffmpeg: Ffmpeg) -> None:
    async with Broadcast() as stream:
        info = await recorder.extract(stream.url)
        assert info["live_status"] == "is_live"
        media = await recorder.download()
    assert media.name == "media.ts"
    probe = await ffmpeg.probe(media)
    assert probe.video is not None
    assert abs(probe.duration_ms - 1000 * len(stream.asked)) < 1200
    assert stream.asked == sorted(set(stream.asked)), "each segment once, in order"
    assert stream.asked[-1] == stream.names[-1]
    assert any((step.detail or "").startswith("recorded 0:0") for step in recorder.steps)
    assert recorder.files() == ["media/media.ts", "source/info.json"]


async def test_a_server_that_is_a_little_behind_adds_nothing(recorder: Job) -> None:
    async with Broadcast(behind=3) as stream:
        await recorder.extract(stream.url)
        stream.shown = 4
        await recorder.download()
    assert stream.asked == sorted(set(stream.asked)), "each segment once, in order"
    assert stream.asked[-1] == stream.names[-1]


async def test_without_the_wish_it_waits(job: Job) -> None:
    async with Broadcast() as stream:
        with pytest.raises(MediaFault) as caught:
            await job.extract(stream.url)
    assert caught.value.error_class is ErrorClass.LIVE_ENDED_PROCESSING


async def test_a_stream_that_falls_silent_has_ended(recorder: Job) -> None:
    recorder.yt.limits = replace(LIMITS, stall_window_s=4)
    async with Broadcast(ends=False, missing=(4,)) as stream:
        await recorder.extract(stream.url)
        started = time.monotonic()
        assert (await recorder.download()).name == "media.ts"
    assert time.monotonic() - started < 20
    said = "\n".join(text for _, text in recorder.lines)
    assert "Segment 4 is missing" in said
    assert "taken to have ended" in said


async def test_an_interrupted_recording_goes_on_in_the_same_file(recorder: Job, ffmpeg: Ffmpeg) -> None:
    async with Broadcast() as stream:
        await recorder.extract(stream.url)
        task = asyncio.create_task(recorder.download(), name="recording")
        await eventually(lambda: len(stream.asked) >= 2, what="two segments")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert "work/media-live.ts.part" in recorder.files()
        before = list(stream.asked)
        media = await recorder.download()
    assert not set(before[:-1]) & set(stream.asked[len(before) :])
    assert (await ffmpeg.probe(media)).video is not None


async def test_what_is_no_hls_cannot_be_recorded(recorder: Job, site: Site) -> None:
    await recorder.extract(site.url("/file.mp4"))
    recorder.info_json.write_text(
        recorder.info_json.read_text().replace('"direct": true', '"direct": true, "live_status": "is_live"')
    )
    with pytest.raises(MediaFault) as caught:
        await recorder.download()
    assert caught.value.error_class is ErrorClass.UNSUPPORTED
