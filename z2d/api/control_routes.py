"""The part of the route table that controls jobs and the queue."""

from __future__ import annotations

from z2d.api import control, many, queue
from z2d.api import control_examples as examples
from z2d.api.table import Answer, Header, Route
from z2d.wire import errors
from z2d.wire.control import JobChanges, ManyAnswer, ManyJobs, MoveRequest, PauseQueue, QueueChanges, QueueState, Why
from z2d.wire.jobs import JobSummary

_BODY = (errors.UnsupportedMediaType, errors.PayloadTooLarge)
_JOB = Answer(model=JobSummary, description="The job")
_QUEUE = {200: Answer(model=QueueState, description="The queue")}


def routes() -> tuple[Route, ...]:
    """Every call that changes what is there already."""
    return (*_of_its_run(), *_of_its_record(), *_of_many(), *_of_the_queue())


def _of_its_run() -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/api/jobs/{job_id}/pause",
            handler=control.pause,
            summary="Pause a job",
            tag="control",
            answers={
                200: Answer(model=JobSummary, description="The job waits until it is resumed"),
                202: Answer(model=JobSummary, description="The job is being put down"),
            },
            errors=(errors.JobNotFound, errors.AlreadyFinished, errors.Conflict),
            examples=examples.PAUSE,
        ),
        Route(
            method="POST",
            path="/api/jobs/{job_id}/resume",
            handler=control.resume,
            summary="Resume a paused job, or one submitted on hold",
            tag="control",
            answers={200: _JOB},
            errors=(errors.JobNotFound, errors.AlreadyFinished, errors.Conflict),
            examples=examples.RESUME,
        ),
        Route(
            method="POST",
            path="/api/jobs/{job_id}/move",
            handler=control.move,
            summary="Move a job to the front or the end of the queue",
            tag="control",
            body=MoveRequest,
            answers={200: _JOB},
            errors=(*_BODY, errors.JobNotFound, errors.Conflict),
            examples=examples.MOVE,
        ),
    )


def _of_its_record() -> tuple[Route, ...]:
    return (
        Route(
            method="PATCH",
            path="/api/jobs/{job_id}",
            handler=control.change,
            summary="Change priority, tags or options of a job",
            tag="control",
            body=JobChanges,
            headers=(
                Header(
                    name=control.REV_HEADER,
                    description="The job's rev; refused (412) when it has changed since",
                    pattern=f"^{control.REV_PATTERN}$",
                ),
            ),
            answers={200: Answer(model=JobSummary, description="The job", headers={"ETag": "The job's new rev"})},
            errors=(*_BODY, errors.JobNotFound, errors.Conflict, errors.PreconditionFailed),
            examples=examples.CHANGE,
        ),
        Route(
            method="POST",
            path="/api/jobs/{job_id}/restore",
            handler=control.restore,
            summary="Bring back a deleted job",
            tag="control",
            answers={200: _JOB},
            errors=(errors.JobNotFound, errors.Conflict),
            examples=examples.RESTORE,
        ),
        Route(
            method="GET",
            path="/api/jobs/{job_id}/why",
            handler=control.why,
            summary="Why is this job where it is?",
            tag="control",
            answers={200: Answer(model=Why, description="The reason that counts most")},
            errors=(errors.JobNotFound,),
            examples=examples.WHY,
        ),
    )


def _of_many() -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/api/jobs/actions",
            handler=many.act,
            summary="Do something with many jobs",
            tag="control",
            body=ManyJobs,
            answers={200: Answer(model=ManyAnswer, description="Each job's answer")},
            errors=(*_BODY, errors.FilterInvalid),
            examples=examples.MANY,
        ),
    )


def _of_the_queue() -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/api/queue",
            handler=queue.show_queue,
            summary="The queue as a whole",
            tag="queue",
            query=queue.QueueParams,
            answers=_QUEUE,
            examples=examples.QUEUE,
        ),
        Route(
            method="PATCH",
            path="/api/queue",
            handler=queue.change_queue,
            summary="Set how many jobs run at once",
            tag="queue",
            body=QueueChanges,
            answers=_QUEUE,
            errors=_BODY,
            examples=examples.SET_SLOTS,
        ),
        Route(
            method="POST",
            path="/api/queue/pause",
            handler=queue.pause_queue,
            summary="Pause the queue, or let it drain",
            tag="queue",
            body=PauseQueue,
            body_optional=True,
            answers=_QUEUE,
            errors=_BODY,
            examples=examples.PAUSE_QUEUE,
        ),
        Route(
            method="POST",
            path="/api/queue/resume",
            handler=queue.resume_queue,
            summary="Resume the queue",
            tag="queue",
            answers=_QUEUE,
            examples=examples.RESUME_QUEUE,
        ),
    )
