"""What a person changes about a job that is there: pause and resume, its place in the queue, its fields.

A job that runs is never touched: pause is written down as a wish, like cancel, and its worker obeys. A pause keeps
everything: finished stages, and of a download what has arrived.
"""

from __future__ import annotations

from typing import Any, Literal

from z2d.store.claims import lane_is_closed
from z2d.store.clean import clean_json, clean_text
from z2d.store.database import Database
from z2d.store.reads import summary
from z2d.store.requests import lock_job
from z2d.wire.control import JobChanges
from z2d.wire.errors import AlreadyFinished, Conflict, PreconditionFailed
from z2d.wire.jobs import FINISHED, JobStatus, JobSummary

# QUEUED: held from now on, and when it was due is kept. RUNNING: its worker is asked. A job that is to be cancelled is
# past pausing.
_PAUSE = """
    UPDATE jobs SET
        pause_requested_at = CASE WHEN status = 'RUNNING' THEN clock_timestamp() END,
        due_after = run_after, due_reason = wait_reason, on_hold = false,
        wait_reason = CASE WHEN status = 'QUEUED' THEN 'USER' ELSE wait_reason END,
        run_after = CASE WHEN status = 'QUEUED' THEN 'infinity' ELSE run_after END
    WHERE id = ANY($1) AND cancel_requested_at IS NULL AND (
        status = 'RUNNING' AND pause_requested_at IS NULL OR status = 'QUEUED' AND wait_reason IS DISTINCT FROM 'USER')
"""
# The reason is that of a time that is still to come, or a lane that is closed still.
_RESUME = f"""
    UPDATE jobs SET
        pause_requested_at = NULL,
        wait_reason = CASE WHEN status = 'QUEUED' THEN
            CASE WHEN CASE due_reason WHEN 'LANE_CLOSED' THEN {lane_is_closed("jobs")}
                ELSE due_after > clock_timestamp() END THEN due_reason END
            ELSE wait_reason END,
        run_after = CASE WHEN status = 'QUEUED' THEN greatest(clock_timestamp(), due_after) ELSE run_after END,
        due_after = NULL, due_reason = NULL, on_hold = false
    WHERE id = ANY($1) AND (
        status = 'RUNNING' AND pause_requested_at IS NOT NULL OR status = 'QUEUED' AND wait_reason = 'USER')
"""  # noqa: S608  made of a text of its neighbour
_LOCK_CHILDREN = """
    SELECT id FROM jobs WHERE parent_id = $1 AND status IN ('QUEUED', 'RUNNING') ORDER BY id FOR NO KEY UPDATE
"""


async def pause(db: Database, job_id: int) -> JobSummary:
    """QUEUED: PAUSED at once. RUNNING: PAUSING, and its worker puts it down. WAITING: the jobs that came from it, all.

    Asking again changes nothing. Raises `JobNotFound`, `AlreadyFinished`, and `Conflict` while it is being cancelled.
    """
    return await _set(db, job_id, _PAUSE)


async def resume(db: Database, job_id: int) -> JobSummary:
    """PAUSED, or submitted on hold: due now, or later if it was wanted for later. PAUSING: the wish is taken back.
    WAITING: the jobs that came from it.

    A job that is not paused stays as it is. Raises `JobNotFound`, `AlreadyFinished`, `Conflict`.
    """
    return await _set(db, job_id, _RESUME)


async def _set(db: Database, job_id: int, statement: str) -> JobSummary:
    async with db.transaction() as connection:
        row = await lock_job(connection, job_id)
        status = JobStatus(row["status"])
        if status in FINISHED:
            raise AlreadyFinished(f"Job {job_id} has already finished: it is {status}.")
        if row["cancel_requested_at"] is not None:
            raise Conflict(f"Job {job_id} is being cancelled.")
        ids = [job_id]
        if status == JobStatus.WAITING:
            ids = [child["id"] for child in await connection.fetch(_LOCK_CHILDREN, job_id)]
        await connection.execute(statement, ids)
    return await summary(db, job_id)


# one mover at a time, so that of two jobs moved to the front the later one is in front
_ONE_MOVER = "SELECT FROM queue_settings FOR NO KEY UPDATE"
_MOVE_FIRST = """
    UPDATE jobs SET rank = (
        SELECT least(min(rank), 0) - 1 FROM jobs WHERE status = 'QUEUED' AND deleted_at IS NULL AND id <> $1)
    WHERE id = $1
"""
_MOVE_LAST = """
    UPDATE jobs SET rank = (
        SELECT greatest(max(rank), 0) + 1 FROM jobs WHERE status = 'QUEUED' AND deleted_at IS NULL AND id <> $1)
    WHERE id = $1
"""


