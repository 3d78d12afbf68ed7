"""Which videos are there already: asked before anything is queued."""

from __future__ import annotations

from collections.abc import Iterable

from z2d.store.clean import clean_key
from z2d.store.database import Database

_KNOWN_KEYS = """
    SELECT DISTINCT ON (dedup_key) dedup_key, id FROM jobs
    WHERE dedup_key = ANY($1) AND deleted_at IS NULL
      AND (status IN ('QUEUED', 'RUNNING', 'WAITING') OR status = 'COMPLETED' AND kind = 'MEDIA')
    ORDER BY dedup_key, status = 'COMPLETED', id DESC
"""


async def known_keys(db: Database, keys: Iterable[str]) -> dict[str, int]:
    """Of those dedup keys that a job answers for, that job: the unfinished one, else the newest completed one."""
    asked = {clean_key(key): key for key in keys}
    return {asked[row["dedup_key"]]: row["id"] for row in await db.fetch(_KNOWN_KEYS, list(asked))}


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
