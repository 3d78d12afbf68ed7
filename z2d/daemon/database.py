"""The database of this daemon: our own server or a named one, waited for, and brought to the newest schema."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from z2d.config import Settings
from z2d.daemon import state
from z2d.daemon.notify import Notifier
from z2d.daemon.trouble import EXIT_CONFIG, EXIT_TAKEN, DaemonTrouble
from z2d.postgres.faults import PostgresTrouble
from z2d.postgres.server import EmbeddedPostgres
from z2d.store.migrations import SchemaRefused, migrate
from z2d.store.pooler import AddressRefused, PoolerRefused, refuse_pooler
from z2d.wire import places
from z2d.wire.errors import DatabaseUnavailable

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0

log = logging.getLogger(__name__)


@asynccontextmanager
async def embedded(settings: Settings) -> AsyncIterator[EmbeddedPostgres]:
    """Our own server for the time of the block. Raises DaemonTrouble when it cannot be started."""
    server = EmbeddedPostgres(
        settings.state_dir / "postgres", binaries=settings.postgres_bin, archive=settings.wal_archive_dir
    )
    try:
        await server.start()
    except PostgresTrouble as trouble:
        raise DaemonTrouble(f"the embedded database cannot start: {trouble}") from None
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def reached(settings: Settings, *, needed: bool = True, beside: bool = False) -> AsyncIterator[str | None]:
    """The address of the daemon's database, whether the daemon runs or not: a named one, that of the running daemon's
    server, or of our own server, started for this block under the state folder's lock.

    None where there is no database yet and none is `needed`. `beside`: a daemon is known to run; where it does not
    work in this state folder, nothing is done. Raises DaemonTrouble.
    """
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    folder = settings.state_dir / "postgres"
    if beside and not places.is_locked(settings.state_dir):
        raise DaemonTrouble(
            f"the z2d that answers does not work in {settings.state_dir}: run this as its account, or set "
            "Z2_STATE_DIR to its folder",
            EXIT_CONFIG,
        )
    if not needed and not (folder / "data").exists():
        yield None
        return
    state.prepare(settings.state_dir)
    async with AsyncExitStack() as opened:
        try:
            opened.enter_context(state.locked(settings.state_dir))
            server = await opened.enter_async_context(embedded(settings))
        except DaemonTrouble as trouble:
            server = EmbeddedPostgres(folder)
            if trouble.exit_code != EXIT_TAKEN or not await server.join():
                raise
        yield server.dsn


async def ready(dsn: str, notifier: Notifier) -> int:
    """Wait until the database answers, bring it to the newest schema, and return that version.

    One line is logged for each try, and the waits between them grow to half a minute. Raises DaemonTrouble when the
    database answers and cannot be used.
    """
    wait = FIRST_WAIT_S
    while True:
        try:
            await refuse_pooler(dsn)
            return await migrate(dsn)
        except (AddressRefused, PoolerRefused) as refused:
            raise DaemonTrouble(str(refused), EXIT_CONFIG) from None
        except SchemaRefused as refused:
            raise DaemonTrouble(str(refused)) from None
        except DatabaseUnavailable as away:
            log.warning("%s; trying again in %.0f s", away.detail, wait)
            # a service manager that waits for READY=1 is told that this takes longer
            notifier.say("STATUS=Waiting for the database", f"EXTEND_TIMEOUT_USEC={int((wait + 30) * 1e6)}")
        await asyncio.sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT_S)
