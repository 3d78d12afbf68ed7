"""The queue as a whole: whether it goes, how many jobs at once, who is next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from z2d.store.claims import parked
from z2d.store.clean import clean_text
from z2d.store.database import Database
from z2d.store.rows import job_summary
from z2d.wire.control import DEFAULT_LANES, Lane, QueueMode, QueueState, SiteGate
from z2d.wire.jobs import StageName

ALIVE_WITHIN_S = 30.0


def _could_start(job: str) -> str:
    """The condition that `job`, an alias of the table, stands in the line of those that start next."""
    return f"""({job}.status = 'QUEUED' AND {job}.deleted_at IS NULL AND {job}.run_after <= now()
        AND ({job}.site IS NULL OR {job}.site NOT IN (SELECT site FROM site_gates WHERE not_before > now()))
        AND NOT {parked(job)})"""  # noqa: S608  made of a text of its neighbour


# the place of job j in the queue: 1 is the next; null unless it could start now
QUEUE_POSITION = f"""
    CASE WHEN {_could_start("j")} THEN (
        SELECT count(*) + 1 FROM jobs q
        WHERE {_could_start("q")}
          AND (q.rank, -q.priority, q.run_after, q.id) < (j.rank, -j.priority, j.run_after, j.id)) END
"""  # noqa: S608  made of a text of its neighbour

_SETTINGS = "SELECT mode, slots, lanes FROM queue_settings"


class QueueSettings(NamedTuple):
    """What holds at runtime, each for every worker. `slots`: jobs at once; None: as each worker was started.

    `lanes`: jobs at once in each lane; 0: closed, None: as many as there are slots.
    """

    mode: QueueMode = QueueMode.ACTIVE
    slots: int | None = None
    lanes: Mapping[StageName, int | None] = DEFAULT_LANES


async def settings(db: Database) -> QueueSettings:
    """What a person set, or the defaults; it outlives every restart."""
    row = await db.fetchrow(_SETTINGS)
    return QueueSettings(QueueMode(row["mode"]), row["slots"], _lanes(row["lanes"])) if row else QueueSettings()


def _lanes(said: Mapping[str, int]) -> dict[StageName, int | None]:
    return {stage: said.get(stage.value, limit) for stage, limit in DEFAULT_LANES.items()}


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


_SET_LANES = """
    INSERT INTO queue_settings AS q (lanes, changed_by) VALUES (jsonb_strip_nulls($1), $2)
    ON CONFLICT (only_row) DO UPDATE SET lanes = jsonb_strip_nulls(q.lanes || $1), changed_by = $2,
        changed_at = clock_timestamp()
"""
# What waited there waits for a slot now, like others, and says no longer that a lane is closed. run_after is named
# so that everybody hears of it; a job that somebody else changes at this moment is claimed, or says so itself.
_LET_IN = """
    UPDATE jobs SET wait_reason = NULL, run_after = run_after
    WHERE id IN (
        SELECT id FROM jobs
        WHERE status = 'QUEUED' AND wait_reason = 'LANE_CLOSED' AND stage = ANY($1) AND deleted_at IS NULL
        ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)
"""
_AT_ONCE = 5000  # a statement may take three seconds


async def set_lanes(db: Database, places: Mapping[str, int | None], by: str = "local") -> None:
    """Jobs at once of each worker in the lanes named; 0: closed, None: the default. The other lanes stay."""
    await db.execute(_SET_LANES, dict(places), clean_text(by, 200))
    opened = [stage for stage, limit in places.items() if limit != 0]
    while await db.execute(_LET_IN, opened, _AT_ONCE) == f"UPDATE {_AT_ONCE}":
        pass


# One statement, so all numbers are of one moment. A job behind the gate of its site counts among the scheduled ones,
# one before a closed lane among the paused ones.
_STATE = f"""
    WITH queued AS (
        SELECT count(*) FILTER (WHERE NOT later AND NOT paused) AS ready,
            count(*) FILTER (WHERE later AND NOT paused) AS scheduled, count(*) FILTER (WHERE paused) AS paused
        FROM (
            SELECT j.run_after > now()
                OR coalesce(j.site IN (SELECT site FROM site_gates WHERE not_before > now()), false) AS later,
                coalesce(j.wait_reason = 'USER', false) OR {parked("j")} AS paused
            FROM jobs j WHERE j.status = 'QUEUED' AND j.deleted_at IS NULL) one
    ), crew AS (
        SELECT count(*) AS workers, coalesce(sum(capacity), 0) AS slots FROM workers
        WHERE state = 'ACTIVE' AND heartbeat_at > clock_timestamp() - make_interval(secs => $1)
    )
    SELECT q.mode, q.slots AS slots_per_worker, q.site_slots, q.lanes, crew.workers, crew.slots,
        (SELECT count(*) FROM jobs WHERE worker_id IS NOT NULL) AS busy,
        queued.ready, queued.scheduled, queued.paused,
        (SELECT count(*) FROM jobs WHERE status = 'WAITING' AND deleted_at IS NULL) AS waiting
    FROM crew CROSS JOIN queued LEFT JOIN queue_settings q ON true
"""  # noqa: S608  made of texts of this module and its neighbour
_IN_LANES = f"""
    SELECT stage, count(*) FILTER (WHERE lane = 'INSIDE') AS busy, count(*) FILTER (WHERE lane = 'WAITING') AS waiting,
        count(*) FILTER (WHERE lane IS NULL) AS parked
    FROM (
        SELECT s.stage, s.lane FROM jobs j JOIN job_stages s ON s.job_id = j.id AND s.stage = j.stage
        WHERE j.worker_id IS NOT NULL AND s.status = 'RUNNING' AND s.lane IS NOT NULL
        UNION ALL
        SELECT j.stage, NULL FROM jobs j WHERE j.status = 'QUEUED' AND j.deleted_at IS NULL AND {parked("j")}
    ) one GROUP BY stage
"""  # noqa: S608
_NEXT = f"""
    SELECT l.*, now() AS now FROM (
        SELECT j.id FROM jobs j
        WHERE {_could_start("j")}
        ORDER BY j.rank, j.priority DESC, j.run_after, j.id LIMIT $1
    ) n JOIN job_list l ON l.id = n.id
    ORDER BY l.rank, l.priority DESC, l.run_after, l.id
"""  # noqa: S608
_GATES = "SELECT site, not_before AS until, reason, strikes FROM site_gates WHERE not_before > now() ORDER BY site"


async def state(db: Database, *, limit: int = 50) -> QueueState:
    """The queue now, with the `limit` jobs that start next, in their order."""
    async with db.connection() as connection:
        row = await connection.fetchrow(_STATE, ALIVE_WITHIN_S)
        following = await connection.fetch(_NEXT, limit)
        gates = await connection.fetch(_GATES)
        inside = {one["stage"]: one for one in await connection.fetch(_IN_LANES)}
    nobody = {"busy": 0, "waiting": 0, "parked": 0}
    lanes = [
        Lane(limit=limit, **{**nobody, **inside.get(stage.value, {}), "stage": stage})
        for stage, limit in _lanes(row["lanes"] or {}).items()
    ]
    return QueueState(
        **{**row, "mode": row["mode"] or QueueMode.ACTIVE, "lanes": lanes},
        gates=[SiteGate(**gate) for gate in gates],
        next=[job_summary(one) for one in following],
    )
