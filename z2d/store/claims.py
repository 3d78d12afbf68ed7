"""Holding a job: claim it, and end the run in one of the ways the state machine knows.

A `Claim` is the right to write about a job. Every write checks worker, run_token and RUNNING in the statement itself,
so a worker that was frozen, cut off or declared dead cannot touch a job that went on without it: it gets `LeaseLost`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from z2d.store import outbox
from z2d.store.clean import clean_or_none, clean_text
from z2d.store.database import Database
from z2d.store.family import end_child, hold_parent
from z2d.wire.jobs import JobOptions, JobStatus, Outcome, StageName, WaitReason
from z2d.wire.reasons import ErrorClass

ERROR_TEXT = 4000  # characters of an error message that are kept
POISON_AFTER = 3
"""So many workers lost in a row, without a stage or a checkpoint between them, are no accident."""


class LeaseLost(Exception):
    """The job is no longer this worker's: stop at once and write nothing more about it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a job, and what is needed to do so."""

    job_id: int
    run_token: int
    worker_id: str
    attempt: int
    max_attempts: int
    url: str
    site: str | None
    dedup_key: str | None
    options: JobOptions
    profile: str
    title: str | None
    forced: bool
    tags: tuple[str, ...] = ()
    parent_id: int | None = None
    listed: dict[str, Any] = field(default_factory=dict)
    """What the list it came from says of it, in the words of info.json; empty where its own page knows better."""

    @property
    def fence(self) -> tuple[int, int, str]:
        """$1, $2 and $3 of every statement that writes under this claim."""
        return self.job_id, self.run_token, self.worker_id


# How many jobs of a site run is counted in this statement: two at once would not see each other's.
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('z2 claims a job'))"
# The gate of a site lets nothing through until not_before, and then one job at a time until one has completed. What
# had started before the gate closed does not count: a long download says nothing and may take hours.
SITE_IS_TRIED = """
    EXISTS (SELECT FROM jobs r JOIN job_attempts a ON a.job_id = r.id AND a.run_token = r.run_token
            WHERE r.worker_id IS NOT NULL AND r.site = g.site AND a.started_at >= g.not_before)
"""


# A job that came to a closed lane waits in the queue until that lane is open again.
def parked(job: str) -> str:
    """The condition that `job`, an alias of the table, waits before a closed lane; never null."""
    return f"({job}.wait_reason IS NOT DISTINCT FROM 'LANE_CLOSED' AND {lane_is_closed(job)})"


def lane_is_closed(job: str) -> str:
    """The condition that nobody is let into the lane that `job`, an alias of the table, has come to; never null."""
    return f"EXISTS (SELECT FROM queue_settings said WHERE said.lanes -> {job}.stage = '0')"


_CLAIM = f"""
    WITH busy AS (
        SELECT site, count(*) AS jobs FROM jobs WHERE worker_id IS NOT NULL AND site IS NOT NULL GROUP BY site
    ), closed AS (
        SELECT site FROM site_gates g WHERE g.not_before > now() OR {SITE_IS_TRIED}
        UNION ALL SELECT b.site FROM busy b, queue_settings q WHERE b.jobs >= q.site_slots
    ), due AS (
        SELECT j.id FROM jobs j
        WHERE j.status = 'QUEUED' AND j.deleted_at IS NULL AND j.run_after <= now()
          AND (j.site IS NULL OR j.site NOT IN (SELECT site FROM closed))
          AND EXISTS (SELECT FROM workers w WHERE w.id = $1 AND w.state = 'ACTIVE')
          AND NOT EXISTS (SELECT FROM queue_settings q WHERE q.mode <> 'ACTIVE')
          AND NOT {parked("j")}
        ORDER BY j.rank, j.priority DESC, j.run_after, j.id
        LIMIT 1 FOR NO KEY UPDATE OF j SKIP LOCKED
    ), claimed AS (
        UPDATE jobs j SET status = 'RUNNING', worker_id = $1, attempt = j.attempt + 1, run_token = j.run_token + 1,
            wait_reason = NULL, error_class = NULL, error_message = NULL, started_at = coalesce(j.started_at, now())
        FROM due WHERE j.id = due.id
        RETURNING j.*
    ), attempt AS (
        INSERT INTO job_attempts (job_id, run_token, attempt, worker_id, waited_ms)
        SELECT id, run_token, attempt, worker_id, greatest(0, extract(epoch FROM now() - greatest(run_after, (
            SELECT max(a.finished_at) FROM job_attempts a WHERE a.job_id = claimed.id))) * 1000)
        FROM claimed
    )
    SELECT id, run_token, attempt, max_attempts, url, site, dedup_key, options, profile, title, forced, tags,
        parent_id, listed
    FROM claimed
"""  # noqa: S608  made of texts of this module


