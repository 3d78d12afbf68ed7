"""A YouTube of the test's own on loopback, as far as yt-dlp's extractor asks: watch and playlist pages, player calls,
captions, media, pictures. It speaks TLS with a certificate of a throw-away authority and is reached through a proxy,
so the extractor runs as it is, with the names and addresses it has.

    async with Youtube() as tube:
        ... Access(proxy=tube.proxy.url()), and SSL_CERT_FILE=tube.authority in the environment ...

All answers are made here, with no more in them than the extractor reads. What each video is says `Clip`.
"""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from aiohttp import web

from tests import site_media
from tests.proxy import Proxy
from tests.support import end_server

HOSTS = ("*.youtube.com", "youtube.com", "youtu.be", "*.googlevideo.com", "*.ytimg.com", "sponsor.ajay.app")
SIGNED_IN = {"LOGIN_INFO": "canary-login", "SAPISID": "canary-sapisid", "__Secure-1PSID": "canary-psid"}
COOKIES = "# Netscape HTTP Cookie File\n" + "".join(
    f".youtube.com\tTRUE\t/\tTRUE\t4102444800\t{name}\t{value}\n" for name, value in SIGNED_IN.items()
)
CHANNEL = "UC0123456789abcdefghijkl"
MEDIA = "https://rr1---sn-test.googlevideo.com/videoplayback"
Json = dict[str, Any]


@dataclass(frozen=True)
class Clip:
    """One video: its id (11 characters), and what the site says of it."""

    id: str
    title: str = site_media.SPEECH_TITLE
    status: str = "OK"
    reason: str | None = None
    subreason: str | None = None
    captions: bool = True
    for_members_of_the_site: bool = False
    """Playable for requests with cookies of an account."""
    details: Json = field(default_factory=dict)
    start: str | None = None
    """When a stream begins, as an ISO time."""


def playable(clip: Clip, signed_in: bool) -> bool:
    return clip.status == "OK" or (clip.for_members_of_the_site and signed_in)


