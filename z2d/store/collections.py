"""A list becomes jobs: the children of a COLLECTION, made in the transaction that lets their parent wait.

Every entry gets a child, also one that cannot become a video (FAILED) and one that is there already (DUPLICATE): what
became of each can be seen, and none of them stops the others. `family` says how the parent ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from z2d.store.claims import ERROR_TEXT, Claim, LeaseLost, end_run
from z2d.store.clean import clean_json, clean_key, clean_or_none, clean_text
from z2d.store.database import Database
from z2d.store.family import settle
from z2d.store.lines import append_lines, line, notify
from z2d.wire.jobs import JobStatus, LogLevel, WaitReason
from z2d.wire.lists import ListEntry

CHILDREN_LATER = 10
"""By how much the priority of a child is lower than that of its list: what a person wants by itself comes first."""
_TRIES = 3  # each is needed only if somebody submitted one of the entries in that very moment
_SLOW_STATEMENT_S = 15.0  # a thousand rows with all their triggers


async def expand(db: Database, claim: Claim, entries: Sequence[ListEntry]) -> JobStatus:
    """Make `entries` the children of the claimed job, which waits for them from now on; gives its new status.

    Expanded again (a person retried it), it keeps the children it has, queues again those of the list that failed or
    were cancelled, and adds what is new. A wish to cancel or pause that came before wins: then there are no children.
    Raises `LeaseLost`.
    """
    for _ in range(_TRIES):
        try:
            async with db.transaction(statement_s=_SLOW_STATEMENT_S) as connection:
                return await _expand(connection, claim, entries)
        except asyncpg.UniqueViolationError:  # a twin of a child came up while that was queued again
            continue
    async with db.transaction(statement_s=_SLOW_STATEMENT_S) as connection:
        return await _expand(connection, claim, entries)


_HOLD = """
    SELECT cancel_requested_at IS NOT NULL OR pause_requested_at IS NOT NULL AS unwanted
    FROM jobs WHERE id = $1 AND run_token = $2 AND worker_id = $3 AND status = 'RUNNING'
    FOR NO KEY UPDATE
"""
_WAIT = """
    WITH parent AS (
        UPDATE jobs SET status = 'WAITING', kind = 'COLLECTION', wait_reason = 'CHILDREN', progress = 0
        WHERE id = $1 RETURNING id, run_token
    )
    UPDATE job_attempts a SET finished_at = clock_timestamp(), result = 'WAITING'
    FROM parent p WHERE a.job_id = p.id AND a.run_token = p.run_token
"""
# Two lists that share entries would else wait for each other's rows.
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('z2 expands a list'))"


async def _expand(connection: Any, claim: Claim, entries: Sequence[ListEntry]) -> JobStatus:
    unwanted = await connection.fetchval(_HOLD, *claim.fence)
    if unwanted is None:
        raise LeaseLost(f"job {claim.job_id} is no longer held by {claim.worker_id} under token {claim.run_token}")
    if unwanted:
        return await end_run(connection, claim.fence, JobStatus.QUEUED, reason=WaitReason.USER, attempt_used=False)
    await connection.execute(_ONE_AT_A_TIME)
    rows = [_row(position, entry) for position, entry in enumerate(entries)]
    again = await _queue_again(connection, claim.job_id, [row["url"] for row in rows])
    made = await _insert(connection, claim.job_id, rows)
    await connection.execute(_WAIT, claim.job_id)
    said = line(LogLevel.INFO, "metadata", "z2", _words(made, again, len(rows)))
    await notify(connection, {claim.job_id: await append_lines(connection, claim.job_id, [said])})
    await settle(connection, claim.job_id)
    return JobStatus.WAITING


def _row(position: int, entry: ListEntry) -> dict[str, Any]:
    listed: dict[str, Any] = {}
    if entry.describes:
        published = entry.published_at.timestamp() if entry.published_at else None
        told = {"title": entry.title, "description": entry.description, "timestamp": published}
        listed = {name: value for name, value in told.items() if value is not None}
    return {
        "position": position,
        "url": clean_text(entry.url),
        "site": clean_or_none(entry.site, 200),
        "dedup_key": entry.dedup_key and clean_key(entry.dedup_key),
        "title": clean_or_none(entry.title, 500),
        "listed": clean_json(listed),
        "error_class": entry.error_class,
        "error_message": clean_or_none(entry.message, ERROR_TEXT),
    }


_QUEUE_AGAIN = """
    UPDATE jobs j SET status = 'QUEUED', run_after = clock_timestamp(), bytes = 0, stage = NULL
    FROM (
        SELECT id FROM jobs c
        WHERE parent_id = $1 AND url = ANY($2) AND status IN ('FAILED', 'CANCELLED') AND deleted_at IS NULL
          AND dedup_key IS NOT NULL
          AND NOT EXISTS (SELECT FROM jobs twin WHERE twin.dedup_key = c.dedup_key AND twin.deleted_at IS NULL
                          AND (twin.status IN ('QUEUED', 'RUNNING', 'WAITING')
                               OR twin.parent_id = $1 AND twin.url = ANY($2) AND twin.id > c.id
                                  AND twin.status IN ('FAILED', 'CANCELLED')))  -- of two addresses of one video
        ORDER BY id FOR NO KEY UPDATE
    ) again
    WHERE j.id = again.id
    RETURNING j.id
