"""A job's way to its site: the configured proxy and no other private address, cookies, manners, and no secret told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from tests.media.conftest import LIMITS, Job, new_ffmpeg, new_ytdlp
from tests.proxy import Proxy
from tests.site import Site
from tests.support import fixture
from z2d.media.access import Access
from z2d.media.faults import MediaFault
from z2d.media.ytdlp import YtDlp
from z2d.wire.jobs import JobOptions, LogLevel
from z2d.wire.reasons import ErrorClass

CANARY = "canary-91c4"
LOGIN = f"somebody:{CANARY}"


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def fenced_yt() -> AsyncIterator[YtDlp]:
    """The yt-dlp of `fenced`."""
    async with new_ytdlp(new_ffmpeg()) as yt:
        yield yt


@pytest.fixture
def fenced(fenced_yt: YtDlp, tmp_path: Path) -> Job:
    """A job that may not use private networks: 127.0.0.1 is one."""
    return Job(fenced_yt, tmp_path)


def told(job: Job) -> str:
    return "\n".join(text for _, text in job.lines)


async def through(job: Job, proxy: str, url: str) -> dict[str, object]:
    return await job.yt.extract(
        url, folder=job.folder, options=job.options, job_id=job.id, log=job.log, access=Access(proxy=proxy)
    )


@pytest.mark.parametrize("scheme", ["http", "socks5h", "socks5"])
async def test_a_video_comes_through_the_proxy(fenced: Job, site: Site, scheme: str) -> None:
    async with Proxy({"*": ("127.0.0.1", site.port)}) as proxy:
        access = Access(proxy=proxy.url(scheme))
        await through(fenced, proxy.url(scheme), "http://media.invalid/file.mp4")
        media = await fenced.yt.download(
            fenced.info_json, fenced.folder, options=fenced.options, job_id=7, log=fenced.log,
            progress=fenced.steps.append, access=access,
        )  # fmt: skip
        assert media.read_bytes() == fixture("media/bbb_rabbit320.mp4").read_bytes()
        assert set(proxy.asked) == {"media.invalid:80"}
    assert site.hits == {"/file.mp4": 2}


async def test_a_proxy_with_a_password_and_none_of_it_told(fenced: Job, site: Site) -> None:
    async with Proxy({"*": ("127.0.0.1", site.port)}, login=LOGIN) as proxy:
        await through(fenced, proxy.url(), "http://media.invalid/file.mp4")
        with pytest.raises(MediaFault) as caught:
            await through(fenced, proxy.url().replace(CANARY, f"{CANARY}x"), "http://media.invalid/file.mp4")
    for scheme in ("http", "socks5"):  # nobody is there any more
        with pytest.raises(MediaFault) as gone:
            await through(fenced, proxy.url(scheme), "http://media.invalid/file.mp4")
        assert gone.value.error_class is ErrorClass.NETWORK
        assert CANARY not in gone.value.message
    assert CANARY not in caught.value.message + told(fenced)
    assert CANARY not in repr(Access(proxy=proxy.url()))


PRIVATE = ["http://127.0.0.1:{port}/file.mp4", "http://localhost:{port}/file.mp4", "http://[::1]:{port}/file.mp4",
           "http://169.254.169.254/latest", "http://10.0.0.1/x", "https://127.0.0.1:{port}/x"]  # fmt: skip


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
@pytest.mark.parametrize("url", PRIVATE)
async def test_the_proxy_is_no_way_around_the_fence(fenced: Job, site: Site, scheme: str, url: str) -> None:
    async with Proxy({"*": ("127.0.0.1", site.port)}) as proxy:
        for port in (site.port, proxy.port):
            with pytest.raises(MediaFault) as caught:
                await through(fenced, proxy.url(scheme), url.format(port=port))
            assert caught.value.error_class is ErrorClass.BLOCKED_ADDRESS
    assert not proxy.asked
    assert not site.hits


@pytest.mark.parametrize("path", ["/redirect?to={inner}", "/embed?src={inner}", "/hls-to?segment={inner}"])
async def test_nor_are_redirects_and_pages_that_come_through_it(fenced: Job, site: Site, path: str) -> None:
    async with Proxy({"*": ("127.0.0.1", site.port)}) as proxy:
        inner = f"http://127.0.0.1:{proxy.port}/file.mp4"
        with pytest.raises(MediaFault) as caught:
            await through(fenced, proxy.url(), f"http://media.invalid{path.format(inner=inner)}")
            await fenced.yt.download(
                fenced.info_json, fenced.folder, options=fenced.options, job_id=7, log=fenced.log,
                progress=fenced.steps.append, access=Access(proxy=proxy.url()),
            )  # fmt: skip
        assert caught.value.error_class is ErrorClass.BLOCKED_ADDRESS
        assert set(proxy.asked) == {"media.invalid:80"}
    assert not site.hits["/file.mp4"]


async def test_only_the_proxys_own_port_is_open(fenced: Job, site: Site) -> None:
    """A site that is told to be the proxy is not spoken to otherwise: there is one exception, not one more host."""
    async with Proxy({"*": ("127.0.0.1", site.port)}) as proxy:
        with pytest.raises(MediaFault) as caught:
            await fenced.yt.extract(
                site.url("/file.mp4"), folder=fenced.folder, options=fenced.options, job_id=7, log=fenced.log
            )
        assert caught.value.error_class is ErrorClass.BLOCKED_ADDRESS
        assert not proxy.asked


async def test_cookies_are_sent_to_their_domain_and_stay_as_they_are(job: Job, site: Site, tmp_path: Path) -> None:
    jar = tmp_path / "jar.txt"
    text = (
        "# Netscape HTTP Cookie File\n"
        f"127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tsession\t{CANARY}\n"
        f"other.example\tFALSE\t/\tFALSE\t4102444800\tforeign\t{CANARY}\n"
    )
    jar.write_text(text)
    await job.yt.extract(
        site.url("/speech"), folder=job.folder, options=job.options, job_id=7, log=job.log, access=Access(cookies=jar)
    )
    assert site.seen[-1].headers["Cookie"] == f"session={CANARY}"
    assert jar.read_text() == text
    assert CANARY not in job.info_json.read_text() + told(job)


async def test_the_download_has_the_cookies_too(job: Job, site: Site, tmp_path: Path) -> None:
    jar = tmp_path / "jar.txt"
    jar.write_text(f"127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tsession\t{CANARY}\n")
    await job.extract(site.url("/file.mp4"))
    access = Access(cookies=jar)
    await job.yt.download(
        job.info_json, job.folder, options=job.options, job_id=7, log=job.log, progress=job.steps.append, access=access
    )
    assert site.seen[-1].headers["Cookie"] == f"session={CANARY}"


@pytest.mark.parametrize("text", ["", "{}", f"nonsense {CANARY}", f"a.example\tTRUE\t/\tTRUE\t1\tx\t{CANARY}"])
async def test_a_cookies_file_of_no_use_is_said_and_left_out(job: Job, site: Site, tmp_path: Path, text: str) -> None:
    jar = tmp_path / "jar.txt"
    jar.write_text(text)
    await job.yt.extract(
        site.url("/file.mp4"), folder=job.folder, options=job.options, job_id=7, log=job.log, access=Access(cookies=jar)
    )
    warnings = [line for level, line in job.lines if level is LogLevel.WARNING]
    assert warnings
    assert warnings[0].startswith("The cookies kept for this site are not used")
    assert CANARY not in told(job)


async def test_a_rate_limit_holds(job: Job, site: Site) -> None:
    job.options = JobOptions(rate_limit_bps=300_000)
    await job.extract(site.url("/file.mp4"))
    await job.download()
    assert [step.speed_bps for step in job.steps if step.speed_bps]
    assert max(step.speed_bps or 0 for step in job.steps[-2:]) < 450_000


async def test_a_pause_between_requests_is_no_standstill(job: Job, site: Site) -> None:
    job.yt.limits = replace(LIMITS, stall_window_s=1)
    job.options = JobOptions(sleep_s=2.5)
    await job.extract(site.url("/file.mp4"))
    await job.download()
    assert "Sleeping 2.50 seconds" in told(job)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (JobOptions(), "av1-1080"),
        (JobOptions(codec="h264"), "h264-720"),
        (JobOptions(codec="vp9"), "vp9-1080"),
        (JobOptions(container="mp4"), "av1-1080"),
        (JobOptions(container="webm"), "vp9-1080"),
        (JobOptions(max_height=720), "h264-720"),
        (JobOptions(max_height=480), "vp9-480"),
        (JobOptions(max_height=144), "vp9-480"),
        (JobOptions(audio_only=True), "sound"),
    ],
)
async def test_preferences_choose_among_what_there_is(job: Job, site: Site, options: JobOptions, wanted: str) -> None:
    """Asked of yt-dlp itself, by a site that offers four pictures; each leads to an address of its own."""
    offered = [("h264-720", "mp4", "avc1", 720), ("vp9-1080", "webm", "vp9", 1080), ("av1-1080", "mp4", "av01", 1080),
               ("vp9-480", "webm", "vp9", 480)]  # fmt: skip
    formats = [
        {"format_id": name, "ext": ext, "vcodec": codec, "acodec": "mp4a.40.2", "height": height,
         "url": site.url(f"/missing-{name}"), "protocol": "http"}
        for name, ext, codec, height in offered
    ]  # fmt: skip
    sound = {"format_id": "sound", "ext": "m4a", "vcodec": "none", "acodec": "mp4a.40.2", "protocol": "http"}
    formats.insert(0, {**sound, "url": site.url("/missing-sound")})
    job.info_json.parent.mkdir()
    job.info_json.write_text(
        json.dumps({"id": "x", "title": "x", "extractor": "x", "extractor_key": "X", "formats": formats})
    )
    job.options = options
    with pytest.raises(MediaFault):
        await job.download()
    assert f"/missing-{wanted}" in site.hits


async def test_what_cannot_be_put_together_is_had_whole(job: Job, site: Site) -> None:
    """The better formats do not fit each other; the plainer one needs no ffmpeg."""

    def offer(name: str, picture: str, sound: str, path: str, **more: object) -> dict[str, object]:
        codecs = {"vcodec": picture, "acodec": sound}
        return {"format_id": name, "protocol": "http", "ext": "mp4", "url": site.url(path), **codecs, **more}

    formats = [
        offer("whole", "avc1", "mp4a", "/file.mp4", height=240),
        offer("a", "none", "mp4a", "/picture.jpg"),
        offer("v", "avc1", "none", "/video-only.mp4", height=720),
    ]
    job.info_json.parent.mkdir()
    job.info_json.write_text(
        json.dumps({"id": "x", "title": "x", "extractor": "x", "extractor_key": "X", "formats": formats})
    )
    with pytest.raises(MediaFault) as caught:
        await job.download()
    assert caught.value.error_class is ErrorClass.POSTPROCESS
    media = await job.yt.download(
        job.info_json, job.folder, options=job.options, job_id=7, log=job.log, progress=job.steps.append,
        single_file=True,
    )  # fmt: skip
    assert media.read_bytes() == fixture("media/bbb_rabbit320.mp4").read_bytes()
