"""The analyses of a job, and analysing again what is in the library."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from z2d.api import jobs
from z2d.api.answers import answer
from z2d.api.keys import DB
from z2d.api.queries import NoQuery
from z2d.store import analyses, requests
from z2d.store.database import Database
from z2d.wire import errors, filters
from z2d.wire.analyses import AnalyzeRequest
from z2d.wire.control import MOST_JOBS, ManyAnswer, RefusedJob
from z2d.wire.jobs import StageName
from z2d.wire.library import AnalysisVersions


async def versions(request: web.Request, query: NoQuery) -> web.Response:
    """Every analysis that the job has had, each with how it came about."""
    return answer(AnalysisVersions(items=await analyses.versions(request.app[DB], jobs.job_id(request))))


async def analyze(request: web.Request, query: NoQuery, body: AnalyzeRequest) -> web.Response:
    """Queue the analysis of many jobs anew. They run as slots allow, one after the other."""
    if (body.ids is None) == (body.filter is None):
        fault = {"path": "ids", "message": "give either ids or a filter"}
        raise errors.InvalidRequest("the body does not fit the contract", errors=[fault])
    db = request.app[DB]
    ids, next_after = await _chosen(db, body)
    refused = [_unfit(job_id) for job_id in body.ids or () if job_id not in ids]
    done: list[int] = []
    wanted = {"analysis_language": body.language, "analysis": body.analysis}
    options: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    for job_id in ids:
        if body.dry_run:
            done.append(job_id)
            continue
        try:
            await requests.retry(db, job_id, StageName.ANALYSIS, priority=body.priority, options=options)
            done.append(job_id)
        except (errors.JobNotFound, errors.Conflict) as error:
            refused.append(RefusedJob(id=job_id, code=error.code, detail=error.detail))
    return answer(ManyAnswer(done=done, refused=refused, next_after=next_after))


async def _chosen(db: Database, body: AnalyzeRequest) -> tuple[list[int], int | None]:
    """The jobs that it is about and that can be analysed, and where to go on when there are more."""
    if body.ids is not None:
        return await analyses.analysable(db, (), ids=body.ids, limit=MOST_JOBS), None
    ids = await analyses.analysable(db, filters.parse(body.filter or ""), after=body.after, limit=MOST_JOBS + 1)
    return ids[:MOST_JOBS], ids[MOST_JOBS - 1] if len(ids) > MOST_JOBS else None


def _unfit(job_id: int) -> RefusedJob:
    detail = f"There is no completed job {job_id} that has all its files."
    return RefusedJob(id=job_id, code=errors.Conflict.code, detail=detail)
