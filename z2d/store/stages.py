"""The stages of a claimed job: what earlier runs left, and what this run does.

Every function takes the `Claim` and raises `LeaseLost` once it is void. Calling one again with the same values after
its answer was lost does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from z2d.store import outbox
from z2d.store.claims import ERROR_TEXT, Claim, LeaseLost
from z2d.store.clean import clean_int, clean_json, clean_key, clean_or_none, clean_real, clean_text
from z2d.store.database import SLOW_STATEMENT_S, Database
from z2d.store.results import (
    forget_results,
    save_analysis,
    save_files,
    save_metadata,
    save_publications,
    save_transcript,
)
from z2d.store.rows import pick
from z2d.wire.jobs import StageName, StageStatus
from z2d.wire.library import Analysis, Artefact, FileKind, Metadata, Publication, Transcript
from z2d.wire.reasons import ErrorClass

_DETAIL_LIMIT = 200


@dataclass(frozen=True, slots=True)
class StoredStage:
    """What is known of one stage; `files` are its artefacts as they were when it was DONE."""

    status: StageStatus
    input_hash: str | None
    checkpoint: dict[str, Any]
    attempt: int
    files: list[Artefact]


_LOAD = """
    SELECT s.stage, s.status, s.input_hash, s.checkpoint, s.attempt,
        coalesce((SELECT jsonb_agg(to_jsonb(f) ORDER BY f.id) FROM job_files f
                  WHERE f.job_id = s.job_id AND f.stage = s.stage AND f.state = 'PRESENT'), '[]') AS files
    FROM jobs j JOIN job_stages s ON s.job_id = j.id
    WHERE j.id = $1
"""
_HELD = "SELECT true FROM jobs WHERE id = $1 AND run_token = $2 AND worker_id = $3 AND status = 'RUNNING'"


def _lost(claim: Claim) -> LeaseLost:
    return LeaseLost(f"job {claim.job_id} is no longer held by {claim.worker_id} under token {claim.run_token}")


async def load_stages(db: Database, claim: Claim) -> dict[StageName, StoredStage]:
    """The stages that were ever begun or skipped."""
    async with db.connection() as connection:
        if not await connection.fetchval(_HELD, *claim.fence):
            raise _lost(claim)
        rows = await connection.fetch(_LOAD, claim.job_id)
    return {
        StageName(row["stage"]): StoredStage(
            status=StageStatus(row["status"]),
            input_hash=row["input_hash"],
            checkpoint=row["checkpoint"],
            attempt=row["attempt"],
            files=[pick(Artefact, one, sha256=one["sha256"] or "") for one in row["files"]],
        )
        for row in rows
    }


_START = """
    WITH held AS (
        UPDATE jobs SET stage = $4
        WHERE id = $1 AND run_token = $2 AND worker_id = $3 AND status = 'RUNNING'
        RETURNING id, run_token
    )
    INSERT INTO job_stages AS s (job_id, stage, status, attempt, weight, input_hash, tools, run_token, started_at)
    SELECT id, $4, 'RUNNING', 1, $6, $5, $7, run_token, clock_timestamp() FROM held
    ON CONFLICT (job_id, stage) DO UPDATE SET status = 'RUNNING', attempt = s.attempt + 1, weight = excluded.weight,
        progress = 0, bytes_done = NULL, bytes_total = NULL, speed_bps = NULL, eta_s = NULL, detail = NULL, lane = NULL,
        input_hash = excluded.input_hash, tools = excluded.tools, skip_reason = NULL, error_class = NULL,
        error_message = NULL,
        run_token = excluded.run_token, started_at = excluded.started_at, finished_at = NULL,
        checkpoint = CASE WHEN s.input_hash IS DISTINCT FROM excluded.input_hash THEN '{}'::jsonb ELSE s.checkpoint END
    RETURNING true
"""


async def start_stage(
    db: Database,
    claim: Claim,
    stage: StageName,
    input_hash: str,
    weight: float,
    tools: Mapping[str, str] | None = None,
) -> None:
    """The stage is RUNNING. Its checkpoint is kept as long as `input_hash` is the one it was made with.

    `tools`: the version of each program that takes part.
    """
    if not await db.fetchval(_START, *claim.fence, stage, input_hash, float(weight), clean_json(dict(tools or {}))):
        raise _lost(claim)


# a job that gets on does not kill its workers
_GET_ON = """
    UPDATE jobs SET crashes = 0 WHERE id = $1 AND run_token = $2 AND worker_id = $3 AND status = 'RUNNING'
    RETURNING true