"""
_REOPEN_STAGES = """
    UPDATE job_stages SET status = 'PENDING', progress = 0, error_class = NULL, error_message = NULL,
        skip_reason = NULL, finished_at = NULL
    WHERE job_id = ANY($1) AND status NOT IN ('DONE', 'PENDING')
"""


async def _queue_again(connection: Any, parent_id: int, urls: list[str]) -> int:
    """Queue the children again that had failed or been cancelled; gives their number."""
    ids = [row["id"] for row in await connection.fetch(_QUEUE_AGAIN, parent_id, urls)]
    await connection.execute(_REOPEN_STAGES, ids)
    return len(ids)


# A child is queued unless the list says that it cannot be (FAILED), or another job answers for it (DUPLICATE). What
# another transaction queues meanwhile is left out, and found as a duplicate when this is run once more.
_INSERT = """
    INSERT INTO jobs (parent_id, position, url, site, dedup_key, title, listed, forced, submitted_by, profile, options,
                      tags, priority, max_attempts, status, outcome, duplicate_of, error_class, error_message,
                      finished_at, progress)
    SELECT p.id, e.position, e.url, e.site, CASE WHEN known.id IS NULL THEN e.dedup_key END, e.title, e.listed,
        p.forced, p.submitted_by, p.profile, p.options - 'playlist', p.tags, greatest(-100, p.priority - $3),
        p.max_attempts,
        CASE WHEN e.error_class IS NOT NULL THEN 'FAILED' WHEN known.id IS NOT NULL THEN 'COMPLETED' ELSE 'QUEUED' END,
        CASE WHEN e.error_class IS NULL AND known.id IS NOT NULL THEN 'DUPLICATE' END, known.id,
        e.error_class, e.error_message,
        CASE WHEN e.error_class IS NOT NULL OR known.id IS NOT NULL THEN clock_timestamp() END,
        CASE WHEN e.error_class IS NULL AND known.id IS NOT NULL THEN 1 ELSE 0 END
    FROM jobs p
    CROSS JOIN jsonb_to_recordset($2) AS e (position int, url text, site text, dedup_key text, title text,
                                            listed jsonb, error_class text, error_message text)
    LEFT JOIN LATERAL (
        SELECT d.id FROM jobs d
        WHERE d.dedup_key = e.dedup_key AND d.deleted_at IS NULL
          AND (d.status IN ('QUEUED', 'RUNNING', 'WAITING') OR d.status = 'COMPLETED' AND NOT p.forced)
        ORDER BY d.status = 'COMPLETED', d.id DESC LIMIT 1
    ) known ON true
    WHERE p.id = $1 AND NOT EXISTS (SELECT FROM jobs c WHERE c.parent_id = p.id AND c.url = e.url)
    ORDER BY e.position
    ON CONFLICT DO NOTHING
    RETURNING status
"""


async def _insert(connection: Any, parent_id: int, rows: list[dict[str, Any]]) -> list[str]:
    """Make a child of every entry that has none; gives their states."""
    made: list[str] = []
    for _ in range(_TRIES):
        new = await connection.fetch(_INSERT, parent_id, rows, CHILDREN_LATER)
        made += [row["status"] for row in new]
        if not new or len(made) == len(rows):
            break
    return made


def _words(made: list[str], again: int, entries: int) -> str:
    counts = {
        "queued": made.count("QUEUED"),
        "queued again": again,
        "already there": made.count("COMPLETED"),
        "not usable": made.count("FAILED"),
        "here before": entries - len(made) - again,
    }
    parts = [f"{count} {word}" for word, count in counts.items() if count]
    return f"Entries of the list: {', '.join(parts) or 'none'}."


_OVERDUE = """
    SELECT id FROM jobs p
    WHERE status = 'WAITING' AND deleted_at IS NULL
      AND NOT EXISTS (SELECT FROM jobs c WHERE c.parent_id = p.id AND c.status IN ('QUEUED', 'RUNNING', 'WAITING'))
    ORDER BY id
"""
_HOLD_ANY = "SELECT id FROM jobs WHERE id = $1 FOR NO KEY UPDATE"


async def sweep(db: Database) -> list[int]:
    """The net under `family`: end the collections that wait for nobody; gives their ids."""
    overdue = [row["id"] for row in await db.fetch(_OVERDUE)]
    for parent_id in overdue:
        async with db.transaction() as connection:
            if await connection.fetchval(_HOLD_ANY, parent_id) is not None:
                await settle(connection, parent_id)
    return overdue
