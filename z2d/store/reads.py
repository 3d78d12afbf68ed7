"""Everything that is read for people: lists, single jobs, what moves right now."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from z2d.store.database import Database
from z2d.store.listing import ListQuery, count_sql, cursor_of, page_sql
from z2d.store.queue import QUEUE_POSITION
from z2d.store.rows import job_error, job_summary, pick, summary_fields
from z2d.wire.errors import FileNotFound, JobNotFound, TranscriptNotFound
from z2d.wire.jobs import FINISHED, AttemptInfo, Child, JobDetail, JobSummary, Page, StageInfo, StageName, StageStatus
from z2d.wire.library import Analysis, FileInfo, Metadata, Publication, Segment, Transcript, TranscriptHead

__all__ = [
    "ListQuery",
    "active",
    "detail",
    "file",
    "lately_cancelled",
    "page",
    "running_progress",
    "summaries",
    "summary",
    "transcript",
]

MOST_ACTIVE = 20_000
AT_ONCE = 1000  # rows of one statement


async def page(db: Database, query: ListQuery) -> Page[JobSummary]:
    """One page of the list. `total` is exact without filters or by status, else counted up to 10,000.

    Raises `InvalidRequest` for a cursor that does not belong to this list.
    """
    items_sql, items_args = page_sql(query)
    total_sql, total_args = count_sql(query)
    async with db.connection() as connection:
        rows = await connection.fetch(items_sql, *items_args)
        total = await connection.fetchval(total_sql, *total_args)
    more = len(rows) > query.limit
    shown = rows[: query.limit]
    return Page[JobSummary](
        items=[job_summary(row) for row in shown],
        total=max(0, total),
        next_cursor=cursor_of(query, shown[-1]) if more and shown else None,
        limit=query.limit,
        offset=query.offset,
    )


_SUMMARIES = "SELECT *, now() AS now FROM job_list WHERE id = ANY($1) ORDER BY id"


async def summaries(db: Database, ids: Iterable[int]) -> list[JobSummary]:
    """The jobs of these ids that exist, by id."""
    return [job_summary(row) for row in await db.fetch(_SUMMARIES, list(ids))]


async def summary(db: Database, job_id: int) -> JobSummary:
    """One job. Raises `JobNotFound`."""
    found = await summaries(db, [job_id])
    if not found:
        raise JobNotFound(f"There is no job {job_id}.")
    return found[0]


_ACTIVE = """
    (SELECT id FROM jobs WHERE status = 'RUNNING' AND deleted_at IS NULL ORDER BY id)
    UNION ALL (SELECT id FROM jobs WHERE status = 'WAITING' AND deleted_at IS NULL ORDER BY created_at, id)
    UNION ALL (SELECT id FROM jobs WHERE status = 'QUEUED' AND deleted_at IS NULL
               ORDER BY rank, priority DESC, run_after, id)
    LIMIT $1
"""


async def active(db: Database) -> AsyncIterator[list[JobSummary]]:
    """The jobs that are not finished, some at a time: running ones first, then lists, then the queue in its order.

    At most 20,000; what is behind that in the queue is not told. A job that ends meanwhile may be left out.
    """
    ids = [row["id"] for row in await db.fetch(_ACTIVE, MOST_ACTIVE)]
    for start in range(0, len(ids), AT_ONCE):
        some = {job.id: job for job in await summaries(db, ids[start : start + AT_ONCE])}
        yield [some[one] for one in ids[start : start + AT_ONCE] if one in some and some[one].status not in FINISHED]


_LATELY_CANCELLED = """
    SELECT id, finished_at FROM jobs
    WHERE deleted_at IS NULL AND coalesce(finished_at, 'infinity') >= now() - interval '1 day'
      AND (coalesce(finished_at, 'infinity'), id) < (coalesce($1, now()), $2)
      AND status = 'CANCELLED'
    ORDER BY coalesce(finished_at, 'infinity') DESC, id DESC LIMIT $3
"""


async def lately_cancelled(db: Database) -> AsyncIterator[int]:
    """The ids of all jobs that were cancelled within a day, the newest first; a whole library may be, by one filter."""
    last, job_id = None, 2**63 - 1
    while rows := await db.fetch(_LATELY_CANCELLED, last, job_id, AT_ONCE):
        for row in rows:
            yield row["id"]
        last, job_id = rows[-1]["finished_at"], rows[-1]["id"]


_RUNNING_PROGRESS = """
    SELECT id, stage, progress, speed_bps, eta_s FROM job_list WHERE status = 'RUNNING' ORDER BY id
