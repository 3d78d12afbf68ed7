"""What somebody has to do now and then so that nothing grows without end: to be called about once a minute."""

from __future__ import annotations

from z2d.store.collections import sweep
from z2d.store.database import Database

# only where something was appended: a library of years has thousands of rows, and an idle one is to write nothing
_FOLD_COUNTS = """
    WITH grown AS (SELECT status, day FROM job_counts GROUP BY status, day HAVING count(*) > 1),
    taken AS (
        DELETE FROM job_counts c USING grown g WHERE c.status = g.status AND c.day IS NOT DISTINCT FROM g.day
        RETURNING c.status, c.day, c.jobs, c.bytes
    )
    INSERT INTO job_counts
    SELECT status, day, sum(jobs), sum(bytes) FROM taken GROUP BY status, day HAVING sum(jobs) <> 0 OR sum(bytes) <> 0
"""
_FORGET_WORKERS = """
    DELETE FROM workers w
    WHERE state = 'GONE' AND heartbeat_at < clock_timestamp() - interval '1 day'
      AND NOT EXISTS (SELECT FROM jobs j WHERE j.worker_id = w.id AND j.status = 'RUNNING')
"""


async def upkeep(db: Database) -> None:
    """Fold the delta rows behind the statistics, forget workers that have been gone for a day, end finished lists.

    Any number of daemons may do this at the same time.
    """
    await db.execute(_FOLD_COUNTS)
    await db.execute(_FORGET_WORKERS)
    await sweep(db)
