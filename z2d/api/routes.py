"""The route table: everything that can be called, in one place.

The aiohttp routes and the OpenAPI document are both made from it, so neither can say what the other does not.
"""

from __future__ import annotations

from z2d.api import (
    analysis_routes,
    batch,
    control,
    control_routes,
    examples,
    files,
    jobs,
    live,
    loglines,
    publishing_routes,
    search_routes,
    service_routes,
    site_routes,
    source_routes,
)
from z2d.api.queries import (
    ListParams,
    LogParams,
    LogSocketParams,
    StatusSocketParams,
    TranscriptParams,
)
from z2d.api.table import Answer, Header, Route
from z2d.publish.exports import MIME
from z2d.wire import errors
from z2d.wire.jobs import (
    BatchAnswer,
    JobDetail,
    JobSummary,
    LogPage,
    NewBatch,
    NewJob,
    Page,
    RetryRequest,
    SubmittedJob,
)
from z2d.wire.library import Transcript

_KEY = Header(
    name=jobs.KEY_HEADER,
    description="Any text; a repeated submission with the same key gives the first one's job instead of a new one",
    pattern=f"^{jobs.KEY_PATTERN}$",
)
_BODY = (errors.UnsupportedMediaType, errors.PayloadTooLarge)
_URL = (
    errors.UrlInvalid,
    errors.UrlScheme,
    errors.UrlPrivateAddress,
    errors.UrlUnsupported,
    errors.ProfileUnknown,
)
_SOCKET = (errors.TooManyRequests, errors.ShuttingDown)
_UPGRADE = {101: Answer(media=(), description="Switching protocols; the messages are listed in x-messages")}


def routes() -> tuple[Route, ...]:
    """Every call of the contract."""
    return (
        *_submitting(),
        *_jobs(),
        *_of_one_job(),
        *control_routes.routes(),
        *site_routes.routes(),
        *source_routes.routes(),
        *analysis_routes.routes(),
        *publishing_routes.routes(),
        *search_routes.routes(),
        *service_routes.routes(),
        *_sockets(),
    )


def _submitting() -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/api/jobs",
            handler=jobs.submit,
            summary="Submit a URL",
            tag="jobs",
            body=NewJob,
            headers=(_KEY,),
            answers={
                201: Answer(model=SubmittedJob, description="A new job"),
                200: Answer(model=SubmittedJob, description="The job that already stands for this video"),
            },
            errors=(*_BODY, *_URL, errors.Conflict),
            examples=examples.SUBMIT,
        ),
        Route(
            method="POST",
            path="/api/jobs/batch",
            handler=batch.submit_batch,
            summary="Submit many URLs",
            tag="jobs",
            body=NewBatch,
            headers=(_KEY,),
            answers={200: Answer(model=BatchAnswer, description="One result per URL, in the order sent")},
            errors=(*_BODY, errors.Conflict, errors.ProfileUnknown),
            examples=examples.BATCH,
        ),
    )


def _jobs() -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/api/jobs",
            handler=jobs.list_jobs,
            summary="List jobs",
            tag="jobs",
            query=ListParams,
            answers={200: Answer(model=Page[JobSummary], description="A page of jobs")},
            errors=(errors.FilterInvalid,),
            examples=examples.LIST,
        ),
        Route(
            method="GET",
            path="/api/jobs/{job_id}",
            handler=jobs.show,
            summary="Show a job",
            tag="jobs",
            answers={200: Answer(model=JobDetail, description="All that is known of the job")},
            errors=(errors.JobNotFound,),
            examples=examples.SHOW,
        ),
        Route(
            method="DELETE",
            path="/api/jobs/{job_id}",
            handler=control.cancel_or_delete,
            summary="Cancel a job, or delete a finished one",
            tag="jobs",
            query=control.DeleteParams,
            answers={
                200: Answer(model=JobSummary, description="The job is cancelled; or it was this, and is deleted"),
                202: Answer(model=JobSummary, description="The job is being cancelled"),
            },
            errors=(errors.JobNotFound, errors.AlreadyFinished, errors.Conflict),
            examples=examples.CANCEL,
        ),
        Route(
            method="POST",
            path="/api/jobs/{job_id}/retry",
            handler=jobs.retry,
            summary="Retry a finished job",
            tag="jobs",
            body=RetryRequest,
            body_optional=True,
            answers={200: Answer(model=JobSummary, description="The job, queued again")},
            errors=(*_BODY, errors.JobNotFound, errors.Conflict),
            examples=examples.RETRY,
        ),
    )


def _of_one_job() -> tuple[Route, ...]:
    kinds = ("application/octet-stream", "video/*", "audio/*", "image/*", "text/*", "application/*")
    return (
        Route(
            method="GET",
            path="/api/jobs/{job_id}/logs",
            handler=loglines.page,
            summary="Read a page of log lines",
            tag="logs",
            query=LogParams,
            answers={200: Answer(model=LogPage, description="Lines in rising order of seq")},
            errors=(errors.JobNotFound,),
            examples=examples.LOGS,
        ),
        Route(
            method="GET",
            path="/api/jobs/{job_id}/files/{file_id}",
            handler=files.download,
            summary="Download a file of a job",
            tag="files",
            headers=(
                Header(name="Range", description="One range of bytes; several at once get the whole file"),
                Header(name="If-None-Match", description="ETag of what the caller has"),
                Header(name="If-Range", description="ETag for which the range is meant"),
            ),
            answers={
                200: Answer(media=kinds, description="The file", headers={"ETag": "Names this content"}),
                206: Answer(media=kinds, description="The part asked for", headers={"Content-Range": "Which part"}),
                304: Answer(media=(), description="The caller has the newest content"),
            },
            errors=(errors.JobNotFound, errors.FileNotFound, errors.RangeNotSatisfiable),
            examples=examples.FILES,
        ),
        Route(
            method="GET",
            path="/api/jobs/{job_id}/transcript",
            handler=files.transcript,
            summary="Read the transcript",
            tag="files",
            query=TranscriptParams,
            answers={
                200: Answer(
                    model=Transcript,
                    media=tuple(MIME.values()),
                    description="The transcript in the format asked for",
                )
            },
            errors=(errors.JobNotFound, errors.TranscriptNotFound),
            examples=examples.TRANSCRIPT,
        ),
    )


def _sockets() -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/ws/jobs/status",
            handler=live.status_socket,
            summary="The state of all jobs, live (WebSocket)",
            tag="sockets",
            query=StatusSocketParams,
            socket=True,
            answers=_UPGRADE,
            errors=_SOCKET,
        ),
        Route(
            method="GET",
            path="/ws/jobs/{job_id}/logs",
            handler=live.log_socket,
            summary="A job's log, live (WebSocket); close code 4404 for an unknown job",
            tag="sockets",
            query=LogSocketParams,
            socket=True,
            answers=_UPGRADE,
            errors=_SOCKET,
        ),
    )
