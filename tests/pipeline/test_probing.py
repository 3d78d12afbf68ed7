"""A look at a URL: what it says, that it leaves nothing behind, and that it has limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests import site_media
from tests.site import Site
from tests.support import eventually
from tests.warm import SharedYtDlp, children
from z2d.media.ffmpeg import Ffmpeg
from z2d.media.process import marked
from z2d.media.ytdlp import FetchLimits, YtDlp
from z2d.pipeline.probing import Prober, size_of
from z2d.wire.errors import TooManyRequests
from z2d.wire.jobs import JobKind, JobOptions
from z2d.wire.probe import ProbeAnswer


@pytest.fixture
async def ytdlp() -> AsyncIterator[YtDlp]:
    installation = f"test-{uuid4().hex}"
    ffmpeg = Ffmpeg(site_media.ffmpeg(), installation)
    limits = FetchLimits(disk_reserve_bytes=1 << 20, socket_timeout_s=5)
    async with SharedYtDlp(installation=installation, ffmpeg=ffmpeg, allow_private=True, limits=limits) as found:
        yield found
    assert marked(installation) + children() == []


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site() as started:
        yield started


async def look(prober: Prober, url: str) -> ProbeAnswer:
    return await prober(url, site="127.0.0.1", profile="default", options=JobOptions())


async def test_a_look_costs_a_request_and_leaves_nothing(ytdlp: YtDlp, site: Site, tmp_path: Path) -> None:
    prober = Prober(ytdlp, tmp_path / "probe")
    found = await look(prober, site.url("/ldjson"))
    assert (found.kind, found.title, found.duration_ms, found.chapters) == (
        JobKind.MEDIA,
        "A rabbit in three parts",
        7800,
        3,
    )
    assert found.error is None
    listed = await look(prober, site.url("/two"))
    assert (listed.kind, len(listed.entries)) == (JobKind.COLLECTION, 2)
    assert list((tmp_path / "probe").iterdir()) == []
    assert site.hits == {"/ldjson": 1, "/file.mp4": 1, "/two": 1}


@pytest.mark.parametrize(
    ("path", "code"), [("/status/410", "REMOVED"), ("/status/429", "RATE_LIMITED"), ("/nothing", "UNSUPPORTED")]
)
async def test_a_look_that_fails_says_why(ytdlp: YtDlp, site: Site, tmp_path: Path, path: str, code: str) -> None:
    found = await look(Prober(ytdlp, tmp_path / "probe"), site.url(path))
    assert found.error is not None
    assert (found.error.code, bool(found.error.hint), found.kind) == (code, True, None)


async def test_a_look_that_is_given_up_ends_its_program_and_gives_its_place_back(
    ytdlp: YtDlp, site: Site, tmp_path: Path
) -> None:
    prober = Prober(ytdlp, tmp_path / "probe", at_once=1)
    slow = asyncio.create_task(look(prober, site.url("/feed-that-hangs")), name="slow look")
    await eventually(lambda: site.hits["/feed-that-hangs"] == 1, 20, what="the look under way")
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(slow, 5)
    assert (await look(prober, site.url("/page"))).title == "A rabbit on a page"
    assert list((tmp_path / "probe").iterdir()) == []


async def test_a_look_has_an_end_and_few_run_at_once(ytdlp: YtDlp, site: Site, tmp_path: Path) -> None:
    await look(Prober(ytdlp, tmp_path / "probe"), site.url("/page"))  # from here on the program is warm
    prober = Prober(ytdlp, tmp_path / "probe", deadline_s=3, at_once=1)
    slow = asyncio.create_task(look(prober, site.url("/feed-that-hangs")), name="slow look")
    await eventually(lambda: site.hits["/feed-that-hangs"] == 1, 20, what="the first look under way")
    with pytest.raises(TooManyRequests):
        await look(prober, site.url("/page"))
    found = await slow
    assert found.error is not None
    assert (found.error.code, found.error.message) == ("TIMEOUT", "There was no answer within 3 s.")
    assert (await look(prober, site.url("/page"))).title == "A rabbit on a page"
    assert list((tmp_path / "probe").iterdir()) == []


def test_the_size_is_said_or_reckoned_or_unknown() -> None:
    assert size_of({"filesize": 10}) == 10
    assert size_of({"requested_formats": [{"filesize": 10}, {"filesize_approx": 5.4}]}) == 15
    assert size_of({"requested_formats": [{"tbr": 800}, {"filesize": 5}], "duration": 10}) == 1_000_005
    assert size_of({"requested_formats": [{"filesize": 10}, {}]}) is None
    assert size_of({"filesize": float("nan"), "tbr": "x"}) is None