"""


async def running_progress(
    db: Database,
) -> list[tuple[int, StageName | None, float, int | None, int | None]]:
    """(id, stage, progress of the whole job 0-1, bytes per second, seconds left) of every running job."""
    return [
        (row["id"], row["stage"] and StageName(row["stage"]), round(row["progress"], 4), row["speed_bps"], row["eta_s"])
        for row in await db.fetch(_RUNNING_PROGRESS)
    ]


# One statement, so all parts are of one moment.
_DETAIL = f"""
    SELECT j.*, now() AS now, {QUEUE_POSITION} AS queue_position,
        coalesce((SELECT h.warnings FROM job_log_heads h WHERE h.job_id = j.id), 0) AS warnings,
        (SELECT to_jsonb(x) FROM (
            SELECT extractor, source_id, media_key, webpage_url, title, description, channel, channel_id, channel_url,
                uploader, uploader_id, published_at, published_precision, duration_ms, live_status, availability,
                age_limit, language, license, tags, categories, chapters, subtitles, view_count, like_count,
                comment_count, thumbnail_url, width, height, fps, vcodec, acodec, format_id, extractor_version
            FROM job_metadata WHERE job_id = j.id) x) AS metadata,
        (SELECT jsonb_agg(to_jsonb(x)) FROM job_stages x WHERE x.job_id = j.id) AS stages,
        (SELECT jsonb_agg(to_jsonb(x) ORDER BY x.id) FROM job_files x WHERE x.job_id = j.id) AS files,
        (SELECT to_jsonb(x) FROM transcripts x WHERE x.job_id = j.id AND x.is_primary) AS transcript,
        (SELECT to_jsonb(x) FROM job_analysis x WHERE x.job_id = j.id AND x.is_current) AS analysis,
        (SELECT jsonb_agg(to_jsonb(x) ORDER BY x.id) FROM job_publishing x WHERE x.job_id = j.id) AS publishing,
        (SELECT jsonb_agg(to_jsonb(x) ORDER BY x.run_token) FROM job_attempts x WHERE x.job_id = j.id) AS attempts,
        (SELECT jsonb_agg(to_jsonb(x) ORDER BY x.position, x.id) FROM (
            SELECT id, position, url, site, title, status, display_status, outcome, progress, duplicate_of, stage,
                error_class, error_message
            FROM job_list WHERE parent_id = j.id) x) AS children
    FROM job_list j
    WHERE j.id = $1
"""  # noqa: S608  of words of this room alone


async def detail(db: Database, job_id: int) -> JobDetail:
    """All that is known of one job. Raises `JobNotFound`."""
    row = await db.fetchrow(_DETAIL, job_id)
    if row is None:
        raise JobNotFound(f"There is no job {job_id}.")
    return JobDetail(
        **summary_fields(row),
        profile=row["profile"],
        options=row["options"],
        queue_position=row["queue_position"],
        duplicate_of=row["duplicate_of"],
        warnings=row["warnings"],
        metadata=row["metadata"] and pick(Metadata, row["metadata"]),
        stages=_all_stages(row["stages"] or []),
        files=[pick(FileInfo, one) for one in row["files"] or []],
        transcript=row["transcript"] and pick(TranscriptHead, row["transcript"]),
        analysis=row["analysis"] and pick(Analysis, row["analysis"]),
        publishing=[pick(Publication, one) for one in row["publishing"] or []],
        attempts=[pick(AttemptInfo, one, worker=one["worker_id"]) for one in row["attempts"] or []],
        children=[pick(Child, one, error=job_error(one)) for one in row["children"] or []],
    )


def _all_stages(stored: list[dict[str, Any]]) -> list[StageInfo]:
    """All six stages in their order; those that were never begun have no row."""
    by_name = {one["stage"]: one for one in stored}
    unbegun = {"status": StageStatus.PENDING, "attempt": 0, "progress": 0.0}
    return [pick(StageInfo, by_name.get(name, unbegun), stage=name) for name in StageName]


_FILE = """
    SELECT f.id, f.stage, f.kind, f.path, f.size_bytes, f.sha256, f.mime, f.language, f.duration_ms, f.state,
        f.created_at
    FROM job_files f JOIN job_list j ON j.id = f.job_id
    WHERE f.job_id = $1 AND f.id = $2
"""


async def file(db: Database, job_id: int, file_id: int) -> FileInfo:
    """One artefact of a job. Raises `JobNotFound`, `FileNotFound`."""
    row = await db.fetchrow(_FILE, job_id, file_id)
    if row is None:
        await summary(db, job_id)
        raise FileNotFound(f"Job {job_id} has no file {file_id}.")
    return FileInfo(**row)


_TRANSCRIPT = """
    SELECT t.id, t.language, t.source, t.engine, t.model, t.format, t.segments, t.words, t.coverage, t.translated,
        t.warnings, t.provenance
    FROM transcripts t JOIN job_list j ON j.id = t.job_id
    WHERE t.job_id = $1 AND t.is_primary
"""
_CUES = "SELECT start_ms, end_ms, text, speaker FROM transcript_segments WHERE transcript_id = $1 ORDER BY seq"


async def transcript(db: Database, job_id: int) -> Transcript:
    """The transcript that is shown, with its cues (word times stay in the job's transcript.json).

    Raises `JobNotFound`, `TranscriptNotFound`.
    """
    async with db.connection() as connection:
        row = await connection.fetchrow(_TRANSCRIPT, job_id)
        cues = await connection.fetch(_CUES, row["id"]) if row else []
    if row is None:
        await summary(db, job_id)
        raise TranscriptNotFound(f"Job {job_id} has no transcript.")
    return pick(Transcript, row, cues=[Segment(**cue) for cue in cues])
