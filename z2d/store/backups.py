"""What a backup asks of the rows and puts right after a restore on another machine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from z2d.store.database import Database


class KnownFile(NamedTuple):
    """A file of a job that is to be there: `path` is relative to the job's folder."""

    id: int
    job_id: int
    path: str
    size_bytes: int
    sha256: str | None


_FILES = """
    SELECT f.id, f.job_id, f.path, f.size_bytes, f.sha256 FROM job_files f
    WHERE f.state = 'PRESENT' ORDER BY f.job_id, f.path
"""


async def files(connection: Any) -> list[KnownFile]:
    """Every file that the jobs are to have on disk. Takes a connection, to see what the dump sees."""
    return [KnownFile(**row) for row in await connection.fetch(_FILES)]


# a stage whose files are gone is never reused: a re-run makes them anew
_MISSING = """
    WITH gone AS (UPDATE job_files SET state = 'MISSING' WHERE id = ANY($1) RETURNING job_id, stage)
    UPDATE job_stages s SET input_hash = NULL FROM gone WHERE s.job_id = gone.job_id AND s.stage = gone.stage
"""


async def missing(db: Database, ids: Iterable[int]) -> None:
    """These files are not on disk."""
    await db.execute(_MISSING, list(ids))


_MOVE = "UPDATE job_publishing SET installation = $2 WHERE installation = $1"
_FORGET_TARGETS = "DELETE FROM publish_targets WHERE installation = $1 AND installation <> $2"
_MOVE_LIBRARY = """
    UPDATE job_publishing SET remote_url = $2 || substr(remote_url, length($1) + 1)
    WHERE kind = 'library' AND starts_with(remote_url, $1 || '/') AND $1 <> $2
"""
_LEAVE = "UPDATE workers SET state = 'GONE' WHERE state = 'ACTIVE'"


async def move_in(db: Database, *, installation: tuple[str, str], library: tuple[str, str]) -> None:
    """After a restore: what belonged to the former installation, and lay in its library, is this one's.

    Both arguments are (former, now). No worker of the rows lives: their jobs are taken up by the first daemon that
    starts.
    """
    async with db.transaction() as connection:
        await connection.execute(_MOVE, *installation)
        await connection.execute(_FORGET_TARGETS, *installation)
        await connection.execute(_MOVE_LIBRARY, *library)
        await connection.execute(_LEAVE)
