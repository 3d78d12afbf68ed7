"""A web site on loopback for all tests: good videos, bad servers, and a count of every request.

    async with Site() as site:              # in the test's own loop
        await submit(site.url("/page"))
        assert site.hits["/file.mp4"] == 1

    with site_in_thread() as site: ...      # for tests without a loop

| path | what it is |
|---|---|
| /file.mp4, /file.webm, /large.mp4 | plain files with Range; /file.mp4 has picture and sound, 7.8 s |
| /slow.mp4?rate=N | /large.mp4 at N bytes per second (default 400,000) until `hurry` is set, with Range |
| /hls/master.m3u8 | HLS, segments of one second |
| /page | `<video>` and `<track>`, with title and poster |
| /ldjson | VideoObject with title, duration, three chapters, thumbnail, uploader |
| /speech | page of /speech.mp4 with captions of its known words (`site_media.SPEECH_CUES`) |
| /talk.mp3, /short-talk.mp3 | real people speaking for 38 s, and 16 s of it, no captions (`site_media.TALK`) |
| /audio.mp3, /audio-only.mp4, /video-only.mp4 | one kind of stream alone |
| /two, /feed.rss | two videos on a page; a podcast feed |
| /list.rss?item=URL&date=2026-01-31&title=T | a feed of these entries; item, date and title may be repeated |
| /status/N?retry_after=S | answers N |
| /flaky.mp4 | 503 twice, then /file.mp4 |
| /truncated.mp4 | announces the whole file, sends half of it, knows no Range |
| /breaks.mp4 | breaks off after half of what is asked for, the first time; knows Range |
| /stall.mp4, /trickle.mp4, /endless.mp4 | sends some and then nothing; a byte now and then; no length and no end |
| /corrupt.mp4 | right length, damaged inside |
| /odd-captions | page whose captions come from a script, without a name that says what they are |
| /html-captions | page whose captions are an HTML page; /bomb-captions: that inflate to 200 MB |
| /picture.jpg, /captions.vtt | no videos |
| /redirect?to=URL, /embed?src=URL, /hls-to?segment=URL | lead elsewhere |
| /hang, /loop | takes the request and says nothing; leads back to itself |
| /limited/NAME | 429 as long as `limited` is set, then it leads to /audio.mp3: one video, whatever its name |
| /signed-in.mp4 | 401 without the cookie `session=open`, then /file.mp4 |
| /nothing | a page without a video |
"""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from xml.sax.saxutils import escape, quoteattr

import pytest
from aiohttp import web

from tests import site_media
from tests.support import end_server, fixture

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
MP4 = {"Content-Type": "video/mp4"}

LDJSON = """{"@context": "https://schema.org", "@type": "VideoObject", "name": "A rabbit in three parts",
"description": "A short film with chapters.", "duration": "PT7.8S", "uploadDate": "2023-05-04T03:02:01Z",
"contentUrl": "BASE/file.mp4", "thumbnailUrl": "BASE/picture.jpg",
"author": {"@type": "Person", "name": "The animators"},
"hasPart": [{"@type": "Clip", "name": "Waking", "startOffset": 0, "endOffset": 2.5},
{"@type": "Clip", "name": "Stretching", "startOffset": 2.5, "endOffset": 5},
{"@type": "Clip", "name": "Walking", "startOffset": 5, "endOffset": 7.8}]}"""


@dataclass(frozen=True)
class Seen:
    """One request as the site saw it."""

    method: str
    path: str
    range: str | None
    headers: dict[str, str]