class Youtube:
    """The site. `asked` counts requests by host and path, `hosts` and `cookies` say what came with each, `clients`
    the player calls by client and video.
    """

    def __init__(self, *clips: Clip) -> None:
        self.clips = {clip.id: clip for clip in clips}
        self.asked: Counter[str] = Counter()
        self.cookies: list[str] = []
        self.hosts: list[str] = []
        self.clients: list[tuple[str, str]] = []
        self.limited = False
        """Whether everything answers 429."""
        self.segments: list[Json] = []
        """What the marks of sponsored passages are."""
        self.proxy = Proxy({})
        self._folder = Path(certificates().name)
        self._runner: web.AppRunner | None = None

    @property
    def authority(self) -> Path:
        """The certificate to trust."""
        return self._folder / "ca.pem"

    async def __aenter__(self) -> Youtube:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder / "leaf.pem", self._folder / "leaf.key")
        app = web.Application(middlewares=[self._count])
        app.router.add_get("/watch", self._watch)
        app.router.add_get("/playlist", self._playlist)
        app.router.add_get("/embed/{id}", self._configured)
        app.router.add_get("/tv", self._configured)
        app.router.add_get("/iframe_api", self._iframe)
        app.router.add_get("/s/player/{id}/{rest:.+}", self._player_script)
        app.router.add_post("/youtubei/v1/player", self._player)
        app.router.add_post("/youtubei/v1/next", self._next)
        app.router.add_post("/youtubei/v1/browse", self._browse)
        app.router.add_get("/api/timedtext", self._captions)
        app.router.add_get("/videoplayback", self._media)
        app.router.add_get("/vi/{id}/{name}", self._picture)
        app.router.add_get("/api/skipSegments/{hash}", self._sponsors)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
        self.proxy.places = {"*": ("127.0.0.1", self._runner.addresses[0][1])}
        await self.proxy.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.proxy.__aexit__(kind, error, trace)
        assert self._runner is not None
        await end_server(self._runner)

    @web.middleware
    async def _count(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked[f"{request.host}{request.path}"] += 1
        self.cookies.append(request.headers.get("Cookie", ""))
        self.hosts.append(request.host)
        if self.limited:
            return web.Response(status=429, text="slow down")
        response: web.StreamResponse = await handler(request)
        return response

    def _signed_in(self, request: web.Request) -> bool:
        return all(request.cookies.get(name) == value for name, value in SIGNED_IN.items())

    async def _watch(self, request: web.Request) -> web.Response:
        clip = self.clips.get(request.query["v"]) or Clip(
            request.query["v"], status="ERROR", reason="Video unavailable"
        )
        return page(
            configuration(),
            f"var ytInitialPlayerResponse = {json.dumps(self._answer(clip, request))};",
            f"var ytInitialData = {json.dumps(watch_data(clip))};",
        )

    async def _playlist(self, request: web.Request) -> web.Response:
        return page(configuration(), f"var ytInitialData = {json.dumps(playlist_data(self.clips.values()))};")

    async def _configured(self, request: web.Request) -> web.Response:
        return page(configuration())

    async def _iframe(self, request: web.Request) -> web.Response:
        return web.Response(text="var scriptUrl = 'https:\\/\\/www.youtube.com\\/s\\/player\\/0123abcd\\/x.js';")

    async def _player_script(self, request: web.Request) -> web.Response:
        return web.Response(text="var player={signatureTimestamp:20000};", content_type="text/javascript")

    async def _player(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.clients.append((asked["context"]["client"]["clientName"], asked["videoId"]))
        clip = self.clips.get(asked["videoId"]) or Clip(asked["videoId"], status="ERROR", reason="Video unavailable")
        return web.json_response(self._answer(clip, request))

    async def _next(self, request: web.Request) -> web.Response:
        return web.json_response(watch_data(self.clips[(await request.json())["videoId"]]))

    async def _browse(self, request: web.Request) -> web.Response:
        return web.json_response(playlist_data(self.clips.values()))

    async def _captions(self, request: web.Request) -> web.Response:
        if request.query.get("fmt") != "json3":
            return web.Response(status=404)
        spoken = request.query.get("kind") == "asr"
        return web.json_response(caption_events(spoken=spoken))

    async def _media(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(stream_file(request.query["itag"]))

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(site_media.picture_jpg())

    async def _sponsors(self, request: web.Request) -> web.Response:
        return web.json_response(
            [{"videoID": clip_id, "segments": self.segments} for clip_id in self.clips] if self.segments else []
        )

    def _answer(self, clip: Clip, request: web.Request) -> Json:
        """What the player call says of a video."""
        ok = playable(clip, self._signed_in(request))
        status: Json = {"status": "OK"} if ok else {"status": clip.status, "reason": clip.reason}
        if not ok and clip.subreason:
            words = {"reason": {"simpleText": clip.reason}, "subreason": {"simpleText": clip.subreason}}
            status["errorScreen"] = {"playerErrorMessageRenderer": words}
        found: Json = {
            "playabilityStatus": status,
            "videoDetails": details_of(clip),
            "microformat": microformat_of(clip),
        }
        if ok:
            found["streamingData"] = {"expiresInSeconds": "21540", **streams_of(clip)}
            if clip.captions:
                found["captions"] = {"playerCaptionsTracklistRenderer": caption_tracks(clip)}
        return found


def details_of(clip: Clip) -> Json:
    return {
        "videoId": clip.id,
        "title": clip.title,
        "lengthSeconds": "11",
        "channelId": CHANNEL,
        "author": "The archive",
        "shortDescription": "A speech of 1961.",
        "viewCount": "1961",
        "isLiveContent": False,
        "thumbnail": {"thumbnails": [{"url": f"https://i.ytimg.com/vi/{clip.id}/hqdefault.jpg", "width": 480}]},
        **clip.details,
    }


def microformat_of(clip: Clip) -> Json:
    found: Json = {
        "uploadDate": "2021-03-04T05:06:07-08:00",
        "category": "Education",
        "isFamilySafe": True,
        "ownerProfileUrl": "http://www.youtube.com/@archive",
        "externalChannelId": CHANNEL,
        "lengthSeconds": "11",
    }
    if clip.start:
        found["liveBroadcastDetails"] = {"isLiveNow": False, "startTimestamp": clip.start}
    return {"playerMicroformatRenderer": found}


def streams_of(clip: Clip) -> Json:
    """Sound and picture together in one small format, and apart in better ones."""

    def stream(itag: int, mime: str, **more: Any) -> Json:
        size = stream_file(str(itag)).stat().st_size
        return {
            "itag": itag,
            "url": f"{MEDIA}?id={clip.id}&itag={itag}",
            "mimeType": mime,
            "contentLength": str(size),
            "approxDurationMs": "11000",
            **more,
        }

    small = stream(18, 'video/mp4; codecs="avc1.42001E, mp4a.40.2"', quality="small", qualityLabel="180p", height=180,
                   width=320, bitrate=100_000)  # fmt: skip
    picture = stream(136, 'video/mp4; codecs="avc1.4d401f"', quality="hd720", qualityLabel="720p", height=720,
                     width=1280, bitrate=900_000)  # fmt: skip
    sound = stream(140, 'audio/mp4; codecs="mp4a.40.2"', quality="tiny", audioQuality="AUDIO_QUALITY_MEDIUM",
                   audioSampleRate="44100", bitrate=130_000)  # fmt: skip
    return {"formats": [small], "adaptiveFormats": [picture, sound]}


def stream_file(itag: str) -> Path:
    """The file behind a format: the speech, whole or one kind of stream of it."""
    if itag not in ("136", "140"):
        return site_media.speech_mp4()
    path = site_media.folder() / f"youtube-{itag}.{'mp4' if itag == '136' else 'm4a'}"
    if not path.exists():
        kept = ("-an", "-c:v", "copy") if itag == "136" else ("-vn", "-c:a", "copy")
        site_media.make("-i", site_media.speech_mp4(), *kept, path)
    return path


def caption_tracks(clip: Clip) -> Json:
    base = f"https://www.youtube.com/api/timedtext?v={clip.id}&lang="
    return {
        "captionTracks": [
            {"baseUrl": f"{base}de", "vssId": ".de", "languageCode": "de", "name": {"simpleText": "German"},
             "isTranslatable": True},
            {"baseUrl": f"{base}en", "vssId": ".en", "languageCode": "en", "name": {"simpleText": "English"},
             "isTranslatable": True},
            {"baseUrl": f"{base}en&kind=asr", "vssId": "a.en", "languageCode": "en", "kind": "asr",
             "name": {"simpleText": "English (auto-generated)"}, "isTranslatable": True},
        ],
        "translationLanguages": [
            {"languageCode": code, "languageName": {"simpleText": name}}
            for code, name in (("en", "English"), ("fr", "French"), ("de", "German"))
        ],
    }  # fmt: skip


def caption_events(*, spoken: bool) -> Json:
    """The words of the speech; as recognised each has a time of its own and none has a mark."""
    events = []
    for start, end, text in site_media.SPEECH_CUES:
        pieces: list[Json] = [{"utf8": text}]
        if spoken:
            words = text.lower().replace(",", "").replace(".", "").split()
            step = (end - start) // len(words)
            pieces = [{"utf8": f" {word}", "tOffsetMs": n * step} for n, word in enumerate(words)]
        events.append({"tStartMs": start, "dDurationMs": end - start, "segs": pieces})
    return {"wireMagic": "pb3", "events": events}


def watch_data(clip: Clip) -> Json:
    """What stands around the player: its chapters."""
    chapters = [
        {"chapterRenderer": {"title": {"simpleText": title}, "timeRangeStartMillis": start}}
        for title, start in (("Greeting", 0), ("The demand", 3300), ("The turn", 8000))
    ]
    bar = {"chapteredPlayerBarRenderer": {"chapters": chapters}}
    owner = {"videoOwnerRenderer": {"title": {"runs": [{"text": "The archive"}]}}}
    return {
        "contents": {"twoColumnWatchNextResults": {"results": {"results": {"contents": [
            {"videoPrimaryInfoRenderer": {"title": {"runs": [{"text": clip.title}]}}},
            {"videoSecondaryInfoRenderer": {"owner": owner}},
        ]}}}},
        "playerOverlays": {"playerOverlayRenderer": {"decoratedPlayerBarRenderer": {"decoratedPlayerBarRenderer": {
            "playerBar": bar}}}},
    }  # fmt: skip


def playlist_data(clips: Any) -> Json:
    videos = [
        {
            "playlistVideoRenderer": {
                "videoId": clip.id,
                "title": {"runs": [{"text": clip.title}]},
                "lengthSeconds": "11",
            }
        }
        for clip in clips
    ]
    section = {"itemSectionRenderer": {"contents": [{"playlistVideoListRenderer": {"contents": videos}}]}}
    tab = {"selected": True, "content": {"sectionListRenderer": {"contents": [section]}}}
    return {
        "metadata": {"playlistMetadataRenderer": {"title": "Speeches"}},
        "contents": {"twoColumnBrowseResultsRenderer": {"tabs": [{"tabRenderer": tab}]}},
    }


def configuration() -> str:
    client = {"clientName": "WEB", "clientVersion": "2.20260101.00.00"}
    script = "/s/player/0123abcd/player_es6.vflset/en_US/base.js"
    settings = {"INNERTUBE_CONTEXT": {"client": client}, "INNERTUBE_CONTEXT_CLIENT_NAME": 1, "PLAYER_JS_URL": script}
    return f"ytcfg.set({json.dumps(settings | {'STS': 20000})});"


def page(*scripts: str) -> web.Response:
    body = "".join(f"<script>{script}</script>" for script in scripts)
    return web.Response(text=f"<!doctype html><html><body>{body}</body></html>", content_type="text/html")


@lru_cache(maxsize=1)
def certificates() -> tempfile.TemporaryDirectory[str]:
    """A folder with certificates for this run, removed when the interpreter ends."""
    made = tempfile.TemporaryDirectory(prefix="z2-tube-", ignore_cleanup_errors=True)
    make_certificates(Path(made.name))
    return made


def make_certificates(folder: Path) -> None:
    """An authority for this moment, and a certificate of it for the names of the site."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl on this machine to make a certificate with")

    def run(*words: str) -> None:
        subprocess.run([openssl, *words], check=True, capture_output=True, cwd=folder, timeout=60)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    (folder / "leaf.ext").write_text(f"subjectAltName={','.join(f'DNS:{name}' for name in HOSTS)}\n")
    run("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=z2 test authority", "-days", "2",
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip
    run("req", *key, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=youtube.test")
    run("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "leaf.pem",
        "-days", "2", "-extfile", "leaf.ext")  # fmt: skip
