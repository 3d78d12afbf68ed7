"""After deleting: back again while a person may want that, and gone for good some days later. And what else is old.

A job that was deleted (`z2d.store.requests`) keeps all its rows until then. What happens on disk is decided when it is
deleted (`delete_files`) and done by the daemon's housekeeping, which asks here what is due.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from z2d.store.database import SLOW_STATEMENT_S, Database
from z2d.store.reads import summary
from z2d.wire.errors import Conflict
from z2d.wire.jobs import JobSummary

AT_ONCE = 200  # jobs of one round of housekeeping
# With a job go its cues and lines, tens of thousands of rows: what did not fit into the time of one statement would
# not fit at the next round either, and stop all that comes after it in every round.
_FORGOTTEN_AT_ONCE = 20

_RESTORE = """
    UPDATE jobs SET deleted_at = NULL, delete_files = false WHERE id = $1 AND deleted_at IS NOT NULL RETURNING true
"""


async def restore(db: Database, job_id: int) -> JobSummary:
    """Undo a deletion; a job that is not deleted stays as it is. Raises `JobNotFound` once it is gone for good.

    Raises `Conflict` when the key of its submission was used for another job meanwhile.
    """
    try:
        await db.fetchval(_RESTORE, job_id)
    except asyncpg.UniqueViolationError as error:
        raise Conflict(f"Another job stands in the place of job {job_id}.") from error
    return await summary(db, job_id)


class Doomed(NamedTuple):
    """A deleted job whose files are to go: its id, and the folder of its library entry where only it has one."""

    id: int
    entry: str | None
    media_key: str | None


# An entry of the library is the video's, not the job's: another job of the same video keeps it.
_DOOMED = """
    SELECT j.id, p.remote_url AS entry, m.media_key
    FROM jobs j
    LEFT JOIN job_metadata m ON m.job_id = j.id
    LEFT JOIN job_publishing p ON p.job_id = j.id AND p.kind = 'library' AND p.status = 'PUBLISHED' AND NOT EXISTS (
        SELECT FROM job_metadata om JOIN jobs o ON o.id = om.job_id
        WHERE om.media_key = m.media_key AND om.job_id <> j.id AND o.deleted_at IS NULL
          AND o.outcome IS DISTINCT FROM 'DUPLICATE')
    WHERE j.deleted_at < clock_timestamp() - make_interval(secs => $1) AND j.delete_files AND j.id > $2
    ORDER BY j.id LIMIT $3
"""


async def doomed(db: Database, older_than_s: float, *, after: int = 0) -> list[Doomed]:
    """The next jobs by id that were deleted with their files more than `older_than_s` seconds ago."""
    return [Doomed(**row) for row in await db.fetch(_DOOMED, float(older_than_s), after, AT_ONCE)]


_FORGET = """
    DELETE FROM jobs WHERE id = ANY (
        SELECT id FROM jobs
        WHERE deleted_at < clock_timestamp() - make_interval(secs => $1) AND id <> ALL ($3) ORDER BY id LIMIT $2)
"""


async def forget(db: Database, older_than_s: float, *, but: Sequence[int] = ()) -> int:
    """Remove the rows of jobs, `but` these, that were deleted more than `older_than_s` seconds ago; their number."""
    gone = 0
    while True:
        async with db.transaction(statement_s=SLOW_STATEMENT_S) as connection:
            answer = await connection.execute(_FORGET, float(older_than_s), _FORGOTTEN_AT_ONCE, but)
        count = int(answer.rpartition(" ")[2])
        gone += count
        if count < _FORGOTTEN_AT_ONCE:
            return gone


_DELETE_UNSUCCESSFUL = """
    UPDATE jobs SET deleted_at = clock_timestamp(), delete_files = true
    WHERE id = ANY (
        SELECT id FROM jobs j
        WHERE j.status IN ('FAILED', 'CANCELLED') AND j.deleted_at IS NULL
          AND j.finished_at < clock_timestamp() - make_interval(secs => $1)
          AND NOT EXISTS (SELECT FROM transcripts t WHERE t.job_id = j.id)
        ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)
"""


async def delete_unsuccessful(db: Database, older_than_s: float) -> int:
    """Delete jobs that failed or were cancelled so long ago, with their files; how many. A transcript saves its job."""
    answer = await db.execute(_DELETE_UNSUCCESSFUL, float(older_than_s), AT_ONCE)
    return int(answer.rpartition(" ")[2])


class OldFile(NamedTuple):
    """A media file that has been kept long enough."""

    id: int
    job_id: int
    path: str


# Most of a large library is too new, or gone already: looking through all of it takes longer than a statement may.
_LOOKED_AT = 50_000
_LAST_LOOKED_AT = "SELECT max(id) FROM (SELECT id FROM job_files WHERE id > $1 ORDER BY id LIMIT $2) piece"
_OLD_MEDIA = """
    SELECT f.id, f.job_id, f.path FROM job_files f JOIN jobs j ON j.id = f.job_id
    WHERE f.kind IN ('media', 'audio', 'asr_audio') AND f.state = 'PRESENT' AND f.id > $2 AND f.id <= $3
      AND j.status = 'COMPLETED' AND j.finished_at < clock_timestamp() - make_interval(secs => $1)
    ORDER BY f.id LIMIT $4
"""


async def old_media(db: Database, older_than_s: float, *, after: int = 0) -> list[OldFile]:
    """The next files by id with picture or sound of jobs that completed more than `older_than_s` seconds ago."""
    while (last := await db.fetchval(_LAST_LOOKED_AT, after, _LOOKED_AT)) is not None:
        if rows := await db.fetch(_OLD_MEDIA, float(older_than_s), after, last, AT_ONCE):
            return [OldFile(**row) for row in rows]
        after = last
    return []


# A stage whose files are gone is DONE all the same, but never reused: a re-run fetches them again.
_PURGED = """
    WITH gone AS (
        UPDATE job_files f SET state = 'PURGED' FROM jobs j
        WHERE f.id = $1 AND j.id = f.job_id AND j.status = 'COMPLETED'
        RETURNING f.job_id, f.stage
    )
    UPDATE job_stages s SET input_hash = NULL FROM gone WHERE s.job_id = gone.job_id AND s.stage = gone.stage
"""


async def purged(db: Database, file_id: int) -> None:
    """The file has been removed on purpose."""
    await db.execute(_PURGED, file_id)


_OLD_LOGS = """
    SELECT h.job_id FROM job_log_heads h JOIN jobs j ON j.id = h.job_id
    WHERE j.status IN ('COMPLETED', 'FAILED', 'CANCELLED') AND h.last_seq - h.first_seq >= $2
      AND j.finished_at < clock_timestamp() - make_interval(secs => $1)
    ORDER BY h.job_id LIMIT $3
"""
_CUT_LOG = """
    WITH head AS (
        UPDATE job_log_heads SET first_seq = greatest(first_seq, last_seq - $2 + 1) WHERE job_id = $1
        RETURNING job_id, first_seq
    )
    DELETE FROM job_logs l USING head WHERE l.job_id = head.job_id AND l.seq < head.first_seq
"""
LAST_LINES = 20


async def cut_logs(db: Database, older_than_s: float) -> int:
    """Keep of the logs of jobs that finished so long ago only their last 20 lines; how many logs were cut."""
    rows = await db.fetch(_OLD_LOGS, float(older_than_s), LAST_LINES, AT_ONCE)
    for row in rows:
        async with db.transaction(statement_s=SLOW_STATEMENT_S) as connection:
            await connection.execute(_CUT_LOG, row["job_id"], LAST_LINES)
    return len(rows)
