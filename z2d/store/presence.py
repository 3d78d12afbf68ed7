"""Who is there to do the work: asked by /readyz, which may run on another machine than the workers."""

from __future__ import annotations

from z2d.store.database import Database

_LIVE = """
    SELECT count(*) FROM workers WHERE state = 'ACTIVE' AND heartbeat_at > clock_timestamp() - make_interval(secs => $1)
"""


async def live_workers(db: Database, *, within_s: float = 30.0) -> int:
    """How many workers gave a sign of life in the last `within_s` seconds of the database's clock."""
    return int(await db.fetchval(_LIVE, within_s))
