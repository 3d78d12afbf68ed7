"""What the database says for /metrics, at a cost that follows the queue and not the library.

Gauges are read from indexes of what is unfinished and from the folded counts. Counters are kept by whoever scrapes:
`finished_after` gives what finished since the last look, a page at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from z2d.store.database import Database
from z2d.store.queue import ALIVE_WITHIN_S
from z2d.wire.jobs import JobStatus

PAGE = 500
SETTLED_S = 10.0
"""A job's end is stamped before it is committed, by at most the longest statement and lock; younger ends wait."""

_FINISHED_COUNTS = """
    SELECT status, sum(jobs)::bigint AS jobs FROM job_counts WHERE status = ANY($1) GROUP BY status
"""
_UNFINISHED = """
    SELECT status, coalesce(wait_reason, '') AS wait_reason, count(*) AS jobs,
        extract(epoch FROM now() - min(created_at))::float8 AS oldest_s,
        count(due_at) AS due, extract(epoch FROM now() - min(due_at))::float8 AS due_s
    FROM (
        SELECT status, wait_reason, created_at,
            CASE WHEN status = 'QUEUED' AND run_after <= now() THEN run_after END AS due_at
        FROM jobs WHERE status IN ('QUEUED', 'RUNNING', 'WAITING') AND deleted_at IS NULL) unfinished
    GROUP BY 1, 2
"""
_WORKERS = """
    SELECT hostname, count(*) AS workers, sum(capacity)::int AS slots, bool_and(has_room) AS has_room,
        max(extract(epoch FROM clock_timestamp() - heartbeat_at))::float8 AS lease_age_s
    FROM workers WHERE state = 'ACTIVE' GROUP BY hostname
"""
_QUEUE = """
    SELECT coalesce((SELECT mode FROM queue_settings), 'ACTIVE') AS mode,
        (SELECT count(*) FROM site_gates WHERE not_before > now()) AS gates,
        (SELECT count(*) FROM publish_targets WHERE disabled_at IS NOT NULL) AS disabled_targets
"""
_OUTBOX = """
    SELECT kind, status, count(*) AS rows,
        greatest(extract(epoch FROM now() - min(run_after)), 0)::float8 AS oldest_s
    FROM job_publishing WHERE status IN ('PENDING', 'RUNNING') GROUP BY kind, status
"""


class Waiting(NamedTuple):
    """Unfinished jobs of one status and wait reason ('': none); ages in seconds, None where there is no such job."""

    status: str
    wait_reason: str
    jobs: int
    oldest_s: float | None
    due: int
    due_s: float | None


class Crew(NamedTuple):
    """The workers of one machine that have not been declared gone. `lease_age_s`: since the oldest last heartbeat."""

    hostname: str
    workers: int
    slots: int
    has_room: bool
    lease_age_s: float

    @property
    def alive(self) -> bool:
        """Whether the machine has given a sign of life lately."""
        return self.lease_age_s <= ALIVE_WITHIN_S


class Outbox(NamedTuple):
    """Rows to be published, of one kind and status."""

    kind: str
    status: str
    rows: int
    oldest_s: float


@dataclass(frozen=True)
class Picture:
    """The queue and who works on it, at one moment."""

    finished: Mapping[str, int]
    waiting: list[Waiting]
    crews: list[Crew]
    outbox: list[Outbox]
    mode: str
    gates: int
    disabled_targets: int


async def picture(db: Database) -> Picture:
    """The present numbers."""
    async with db.connection() as connection:
        finished = await connection.fetch(
            _FINISHED_COUNTS, [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED]
        )
        waiting = await connection.fetch(_UNFINISHED)
        crews = await connection.fetch(_WORKERS)
        outbox = await connection.fetch(_OUTBOX)
        queue = await connection.fetchrow(_QUEUE)
    return Picture(
        finished={row["status"]: row["jobs"] for row in finished},
        waiting=[Waiting(**row) for row in waiting],
        crews=[Crew(**row) for row in crews],
        outbox=[Outbox(**row) for row in outbox],
        **queue,
    )


class Place(NamedTuple):
    """How far finished jobs have been counted."""

    finished_at: datetime
    id: int


class Finished(NamedTuple):
    """One finished job. `took_ms`: from its first claim; None for one that never ran. `stages`: those of this run."""

    place: Place
    status: str
    outcome: str | None
    error_class: str | None
    took_ms: float | None
    stages: Mapping[str, float]


_THEN = "SELECT now() - make_interval(secs => $1)"


async def place_before(db: Database, seconds: float) -> Place:
    """Where jobs stand that finished so many seconds ago, by the database's clock."""
    return Place(await db.fetchval(_THEN, seconds), 0)


# coalesce() as its index has it
_FINISHED = """
    WITH page AS (
        SELECT id, status, outcome, error_class, started_at, finished_at FROM jobs
        WHERE deleted_at IS NULL
          AND (coalesce(finished_at, 'infinity'::timestamptz), id) > ($1, $2)
          AND coalesce(finished_at, 'infinity'::timestamptz) < now() - make_interval(secs => $3)
        ORDER BY coalesce(finished_at, 'infinity'::timestamptz), id LIMIT $4
    )
    SELECT p.id, p.finished_at, p.status, p.outcome, p.error_class,
        (extract(epoch FROM p.finished_at - p.started_at) * 1000)::float8 AS took_ms,
        coalesce((
            SELECT jsonb_object_agg(s.stage, extract(epoch FROM s.finished_at - s.started_at) * 1000)
            FROM job_stages s
            WHERE s.job_id = p.id AND s.status = 'DONE' AND s.started_at >= p.started_at
        ), '{}') AS stages
    FROM page p ORDER BY p.finished_at, p.id
"""


async def finished_after(db: Database, place: Place, *, settled_s: float = SETTLED_S) -> list[Finished]:
    """At most a `PAGE` of the jobs that finished after `place`, in that order, and at least `settled_s` ago."""
    rows = await db.fetch(_FINISHED, place.finished_at, place.id, settled_s, PAGE)
    return [_finished(row) for row in rows]


def _finished(row: Any) -> Finished:
    return Finished(
        Place(row["finished_at"], row["id"]),
        row["status"],
        row["outcome"],
        row["error_class"],
        row["took_ms"],
        {stage: float(ms) for stage, ms in row["stages"].items()},
    )
