"""Submitting: of any number of submissions of one video, in whatever order and at the same time, one makes a job.

The unique index on the dedup keys of unfinished jobs decides; everything else here finds the job that answers for the
others. Raw speed matters less than the promise, so a submission is one short transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from z2d.store.clean import clean_json, clean_key, clean_or_none, clean_text
from z2d.store.database import Database
from z2d.store.reads import summary
from z2d.wire.errors import Conflict, DatabaseUnavailable
from z2d.wire.jobs import JobSummary, NewJobFields

_TRIES = 5  # each is needed only if the job that stood in the way finished in that very moment


class Submission(NamedTuple):
    """What is to become a job. `dedup_key`: what its video is known by; `client_key`: what its submitter calls it."""

    url: str
    site: str | None = None
    dedup_key: str | None = None
    client_key: str | None = None

    def cleaned(self) -> Submission:
        """As it can be stored."""
        return Submission(
            clean_text(self.url),
            clean_or_none(self.site, 200),
            None if self.dedup_key is None else clean_key(self.dedup_key),
            None if self.client_key is None else clean_key(self.client_key),
        )


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
    one = Submission(url, site, dedup_key, client_key).cleaned()
    for _ in range(_TRIES):
        async with db.connection() as connection:
            found = await _try(connection, one, job, clean_text(submitted_by, 200))
        if found is not None:
            return await summary(db, found[0]), found[1]
    raise Conflict("Another job of this video keeps coming and going; submit it again.")


# Batches that name the same videos in another order would else wait for each other's rows; so would a list.
_ONE_BATCH_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('z2 expands a list'))"
_TOGETHER = 50  # of one transaction: a commit for each would be most of the time, and many keep others waiting


async def submit_many(
    db: Database, batch: Sequence[Submission], *, job: NewJobFields, submitted_by: str = "local"
) -> list[tuple[int, bool]]:
    """The same for many: for each in its order (id of the job, was it there before). Raises `Conflict`."""
    answers: list[tuple[int, bool]] = []
    for start in range(0, len(batch), _TOGETHER):
        some = batch[start : start + _TOGETHER]
        try:
            found = await _together(db, some, job, clean_text(submitted_by, 200))
        except DatabaseUnavailable:  # also a lock that was held for too long
            found = [None] * len(some)
        for one, answer in zip(some, found, strict=True):
            if answer is None:  # overtaken just now, so by itself
                made, known = await submit(db, **one._asdict(), job=job, submitted_by=submitted_by)
                answer = made.id, known
            answers.append(answer)
    return answers


async def _together(
    db: Database, some: Sequence[Submission], job: NewJobFields, submitter: str
) -> list[tuple[int, bool] | None]:
    async with db.transaction() as connection:
        await connection.execute(_ONE_BATCH_AT_A_TIME)
        return [await _try(connection, one.cleaned(), job, submitter) for one in some]


async def _try(connection: Any, one: Submission, job: NewJobFields, submitter: str) -> tuple[int, bool] | None:
    """(id, was it there before), or None when another job came in its way in this very moment."""
    if one.client_key is not None and (earlier := await _same_request(connection, submitter, one)) is not None:
        return earlier, True
    if one.dedup_key is not None and (other := await _answering(connection, one.dedup_key, forced=job.force)):
        return other, True
    made = await _insert(connection, _row(one, job, submitter), one.dedup_key, job.force)
    return None if made is None else (made, False)


_SAME_REQUEST = "SELECT id, url FROM jobs WHERE submitted_by = $1 AND client_key = $2 AND deleted_at IS NULL"


async def _same_request(connection: Any, submitter: str, one: Submission) -> int | None:
    row = await connection.fetchrow(_SAME_REQUEST, submitter, one.client_key)
    if row is None:
        return None
    if row["url"] != one.url:
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


def _row(one: Submission, job: NewJobFields, submitter: str) -> tuple[Any, ...]:
    run_after: datetime | None = job.run_after
    return (
        one.url,
        one.site,
        one.dedup_key,
        job.force,
        one.client_key,
        submitter,
        clean_text(job.profile),
        clean_json(job.options.model_dump(mode="json")),
        [clean_text(tag) for tag in job.tags],
        job.priority,
        run_after,
        job.hold,
    )


async def _insert(connection: Any, row: tuple[Any, ...], dedup_key: str | None, forced: bool) -> int | None:
    """The new job's id, or None when another job turned out to stand in the way."""
    try:
        async with connection.transaction():
            made: int | None = await connection.fetchval(_INSERT, *row)
            # a job in its way may have completed while the insert waited for it: then that one answers
            if made and dedup_key and not forced and await connection.fetchval(_COMPLETED_MEANWHILE, dedup_key):
                raise _Overtaken
            return made
    except _Overtaken:
        return None
