"""Submitting: of any number of submissions of one video, in whatever order and at the same time, one makes a job.

The unique index on the dedup keys of unfinished jobs decides; everything else here finds the job that answers for the
others. Raw speed matters less than the promise, so a submission is one short transaction.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from z2d.store.clean import clean_json, clean_key, clean_or_none, clean_text
from z2d.store.database import Database
from z2d.store.reads import summary
from z2d.wire.errors import Conflict
from z2d.wire.jobs import JobSummary, NewJobFields

_TRIES = 5  # each is needed only if the job that stood in the way finished in that very moment


class _Overtaken(Exception):
    """The job that was just inserted is not wanted: another one answers for it."""


async def submit(
    db: Database,
    *,
    url: str,
    site: str | None,
    dedup_key: str | None,
    job: NewJobFields,
    submitted_by: str = "local",
    client_key: str | None = None,
) -> tuple[JobSummary, bool]:
    """Queue a job, or find the one that answers for it: (job, was it there before).

    An unfinished job of the same `dedup_key` answers, and a completed one unless `job.force` or it is a collection,
    which has new entries when it is asked for again; so does the job that the
    same submitter made with the same `client_key`. Raises `Conflict` when that one has another URL.
    """
    submitter = clean_text(submitted_by, 200)
    client_key = None if client_key is None else clean_key(client_key)
    dedup_key = None if dedup_key is None else clean_key(dedup_key)
    url = clean_text(url)
    for _ in range(_TRIES):
        if client_key is not None and (earlier := await _same_request(db, submitter, client_key, url)) is not None:
            return await summary(db, earlier), True
        if dedup_key is not None and (other := await _answering(db, dedup_key, forced=job.force)) is not None:
            return await summary(db, other), True
        made = await _insert(db, _row(url, site, dedup_key, job, submitter, client_key), dedup_key, job.force)
        if made is not None:
            return await summary(db, made), False
    raise Conflict("Another job of this video keeps coming and going; submit it again.")


_SAME_REQUEST = "SELECT id, url FROM jobs WHERE submitted_by = $1 AND client_key = $2 AND deleted_at IS NULL"


async def _same_request(db: Database, submitter: str, client_key: str, url: str) -> int | None:
    row = await db.fetchrow(_SAME_REQUEST, submitter, client_key)
    if row is None:
        return None
    if row["url"] != url:
        raise Conflict(f"This Idempotency-Key was used before, for another URL (job {row['id']}).")
    found: int = row["id"]
    return found


_DUPLICATE = """
    SELECT id FROM jobs
    WHERE dedup_key = $1 AND deleted_at IS NULL
      AND (status IN ('QUEUED', 'RUNNING', 'WAITING') OR status = 'COMPLETED' AND NOT $2 AND kind = 'MEDIA')
    ORDER BY status = 'COMPLETED', id DESC
    LIMIT 1
"""


async def _answering(connection: Any, dedup_key: str, *, forced: bool) -> int | None:
    found: int | None = await connection.fetchval(_DUPLICATE, dedup_key, forced)
    return found


async def find_duplicate(db: Database, dedup_key: str) -> int | None:
    """The job that would answer for a submission of this key: the unfinished one, else the newest completed one."""
    return await _answering(db, clean_key(dedup_key), forced=False)


_INSERT = """
    INSERT INTO jobs (url, site, dedup_key, forced, client_key, submitted_by, profile, options, tags, priority,
                      run_after, wait_reason)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
            CASE WHEN $12 THEN 'infinity' ELSE coalesce($11, now()) END, CASE WHEN $12 THEN 'USER' END)
    ON CONFLICT DO NOTHING
    RETURNING id
"""
_COMPLETED_MEANWHILE = """
    SELECT EXISTS (
        SELECT FROM jobs WHERE dedup_key = $1 AND deleted_at IS NULL AND status = 'COMPLETED' AND kind = 'MEDIA')
"""


def _row(
    url: str, site: str | None, dedup_key: str | None, job: NewJobFields, submitter: str, client_key: str | None
) -> tuple[Any, ...]:
    run_after: datetime | None = job.run_after
    return (
        url,
        clean_or_none(site, 200),
        dedup_key,
        job.force,
        client_key,
        submitter,
        clean_text(job.profile),
        clean_json(job.options.model_dump(mode="json")),
        [clean_text(tag) for tag in job.tags],
        job.priority,
        run_after,
        job.hold,
    )


async def _insert(db: Database, row: tuple[Any, ...], dedup_key: str | None, forced: bool) -> int | None:
    """The new job's id, or None when another job turned out to stand in the way."""
    try:
        async with db.transaction() as connection:
            made: int | None = await connection.fetchval(_INSERT, *row)
            # a job in its way may have completed while the insert waited for it: then that one answers
            if made and dedup_key and not forced and await connection.fetchval(_COMPLETED_MEANWHILE, dedup_key):
                raise _Overtaken
            return made
    except _Overtaken:
        return None
