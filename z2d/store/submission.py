"""Submitting: of any number of submissions of one video, in whatever order and at the same time, one makes a job.

The unique index on the dedup keys of unfinished jobs decides; everything else here finds the job that answers for the
others. Many are told to the database together, in short transactions of some at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from z2d.store.clean import clean_json, clean_key, clean_or_none, clean_text
from z2d.store.database import Database
from z2d.store.known import answering
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
            (found,) = await _try(connection, [one], job, clean_text(submitted_by, 200))
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
        return await _try(connection, [one.cleaned() for one in some], job, submitter)


async def _try(
    connection: Any, some: Sequence[Submission], job: NewJobFields, submitter: str
) -> list[tuple[int, bool] | None]:
    """For each (id, was it there before), or None when another job came in its way in this very moment."""
    same = await _same_requests(connection, submitter, some)
    keys = {one.dedup_key for one in some if one.dedup_key is not None}
    others = await answering(connection, keys, forced=job.force) if keys else {}
    there = [
        (one.client_key is not None and same.get(one.client_key))
        or (one.dedup_key is not None and others.get(one.dedup_key))
        or None
        for one in some
    ]
    # of those that name one video the first makes the job
    first: dict[str | int, int] = {}
    for at, one in enumerate(some):
        if there[at] is None:
            first.setdefault(at if one.dedup_key is None else one.dedup_key, at)
    made = await _insert(connection, [some[at] for at in first.values()], job, submitter)
    new = dict(zip(first.values(), made, strict=True))
    answers: list[tuple[int, bool] | None] = []
    for at, one in enumerate(some):
        before = there[at]
        maker = at if one.dedup_key is None else first.get(one.dedup_key, at)
        found = before or new[maker]
        answers.append(None if found is None else (found, before is not None or maker != at))
    return answers


_SAME_REQUESTS = (
    "SELECT client_key, id, url FROM jobs WHERE submitted_by = $1 AND client_key = ANY($2) AND deleted_at IS NULL"
)


async def _same_requests(connection: Any, submitter: str, some: Sequence[Submission]) -> dict[str, int]:
    """The jobs that the submitter made with these client keys, by the key."""
    urls = {one.client_key: one.url for one in some if one.client_key is not None}
    rows = await connection.fetch(_SAME_REQUESTS, submitter, list(urls)) if urls else []
    for row in rows:
        if row["url"] != urls[row["client_key"]]:
            raise Conflict(f"This Idempotency-Key was used before, for another URL (job {row['id']}).")
    return {row["client_key"]: row["id"] for row in rows}


_INSERT = """
    INSERT INTO jobs (url, site, dedup_key, client_key, forced, submitted_by, profile, options, tags, priority,
                      run_after, wait_reason, due_after, on_hold)
    SELECT u.url, u.site, u.dedup_key, u.client_key, $5::bool, $6::text, $7::text, $8::jsonb, $9::text[], $10::smallint,
           CASE WHEN $12 THEN 'infinity' ELSE coalesce($11::timestamptz, now()) END, CASE WHEN $12 THEN 'USER' END,
           CASE WHEN $12 THEN $11::timestamptz END, $12
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
         WITH ORDINALITY AS u(url, site, dedup_key, client_key, place)
    ORDER BY u.place
    ON CONFLICT DO NOTHING
    RETURNING id, url, dedup_key, client_key
"""
_COMPLETED_MEANWHILE = """
    SELECT EXISTS (
        SELECT FROM jobs WHERE dedup_key = ANY($1) AND deleted_at IS NULL AND status = 'COMPLETED' AND kind = 'MEDIA')
"""


async def _insert(connection: Any, some: Sequence[Submission], job: NewJobFields, submitter: str) -> list[int | None]:
    """The ids of the new jobs, or None for each in whose way another job turned out to stand."""
    if not some:
        return []
    try:
        async with connection.transaction():
            rows = await connection.fetch(_INSERT, *_columns(some), *_shared(job, submitter))
            # a job in its way may have completed while the insert waited for it: then that one answers
            keys = [row["dedup_key"] for row in rows if row["dedup_key"] is not None]
            if keys and not job.force and await connection.fetchval(_COMPLETED_MEANWHILE, keys):
                raise _Overtaken
    except _Overtaken:
        return [None] * len(some)
    # ids are given in the order of the submissions; those that are missing were in somebody's way
    left = sorted(rows, key=lambda row: row["id"], reverse=True)
    made: list[int | None] = []
    for one in some:
        same = bool(left) and (left[-1]["url"], left[-1]["dedup_key"], left[-1]["client_key"]) == (
            one.url,
            one.dedup_key,
            one.client_key,
        )
        made.append(left.pop()["id"] if same else None)
    return made


def _columns(some: Sequence[Submission]) -> tuple[list[Any], ...]:
    return tuple([getattr(one, name) for one in some] for name in ("url", "site", "dedup_key", "client_key"))


def _shared(job: NewJobFields, submitter: str) -> tuple[Any, ...]:
    run_after: datetime | None = job.run_after
    return (
        job.force,
        submitter,
        clean_text(job.profile),
        clean_json(job.options.model_dump(mode="json")),
        [clean_text(tag) for tag in job.tags],
        job.priority,
        run_after,
        job.hold,
    )