# One place up or down among the jobs that are due. Up to its new neighbours everybody gets a rank of their present
# order, because between two jobs that stand by priority and time there is no rank. `$2`: -1.5 up, 1.5 down.
_MOVE_BY_ONE = """
    WITH line AS (
        SELECT id, rank, row_number() OVER (ORDER BY rank, priority DESC, run_after, id) AS place
        FROM jobs WHERE status = 'QUEUED' AND deleted_at IS NULL AND (run_after <= now() OR id = $1)
    ), head AS (
        SELECT id, row_number() OVER (ORDER BY CASE WHEN id = $1 THEN place + $2::real ELSE place END) AS place
        FROM line WHERE place <= (SELECT place + greatest($2::real, 0) FROM line WHERE id = $1)
    )
    UPDATE jobs j SET rank = h.place - 1 - (SELECT count(*) FROM head)
        + (SELECT least(coalesce(min(rank), 0), 0) FROM line WHERE id NOT IN (SELECT id FROM head))
    FROM head h WHERE j.id = h.id AND (SELECT count(*) FROM head) <= $3
"""
_MOST_PASSED = 1000
_STEPS = {"up": -1.5, "down": 1.5}


async def move(db: Database, job_id: int, to: Literal["first", "last", "up", "down"]) -> JobSummary:
    """Before or behind all other jobs of the queue, whatever their priority, or past the next one in either direction.

    The place holds until the job's priority is set; by `up` and `down` that of the jobs before it too. Raises
    `JobNotFound`, and `Conflict` when the job is not in the queue, or too far behind to be moved by one.
    """
    async with db.transaction() as connection:
        await connection.execute(_ONE_MOVER)
        row = await lock_job(connection, job_id)
        _must_wait(job_id, JobStatus(row["status"]), "be moved")
        if to in _STEPS:
            if await connection.execute(_MOVE_BY_ONE, job_id, _STEPS[to], _MOST_PASSED) == "UPDATE 0":
                raise Conflict(f"Job {job_id} has more than {_MOST_PASSED} before it: move it to the front first.")
        else:
            await connection.execute(_MOVE_FIRST if to == "first" else _MOVE_LAST, job_id)
    return await summary(db, job_id)


def _must_wait(job_id: int, status: JobStatus, what: str) -> None:
    if status != JobStatus.QUEUED:
        raise Conflict(f"Job {job_id} is {status}; only a job that waits in the queue can {what}.")


# named in SET although unchanged, a column counts as a change a client can see; so each has its own statement
_SET_PRIORITY = "UPDATE jobs SET priority = $2, rank = 0 WHERE id = $1"
_SET_TAGS = "UPDATE jobs SET tags = $2 WHERE id = $1"
_SET_OPTIONS = "UPDATE jobs SET options = options || $2::jsonb WHERE id = $1"


async def change(db: Database, job_id: int, changes: JobChanges, *, rev: int | None = None) -> JobSummary:
    """Change what `changes` names: all of it, or nothing.

    Tags can be changed always, the priority until a job is finished, options while it waits in the queue. `rev` (or
    the one in `changes`): only if the job has not changed since. Raises `JobNotFound`, `PreconditionFailed`,
    `Conflict`.
    """
    wanted_revs = {one for one in (rev, changes.rev) if one is not None}
    async with db.transaction() as connection:
        row = await lock_job(connection, job_id)
        if wanted_revs - {row["rev"]}:
            raise PreconditionFailed(f"Job {job_id} has been changed meanwhile: its rev is {row['rev']}.")
        status = JobStatus(row["status"])
        if changes.options is not None:
            _must_wait(job_id, status, "get other options")
            named = changes.options.model_dump(mode="json", include=changes.options.model_fields_set)
            await connection.execute(_SET_OPTIONS, job_id, clean_json(named))
        if changes.priority is not None:
            if status in FINISHED:
                raise Conflict(f"Job {job_id} is {status}; its priority has no meaning any more.")
            await connection.execute(_SET_PRIORITY, job_id, changes.priority)
        if changes.tags is not None:
            await connection.execute(_SET_TAGS, job_id, _tags(changes.tags))
    return await summary(db, job_id)


def _tags(tags: list[str]) -> list[Any]:
    return list(dict.fromkeys(clean_text(tag) for tag in tags))
