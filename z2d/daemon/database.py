"""The database of this daemon: our own server or a named one, waited for, and brought to the newest schema."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from z2d.daemon.notify import Notifier
from z2d.daemon.trouble import DaemonTrouble
from z2d.postgres.faults import PostgresTrouble
from z2d.postgres.server import EmbeddedPostgres
from z2d.store.migrations import SchemaRefused, migrate
from z2d.wire.errors import DatabaseUnavailable

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0

log = logging.getLogger(__name__)


@asynccontextmanager
async def embedded(folder: Path, binaries: Path | None) -> AsyncIterator[EmbeddedPostgres]:
    """Our own server for the time of the block. Raises DaemonTrouble when it cannot be started."""
    server = EmbeddedPostgres(folder, binaries=binaries)
    try:
        await server.start()
    except PostgresTrouble as trouble:
        raise DaemonTrouble(f"the embedded database cannot start: {trouble}") from None
    try:
        yield server
    finally:
        await server.stop()


async def ready(dsn: str, notifier: Notifier) -> int:
    """Wait until the database answers, bring it to the newest schema, and return that version.

    One line is logged for each try, and the waits between them grow to half a minute. Raises DaemonTrouble when the
    database answers and cannot be used.
    """
    wait = FIRST_WAIT_S
    while True:
        try:
            return await migrate(dsn)
        except SchemaRefused as refused:
            raise DaemonTrouble(str(refused)) from None
        except DatabaseUnavailable as away:
            log.warning("%s; trying again in %.0f s", away.detail, wait)
            # a service manager that waits for READY=1 is told that this takes longer
            notifier.say("STATUS=Waiting for the database", f"EXTEND_TIMEOUT_USEC={int((wait + 30) * 1e6)}")
        await asyncio.sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT_S)
