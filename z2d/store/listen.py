"""Hears what the database says: one dedicated connection, whose notifications become events on the bus.

A LISTEN connection can be dead for minutes without anybody noticing, so it is probed whenever it is quiet. Whenever it
had to be made anew, listening starts first and `Resync` follows: whoever keeps a picture of the jobs reads it again
then, and nothing that happened in between is missed.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import asyncpg

from z2d.bus import Bus, Event, JobChanged, LogsAppended, QueueChanged, Resync
from z2d.store.database import AWAY

_CONNECT_S = 5.0
_PROBE_ANSWER_S = 5.0
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 5.0
_QUEUE = 10_000  # notifications; more than that at once are answered with a Resync


class Listener:
    """Listens for ever. `connected` says whether notifications reach us at this moment (for /readyz)."""

    def __init__(self, dsn: str, *, probe_s: float = 10.0) -> None:
        self._dsn = dsn
        self._probe_s = probe_s
        self.connected = False

    async def run(self, bus: Bus) -> None:
        """Publish everything heard on `bus`; ends only when cancelled."""
        async with aclosing(self.events()) as events:
            async for event in events:
                bus.publish(event)

    async def events(self) -> AsyncGenerator[Event, None]:
        """Everything heard, with a `Resync` after every (re)connect. Connection trouble is mended here, not raised."""
        wait = _FIRST_WAIT_S
        while True:
            try:
                async with self._ears() as heard:
                    self.connected = True
                    wait = _FIRST_WAIT_S
                    yield Resync()
                    while (events := await heard()) is not None:
                        for event in events:
                            yield event
            except AWAY:
                pass
            finally:
                self.connected = False
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))
            wait = min(wait * 2, _LONGEST_WAIT_S)

    @asynccontextmanager
    async def _ears(self) -> AsyncIterator[Any]:
        """A connection that listens; gives a function that waits for the next events (None: the connection is lost)."""
        inbox: asyncio.Queue[list[Event] | None] = asyncio.Queue(_QUEUE)
        connection = await asyncpg.connect(
            self._dsn, timeout=_CONNECT_S, server_settings={"application_name": "z2d listen"}
        )

        def put(events: list[Event] | None) -> None:
            if inbox.full():  # too much to keep: forget it all and have everything read again
                while not inbox.empty():
                    inbox.get_nowait()
                events = events and [Resync()]
            inbox.put_nowait(events)

        async def heard() -> list[Event] | None:
            while True:
                try:
                    async with asyncio.timeout(self._probe_s):
                        return await inbox.get()
                except TimeoutError:
                    await connection.fetchval("SELECT 1", timeout=_PROBE_ANSWER_S)

        try:
            connection.add_termination_listener(lambda _: put(None))
            await connection.add_listener("z2_jobs", lambda _c, _p, _ch, payload: put(_job_changed(payload)))
            await connection.add_listener("z2_logs", lambda _c, _p, _ch, payload: put(_logs_appended(payload)))
            await connection.add_listener("z2_queue", lambda _c, _p, _ch, _payload: put([QueueChanged()]))
            yield heard
        finally:
            connection.terminate()


def _job_changed(payload: str) -> list[Event]:
    return [JobChanged(**json.loads(payload))]


def _logs_appended(payload: str) -> list[Event]:
    pairs = (news.split(":") for news in payload.split())
    return [LogsAppended(int(job_id), int(last)) for job_id, last in pairs]


async def listen(dsn: str, *, probe_s: float = 10.0) -> AsyncGenerator[Event, None]:
    """The events of a `Listener` of one's own, for who wants nothing but them."""
    async with aclosing(Listener(dsn, probe_s=probe_s).events()) as events:
        async for event in events:
            yield event
