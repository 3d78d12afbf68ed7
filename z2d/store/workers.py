"""Who works here: registration, the heartbeat that keeps a worker's jobs, and its farewell.

A lease is nothing but a fresh `heartbeat_at`, read and written by the database's clock alone. A worker that was
declared GONE stays gone: it learns so from its next beat, and its late writes are fenced off (`z2d.store.claims`).
"""

from __future__ import annotations

from z2d.store.clean import clean_text
from z2d.store.database import Database

_REGISTER = """
    INSERT INTO workers (id, hostname, pid, version, capacity, installation) VALUES ($1, $2, $3, $4, $5, $6)
"""


async def register_worker(
    db: Database, worker_id: str, *, hostname: str, pid: int, version: str, capacity: int, installation: str
) -> None:
    """Make a worker known. `worker_id` must never have been used; `capacity` is its number of slots."""
    await db.execute(_REGISTER, worker_id, clean_text(hostname, 255), pid, version, capacity, clean_text(installation))


_BEAT = "UPDATE workers SET heartbeat_at = clock_timestamp() WHERE id = $1 AND state = 'ACTIVE' RETURNING true"


async def beat(db: Database, worker_id: str) -> bool:
    """Renew the lease on all of the worker's jobs. False: it was declared gone and must drop what it is doing."""
    return bool(await db.fetchval(_BEAT, worker_id))


_DESCRIBE = "UPDATE workers SET capacity = $2, has_room = $3 WHERE id = $1"


async def describe_worker(db: Database, worker_id: str, *, capacity: int, has_room: bool) -> None:
    """Keep what others may know of a worker: its slots now, and whether its disk has room to begin something."""
    await db.execute(_DESCRIBE, worker_id, capacity, has_room)


_RETIRE = "UPDATE workers SET state = 'GONE' WHERE id = $1"


async def retire_worker(db: Database, worker_id: str) -> None:
    """Sign off. Jobs it still holds are taken up by the next rescue, wherever that runs."""
    await db.execute(_RETIRE, worker_id)