class Site:
    """The site; `hits` counts requests by path, `seen` keeps each. Needs nothing but the fixtures and ffmpeg."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.hits: Counter[str] = Counter()
        self.seen: list[Seen] = []
        self.sent: Counter[str] = Counter()
        """Bytes sent by the handlers that send by hand (slow, truncated, breaks, stall, trickle, endless)."""
        self.feed = b""
        """What /feed-of-test answers."""
        self.port = 0
        self.hurry = False
        """/slow.mp4 sends the rest at once, whatever its rate was."""
        self.limited = True
        """Whether /limited answers "slow down"."""
        self._runner: web.AppRunner | None = None

    def url(self, path: str = "/") -> str:
        """The absolute address of a path."""
        return f"http://{self.host}:{self.port}{path}"

    async def __aenter__(self) -> Site:
        app = web.Application(middlewares=[self._count])
        app.router.add_get("/status/{status}", status)
        app.router.add_get("/hls/{name}", hls)
        app.router.add_get("/limited/{name}", self.slow_down)
        for path, handler in (PAGES | self._media()).items():
            app.router.add_get(path, handler)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
        await self._runner.setup()
        server = web.TCPSite(self._runner, self.host, 0)
        await server.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await end_server(self._runner)

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.hits[request.path] += 1
        self.seen.append(Seen(request.method, request.path, request.headers.get("Range"), dict(request.headers)))
        try:
            return await handler(request)
        except pytest.skip.Exception:  # a fixture that is not here: quickly on to the end of the test, which is skipped
            raise web.HTTPNotFound from None

    def _media(self) -> dict[str, Handler]:
        return {
            "/feed-of-test": self.feed_of_test,
            "/feed-that-hangs": self.hangs,
            "/flaky.mp4": self.flaky,
            "/slow.mp4": self.slow,
            "/truncated.mp4": self.truncated,
            "/breaks.mp4": self.breaks,
            "/stall.mp4": self.stall,
            "/trickle.mp4": self.trickle,
            "/endless.mp4": self.endless,
        }

    async def feed_of_test(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=self.feed, content_type="application/rss+xml")

    async def hangs(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(600)
        return web.Response()

    async def flaky(self, request: web.Request) -> web.StreamResponse:
        if self.hits["/flaky.mp4"] <= 2:
            return web.Response(status=503, text="try again")
        return web.FileResponse(fixture("media/bbb_rabbit320.mp4"), headers=MP4)

    async def slow(self, request: web.Request) -> web.StreamResponse:
        rate = int(request.query.get("rate", "400000"))
        response, body = await self._begin(request, site_media.large_mp4().read_bytes(), knows_range=True)
        for at in range(0, len(body), rate // 20 or 1):
            await self._send(request, response, body[at : at + (rate // 20 or 1)])
            await asyncio.sleep(0 if self.hurry else 0.05)
        return response

    async def slow_down(self, request: web.Request) -> web.StreamResponse:
        if self.limited:
            return web.Response(status=429)
        raise web.HTTPFound("/audio.mp3")

    async def truncated(self, request: web.Request) -> web.StreamResponse:
        response, body = await self._begin(request, fixture("media/bbb_rabbit320.mp4").read_bytes(), knows_range=False)
        await self._send(request, response, body[: len(body) // 2])
        return self._hang_up(request, response)

    async def breaks(self, request: web.Request) -> web.StreamResponse:
        response, body = await self._begin(request, fixture("media/bbb_rabbit320.mp4").read_bytes(), knows_range=True)
        # the first request is the extractor's look at the first bytes
        if self.hits["/breaks.mp4"] > 2:
            await self._send(request, response, body)
            return response
        await self._send(request, response, body[: len(body) // 2])
        return self._hang_up(request, response)

    async def stall(self, request: web.Request) -> web.StreamResponse:
        response, body = await self._begin(request, fixture("media/bbb_rabbit320.mp4").read_bytes(), knows_range=True)
        await self._send(request, response, body[:100_000])
        await asyncio.sleep(600)
        return response

    async def trickle(self, request: web.Request) -> web.StreamResponse:
        response, body = await self._begin(request, fixture("media/bbb_rabbit320.mp4").read_bytes(), knows_range=True)
        await self._send(request, response, body[:10_000])
        for at in range(10_000, len(body)):
            await self._send(request, response, body[at : at + 1])
            await asyncio.sleep(0.1)
        return response

    async def endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=MP4)
        response.enable_chunked_encoding()
        await response.prepare(request)
        await self._send(request, response, fixture("media/bbb_rabbit320.mp4").read_bytes())
        while True:
            await self._send(request, response, bytes(65536))

    async def _begin(self, request: web.Request, body: bytes, *, knows_range: bool) -> tuple[web.StreamResponse, bytes]:
        """Send the head of an answer that announces `body` (or the range of it that is asked for)."""
        start = request.http_range.start or 0 if knows_range else 0
        response = web.StreamResponse(status=206 if start else 200, headers=MP4)
        if start:
            response.headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        response.content_length = len(body) - start
        await response.prepare(request)
        return response, body[start:]

    async def _send(self, request: web.Request, response: web.StreamResponse, piece: bytes) -> None:
        await response.write(piece)
        self.sent[request.path] += len(piece)

    def _hang_up(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.close()
        return response


def file_of(path: Callable[[], Path], kind: str | None = None) -> Handler:
    """A handler that serves a file with Range."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(path(), headers={"Content-Type": kind} if kind else None)

    return handler


