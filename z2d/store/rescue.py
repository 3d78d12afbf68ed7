"""What a dead worker left: its jobs go back into the queue, or end, exactly as if it had said so itself.

Dead means silent for longer than the lease by the database's clock, or of an installation whose daemon has just been
started again (it holds the lock, so the former one is gone). A job that is merely long is never touched: its worker
beats. Losing its worker uses up an attempt, and a job that loses one after the other without getting on is POISON.
"""

from __future__ import annotations

from z2d.store.claims import LeaseLost, end_run
from z2d.store.database import Database
from z2d.store.family import end_child, hold_parent
from z2d.store.lines import append_lines, line, notify
from z2d.wire.jobs import JobStatus, LogLevel
from z2d.wire.reasons import ErrorClass

_DECLARE_SILENT_GONE = """
    UPDATE workers SET state = 'GONE'
    WHERE state = 'ACTIVE' AND heartbeat_at < clock_timestamp() - make_interval(secs => $1)
"""


async def rescue(db: Database, lease_s: float) -> list[int]:
    """Take up the jobs of all workers that are gone or silent for more than `lease_s` seconds; gives their ids."""
    await db.execute(_DECLARE_SILENT_GONE, float(lease_s))
    return await _take_up(db)


_DECLARE_INSTALLATION_GONE = """
    UPDATE workers SET state = 'GONE' WHERE state = 'ACTIVE' AND installation = $1 AND id <> $2
"""


async def rescue_installation(db: Database, installation: str, keep: str) -> list[int]:
    """At start: every other worker of this installation than `keep` is dead, whatever its last beat. Gives job ids."""
    await db.execute(_DECLARE_INSTALLATION_GONE, installation, keep)
    return await _take_up(db)


_HELD_BY_GONE = """
    SELECT j.id, j.run_token, j.worker_id, j.stage
    FROM jobs j JOIN workers w ON w.id = j.worker_id
    WHERE j.status = 'RUNNING' AND w.state = 'GONE'
    ORDER BY j.id
"""


async def _take_up(db: Database) -> list[int]:
    """One short transaction per job; two rescuers at once share the work, as the second finds the lease taken."""
    appended: dict[int, int] = {}
    for row in await db.fetch(_HELD_BY_GONE):
        job_id: int = row["id"]
        async with db.transaction() as connection:
            parent_id = await hold_parent(connection, job_id)
            try:
                status = await end_run(
                    connection,
                    (job_id, row["run_token"], row["worker_id"]),
                    JobStatus.QUEUED,
                    error_class=ErrorClass.POISON,
                    message="Its worker died, or fell silent, while this job ran.",
                    lost=True,
                )
            except LeaseLost:
                continue
            what = "; it goes back into the queue" if status == JobStatus.QUEUED else f"; it is {status} now"
            said = line(LogLevel.WARNING, row["stage"], "z2", f"The worker of this job is gone{what}.")
            last_seq = await append_lines(connection, job_id, [said])
            await end_child(connection, parent_id, status)
        appended[job_id] = last_seq
    if appended:
        await notify(db, appended)
    return list(appended)
