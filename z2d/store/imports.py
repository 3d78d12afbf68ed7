"""Records of the program before z2: which are there already, putting more in, and reading them back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from z2d.store.clean import clean_key, clean_or_none, clean_text
from z2d.store.database import SLOW_STATEMENT_S, Database
from z2d.store.lines import Line, append_lines
from z2d.store.results import save_analysis, save_files, save_metadata, save_transcript
from z2d.wire.jobs import JobStatus, Outcome, StageName, StageStatus
from z2d.wire.library import Analysis, Artefact, Metadata, Transcript

_TITLE_LIMIT = 500  # as in job_metadata, so that both have the same title


@dataclass(frozen=True, slots=True)
class OldJob:
    """A finished job as it is to be put in. `record` is the original, ASCII only; `sha256` is of that."""

    legacy_id: str
    source: str
    record: str
    sha256: str
    url: str
    site: str | None
    dedup_key: str
    status: JobStatus
    outcome: Outcome | None
    error_class: str | None
    error_message: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime
    metadata: Metadata
    tags: Sequence[str] = ()
    priority: int = 0
    transcript: Transcript | None = None
    analysis: Analysis | None = None
    lines: Sequence[Line] = ()
    warnings: Sequence[str] = ()


class Kept(NamedTuple):
    """What is there under a legacy id."""

    job_id: int
    url: str
    sha256: str | None


_KEPT = """
    SELECT j.legacy_id, j.id, j.url, r.sha256
    FROM jobs j LEFT JOIN imported_records r ON r.job_id = j.id
    WHERE j.legacy_id = ANY($1)
"""


async def kept(db: Database, legacy_ids: Sequence[str]) -> dict[str, Kept]:
    """Those of the legacy ids that are there, deleted jobs included: what a person removed does not come back."""
    keys = {clean_key(one): one for one in legacy_ids}
    rows = await db.fetch(_KEPT, list(keys))
    return {keys[row["legacy_id"]]: Kept(row["id"], row["url"], row["sha256"]) for row in rows}


_JOB = """
    INSERT INTO jobs (legacy_id, url, site, dedup_key, status, outcome, error_class, error_message, created_at,
                      started_at, finished_at, tags, title, priority, progress, attempt, submitted_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, CASE WHEN $5 = 'COMPLETED' THEN 1 ELSE 0 END,
            1, 'import')
    ON CONFLICT DO NOTHING
    RETURNING id
"""
_RECORD = """
    INSERT INTO imported_records (job_id, source, sha256, record, warnings) VALUES ($1, $2, $3, $4, $5)
"""
_STAGES = """
    INSERT INTO job_stages (job_id, stage, status, skip_reason, attempt, progress, run_token, finished_at)
    SELECT $1, stage, status, CASE WHEN status = 'SKIPPED' THEN $4 END, 0, CASE WHEN status = 'DONE' THEN 1 ELSE 0 END,
        0, $5
    FROM unnest($2::text[], $3::text[]) given(stage, status)