def page(body: str, head: str = "") -> Handler:
    """A handler that serves an HTML page."""

    async def handler(request: web.Request) -> web.StreamResponse:
        text = f"<!doctype html><html lang=en><head>{head}</head><body>{body}</body></html>"
        return web.Response(text=text, content_type="text/html")

    return handler


def words(text: str, kind: str) -> Handler:
    """A handler that serves a text."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type=kind)

    return handler


async def status(request: web.Request) -> web.StreamResponse:
    wait = request.query.get("retry_after")
    return web.Response(status=int(request.match_info["status"]), headers={"Retry-After": wait} if wait else None)


async def hls(request: web.Request) -> web.StreamResponse:
    kind = "application/vnd.apple.mpegurl" if request.match_info["name"].endswith("m3u8") else "video/mp2t"
    return web.FileResponse(site_media.hls() / Path(request.match_info["name"]).name, headers={"Content-Type": kind})


async def hang(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(600)
    return web.Response()


async def loop(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/loop")


async def signed_in(request: web.Request) -> web.StreamResponse:
    if request.cookies.get("session") != "open":
        return web.Response(status=401)
    return web.FileResponse(fixture("media/bear.mp3"), headers={"Content-Type": "audio/mpeg"})


async def redirect(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound(request.query["to"])


async def embed(request: web.Request) -> web.StreamResponse:
    return await page(f'<video src="{request.query["src"]}"></video>', "<title>Embedded</title>")(request)


async def ldjson(request: web.Request) -> web.StreamResponse:
    data = LDJSON.replace("BASE", str(request.url.origin()))
    return await page("<p>film</p>", f'<title>x</title><script type="application/ld+json">{data}</script>')(request)


async def list_rss(request: web.Request) -> web.StreamResponse:
    query = request.query
    dates, titles = query.getall("date", []), query.getall("title", [])
    items = []
    for number, link in enumerate(query.getall("item", [])):
        title = titles[number] if number < len(titles) else f"Entry {number + 1}"
        day = datetime.fromisoformat(dates[number]) if number < len(dates) else None
        published = f"<pubDate>{day:%a, %d %b %Y} 10:00:00 GMT</pubDate>" if day else ""
        said = f"<title>{escape(title)}</title><description>About {escape(title)}</description>{published}"
        items.append(f"<item>{said}<enclosure url={quoteattr(link)} type='video/mp4'/></item>")
    head = "<title>A list</title><description>Made for this test.</description>"
    feed = f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{"".join(items)}</channel></rss>'
    return await words(feed, "application/rss+xml")(request)


async def hls_to(request: web.Request) -> web.StreamResponse:
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1.0,", request.query["segment"], "#EXT-X-ENDLIST", ""]
    return await words("\n".join(lines), "application/vnd.apple.mpegurl")(request)


async def bomb(request: web.Request) -> web.StreamResponse:
    body = gzip.compress(bytes(200 << 20), compresslevel=1)
    return web.Response(body=body, headers={"Content-Type": "text/vtt", "Content-Encoding": "gzip"})


async def corrupt(request: web.Request) -> web.StreamResponse:
    body = bytearray(fixture("media/bbb_rabbit320.mp4").read_bytes())
    for at in range(200_000, 600_000, 7):
        body[at] ^= 0x55
    return web.Response(body=bytes(body), headers=MP4)


def video(src: str, captions: str) -> str:
    track = f'<track kind="captions" srclang="en" label="English" src="{captions}">'
    return f'<video poster="/picture.jpg" src="{src}">{track}</video>'


FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>Feed</title>
<item><title>One</title><enclosure url="/file.mp4" type="video/mp4"/></item>
<item><title>Two</title><enclosure url="/speech.mp4" type="video/mp4"/></item></channel></rss>"""

