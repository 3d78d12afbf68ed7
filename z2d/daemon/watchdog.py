"""Feeds systemd's watchdog, and only while the daemon is worth keeping. One that hangs is ended and started anew.

Three things are asked in every round; the fourth, the event loop, proves itself by asking. A round that finds trouble
says so and does not feed. Four rounds fit into the period, so a listener that is just connecting again harms nothing.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from z2d.daemon.notify import Notifier
from z2d.store import health
from z2d.store.database import Database
from z2d.store.listen import Listener
from z2d.wire.errors import DatabaseUnavailable

ROUNDS = 4
_ASK = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_WELL = b"HTTP/1.1 200"

log = logging.getLogger(__name__)


async def feed(notifier: Notifier, db: Database, listener: Listener, door: Path | None = None) -> None:
    """Feed for ever; without a watchdog, wait for ever. `door` is the API's unix socket (None: a worker has none)."""
    if notifier.watchdog_s is None:
        await asyncio.Event().wait()
        return
    pause_s = notifier.watchdog_s / ROUNDS
    while True:
        if trouble := await _trouble(db, listener, door, pause_s):
            log.error("the watchdog is not fed: %s", trouble)
        else:
            notifier.say("WATCHDOG=1")
        await asyncio.sleep(pause_s)


async def _trouble(db: Database, listener: Listener, door: Path | None, within_s: float) -> str:
    """What a new start of the daemon would mend; empty where there is nothing."""
    try:
        async with asyncio.timeout(within_s):
            await health.ping(db)
            if not listener.connected:
                return "the database answers, but its notifications do not arrive"
    except DatabaseUnavailable:
        pass  # an answer of the pool too: starting us anew would not bring the database back
    except TimeoutError:
        return f"the database pool gave no answer within {within_s:.0f} s"
    return await _silent(door, within_s) if door else ""


async def _silent(door: Path, within_s: float) -> str:
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_unix_connection(door)
            try:
                writer.write(_ASK)
                said = await reader.readline()
            finally:
                writer.close()
    except TimeoutError:
        return f"the API gave no answer within {within_s:.0f} s"
    except OSError as error:
        return f"the API cannot be reached: {error.strerror}"
    return "" if said.startswith(_WELL) else "the API does not say that it is well"
