"""One line of a job's log, from whatever a program printed to what the database holds.

The sequence comes from the locked head row of the job (`z2_append_logs`), so lines of the writer, the API and the
rescue share one gapless order, which is the order of their commits. Followers read by `seq > last` and miss nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from z2d.store.clean import clean_json, clean_text
from z2d.store.database import Database
from z2d.wire.jobs import LogLevel

LINE_LIMIT = 8192  # characters of one message that are kept
_WORD_LIMIT = 64  # of a stage or source


class Line(NamedTuple):
    """A line as it is stored; made by `line`."""

    at: datetime
    level: int
    stage: str | None
    source: str
    message: str
    data: dict[str, Any] | None


def line(
    level: LogLevel,
    stage: str | None,
    source: str,
    message: str,
    data: dict[str, Any] | None = None,
    at: datetime | None = None,
) -> Line:
    """A line that is fit to be stored: cleaned, and with a mark where it was too long. `at` is now by default."""
    return Line(
        at or datetime.now(UTC), int(level), stage and _word(stage), _word(source), _message(message), _data(data)
    )


def _message(text: str) -> str:
    if len(text) <= LINE_LIMIT:
        return clean_text(text)
    return f"{clean_text(text[:LINE_LIMIT])} …[{len(text) - LINE_LIMIT} more characters cut]"


@lru_cache(maxsize=256)
def _word(text: str) -> str:
    return clean_text(text, _WORD_LIMIT)


def _data(data: dict[str, Any] | None) -> dict[str, Any] | None:
    if data is None:
        return None
    cleaned: dict[str, Any] = clean_json(data)
    size = len(json.dumps(cleaned))
    return cleaned if size <= LINE_LIMIT else {"cut": f"{size} characters of data"}


_APPEND = "SELECT z2_append_logs($1, $2, $3, $4, $5, $6, $7)"


async def append_lines(connection: Any, job_id: int, lines: Sequence[Line]) -> int:
    """Append at least one line, on a connection or database; gives the last seq. Nobody is told (see `notify`)."""
    last: int = await connection.fetchval(_APPEND, job_id, *map(list, zip(*lines, strict=True)))
    return last


_NOTIFY = "SELECT pg_notify('z2_logs', $1)"
_JOBS_PER_NOTICE = 200  # a notification holds 7,999 bytes


async def notify(db: Database, appended: dict[int, int]) -> None:
    """Tell every listener up to which seq the logs of these jobs are committed."""
    news = [f"{job_id}:{last}" for job_id, last in appended.items()]
    for start in range(0, len(news), _JOBS_PER_NOTICE):
        await db.execute(_NOTIFY, " ".join(news[start : start + _JOBS_PER_NOTICE]))
