"""Under which name this process holds jobs, and the heartbeat that keeps them.

A worker id is given up for good when the database has declared it gone, and when the answer to a claim was lost:
then a job may be held under that id by nobody. A former id is kept alive only as long as it holds real work; then
it is retired, and a rescue finds whatever else was left under it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable, Collection

from z2d.store import workers
from z2d.store.database import Database
from z2d.wire.errors import DatabaseUnavailable
from z2d.worker.patience import pauses

log = logging.getLogger(__name__)


class Lease:
    """The worker ids of one process. `installation`: whose state folder it works for; `capacity`: its slots."""

    def __init__(self, db: Database, *, installation: str, capacity: int, version: str, lease_s: float) -> None:
        self._db = db
        self._installation, self._capacity, self._version = installation, capacity, version
        self._lease_s = lease_s
        self._id: str | None = None
        self._former: set[str] = set()
        self._registering = asyncio.Lock()
        self._renewed = asyncio.Event()

    async def worker_id(self) -> str:
        """The id to claim under, registered if need be. Raises `DatabaseUnavailable`."""
        async with self._registering:
            if self._id is None:
                fresh = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
                await workers.register_worker(
                    self._db,
                    fresh,
                    hostname=socket.gethostname(),
                    pid=os.getpid(),
                    version=self._version,
                    capacity=self._capacity,
                    installation=self._installation,
                )
                self._id = fresh
            return self._id

    async def describe(self, *, capacity: int, has_room: bool) -> None:
        """Let others know of this worker's slots and whether its disk has room. Raises `DatabaseUnavailable`."""
        self._capacity = capacity
        await workers.describe_worker(self._db, await self.worker_id(), capacity=capacity, has_room=has_room)

    def current(self, worker_id: str) -> bool:
        """Whether claims under this id still count."""
        return worker_id == self._id

    def forsake(self, worker_id: str) -> None:
        """Claim nothing more under this id."""
        if self._id == worker_id:
            self._id = None
            self._former.add(worker_id)

    async def keep(self, in_use: Callable[[], Collection[str]], on_gone: Callable[[str], None]) -> None:
        """Beat, for ever. `in_use`: the ids that hold work; `on_gone` is told which id was declared gone."""
        while True:
            tries = pauses()
            while True:
                try:
                    await self._beat(in_use(), on_gone)
                    break
                except DatabaseUnavailable as error:
                    log.info("no heartbeat: %s", error)
                    await asyncio.sleep(next(tries))
            self._renewed.set()
            await asyncio.sleep(self._lease_s / 3)

    async def renewed(self) -> None:
        """Wait for the next heartbeat that went well."""
        self._renewed.clear()
        await self._renewed.wait()

    async def end(self) -> None:
        """Sign off under every id. What is still held under them is for a rescue."""
        for worker_id in [*self._former, *([self._id] if self._id else [])]:
            await workers.retire_worker(self._db, worker_id)

    async def _beat(self, in_use: Collection[str], on_gone: Callable[[str], None]) -> None:
        for worker_id in self._former - set(in_use):
            await workers.retire_worker(self._db, worker_id)
            self._former.discard(worker_id)
        for worker_id in [*self._former, *([self._id] if self._id else [])]:
            if not await workers.beat(self._db, worker_id):
                log.warning("worker %s was declared gone; its jobs are dropped", worker_id)
                self._former.discard(worker_id)
                if self._id == worker_id:
                    self._id = None
                on_gone(worker_id)
