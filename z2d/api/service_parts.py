"""The parts behind statistics and health: a small cache, and one look at each thing the daemon stands on."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from z2d.store import health, presence, stats
from z2d.store.database import Database
from z2d.wire import errors
from z2d.wire.service import Health, Part, Stats

log = logging.getLogger("z2d.api")

STATS_AGE_S = 2.0  # the oldest that is ever told
STATS_SHARE = 0.05  # of the time may go into reading them: small databases give newer numbers than large ones
LOOK_S = 3.0
BRIDGED = {"listener", "feeds"}  # what jobs can do without for a while
DISK_RESERVE = 256 * 1024 * 1024  # below this no job could finish


class StatsCache:
    """Statistics, read seldom however many ask."""

    def __init__(self, db: Database, *, slots: int, folder: Path) -> None:
        self._db = db
        self.slots = slots
        """Told while no worker lives."""
        self._folder = folder
        self._reading = asyncio.Lock()
        self._good_until = float("-inf")
        self._stats: Stats | None = None

    async def get(self) -> Stats:
        """The statistics, at most `STATS_AGE_S` old. Raises: DatabaseUnavailable."""
        async with self._reading:
            if self._stats is None or time.monotonic() > self._good_until:
                begun = time.monotonic()
                self._stats = await self._read()
                took = time.monotonic() - begun
                self._good_until = begun + min(STATS_AGE_S, took / STATS_SHARE)
            return self._stats

    async def _read(self) -> Stats:
        disk = await disk_usage(self._folder)
        found = await stats.stats(self._db)
        free, total = disk or (None, None)
        slots = found.slots or self.slots
        return found.model_copy(update={"slots": slots, "disk_free_bytes": free, "disk_total_bytes": total})


class Readiness:
    """Looks at database, listener, disk and worker (and says when the live feeds are broken)."""

    def __init__(self, db: Database, *, folder: Path, listening: Callable[[], bool]) -> None:
        self._db = db
        self._folder = folder
        self._listening = listening
        self._feeds_ended = ""

    def watch(self, feeds: asyncio.Task[None]) -> None:
        """Tell when the task behind the two WebSockets ends of itself, which it never should."""
        feeds.add_done_callback(self._feeds_are_over)

    def _feeds_are_over(self, feeds: asyncio.Task[None]) -> None:
        if not feeds.cancelled():
            self._feeds_ended = "the live feeds have ended; restart z2d"
            log.critical("the live feeds of the API have ended", exc_info=feeds.exception())

    async def look(self) -> Health:
        """The health of each part. Without its listener the daemon still works, by polling: that is "degraded"."""
        async with asyncio.TaskGroup() as group:
            database = group.create_task(self._database(), name="api-look-database")
            disk = group.create_task(self._disk(), name="api-look-disk")
            worker = group.create_task(self._worker(), name="api-look-worker")
        listener = Part(ok=True) if self._listening() else Part(ok=False, detail="reconnecting; polling meanwhile")
        parts = {"database": database.result(), "listener": listener, "disk": disk.result(), "worker": worker.result()}
        if self._feeds_ended:
            parts["feeds"] = Part(ok=False, detail=self._feeds_ended)
        broken = {name for name, part in parts.items() if not part.ok}
        return Health(status="unavailable" if broken - BRIDGED else "degraded" if broken else "ok", parts=parts)

    async def _database(self) -> Part:
        try:
            await health.ping(self._db)
        except errors.DatabaseUnavailable as error:
            return Part(ok=False, detail=error.detail)
        return Part(ok=True)

    async def _worker(self) -> Part:
        try:
            alive = await presence.live_workers(self._db)
        except errors.DatabaseUnavailable:
            return Part(ok=False, detail="not known while the database does not answer")
        return Part(ok=alive > 0, detail=f"{alive} alive" if alive else "no worker has given a sign of life lately")

    async def _disk(self) -> Part:
        usage = await disk_usage(self._folder)
        if usage is None:
            return Part(ok=False, detail="the state folder does not answer")
        free = f"{usage[0] // 1024**2} MiB free"
        return Part(ok=usage[0] >= DISK_RESERVE, detail=free)


async def disk_usage(folder: Path) -> tuple[int, int] | None:
    """Free and total bytes of the file system that holds `folder`, or will hold it; None when it does not answer."""
    try:
        async with asyncio.timeout(LOOK_S):
            usage = await asyncio.to_thread(_usage, folder)
    except (OSError, TimeoutError):
        return None
    return usage


def _usage(folder: Path) -> tuple[int, int]:
    place = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    usage = shutil.disk_usage(place)
    return usage.free, usage.total
