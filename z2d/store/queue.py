"""The queue as a whole: whether it goes, how many jobs at once, who is next."""

from __future__ import annotations

from typing import NamedTuple

from z2d.store.clean import clean_text
from z2d.store.database import Database
from z2d.store.rows import job_summary
from z2d.wire.control import QueueMode, QueueState, SiteGate

ALIVE_WITHIN_S = 30.0

# the place of job j in the queue: 1 is the next; null unless it could start now
QUEUE_POSITION = """
    CASE WHEN j.status = 'QUEUED' AND j.run_after <= now() THEN (
        SELECT count(*) + 1 FROM jobs q
        WHERE q.status = 'QUEUED' AND q.deleted_at IS NULL AND q.run_after <= now()
          AND (q.rank, -q.priority, q.run_after, q.id) < (j.rank, -j.priority, j.run_after, j.id)) END
"""

_SETTINGS = "SELECT mode, slots FROM queue_settings"


class QueueSettings(NamedTuple):
    """What a person set at runtime. `slots`: jobs at once of each worker; None: as each worker was started."""

    mode: QueueMode
    slots: int | None


async def settings(db: Database) -> QueueSettings:
    """What holds now; it outlives every restart."""
    row = await db.fetchrow(_SETTINGS)
    return QueueSettings(QueueMode(row["mode"]), row["slots"]) if row else QueueSettings(QueueMode.ACTIVE, None)


_CREW = """
    SELECT sum(capacity)::int FROM workers
    WHERE state = 'ACTIVE' AND heartbeat_at > clock_timestamp() - make_interval(secs => $1)
"""


async def all_slots(db: Database) -> int | None:
    """The slots of all living workers together; None when there is none."""
    slots: int | None = await db.fetchval(_CREW, ALIVE_WITHIN_S)
    return slots


_SET_MODE = """
    INSERT INTO queue_settings (mode, changed_by) VALUES ($1, $2)
    ON CONFLICT (only_row) DO UPDATE SET mode = $1, changed_by = $2, changed_at = clock_timestamp()
"""


async def set_mode(db: Database, mode: QueueMode, by: str = "local") -> None:
    """ACTIVE, DRAINING or PAUSED; workers hear of it at once."""
    await db.execute(_SET_MODE, mode, clean_text(by, 200))


_SET_SITE_SLOTS = """
    INSERT INTO queue_settings (site_slots, changed_by) VALUES ($1, $2)
    ON CONFLICT (only_row) DO UPDATE SET site_slots = $1, changed_by = $2, changed_at = clock_timestamp()
"""


async def set_site_slots(db: Database, slots: int | None, by: str = "local") -> None:
    """Jobs at once of one site, all workers together; None: as many as there are slots."""
    await db.execute(_SET_SITE_SLOTS, slots, clean_text(by, 200))


_SET_SLOTS = """
    INSERT INTO queue_settings (slots, changed_by) VALUES ($1, $2)
    ON CONFLICT (only_row) DO UPDATE SET slots = $1, changed_by = $2, changed_at = clock_timestamp()
"""


async def set_slots(db: Database, slots: int | None, by: str = "local") -> None:
    """Jobs at once of each worker; None: as each was started. No running job is ended by fewer slots."""
    await db.execute(_SET_SLOTS, slots, clean_text(by, 200))


# One statement, so all numbers are of one moment. A job behind the gate of its site counts among the scheduled ones.
_STATE = """
    WITH queued AS (
        SELECT j.wait_reason, j.run_after > now() OR EXISTS (
            SELECT FROM site_gates g WHERE g.site = j.site AND g.not_before > now()) AS later
        FROM jobs j WHERE j.status = 'QUEUED' AND j.deleted_at IS NULL
    ), crew AS (
        SELECT count(*) AS workers, coalesce(sum(capacity), 0) AS slots FROM workers
        WHERE state = 'ACTIVE' AND heartbeat_at > clock_timestamp() - make_interval(secs => $1)
    )
    SELECT q.mode, q.slots AS slots_per_worker, q.site_slots, crew.workers, crew.slots,
        (SELECT count(*) FROM jobs WHERE worker_id IS NOT NULL) AS busy,
        (SELECT count(*) FROM queued WHERE NOT later) AS ready,
        (SELECT count(*) FROM queued WHERE later AND wait_reason IS DISTINCT FROM 'USER') AS scheduled,
        (SELECT count(*) FROM queued WHERE wait_reason = 'USER') AS paused,
        (SELECT count(*) FROM jobs WHERE status = 'WAITING' AND deleted_at IS NULL) AS waiting
    FROM crew LEFT JOIN queue_settings q ON true
"""
_NEXT = """
    SELECT l.* FROM (
        SELECT j.id FROM jobs j
        WHERE j.status = 'QUEUED' AND j.deleted_at IS NULL AND j.run_after <= now() AND NOT EXISTS (
            SELECT FROM site_gates g WHERE g.site = j.site AND g.not_before > now())
        ORDER BY j.rank, j.priority DESC, j.run_after, j.id LIMIT $1
    ) n JOIN job_list l ON l.id = n.id
    ORDER BY l.rank, l.priority DESC, l.run_after, l.id
"""
_GATES = "SELECT site, not_before AS until, reason, strikes FROM site_gates WHERE not_before > now() ORDER BY site"


async def state(db: Database, *, limit: int = 50) -> QueueState:
    """The queue now, with the `limit` jobs that start next, in their order."""
    async with db.connection() as connection:
        row = await connection.fetchrow(_STATE, ALIVE_WITHIN_S)
        following = await connection.fetch(_NEXT, limit)
        gates = await connection.fetch(_GATES)
    return QueueState(
        **{**row, "mode": row["mode"] or QueueMode.ACTIVE},
        gates=[SiteGate(**gate) for gate in gates],
        next=[job_summary(one) for one in following],
    )
