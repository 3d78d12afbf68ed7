"""A real API on a real unix socket and a real TCP port over a real database, for the tests of this folder."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from z2d.api.app import create_app
from z2d.api.auth import Auth, hash_token
from z2d.api.profiles import Profiles
from z2d.api.serve import serve
from z2d.api.uploads import Uploads
from z2d.bus import Bus
from z2d.publish.feed import Channel, FeedTarget
from z2d.store.database import Database
from z2d.store.listen import Listener
from z2d.wire import errors
from z2d.wire.jobs import JobKind, JobOptions
from z2d.wire.probe import ProbeAnswer, ProbedEntry
from z2d.wire.service import Version

TOKEN = "correct-horse-battery-staple-0123456789"
FEEDS = {
    "talks": FeedTarget(Channel(name="talks", title="Talks")),
    "open": FeedTarget(Channel(name="open", title="For all", public=True), "https://z2.example"),
}
LARGEST_UPLOAD = 3 << 20
VERSION = Version(version="0.1.0", api=1, schema=1, yt_dlp="2026.07.04", ffmpeg="7.1", postgresql="15.18")


@dataclass(frozen=True)
class Admission:
    url: str
    site: str | None
    dedup_key: str | None


async def admit(urls: Sequence[str], *, playlist: bool = False) -> list[Admission | errors.Z2Error]:
    """Admission without name servers: the API's own behaviour is what these tests are about."""
    return [admitted(url) for url in urls]


def admitted(url: str) -> Admission | errors.Z2Error:
    scheme, _, rest = url.partition("://")
    if scheme not in {"http", "https"}:
        return errors.UrlScheme()
    host = rest.partition("/")[0]
    if not host or any(ord(sign) < 33 or ord(sign) > 126 for sign in url):
        return errors.UrlInvalid()
    if host in {"localhost", "127.0.0.1"}:
        return errors.UrlPrivateAddress()
    return Admission(url, host[:60], "url:" + hashlib.sha256(url.encode()).hexdigest())


async def probe(url: str, *, site: str | None, profile: str, options: JobOptions) -> ProbeAnswer:
    """A look without a network: everything is one video, what is called a feed is a list."""
    if not url.endswith(".rss"):
        key = "url:" + hashlib.sha256(url.encode()).hexdigest()
        return ProbeAnswer(url=url, site=site, kind=JobKind.MEDIA, title="Seen", media_key=key)
    limit = options.playlist.limit if options.playlist else 50
    links = [f"https://media.example/entry/{number}" for number in range(limit)]
    entries = [ProbedEntry(url=link, dedup_key="url:" + hashlib.sha256(link.encode()).hexdigest()) for link in links]
    return ProbeAnswer(url=url, site=site, kind=JobKind.COLLECTION, seen=limit, entries=entries)


@dataclass
class World:
    """A running API and how to reach it."""

    app: web.Application
    db: Database
    bus: Bus
    folder: Path
    socket: Path
    port: int
    listener: Listener
    unix: aiohttp.ClientSession
    tcp: aiohttp.ClientSession
    own_uid: int = field(default=0)

    @property
    def jobs_dir(self) -> Path:
        return self.folder / "jobs"

    async def call(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """Status and parsed body of one request over the unix socket."""
        async with self.unix.request(method, path, **more) as answer:
            raw = await answer.read()
            kind = answer.content_type
            return answer.status, json.loads(raw) if raw and kind.endswith("json") else raw


def bound_unix(path: Path) -> socket.socket:
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    found.bind(str(path))
    return found


def bound_tcp() -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind(("127.0.0.1", 0))
    return found


@asynccontextmanager
async def running(
    dsn: str,
    db: Database,
    folder: Path,
    *,
    max_connections: int = 600,
    profiles: Profiles | None = None,
    **auth: Any,
) -> AsyncIterator[World]:
    """The API over `db`, served until the block ends."""
    (folder / "jobs").mkdir(exist_ok=True)
    path = folder / "z2d.sock"
    path.unlink(missing_ok=True)
    tcp = bound_tcp()
    port = tcp.getsockname()[1]
    bus, listener = Bus(), Listener(dsn, probe_s=1.0)
    defaults = {
        "token_hash": hash_token(TOKEN),
        "hosts": frozenset({f"127.0.0.1:{port}"}),
        "origins": frozenset({"https://z2.example"}),
    }
    app = create_app(
        db=db,
        bus=bus,
        admit=admit,
        state_dir=folder,
        jobs_dir=folder / "jobs",
        versions=VERSION,
        slots=2,
        listener_health=lambda: listener.connected,
        auth=Auth(**{**defaults, **auth}),
        probe=probe,
        uploads=Uploads(folder / "uploads", max_bytes=LARGEST_UPLOAD),
        feeds=FEEDS,
        profiles=profiles,
        max_connections=max_connections,
    )
    hearing = asyncio.create_task(listener.run(bus), name="test-listener")
    try:
        async with (
            serve(app, [bound_unix(path), tcp]),
            aiohttp.ClientSession("http://localhost", connector=aiohttp.UnixConnector(str(path))) as over_unix,
            aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {TOKEN}"}) as over_tcp,
        ):
            yield World(app, db, bus, folder, path, port, listener, over_unix, over_tcp)
    finally:
        hearing.cancel()
        await asyncio.wait({hearing})
