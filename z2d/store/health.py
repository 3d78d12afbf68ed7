"""Is the database there, which one is it, and what in it is not as it should be."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from z2d.store.database import Database
from z2d.store.pooler import is_pooled
from z2d.store.queue import ALIVE_WITHIN_S

_PING = "SELECT 1"


async def ping(db: Database) -> None:
    """Returns when the database answers; raises `DatabaseUnavailable` when it does not."""
    await db.fetchval(_PING)


_SERVER_VERSION = "SHOW server_version"


async def server_version(db: Database) -> str:
    """Such as '16.4'."""
    return str(await db.fetchval(_SERVER_VERSION)).split(" ")[0]


class Session(NamedTuple):
    """How the database looks from one of our connections. `now`: its clock. `pooled`: something stands between."""

    now: datetime
    schema: int
    pooled: bool


_SESSION = """
    SELECT clock_timestamp() AS now, (SELECT max(version) FROM schema_migrations) AS schema
"""


async def session(db: Database) -> Session:
    """Look through one connection."""
    async with db.connection() as connection:
        row = await connection.fetchrow(_SESSION)
        return Session(row["now"], row["schema"], await is_pooled(connection))


class Stuck(NamedTuple):
    """How much does not go on by itself.

    `jobs`: their worker is silent; `unpublished`: given up in the last 30 days; `late`: rows of the outbox that have
    been due for an hour; `disabled`: targets that said they are gone.
    """

    jobs: int
    unpublished: int
    late: int
    disabled: int


_STUCK = """
    SELECT
        (SELECT count(*) FROM jobs j JOIN workers w ON w.id = j.worker_id
            WHERE w.heartbeat_at < clock_timestamp() - 4 * make_interval(secs => $1)) AS jobs,
        (SELECT count(*) FROM job_publishing p
            WHERE p.status = 'FAILED' AND p.created_at > now() - interval '30 days') AS unpublished,
        (SELECT count(*) FROM job_publishing p
            WHERE p.status IN ('PENDING', 'RUNNING') AND p.run_after < now() - interval '1 hour') AS late,
        (SELECT count(*) FROM publish_targets WHERE disabled_at IS NOT NULL) AS disabled
"""


async def stuck(db: Database) -> Stuck:
    """What waits for somebody to look."""
    row = await db.fetchrow(_STUCK, ALIVE_WITHIN_S)
    assert row is not None
    return Stuck(**row)