async def claim(db: Database, worker_id: str) -> Claim | None:
    """Take the next due job, or None when there is none for this worker now. Uses up an attempt.

    A job whose stored options this version cannot use is FAILED there and then, and the next one is taken; so it is
    where this worker was declared gone in between: that job is somebody else's to fail.
    """
    while (row := await _take(db, worker_id)) is not None:
        fields = dict(row)
        stored = fields.pop("options")
        known = JobOptions.model_fields.keys() & stored.keys()  # a newer z2 may have stored more
        fields |= {"options": JobOptions(), "tags": tuple(fields["tags"])}
        found = Claim(job_id=fields.pop("id"), worker_id=worker_id, **fields)
        try:
            return replace(found, options=JobOptions.model_validate({name: stored[name] for name in known}))
        except ValidationError as error:
            wrong = ", ".join(sorted({str(one["loc"][0]) for one in error.errors()}))
            with suppress(LeaseLost):
                await fail(db, found, ErrorClass.BAD_OPTIONS, f"Stored options cannot be used: {wrong}.", None)
    return None


async def _take(db: Database, worker_id: str) -> Any | None:
    async with db.transaction() as connection:
        await connection.execute(_ONE_AT_A_TIME)
        return await connection.fetchrow(_CLAIM, worker_id)


_NEXT_DUE = f"""
    SELECT extract(epoch FROM min(greatest(j.run_after, g.not_before)) - clock_timestamp())::float8
    FROM jobs j LEFT JOIN site_gates g USING (site)
    WHERE j.status = 'QUEUED' AND j.deleted_at IS NULL AND j.run_after < 'infinity' AND NOT {parked("j")}
"""  # noqa: S608


async def next_due(db: Database) -> float | None:
    """Seconds until the next waiting job may be claimed (0 when one is due), or None when nothing waits for a time."""
    seconds: float | None = await db.fetchval(_NEXT_DUE)
    return None if seconds is None else max(0.0, seconds)


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked of a running job."""

    job_id: int
    cancel: bool
    pause: bool


_PENDING_REQUESTS = """
    SELECT id AS job_id, cancel_requested_at IS NOT NULL AS cancel, pause_requested_at IS NOT NULL AS pause
    FROM jobs
    WHERE status = 'RUNNING' AND worker_id = $1 AND (cancel_requested_at IS NOT NULL OR pause_requested_at IS NOT NULL)
