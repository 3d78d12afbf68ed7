"""No way leads from a public page to a private address: nothing is ever asked of the private server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.media.conftest import Job
from tests.site import Site
from z2d.media.faults import MediaFault
from z2d.media.ffmpeg import Ffmpeg
from z2d.media.ytdlp import YtDlp
from z2d.wire.reasons import ErrorClass


@pytest_asyncio.fixture(loop_scope="package")
async def private() -> AsyncIterator[Site]:
    """A server that must not be reached: on loopback too, but at an address that counts as private."""
    async with Site("127.0.0.2") as site:
        yield site
        assert not site.hits


async def test_the_public_site_itself_is_served(guarded: Job, site: Site) -> None:
    await guarded.extract(site.url("/page"))
    assert (await guarded.download()).exists()


@pytest.mark.parametrize(
    "way",
    [
        "{private}",
        "http://localhost.localdomain:1/",
        "{site}/redirect?to={quoted}",
        "{site}/redirect?to=http://2130706434:{port}/file.mp4",
        "{site}/redirect?to=http://0x7f.2:{port}/file.mp4",
        "{site}/redirect?to=http://[::ffff:127.0.0.2]:{port}/file.mp4",
        "{site}/redirect?to=http://[::1]:{port}/file.mp4",
        "{site}/redirect?to=http://169.254.169.254/latest",
        "{site}/redirect?to=%2F%2F127.0.0.2:{port}/file.mp4",
    ],
)
async def test_extraction_stops_at_a_private_address(guarded: Job, site: Site, private: Site, way: str) -> None:
    target = private.url("/file.mp4")
    url = way.format(private=target, site=site.url(""), quoted=quote(target, safe=""), port=private.port)
    with pytest.raises(MediaFault) as caught:
        await guarded.extract(url)
    assert caught.value.error_class in (ErrorClass.BLOCKED_ADDRESS, ErrorClass.NETWORK)
    if "localdomain" not in way:
        assert caught.value.error_class is ErrorClass.BLOCKED_ADDRESS


@pytest.mark.parametrize("way", ["/embed?src={quoted}", "/hls-to?segment={quoted}"])
async def test_downloading_stops_at_a_private_address(guarded: Job, site: Site, private: Site, way: str) -> None:
    await guarded.extract(site.url(way.format(quoted=quote(private.url("/file.mp4"), safe=""))))
    with pytest.raises(MediaFault) as caught:
        await guarded.download()
    assert caught.value.error_class is ErrorClass.BLOCKED_ADDRESS
    assert "127.0.0.2" in caught.value.message


async def test_fetching_captions_stops_at_a_private_address(guarded: Job, site: Site, private: Site) -> None:
    await guarded.extract(site.url("/page"))
    with pytest.raises(MediaFault) as caught:
        await guarded.fetch(private.url("/captions.vtt"))
    assert caught.value.error_class is ErrorClass.BLOCKED_ADDRESS


@pytest.mark.parametrize("scheme", ["rtmp", "rtsp", "mms", "file", "ftp", "http"])
async def test_no_protocol_gets_past_the_guard(guarded: Job, private: Site, scheme: str) -> None:
    """A description as a hostile extractor could make it: another program, or another handler, would connect."""
    url = private.url("/hls/index.m3u8").replace("http", scheme)
    protocol = "m3u8" if scheme == "http" else scheme
    one = {"format_id": "x", "url": url, "ext": "mp4", "protocol": protocol}
    guarded.info_json.parent.mkdir()
    guarded.info_json.write_text(json.dumps({"id": "x", "title": "x", "extractor_key": "X", "formats": [one]}))
    with pytest.raises(MediaFault) as caught:
        await guarded.download()
    allowed = {ErrorClass.BLOCKED_ADDRESS, ErrorClass.UNSUPPORTED, ErrorClass.BAD_URL}
    assert caught.value.error_class in allowed


async def test_loopback_is_private_by_default(ffmpeg: Ffmpeg, site: Site, guarded: Job) -> None:
    async with YtDlp(installation=ffmpeg.installation, ffmpeg=ffmpeg, ahead=False) as yt:
        guarded.yt = yt
        with pytest.raises(MediaFault) as caught:
            await guarded.extract(site.url("/file.mp4"))
    assert caught.value.error_class is ErrorClass.BLOCKED_ADDRESS
    assert not site.hits
