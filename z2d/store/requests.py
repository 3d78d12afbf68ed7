"""What a person asks of a job: to end, to run again, to be gone.

A running job is never ended from here: the wish is written down, and whoever ends the run obeys it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg

from z2d.store import outbox
from z2d.store.clean import clean_text
from z2d.store.database import Database
from z2d.store.family import end_child, hold_parent
from z2d.store.reads import summary
from z2d.wire.errors import AlreadyFinished, Conflict, JobNotFound
from z2d.wire.jobs import FINISHED, JobStatus, JobSummary, StageName

_LOCK = """
    SELECT status, dedup_key, cancel_requested_at, rev FROM jobs WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE
"""


async def lock_job(connection: Any, job_id: int) -> Any:
    """Nobody else changes this job until the transaction ends; its row. Raises `JobNotFound`."""
    row = await connection.fetchrow(_LOCK, job_id)
    if row is None:
        raise JobNotFound(f"There is no job {job_id}.")
    return row


_WANT_CANCEL = """
    UPDATE jobs SET cancel_requested_at = clock_timestamp(), cancel_requested_by = $2,
        status = CASE WHEN status = 'RUNNING' THEN status ELSE 'CANCELLED' END
    WHERE id = $1 AND cancel_requested_at IS NULL
"""
_WANT_CANCEL_OF_CHILDREN = """
    WITH child AS (
        SELECT id FROM jobs
        WHERE parent_id = $1 AND status IN ('QUEUED', 'RUNNING', 'WAITING') AND cancel_requested_at IS NULL
        ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE jobs j SET cancel_requested_at = clock_timestamp(), cancel_requested_by = $2,
        status = CASE WHEN j.status = 'RUNNING' THEN j.status ELSE 'CANCELLED' END
    FROM child WHERE j.id = child.id
    RETURNING j.id, j.status
"""


async def ask_cancel(db: Database, job_id: int, by: str = "local") -> JobSummary:
    """QUEUED and WAITING jobs are CANCELLED at once (and a collection's unfinished children with it); a RUNNING one is
    asked to end. Asking again changes nothing and gives the same answer.

    Raises `JobNotFound`, and `AlreadyFinished` when the job had ended otherwise.
    """
    by = clean_text(by, 200)
    async with db.transaction() as connection:
        parent_id = await hold_parent(connection, job_id)
        status = JobStatus((await lock_job(connection, job_id))["status"])
        if status in FINISHED and status != JobStatus.CANCELLED:
            raise AlreadyFinished(f"Job {job_id} has already finished: it is {status}.")
        if status not in FINISHED:
            await connection.execute(_WANT_CANCEL, job_id, by)
            if status == JobStatus.WAITING:
                children = await connection.fetch(_WANT_CANCEL_OF_CHILDREN, job_id, by)
                await outbox.call_off(connection, [one["id"] for one in children if one["status"] == "CANCELLED"])
            if status == JobStatus.QUEUED:
                await outbox.call_off(connection, [job_id])
                await end_child(connection, parent_id, JobStatus.CANCELLED)
    return await summary(db, job_id)


_QUEUE_AGAIN = """
    UPDATE jobs SET status = 'QUEUED', run_after = clock_timestamp(), bytes = 0,
        forced = forced OR status = 'COMPLETED' AND kind = 'MEDIA',  -- a list is only looked at again
        stage = $2, priority = coalesce($3, priority), options = options || $4
    WHERE id = $1
"""
_REOPEN_STAGES = """
    UPDATE job_stages SET status = 'PENDING', progress = 0, error_class = NULL, error_message = NULL,
        skip_reason = NULL, finished_at = NULL,
        input_hash = CASE WHEN stage = ANY($2) THEN NULL ELSE input_hash END,
        checkpoint = CASE WHEN stage = ANY($2) THEN '{}'::jsonb ELSE checkpoint END
    WHERE job_id = $1 AND (stage = ANY($2) OR status NOT IN ('DONE', 'PENDING'))
"""
_UNFINISHED_TWIN = """
    SELECT id FROM jobs
    WHERE dedup_key = $1 AND status IN ('QUEUED', 'RUNNING', 'WAITING') AND deleted_at IS NULL
"""


async def retry(
    db: Database,
    job_id: int,
    from_stage: StageName | None = None,
    *,
    priority: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> JobSummary:
    """Queue a finished job again, as new but for its finished stages; `from_stage` and all later ones run again too.
    `priority` and `options`, as far as given, take the place of the job's own.

    A job that had completed becomes a forced one: it must not end as a duplicate of what was made since. Raises
    `JobNotFound`, and `Conflict` when the job is not finished or another job of the same video is at it.
    """
    order = list(StageName)
    again = order[order.index(from_stage) :] if from_stage else []
    try:
        async with db.transaction() as connection:
            row = await lock_job(connection, job_id)
            if JobStatus(row["status"]) not in FINISHED:
                raise Conflict(f"Job {job_id} is {row['status']}; only a finished job can be run again.")
            await connection.execute(_QUEUE_AGAIN, job_id, from_stage, priority, dict(options or {}))
            await connection.execute(_REOPEN_STAGES, job_id, again)
    except asyncpg.UniqueViolationError as error:
        other = await db.fetchval(_UNFINISHED_TWIN, row["dedup_key"])
        raise Conflict(f"Job {other} is already at the same video." if other else None) from error
    return await summary(db, job_id)


_MARK_DELETED = "UPDATE jobs SET deleted_at = clock_timestamp(), delete_files = $2 WHERE id = $1"


async def mark_deleted(db: Database, job_id: int, *, files: bool = False) -> JobSummary:
    """Take a finished job out of every list; its rows, and with `files` its files, are removed some days later.

    Gives the job as it was. Raises `JobNotFound`, and `Conflict` when the job is not finished.
    """
    async with db.transaction() as connection:
        row = await lock_job(connection, job_id)
        if JobStatus(row["status"]) not in FINISHED:
            raise Conflict(f"Job {job_id} is {row['status']}; cancel it first.")
        before = await summary(connection, job_id)
        await connection.execute(_MARK_DELETED, job_id, files)
    return before