"""


async def pending_requests(db: Database, worker_id: str) -> list[Request]:
    """The requests that wait for this worker: the net under the notifications."""
    return [Request(**row) for row in await db.fetch(_PENDING_REQUESTS, worker_id)]


# The one way out of RUNNING. `verdict` holds the order of precedence: a cancel wish wins over everything; then, for a
# run that wants back into the queue, a pause wish; then the end of the attempts, or of the workers lost to it.
#   $4 status wanted   $5 outcome   $6 duplicate_of   $7 wait reason   $8 delay in s   $9 does the run use up an attempt
#   $10 error class   $11 error message   $12 stage   $13 was the worker lost   $14 how often it may be
_END = """
    WITH verdict AS (
        SELECT id, CASE
            WHEN cancel_requested_at IS NOT NULL THEN 'CANCELLED'
            WHEN $4 = 'QUEUED' AND pause_requested_at IS NULL
                AND ($9 AND attempt >= max_attempts OR $13 AND crashes + 1 >= $14) THEN 'FAILED'
            ELSE $4 END AS status,
            pause_requested_at IS NOT NULL AS pause
        FROM jobs WHERE id = $1 AND run_token = $2 AND worker_id = $3 AND status = 'RUNNING'
        FOR NO KEY UPDATE
    ), ended AS (
        UPDATE jobs j SET
            status = v.status,
            outcome = CASE WHEN v.status = 'COMPLETED' THEN $5 END,
            duplicate_of = CASE WHEN v.status = 'COMPLETED' THEN $6::bigint END,
            wait_reason = CASE WHEN v.status <> 'QUEUED' THEN NULL WHEN v.pause THEN 'USER' ELSE nullif($7, 'USER') END,
            run_after = CASE WHEN v.status <> 'QUEUED' THEN j.run_after
                WHEN v.pause THEN 'infinity'
                WHEN $7 IN ('SHUTDOWN', 'QUEUE_PAUSED') THEN j.run_after  -- nobody's wish but ours: it keeps its place
                ELSE clock_timestamp() + make_interval(secs => $8::float8) END,
            due_after = CASE WHEN v.status = 'QUEUED' AND v.pause
                THEN clock_timestamp() + make_interval(secs => $8::float8) END,
            due_reason = CASE WHEN v.status = 'QUEUED' AND v.pause THEN nullif($7, 'USER') END,
            attempt = CASE WHEN v.status = 'QUEUED' AND (v.pause OR NOT $9) THEN j.attempt - 1 ELSE j.attempt END,
            crashes = CASE WHEN $13 THEN j.crashes + 1 ELSE 0 END,
            error_class = CASE WHEN v.status = 'FAILED' OR v.status = 'QUEUED' AND NOT $13 THEN $10 END,
            error_message = CASE WHEN v.status = 'FAILED' OR v.status = 'QUEUED' AND NOT $13 THEN $11 END,
            stage = coalesce($12, j.stage),
            progress = CASE WHEN v.status = 'COMPLETED' THEN 1 ELSE j.progress END,
            bytes = CASE WHEN v.status = 'QUEUED' THEN j.bytes ELSE (
                SELECT coalesce(sum(f.size_bytes), 0) FROM job_files f
                WHERE f.job_id = j.id AND f.state = 'PRESENT') END
        FROM verdict v WHERE j.id = v.id
        RETURNING j.id, j.status, j.wait_reason, j.run_token, j.site
    ), attempt AS (
        UPDATE job_attempts a SET finished_at = clock_timestamp(),
            error_class = CASE WHEN e.status = 'FAILED' OR NOT $13 THEN $10 END,
            error_message = CASE WHEN e.status = 'FAILED' OR NOT $13 THEN $11 END,
            result = CASE WHEN $13 THEN 'LOST' WHEN e.status = 'QUEUED' THEN coalesce(e.wait_reason, $7)
                ELSE e.status END
        FROM ended e WHERE a.job_id = e.id AND a.run_token = e.run_token
    ), stages AS (  -- a start that found no place in its lane was none: how often a stage is tried has its limits
        UPDATE job_stages s SET speed_bps = NULL, eta_s = NULL, finished_at = clock_timestamp(),
            attempt = CASE WHEN $7 = 'LANE_CLOSED' OR s.lane = 'WAITING' AND e.status = 'QUEUED'
                THEN greatest(0, s.attempt - 1) ELSE s.attempt END,
            detail = CASE WHEN s.lane = 'WAITING' THEN NULL ELSE s.detail END, lane = NULL,
            status = CASE WHEN e.status IN ('FAILED', 'CANCELLED') THEN e.status ELSE 'PENDING' END,
            error_class = CASE WHEN e.status = 'FAILED' THEN $10 END,
            error_message = CASE WHEN e.status = 'FAILED' THEN $11 END
        FROM ended e WHERE s.job_id = e.id AND s.status = 'RUNNING'
    ), gate AS (
        DELETE FROM site_gates g USING ended e
        WHERE e.status = 'COMPLETED' AND g.site = e.site AND g.not_before <= now()
    )
    SELECT status FROM ended
