"""How many slots there are and whether they may start something: what a person set, heard and looked up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from z2d.pipeline.lanes import Lanes
from z2d.store import queue
from z2d.store.database import Database
from z2d.store.queue import QueueSettings
from z2d.wire.control import QueueMode
from z2d.wire.errors import DatabaseUnavailable
from z2d.wire.jobs import StageName
from z2d.worker.lease import Lease
from z2d.worker.patience import Bell, heard

log = logging.getLogger(__name__)


class Crew:
    """The slots of one worker, and its lanes. More slots are started when wanted; one too many leaves with its job.

    `slots`: how many, as long as nobody has said otherwise; `on_change`: called when what a person set has changed.
    """

    def __init__(self, db: Database, lease: Lease, bell: Bell, *, slots: int, poll_s: float, lanes: Lanes) -> None:
        self._db, self._lease, self._bell, self._poll_s = db, lease, bell, poll_s
        self._lanes = lanes
        self._started_with = slots
        self._numbers: set[int] = set()  # of the slots that are there
        self._news = asyncio.Event()
        self._limits: Mapping[StageName, int | None] = {}
        self.wanted = slots
        self.mode = QueueMode.ACTIVE

    def start_with(self, slots: int) -> None:
        """So many slots from now on, as long as nobody has said otherwise."""
        self._started_with = slots
        self.look_again()

    def look_again(self) -> None:
        """The settings may have changed."""
        self._news.set()

    async def follow(
        self,
        tasks: asyncio.TaskGroup,
        slot: Callable[[int], Coroutine[Any, Any, None]],
        *,
        has_room: Callable[[], bool],
        on_change: Callable[[], None],
    ) -> None:
        """Keep as many slots as are wanted, for ever. `slot(number)` runs one until it is no longer wanted."""
        told: tuple[str, int, bool] | None = None
        while True:
            try:
                before = self.mode
                self._obey(await queue.settings(self._db))
                told = await self._describe(told, has_room())
            except DatabaseUnavailable:
                pass  # the heartbeat says so; until it is back everything stays as it is
            else:
                if self.mode is not before:
                    on_change()
            for number in set(range(1, self.wanted + 1)) - self._numbers:
                self._numbers.add(number)
                tasks.create_task(self._run(slot, number), name=f"slot {number}")
            await heard(self._news, self._poll_s)
            self._news.clear()

    def wants(self, number: int) -> bool:
        """Whether this slot is still one of those that are wanted."""
        return number <= self.wanted

    def _obey(self, said: QueueSettings) -> None:
        wanted = said.slots or self._started_with
        if (wanted, said.mode, said.lanes) == (self.wanted, self.mode, self._limits):
            return
        log.info("the queue is %s, with %d slots here", said.mode, wanted)
        self.wanted, self.mode, self._limits = wanted, said.mode, said.lanes
        self._lanes.limit_to(said.lanes)
        self._bell.ring()  # idle slots look up: there may be something to claim, or nothing to stay for

    async def _run(self, slot: Callable[[int], Coroutine[Any, Any, None]], number: int) -> None:
        try:
            await slot(number)
        finally:
            self._numbers.discard(number)

    async def _describe(self, told: tuple[str, int, bool] | None, has_room: bool) -> tuple[str, int, bool]:
        """Let others know of slots and room, whenever either changes."""
        now = (await self._lease.worker_id(), self.wanted, has_room)
        if now != told:
            await self._lease.describe(capacity=self.wanted, has_room=has_room)
        return now