"""
# The last report of a stage is seldom written: what is done is the whole, and of media the file says how much that is.
_DONE = """
    INSERT INTO job_stages AS s (job_id, stage, status, progress, attempt, input_hash, checkpoint, run_token,
                                 bytes_done, bytes_total, started_at, finished_at)
    VALUES ($1, $2, 'DONE', 1, 1, $3, coalesce($4::jsonb, '{}'), $5, $6, $6, clock_timestamp(), clock_timestamp())
    ON CONFLICT (job_id, stage) DO UPDATE SET status = 'DONE', progress = 1, input_hash = $3,
        bytes_done = coalesce($6, s.bytes_total, s.bytes_done), bytes_total = coalesce($6, s.bytes_total),
        checkpoint = coalesce($4::jsonb, s.checkpoint), run_token = $5, speed_bps = NULL, eta_s = NULL, detail = NULL,
        skip_reason = NULL, error_class = NULL, error_message = NULL, finished_at = clock_timestamp()
"""


async def finish_stage(
    db: Database,
    claim: Claim,
    stage: StageName,
    *,
    input_hash: str,
    artefacts: Sequence[Artefact],
    checkpoint: dict[str, Any] | None = None,
    metadata: Metadata | None = None,
    transcript: Transcript | None = None,
    analysis: Analysis | None = None,
    publications: Sequence[Publication] = (),
) -> None:
    """The stage is DONE with these results, all in one transaction; they replace what an earlier run had found."""
    async with db.transaction(statement_s=SLOW_STATEMENT_S) as connection:
        if not await connection.fetchval(_GET_ON, *claim.fence):
            raise _lost(claim)
        await save_files(connection, claim.job_id, stage, artefacts)
        if metadata is not None:
            await save_metadata(connection, claim.job_id, metadata)
        if transcript is not None:
            await save_transcript(connection, claim.job_id, transcript)
        if analysis is not None:
            await save_analysis(connection, claim.job_id, analysis)
        await save_publications(connection, claim.job_id, publications)
        for published in publications:  # what the library is given, the other targets are to have too
            if published.kind == outbox.LIBRARY and published.content_hash:
                await outbox.enqueue(connection, claim.job_id, "publish", published.content_hash)
        notes = clean_json(checkpoint)
        size = _size_of_media(artefacts)
        await connection.execute(_DONE, claim.job_id, stage, input_hash, notes, claim.run_token, size)


def _size_of_media(artefacts: Sequence[Artefact]) -> int | None:
    sizes = [artefact.size_bytes for artefact in artefacts if artefact.kind is FileKind.MEDIA]
    return sum(sizes) if sizes else None


_SETTLE = """
    WITH held AS (
        SELECT id, run_token FROM jobs
        WHERE id = $1 AND run_token = $2 AND worker_id = $3 AND status = 'RUNNING'
        FOR NO KEY UPDATE
    )
    INSERT INTO job_stages AS s (job_id, stage, status, skip_reason, error_class, error_message, run_token,
                                 started_at, finished_at)
    SELECT id, $4, $5, $6, $7, $8, run_token, clock_timestamp(), clock_timestamp() FROM held
    ON CONFLICT (job_id, stage) DO UPDATE SET status = $5, skip_reason = $6, error_class = $7, error_message = $8,
        run_token = excluded.run_token, speed_bps = NULL, eta_s = NULL, detail = NULL, finished_at = clock_timestamp()
    RETURNING true
"""


async def _settle(db: Database, claim: Claim, stage: StageName, status: StageStatus, *why: str | None) -> None:
    async with db.transaction() as connection:
        if not await connection.fetchval(_SETTLE, *claim.fence, stage, status, *why):
            raise _lost(claim)
        await forget_results(connection, claim.job_id, stage)


async def skip_stage(db: Database, claim: Claim, stage: StageName, reason: str) -> None:
    """The stage is SKIPPED, for a reason that people will read; results of an earlier run of it are forgotten."""
    await _settle(db, claim, stage, StageStatus.SKIPPED, clean_text(reason, ERROR_TEXT), None, None)


async def fail_stage(db: Database, claim: Claim, stage: StageName, error_class: ErrorClass, message: str) -> None:
    """The stage is FAILED and the job goes on without it; results of an earlier run of it are forgotten."""
    await _settle(db, claim, stage, StageStatus.FAILED, None, error_class, clean_text(message, ERROR_TEXT))


_CHECKPOINT = """
    WITH held AS (
        UPDATE jobs SET crashes = 0 WHERE id = $1 AND run_token = $2 AND worker_id = $3 AND status = 'RUNNING'
        RETURNING id
    )
    UPDATE job_stages s SET checkpoint = $5 FROM held WHERE s.job_id = held.id AND s.stage = $4
    RETURNING true