"""


async def end_run(
    connection: Any,
    fence: tuple[int, int, str],
    wanted: JobStatus,
    *,
    outcome: Outcome | None = None,
    duplicate_of: int | None = None,
    reason: WaitReason | None = None,
    delay_s: float = 0,
    attempt_used: bool = True,
    error_class: str | None = None,
    message: str | None = None,
    stage: StageName | None = None,
    lost: bool = False,
) -> JobStatus:
    """End the run that `fence` names and queue the news of it; for this module and the rescue, within a transaction.

    Gives the status the job really got.
    """
    status: str | None = await connection.fetchval(
        _END,
        *fence,
        wanted,
        outcome,
        duplicate_of,
        reason,
        float(delay_s),
        attempt_used,
        error_class,
        clean_or_none(message, ERROR_TEXT),
        stage,
        lost,
        POISON_AFTER,
    )
    if status is None:
        raise LeaseLost(f"job {fence[0]} is no longer held by {fence[2]} under token {fence[1]}")
    await outbox.note_end(connection, fence[0], fence[1], JobStatus(status), outcome, error_class)
    return JobStatus(status)


async def _end(db: Database, claim: Claim, wanted: JobStatus, **how: Any) -> JobStatus:
    """End the run and all that hangs on it in one transaction; the last child of a collection ends that too."""
    async with db.transaction() as connection:
        parent_id = None if claim.parent_id is None else await hold_parent(connection, claim.job_id)
        status = await end_run(connection, claim.fence, wanted, **how)
        await end_child(connection, parent_id, status)
    return status


async def finish(db: Database, claim: Claim, outcome: Outcome, *, duplicate_of: int | None = None) -> JobStatus:
    """COMPLETED - or CANCELLED, when that was asked for before this was said. Raises `LeaseLost`."""
    return await _end(db, claim, JobStatus.COMPLETED, outcome=outcome, duplicate_of=duplicate_of)


async def fail(db: Database, claim: Claim, error_class: ErrorClass, message: str, stage: StageName | None) -> JobStatus:
    """FAILED - or CANCELLED, when that was asked for. Raises `LeaseLost`."""
    return await _end(db, claim, JobStatus.FAILED, error_class=error_class, message=message, stage=stage)


async def requeue(
    db: Database,
    claim: Claim,
    reason: WaitReason,
    delay_s: float,
    *,
    attempt_used: bool,
    error_class: ErrorClass | None = None,
    message: str | None = None,
    stage: StageName | None = None,
) -> JobStatus:
    """Back into the queue, due in `delay_s` seconds; `WaitReason.USER`: because a pause was asked for.

    A job that is put down because the daemon stops or the queue is paused is due as it was, and so before those that
    had not begun.

    The job becomes CANCELLED when that was asked for; waits for its person when a pause is still asked for; and is
    FAILED with the error given when `attempt_used` and this was the last attempt. Raises `LeaseLost`.
    """
    return await _end(
        db,
        claim,
        JobStatus.QUEUED,
        reason=reason,
        delay_s=delay_s,
        attempt_used=attempt_used,
        error_class=error_class,
        message=message,
        stage=stage,
    )


async def cancelled(db: Database, claim: Claim) -> JobStatus:
    """CANCELLED: to be said once no process of the job is left. Raises `LeaseLost`."""
    return await _end(db, claim, JobStatus.CANCELLED)


_CLOSE_GATE = """
    INSERT INTO site_gates AS g (site, not_before, reason)
    VALUES ($1, clock_timestamp() + make_interval(secs => $2), $3)
    ON CONFLICT (site) DO UPDATE SET
        strikes = CASE WHEN g.not_before > clock_timestamp() THEN g.strikes ELSE least(g.strikes + 1, 20) END,
        not_before = CASE WHEN g.not_before > clock_timestamp() THEN greatest(g.not_before, excluded.not_before)
            ELSE clock_timestamp() + make_interval(secs => least($2 * 2 ^ least(g.strikes, 20), greatest($2, $4))) END,
        reason = excluded.reason,
        updated_at = clock_timestamp()
    RETURNING extract(epoch FROM not_before - clock_timestamp())::float8
"""
LONGEST_GATE_S = 24 * 3600.0


async def close_gate(db: Database, site: str, seconds: float, reason: str) -> float:
    """Let no job of `site` start for `seconds`, twice as long for each time in a row (a day at most).

    Gives the seconds for which the gate is closed now. Closing a closed gate can only make it last longer, and is no
    further strike. After its time one job of the site runs at a time; the first that completes takes the gate away.
    """
    return float(await db.fetchval(_CLOSE_GATE, clean_text(site, 200), float(seconds), reason, LONGEST_GATE_S))