"""
_SKIPPED = "not among what was imported from the program before z2"


async def put(db: Database, jobs: Sequence[OldJob]) -> list[int | str]:
    """Put jobs in, all in one transaction: for each its id, or the reason why the database will not have it.

    A job whose legacy id came in meanwhile by another import is not put in either.
    """
    results: list[int | str] = []
    async with db.transaction(statement_s=SLOW_STATEMENT_S) as connection:
        for job in jobs:
            try:
                async with connection.transaction():  # one bad record takes back nothing but itself
                    results.append(await _put_one(connection, job))
            except (
                asyncpg.DataError,
                asyncpg.IntegrityConstraintViolationError,
                asyncpg.ProgramLimitExceededError,
            ) as error:
                results.append(f"the database refuses it: {str(error).partition(chr(10))[0]}")
    return results


async def _put_one(connection: Any, job: OldJob) -> int | str:
    title = clean_text(job.metadata.title, _TITLE_LIMIT)
    job_id: int | None = await connection.fetchval(
        _JOB,
        clean_key(job.legacy_id),
        clean_text(job.url),
        clean_or_none(job.site, 200),
        clean_key(job.dedup_key),
        job.status,
        job.outcome,
        job.error_class,
        clean_or_none(job.error_message, 4000),
        job.created_at,
        job.started_at,
        job.finished_at,
        [clean_text(tag) for tag in job.tags],
        title,
        job.priority,
    )
    if job_id is None:
        return "another import put it in at the same time"
    await connection.execute(_RECORD, job_id, clean_text(job.source, 4000), job.sha256, job.record, list(job.warnings))
    await save_metadata(connection, job_id, job.metadata)
    if job.transcript is not None:
        await save_transcript(connection, job_id, job.transcript)
    if job.analysis is not None:
        await save_analysis(connection, job_id, job.analysis)
    if job.lines:
        await append_lines(connection, job_id, job.lines)
    if job.status == JobStatus.COMPLETED:
        had = {StageName.METADATA: True, StageName.TRANSCRIPT: job.transcript, StageName.ANALYSIS: job.analysis}
        states = [StageStatus.DONE if had.get(name) else StageStatus.SKIPPED for name in StageName]
        await connection.execute(_STAGES, job_id, list(StageName), states, _SKIPPED, job.finished_at)
    return job_id


_HAS_FILES = "SELECT EXISTS (SELECT FROM job_files WHERE job_id = $1)"
_BYTES = "UPDATE jobs SET bytes = (SELECT coalesce(sum(size_bytes), 0) FROM job_files WHERE job_id = $1) WHERE id = $1"


async def has_files(db: Database, job_id: int) -> bool:
    """Whether the job has any file yet."""
    found: bool = await db.fetchval(_HAS_FILES, job_id)
    return found


async def add_files(db: Database, job_id: int, artefacts: Sequence[Artefact]) -> None:
    """The files that were copied into the job's folder."""
    async with db.transaction() as connection:
        await save_files(connection, job_id, StageName.DOWNLOAD, artefacts)
        await connection.execute(_BYTES, job_id)


_READ_BACK = """
    SELECT j.legacy_id, j.status, r.record, r.sha256,
        (SELECT count(*) FROM job_metadata m WHERE m.job_id = j.id) AS descriptions,
        (SELECT count(*) FROM transcripts t WHERE t.job_id = j.id) AS transcripts,
        (SELECT count(*) FROM transcript_segments s JOIN transcripts t ON t.id = s.transcript_id WHERE t.job_id = j.id)
            AS cues,
        (SELECT count(*) FROM job_analysis a WHERE a.job_id = j.id) AS analyses,
        (SELECT count(*) FROM job_logs l WHERE l.job_id = j.id) AS lines
    FROM jobs j LEFT JOIN imported_records r ON r.job_id = j.id
    WHERE j.legacy_id = ANY($1)
"""
TABLES = ("descriptions", "transcripts", "cues", "analyses", "lines")


@dataclass(slots=True)
class Contents:
    """What a set of imported jobs amounts to: by status, by table, and the checksum of each original."""

    statuses: dict[str, int] = field(default_factory=dict)
    tables: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TABLES, 0))
    originals: dict[str, str] = field(default_factory=dict)

    def add(self, legacy_id: str, status: str, sha256: str, counts: Sequence[int]) -> None:
        """Count one job; `counts` in the order of TABLES."""
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.originals[legacy_id] = sha256
        for name, count in zip(TABLES, counts, strict=True):
            self.tables[name] += count


async def read_back(db: Database, legacy_ids: Sequence[str]) -> Contents:
    """What stands in the database under these ids; the checksums are made anew from the records that are kept."""
    found = Contents()
    keys = {clean_key(one): one for one in legacy_ids}
    for row in await db.fetch(_READ_BACK, list(keys)):
        digest = hashlib.sha256((row["record"] or "").encode()).hexdigest()
        found.add(keys[row["legacy_id"]], row["status"], digest, [row[name] for name in TABLES])
    return found