"""


async def checkpoint_stage(db: Database, claim: Claim, stage: StageName, data: dict[str, Any]) -> None:
    """Keep the notes with which a running stage can go on later; they replace the former ones."""
    if not await db.fetchval(_CHECKPOINT, *claim.fence, stage, clean_json(data)):
        raise _lost(claim)


# A stage that had to wait begins when it gets in: how long stages take is what people plan with.
_LANE = """
    WITH held AS (
        SELECT id FROM jobs WHERE id = $1 AND run_token = $2 AND worker_id = $3 AND status = 'RUNNING'
        FOR NO KEY UPDATE
    ), told AS (  -- whose line begins or ends, of that people hear: the column is one that its trigger watches
        UPDATE jobs j SET title = j.title FROM held JOIN job_stages s ON s.job_id = held.id AND s.stage = $4
        WHERE j.id = held.id AND 'WAITING' IN (s.lane, $5)
    )
    UPDATE job_stages s SET lane = $5, detail = $6,
        started_at = CASE WHEN s.lane = 'WAITING' THEN clock_timestamp() ELSE s.started_at END
    FROM held WHERE s.job_id = held.id AND s.stage = $4
    RETURNING true
"""
IN_LINE = "waits for a place in its lane"


async def mark_lane(db: Database, claim: Claim, stage: StageName, *, waits: bool) -> None:
    """The running stage waits in line of its lane, or is inside."""
    state = ("WAITING", IN_LINE) if waits else ("INSIDE", None)
    if not await db.fetchval(_LANE, *claim.fence, stage, *state):
        raise _lost(claim)


# No column here has an index or a trigger: both updates stay heap-only, and nobody is notified.
_PROGRESS = """
    WITH held AS (
        UPDATE jobs SET progress = greatest(progress, $5)
        WHERE id = $1 AND run_token = $2 AND worker_id = $3 AND status = 'RUNNING'
        RETURNING id
    ), stage AS (
        UPDATE job_stages s SET progress = $6, bytes_done = $7, bytes_total = $8, speed_bps = $9, eta_s = $10,
            detail = CASE WHEN s.lane = 'WAITING' THEN s.detail ELSE $11 END
        FROM held WHERE s.job_id = held.id AND s.stage = $4 AND s.status = 'RUNNING'
    )
    SELECT true FROM held
"""


async def save_progress(
    db: Database,
    claim: Claim,
    stage: StageName,
    *,
    stage_progress: float,
    job_progress: float,
    bytes_done: int | None = None,
    bytes_total: int | None = None,
    speed_bps: float | None = None,
    eta_s: float | None = None,
    detail: str | None = None,
) -> None:
    """How far the stage and the whole job are (both 0-1; the job's never falls), in bytes, bytes/s and seconds."""
    speed, eta = clean_real(speed_bps), clean_real(eta_s)
    held = await db.fetchval(
        _PROGRESS,
        *claim.fence,
        stage,
        _share(job_progress),
        _share(stage_progress),
        clean_int(bytes_done),
        clean_int(bytes_total),
        None if speed is None else clean_int(int(speed)),
        None if eta is None else clean_int(int(eta), 32),
        clean_or_none(detail, _DETAIL_LIMIT),
    )
    if not held:
        raise _lost(claim)


def _share(progress: float) -> float:
    return min(1.0, max(0.0, clean_real(progress) or 0.0))


_SAME_MEDIA = """
    WITH mine AS (SELECT job_id, media_key_at FROM job_metadata WHERE job_id = $1 AND media_key = $4)
    SELECT j.id
    FROM jobs me
    JOIN job_metadata m ON m.media_key = $4 AND m.job_id <> me.id
    JOIN jobs j ON j.id = m.job_id AND j.deleted_at IS NULL AND j.outcome IS DISTINCT FROM 'DUPLICATE'
    LEFT JOIN mine ON true
    WHERE me.id = $1 AND me.run_token = $2 AND me.worker_id = $3 AND me.status = 'RUNNING' AND NOT me.forced
      AND (j.status = 'COMPLETED' OR j.status IN ('QUEUED', 'RUNNING', 'WAITING')
           AND (mine.job_id IS NULL OR (m.media_key_at, m.job_id) < (mine.media_key_at, mine.job_id)))
    ORDER BY j.status = 'COMPLETED' DESC, m.media_key_at, m.job_id
    LIMIT 1
"""


async def find_same_media(db: Database, claim: Claim, media_key: str) -> int | None:
    """The job that has this video already: a completed one, or an unfinished one that found its key earlier.

    To be asked after the metadata stage was finished: that is when a job takes its place among those of the same key
    (one at a time, see `save_metadata`), so of two jobs it is always the later one that gives way. A forced job never
    does: None.
    """
    async with db.connection() as connection:
        if not await connection.fetchval(_HELD, *claim.fence):
            raise _lost(claim)
        found: int | None = await connection.fetchval(_SAME_MEDIA, *claim.fence, clean_key(media_key))
        return found
