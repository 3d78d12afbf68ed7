"""Counts and averages, at a cost that does not grow with the number of jobs.

Counts come from the delta rows of job_counts; how long things took is measured on the newest finished jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from z2d.store import queue
from z2d.store.database import Database
from z2d.wire.jobs import FINISHED, JobStatus, StageName
from z2d.wire.service import Day, Durations, Stats

DAYS = 30
SAMPLE = 1000  # finished jobs on which durations are measured

_COUNTS = """
    SELECT status, CASE WHEN day >= $1 THEN day END AS day, sum(jobs)::bigint AS jobs, sum(bytes)::bigint AS bytes
    FROM job_counts GROUP BY 1, 2
"""
# coalesce() as its index has it. One statement reads the sample for all three measurements.
_DURATIONS = """
    WITH sample AS (
        SELECT id, started_at, finished_at FROM jobs
        WHERE deleted_at IS NULL AND coalesce(finished_at, 'infinity'::timestamptz) < 'infinity'
          AND coalesce(finished_at, 'infinity'::timestamptz) > now() - make_interval(days => $1)
        ORDER BY coalesce(finished_at, 'infinity'::timestamptz) DESC, id DESC
        LIMIT $2
    ), took AS (
        SELECT 'job' AS what, extract(epoch FROM finished_at - started_at) * 1000 AS ms
        FROM sample JOIN jobs j USING (id, started_at, finished_at) WHERE j.status = 'COMPLETED'
        UNION ALL
        SELECT s.stage, extract(epoch FROM s.finished_at - s.started_at) * 1000
        FROM sample JOIN job_stages s ON s.job_id = sample.id WHERE s.status = 'DONE'
        UNION ALL
        SELECT 'wait', a.waited_ms FROM sample JOIN job_attempts a ON a.job_id = sample.id
    )
    SELECT what, count(*) AS count, avg(ms)::bigint AS avg_ms,
        (percentile_cont(0.5) WITHIN GROUP (ORDER BY ms))::bigint AS p50_ms,
        (percentile_cont(0.95) WITHIN GROUP (ORDER BY ms))::bigint AS p95_ms
    FROM took WHERE ms >= 0 GROUP BY what
"""
_NOTHING = Durations(count=0, avg_ms=None, p50_ms=None, p95_ms=None)


async def stats(db: Database) -> Stats:
    """The statistics of the database; the disk, and `slots` while no worker lives, are for the caller to fill in.

    Counts are exact. `success_rate` (completed of completed and failed) and `days` cover the last 30 days, durations
    the newest 1,000 finished jobs of these. The API keeps the answer for 2 s.
    """
    first_day = datetime.now(UTC).date() - timedelta(days=DAYS - 1)
    async with db.connection() as connection:
        counts = await connection.fetch(_COUNTS, first_day)
        durations = await connection.fetch(_DURATIONS, DAYS, SAMPLE)
    by_status = dict.fromkeys(JobStatus, 0)
    for row in counts:
        by_status[JobStatus(row["status"])] += row["jobs"]
    days = _days(counts)
    completed, failed = (sum(getattr(day, name) for day in days) for name in ("completed", "failed"))
    took = {row["what"]: Durations(**{name: row[name] for name in Durations.model_fields}) for row in durations}
    return Stats(
        counts={status.value: count for status, count in by_status.items()},
        total=sum(by_status.values()),
        duration=took.get("job", _NOTHING),
        stages={stage.value: took.get(stage, _NOTHING) for stage in StageName},
        queue_wait=took.get("wait", _NOTHING),
        success_rate=completed / (completed + failed) if completed + failed else None,
        bytes_total=sum(row["bytes"] for row in counts),
        days=days,
        disk_free_bytes=None,
        disk_total_bytes=None,
        slots=await queue.all_slots(db) or 0,
        queue=(await queue.settings(db)).mode,
        running=by_status[JobStatus.RUNNING],
        as_of=datetime.now(UTC),
    )


def _days(counts: list[Mapping[str, Any]]) -> list[Day]:
    """The days on which anything finished, oldest first."""
    found: dict[date, dict[str, int]] = {}
    for row in counts:
        if row["day"] is not None and row["status"] in FINISHED:
            day = found.setdefault(row["day"], {"completed": 0, "failed": 0, "cancelled": 0, "bytes": 0})
            day[row["status"].lower()] += row["jobs"]
            day["bytes"] += row["bytes"]
    return [Day(day=day.isoformat(), **found[day]) for day in sorted(found) if any(found[day].values())]