PAGES: dict[str, Handler] = {
    "/file.mp4": file_of(lambda: fixture("media/bbb_rabbit320.mp4"), "video/mp4"),
    "/file.webm": file_of(lambda: fixture("media/bbb_rabbit320.webm"), "video/webm"),
    "/large.mp4": file_of(site_media.large_mp4, "video/mp4"),
    "/audio.mp3": file_of(lambda: fixture("media/bear.mp3"), "audio/mpeg"),
    "/audio-only.mp4": file_of(lambda: fixture("media/sample_audio_only.mp4"), "video/mp4"),
    "/video-only.mp4": file_of(lambda: fixture("media/sample_video_only.mp4"), "video/mp4"),
    "/picture.jpg": file_of(site_media.picture_jpg, "image/jpeg"),
    "/speech.mp4": file_of(site_media.speech_mp4, "video/mp4"),
    "/talk.mp3": file_of(site_media.talk_mp3, "audio/mpeg"),
    "/short-talk.mp3": file_of(site_media.short_talk_mp3, "audio/mpeg"),
    "/speech.vtt": words(site_media.speech_vtt(), "text/vtt"),
    "/captions.vtt": words(site_media.speech_vtt(), "text/vtt"),
    "/speech": page(video("/speech.mp4", "/speech.vtt"), f"<title>{site_media.SPEECH_TITLE}</title>"),
    "/page": page(video("/file.mp4", "/captions.vtt"), "<title>A rabbit on a page</title>"),
    "/captions.php": words(site_media.speech_vtt(), "text/plain"),
    "/odd-captions": page(video("/speech.mp4", "/captions.php"), "<title>Odd captions</title>"),
    "/html-captions": page(video("/file.mp4", "/nothing"), "<title>Wrong captions</title>"),
    "/bomb-captions": page(video("/file.mp4", "/bomb.vtt"), "<title>A bomb</title>"),
    "/ldjson": ldjson,
    "/two": page('<video src="/file.mp4"></video><video src="/speech.mp4"></video>', "<title>Two</title>"),
    "/nothing": page("<p>no video here</p>", "<title>Nothing</title>"),
    "/feed.rss": words(FEED, "application/rss+xml"),
    "/list.rss": list_rss,
    "/redirect": redirect,
    "/hang": hang,
    "/loop": loop,
    "/signed-in.mp4": signed_in,
    "/embed": embed,
    "/hls-to": hls_to,
    "/bomb.vtt": bomb,
    "/corrupt.mp4": corrupt,
}


@contextmanager
def site_in_thread() -> Iterator[Site]:
    """The site with a loop and a thread of its own, for tests that have no loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="test site", daemon=True)
    thread.start()
    site = Site()
    try:
        asyncio.run_coroutine_threadsafe(site.__aenter__(), loop).result(10)
        yield site
    finally:
        asyncio.run_coroutine_threadsafe(site.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
