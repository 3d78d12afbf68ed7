"""`GET /metrics`: what Prometheus is told. Reading it costs a few indexed queries, at most once in `FRESH_S`.

The numbers of the database are those of the whole installation, whichever daemon is asked; those of the process are
this one's own.
"""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from z2d.api import families
from z2d.api.counting import Ledger, LoopLag, Requests
from z2d.api.exposition import MEDIA_TYPE, Family, text
from z2d.api.queries import NoQuery
from z2d.api.service_parts import disk_usage
from z2d.api.sockets import Sockets
from z2d.store import metrics
from z2d.store.database import Database
from z2d.store.logs import LogWriter
from z2d.store.metrics import Picture
from z2d.wire.errors import DatabaseUnavailable
from z2d.wire.service import Version

FRESH_S = 5.0
SHARE = 0.05  # of the time may go into reading the database for it


@dataclass(frozen=True)
class ServerState:
    """The database server of our own: whether its process is there, and how often it had to be started again."""

    up: bool
    restarts: int


@dataclass(frozen=True)
class Surroundings:
    """What the API cannot see by itself. `folders`: whose disks are told, by the word they get in the label."""

    folders: Mapping[str, Path] = field(default_factory=dict)
    logs: LogWriter | None = None
    own_server: Callable[[], ServerState] | None = None


class Metrics:
    """Gathers everything into one text."""

    def __init__(
        self,
        db: Database,
        *,
        sockets: Sockets,
        version: Version,
        listening: Callable[[], bool],
        around: Surroundings,
        ledger: Ledger | None = None,
    ) -> None:
        self._db, self._sockets, self._listening, self._around = db, sockets, listening, around
        self._build = {
            "version": version.version,
            "schema": str(version.schema_),
            "yt_dlp": version.yt_dlp,
            "postgresql": version.postgresql or "",
            "python": platform.python_version(),
        }
        self.requests = Requests()
        self.lag = LoopLag()
        self._ledger = ledger or Ledger(db)
        self._picture: Picture | None = None
        self._good_until = float("-inf")
        self._reading = asyncio.Lock()

    async def text(self) -> str:
        """The document. Without the database, what is read from it is missing and `z2_database_up` is 0."""
        picture = await self._look()
        disks = {name: await disk_usage(folder) for name, folder in self._around.folders.items()}
        server = self._around.own_server() if self._around.own_server else None
        found: list[Family] = [
            *families.of_build(self._build),
            *families.of_database(self._db.state(), up=picture is not None, listening=self._listening()),
            *families.of_queue(picture),
            *families.of_ledger(self._ledger),
            *(families.of_logs(self._around.logs.state()) if self._around.logs else ()),
            *families.of_sockets(self._sockets),
            *families.of_disks(disks),
            *(families.of_own_server(up=server.up, restarts=server.restarts) if server else ()),
            *families.of_process(self.requests, self.lag),
        ]
        return text(found)

    async def _look(self) -> Picture | None:
        async with self._reading:
            if time.monotonic() > self._good_until:
                begun = time.monotonic()
                try:
                    self._picture = await metrics.picture(self._db)
                    await self._ledger.read_on()
                except DatabaseUnavailable:
                    self._picture = None
                self._good_until = time.monotonic() + max(FRESH_S, (time.monotonic() - begun) / SHARE)
            return self._picture


METRICS = web.AppKey("metrics", Metrics)


async def numbers(request: web.Request, query: NoQuery) -> web.Response:
    """What Prometheus reads, in its text format. Numbers of the queue are at most some seconds old."""
    said = await request.app[METRICS].text()
    return web.Response(body=said.encode(), headers={"Content-Type": MEDIA_TYPE})
