"""Analyses of the past, what language models were paid for, and which jobs can be analysed anew."""

from __future__ import annotations

from z2d.store.clean import clean_int, clean_real, clean_text
from z2d.store.database import Database
from z2d.store.filtering import where
from z2d.store.reads import summary
from z2d.store.rows import pick
from z2d.wire.filters import Filter
from z2d.wire.library import AnalysisVersion, ModelUse

MOST_VERSIONS = 50

_VERSIONS = f"SELECT * FROM job_analysis WHERE job_id = $1 ORDER BY id DESC LIMIT {MOST_VERSIONS}"  # noqa: S608


async def versions(db: Database, job_id: int) -> list[AnalysisVersion]:
    """The job's analyses, the newest first, at most 50. Raises `JobNotFound`."""
    await summary(db, job_id)
    return [pick(AnalysisVersion, row) for row in await db.fetch(_VERSIONS, job_id)]


_RECORD_USE = """
    INSERT INTO model_use AS u (day, job_id, model, calls, prompt_tokens, completion_tokens, cost)
    VALUES ((now() AT TIME ZONE 'UTC')::date, $1, $2, $3, $4, $5, $6)
    ON CONFLICT (day, job_id, model) DO UPDATE SET calls = u.calls + excluded.calls,
        prompt_tokens = u.prompt_tokens + excluded.prompt_tokens,
        completion_tokens = u.completion_tokens + excluded.completion_tokens,
        cost = coalesce(u.cost + excluded.cost, u.cost, excluded.cost)
"""


async def record_use(db: Database, job_id: int, model: str, use: ModelUse) -> None:
    """Add to what the model was paid for today. Not undone by anything, and kept when the job is deleted.

    When the answer to this got lost, saying it again counts twice: rather too much than too little.
    """
    await db.execute(
        _RECORD_USE,
        job_id,
        clean_text(model, 200),
        use.calls,
        clean_int(use.prompt_tokens) or 0,
        clean_int(use.completion_tokens) or 0,
        clean_real(use.cost),
    )


_TOKENS_TODAY = """
    SELECT coalesce(sum(prompt_tokens + completion_tokens), 0)::bigint FROM model_use
    WHERE day = (now() AT TIME ZONE 'UTC')::date
"""


async def tokens_today(db: Database) -> int:
    """What language models were asked and answered today (UTC), by all jobs."""
    return int(await db.fetchval(_TOKENS_TODAY))


# only what has all that an analysis needs on disk: nothing is fetched again for it
_ANALYSABLE = """
    j.kind = 'MEDIA' AND j.status = 'COMPLETED' AND j.outcome IS DISTINCT FROM 'DUPLICATE'
    AND EXISTS (SELECT FROM job_stages s WHERE s.job_id = j.id AND s.stage = 'download' AND s.status = 'DONE')
    AND NOT EXISTS (SELECT FROM job_files f WHERE f.job_id = j.id AND f.state <> 'PRESENT'
                    AND f.stage IN ('metadata', 'download', 'audio', 'transcript'))
"""


async def analysable(
    db: Database, terms: Filter, *, ids: list[int] | None = None, after: int = 0, limit: int
) -> list[int]:
    """The next `limit` jobs above `after` in rising order that fit the filter and can be analysed anew.

    `ids`: only those among them.
    """
    conditions, args = where(terms)
    args += [after, ids]
    text = (
        f"SELECT j.id FROM jobs j WHERE {conditions} AND {_ANALYSABLE} AND j.id > ${len(args) - 1}"  # noqa: S608
        f" AND (${len(args)}::bigint[] IS NULL OR j.id = ANY(${len(args)}))"
    )
    return [row["id"] for row in await db.fetch(f"{text} ORDER BY j.id LIMIT {int(limit)}", *args)]
