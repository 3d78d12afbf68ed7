"""What a podcast feed is made from: the publications of its target, and what is known of their videos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from z2d.store.database import Database
from z2d.wire.library import Chapter


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One published job of a feed. `files`: kind -> {id, path, size_bytes, sha256, mime, state} of the newest."""

    job_id: int
    media_key: str
    title: str
    description: str
    summary: str
    link: str
    author: str | None
    duration_ms: int | None
    age_limit: int | None
    language: str | None
    chapters: tuple[Chapter, ...]
    has_transcript: bool
    files: Mapping[str, Mapping[str, Any]]
    added_at: datetime
    changed_at: datetime


# Of several jobs of one video the newest is the episode.
_ROWS = """
    WITH shown AS (
        SELECT DISTINCT ON (m.media_key) p.job_id, p.published_at,
            coalesce(m.published_at, p.created_at) AS added_at
        FROM job_publishing p JOIN jobs j ON j.id = p.job_id JOIN job_metadata m ON m.job_id = p.job_id
        WHERE p.target = $1 AND p.kind = 'feed' AND p.event = 'publish' AND p.published_at IS NOT NULL
          AND p.status IN ('PUBLISHED', 'PENDING', 'RUNNING') AND j.deleted_at IS NULL
          AND ($3::bigint IS NULL OR p.job_id = $3)
        ORDER BY m.media_key, p.job_id DESC
    )
    SELECT s.job_id, s.added_at, s.published_at AS changed_at, m.media_key, m.title,
        coalesce(m.description, '') AS description, coalesce(a.summary_short, '') AS summary, m.webpage_url AS link,
        coalesce(m.channel, m.uploader) AS author, m.duration_ms, m.age_limit,
        coalesce(t.language, m.language) AS language, t.id IS NOT NULL AS has_transcript,
        CASE WHEN coalesce(a.chapters, '[]') <> '[]' THEN a.chapters ELSE m.chapters END AS chapters,
        (SELECT jsonb_object_agg(f.kind, to_jsonb(f) ORDER BY f.id) FROM job_files f
         WHERE f.job_id = s.job_id AND f.state = 'PRESENT' AND f.kind IN ('media', 'audio', 'thumbnail')) AS files
    FROM shown s JOIN job_metadata m ON m.job_id = s.job_id
    LEFT JOIN job_analysis a ON a.job_id = s.job_id AND a.is_current
    LEFT JOIN transcripts t ON t.job_id = s.job_id AND t.is_primary
    ORDER BY s.added_at DESC, s.job_id DESC
    LIMIT $2
"""


async def rows(db: Database, target: str, limit: int, job_id: int | None = None) -> list[FeedRow]:
    """The newest published jobs of the feed `target`, or that one job if it is in it."""
    return [_row(row) for row in await db.fetch(_ROWS, target, limit, job_id)]


def _row(row: Any) -> FeedRow:
    fields = dict(row)
    fields["chapters"] = tuple(Chapter.model_validate(one) for one in fields["chapters"] or [])
    fields["files"] = fields["files"] or {}
    return FeedRow(**fields)
