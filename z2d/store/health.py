"""Is the database there, and which one is it."""

from __future__ import annotations

from z2d.store.database import Database

_PING = "SELECT 1"


async def ping(db: Database) -> None:
    """Returns when the database answers; raises `DatabaseUnavailable` when it does not."""
    await db.fetchval(_PING)


_SERVER_VERSION = "SHOW server_version"


async def server_version(db: Database) -> str:
    """Such as '16.4'."""
    return str(await db.fetchval(_SERVER_VERSION)).split(" ")[0]
