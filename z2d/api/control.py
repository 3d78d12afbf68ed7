"""Pausing, resuming, moving, changing, deleting and explaining one job."""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from pydantic import Field

from z2d.api import jobs
from z2d.api.answers import answer
from z2d.api.keys import DB
from z2d.api.queries import NoQuery
from z2d.api.reading import header_text
from z2d.store import control, removal, requests
from z2d.store import why as reasons
from z2d.wire import errors
from z2d.wire.base import Wire
from z2d.wire.control import JobChanges, MoveRequest
from z2d.wire.jobs import JobStatus

REV_HEADER = "If-Match"
REV_PATTERN = r'"?[0-9]{1,9}"?'
YesNo = Literal["true", "false"]


class DeleteParams(Wire):
    """`DELETE /api/jobs/{job_id}`."""

    purge: YesNo = Field("false", description="Delete a finished job in place of cancelling one that is not")
    files: YesNo = Field("false", description="With purge: its files go too, some days later")


async def pause(request: web.Request, query: NoQuery) -> web.Response:
    """Put a job down: 200 when it waits, 202 while its worker still puts things away."""
    job = await control.pause(request.app[DB], jobs.job_id(request))
    return answer(job, 202 if job.status is JobStatus.RUNNING else 200)


async def resume(request: web.Request, query: NoQuery) -> web.Response:
    """Let a paused job, or one submitted on hold, go on."""
    return answer(await control.resume(request.app[DB], jobs.job_id(request)))


async def move(request: web.Request, query: NoQuery, body: MoveRequest) -> web.Response:
    """To the front or the end of the queue, or past its neighbour."""
    return answer(await control.move(request.app[DB], jobs.job_id(request), body.to))


async def change(request: web.Request, query: NoQuery, body: JobChanges) -> web.Response:
    """Change priority, tags, options. Its rev, in the body or as If-Match, guards against overwriting somebody."""
    given = header_text(request, REV_HEADER, REV_PATTERN)
    rev = None if given is None else int(given.strip('"'))
    job = await control.change(request.app[DB], jobs.job_id(request), body, rev=rev)
    said = answer(job)
    said.headers["ETag"] = f'"{job.rev}"'
    return said


async def cancel_or_delete(request: web.Request, query: DeleteParams) -> web.Response:
    """Ask for the end of a job; with `purge`, take a finished one out of every list."""
    if query.purge == "false":
        if query.files == "true":
            fault = {"path": "files", "message": "goes with purge=true"}
            raise errors.InvalidRequest("the query does not fit the contract", errors=[fault])
        return await jobs.cancel(request, NoQuery())
    return answer(await requests.mark_deleted(request.app[DB], jobs.job_id(request), files=query.files == "true"))


async def restore(request: web.Request, query: NoQuery) -> web.Response:
    """Bring a deleted job back, as long as it is not gone for good."""
    return answer(await removal.restore(request.app[DB], jobs.job_id(request)))


async def why(request: web.Request, query: NoQuery) -> web.Response:
    """Why the job is where it is, in one line."""
    return answer(await reasons.why(request.app[DB], jobs.job_id(request)))
