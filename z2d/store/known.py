"""Which videos are there already: asked before anything is queued."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from z2d.store.clean import clean_key
from z2d.store.database import Database

_ANSWERING = """
    SELECT DISTINCT ON (dedup_key) dedup_key, id FROM jobs
    WHERE dedup_key = ANY($1) AND deleted_at IS NULL
      AND (status IN ('QUEUED', 'RUNNING', 'WAITING') OR status = 'COMPLETED' AND NOT $2 AND kind = 'MEDIA')
    ORDER BY dedup_key, status = 'COMPLETED', id DESC
"""


async def answering(connection: Any, keys: Iterable[str], *, forced: bool) -> dict[str, int]:
    """Of those dedup keys, as they are stored, that a job answers for, that job.

    It is the unfinished one, else, unless `forced`, the newest completed one that is no collection, which has new
    entries when it is asked for again.
    """
    rows = await connection.fetch(_ANSWERING, list(keys), forced)
    return {row["dedup_key"]: row["id"] for row in rows}


async def known_keys(db: Database, keys: Iterable[str], *, forced: bool = False) -> dict[str, int]:
    """Of those dedup keys that a job would answer for, that job; see `answering`."""
    stored = {key: clean_key(key) for key in keys}
    there = await answering(db, stored.values(), forced=forced)
    return {key: there[cleaned] for key, cleaned in stored.items() if cleaned in there}


_KNOWN_MEDIA = """
    SELECT j.id FROM job_metadata m JOIN jobs j ON j.id = m.job_id
    WHERE m.media_key = $1 AND j.deleted_at IS NULL AND j.outcome IS DISTINCT FROM 'DUPLICATE'
      AND j.status IN ('QUEUED', 'RUNNING', 'COMPLETED')
    ORDER BY j.status = 'COMPLETED' DESC, m.media_key_at, m.job_id
    LIMIT 1
"""


async def known_media(db: Database, media_key: str) -> int | None:
    """The job that has this video, or is at it, whatever URL it was submitted with."""
    found: int | None = await db.fetchval(_KNOWN_MEDIA, clean_key(media_key))
    return found


_USES = """
    SELECT dedup_key, bool_or(status <> 'COMPLETED') AS unfinished FROM jobs
    WHERE dedup_key = ANY($1) AND deleted_at IS NULL
    GROUP BY dedup_key
"""


async def uses(db: Database, keys: Iterable[str]) -> dict[str, bool]:
    """Of those dedup keys that any job has: whether one of its jobs has not completed, and may need its source."""
    return {row["dedup_key"]: row["unfinished"] for row in await db.fetch(_USES, list(keys))}
