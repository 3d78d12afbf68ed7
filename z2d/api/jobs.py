"""Submitting jobs, listing them, looking at one, cancelling and retrying."""

from __future__ import annotations

from aiohttp import web

from z2d.api.admitting import admit_one
from z2d.api.answers import answer
from z2d.api.current import CURRENT
from z2d.api.keys import DB
from z2d.api.middleware import CALLER
from z2d.api.queries import ListParams, NoQuery
from z2d.api.reading import header_text, path_id
from z2d.store import reads, requests, submission
from z2d.wire import errors, filters
from z2d.wire.jobs import JobStatus, NewJob, RetryRequest, SubmittedJob

KEY_HEADER = "Idempotency-Key"
KEY_PATTERN = r"[!-~]{1,200}"


def job_id(request: web.Request) -> int:
    """The job that the path names. Raises: JobNotFound where it cannot be a job's number."""
    return path_id(request, "job_id", errors.JobNotFound)


async def submit(request: web.Request, query: NoQuery, body: NewJob) -> web.Response:
    """Queue one URL, or answer with the job that already stands for the same video."""
    key = header_text(request, KEY_HEADER, KEY_PATTERN)
    body = request.app[CURRENT].profiles.settled(body)
    playlist = body.options.playlist is not None
    admitted = await admit_one(request.app[CURRENT].admit, body.url, playlist=playlist)
    job, deduplicated = await submission.submit(
        request.app[DB],
        url=admitted.url,
        site=admitted.site,
        dedup_key=admitted.dedup_key,
        job=body,
        submitted_by=request[CALLER],
        client_key=key,
    )
    said = SubmittedJob.model_validate({**dict(job), "deduplicated": deduplicated})
    return answer(said, 200 if deduplicated else 201)


async def list_jobs(request: web.Request, query: ListParams) -> web.Response:
    """A page of jobs. `next_cursor` leads on at the same cost at any depth."""
    asked = reads.ListQuery(**{**dict(query), "filter": filters.parse(query.filter or "")})
    return answer(await reads.page(request.app[DB], asked))


async def show(request: web.Request, query: NoQuery) -> web.Response:
    """All that is known of one job."""
    return answer(await reads.detail(request.app[DB], job_id(request)))


async def cancel(request: web.Request, query: NoQuery) -> web.Response:
    """Ask for a job's end: 200 when it has ended, 202 while its worker still puts things away."""
    job = await requests.ask_cancel(request.app[DB], job_id(request), by=request[CALLER])
    return answer(job, 200 if job.status is JobStatus.CANCELLED else 202)


async def retry(request: web.Request, query: NoQuery, body: RetryRequest) -> web.Response:
    """Queue a finished job again. Finished stages are kept, or run again from `from_stage` on."""
    return answer(await requests.retry(request.app[DB], job_id(request), body.from_stage))
