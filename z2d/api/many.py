"""One action on many jobs: each is answered for itself, and one that refuses does not stop the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from z2d.api.answers import answer
from z2d.api.keys import DB
from z2d.api.middleware import CALLER
from z2d.api.queries import NoQuery
from z2d.store import control, many, removal, requests
from z2d.store.database import Database
from z2d.wire import errors, filters
from z2d.wire.control import MOST_JOBS, JobAction, ManyAnswer, ManyJobs, RefusedJob
from z2d.wire.jobs import JobSummary

Act = Callable[[int], Awaitable[JobSummary]]


async def act(request: web.Request, query: NoQuery, body: ManyJobs) -> web.Response:
    """Cancel, pause, resume, retry, delete or restore the jobs named, or those that a filter finds."""
    if (body.ids is None) == (body.filter is None):
        fault = {"path": "ids", "message": "give either ids or a filter"}
        raise errors.InvalidRequest("the body does not fit the contract", errors=[fault])
    db = request.app[DB]
    ids, next_after = await _chosen(db, body)
    if body.dry_run:
        return answer(ManyAnswer(done=ids, refused=[], next_after=next_after))
    apply = _actions(db, body, request[CALLER])[body.action]
    done: list[int] = []
    refused: list[RefusedJob] = []
    for job_id in ids:
        try:
            await apply(job_id)
            done.append(job_id)
        except (errors.JobNotFound, errors.AlreadyFinished, errors.Conflict) as error:
            refused.append(RefusedJob(id=job_id, code=error.code, detail=error.detail))
    return answer(ManyAnswer(done=done, refused=refused, next_after=next_after))


async def _chosen(db: Database, body: ManyJobs) -> tuple[list[int], int | None]:
    if body.ids is not None:
        return list(dict.fromkeys(body.ids)), None
    terms = filters.parse(body.filter or "")
    ids = await many.matching(
        db, terms, body.action, rerun=body.from_stage is not None, after=body.after, limit=MOST_JOBS + 1
    )
    return ids[:MOST_JOBS], ids[MOST_JOBS - 1] if len(ids) > MOST_JOBS else None


def _actions(db: Database, body: ManyJobs, caller: str) -> Mapping[JobAction, Act]:
    return {
        "cancel": lambda job_id: requests.ask_cancel(db, job_id, by=caller),
        "pause": lambda job_id: control.pause(db, job_id),
        "resume": lambda job_id: control.resume(db, job_id),
        "retry": lambda job_id: requests.retry(db, job_id, body.from_stage),
        "delete": lambda job_id: requests.mark_deleted(db, job_id, files=body.files),
        "restore": lambda job_id: removal.restore(db, job_id),
    }
