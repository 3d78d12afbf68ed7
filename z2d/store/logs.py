"""The log of a job, as a whole: append to it, read it by pages.

Most lines come through the `LogWriter`, which batches them; this module also serves the few that others have to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from z2d.store.clean import clean_text
from z2d.store.database import Database
from z2d.store.lines import Line, append_lines, line, notify
from z2d.store.log_writer import LogWriter
from z2d.wire.errors import JobNotFound
from z2d.wire.jobs import JobStatus, LevelName, LogLevel, LogLine, LogPage

__all__ = ["Line", "LogWriter", "append", "head", "line", "page"]


async def append(db: Database, job_id: int, lines: Sequence[Line]) -> int:
    """Append a few lines at once and tell the followers; gives the last seq. Raises `JobNotFound`."""
    if not lines:
        return (await head(db, job_id))[1]
    try:
        last = await append_lines(db, job_id, lines)
    except asyncpg.ForeignKeyViolationError as error:
        raise JobNotFound from error
    await notify(db, {job_id: last})
    return last


_HEAD = """
    SELECT coalesce(h.first_seq, 0) AS first_seq, coalesce(h.last_seq, 0) AS last_seq, j.status
    FROM jobs j LEFT JOIN job_log_heads h ON h.job_id = j.id
    WHERE j.id = $1 AND j.deleted_at IS NULL
"""


async def head(db: Database, job_id: int) -> tuple[int, int, JobStatus]:
    """First and last seq that exist (0, 0: no lines), and the job's status at that moment. Raises `JobNotFound`."""
    row = await db.fetchrow(_HEAD, job_id)
    if row is None:
        raise JobNotFound(f"There is no job {job_id}.")
    return row["first_seq"], row["last_seq"], JobStatus(row["status"])


_PAGE = """
    SELECT seq, at, level, stage, source, message, data FROM job_logs WHERE job_id = $1
"""
_MAX_PAGE = 5000


async def page(
    db: Database,
    job_id: int,
    *,
    after: int | None = None,
    before: int | None = None,
    limit: int = 1000,
    level: LevelName | None = None,
    stage: str | None = None,
    q: str | None = None,
) -> LogPage:
    """Lines in rising order of seq: the first `limit` after `after`, else the last `limit` before `before`.

    Without either: from the beginning. `level` is the lowest wanted, `q` a text that the message contains, in any
    case. `limit` is at most 5,000. Raises `JobNotFound`.
    """
    first_seq, last_seq, _ = await head(db, job_id)
    backwards = before is not None and after is None
    query = _PAGE
    args: list[int | str] = [job_id]
    # one SQL text per combination of filters: an optional condition inside the SQL would spoil its plan
    for condition, value in (
        ("seq > ", after),
        ("seq < ", before),
        ("level >= ", level and int(LogLevel[level])),
        ("stage = ", stage and clean_text(stage)),
        ("message ILIKE ", q and f"%{like_literal(clean_text(q))}%"),
    ):
        if value is not None:
            args.append(value)
            query += f" AND {condition}${len(args)}"
    args.append(max(1, min(limit, _MAX_PAGE)))
    query += f" ORDER BY seq {'DESC' if backwards else ''} LIMIT ${len(args)}"
    rows = await db.fetch(query, *args)
    if backwards:
        rows.reverse()
    return LogPage(items=[_line(row) for row in rows], first_seq=first_seq, last_seq=last_seq)


def like_literal(text: str) -> str:
    """`text` as it must be written inside a LIKE pattern to stand for itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _line(row: Any) -> LogLine:
    return LogLine(**{**row, "level": LogLevel(row["level"]).name})
