"""The part of the route table that is about publishing: the targets, doing it again, and the podcast feeds."""

from __future__ import annotations

from z2d.api import publishing
from z2d.api.table import Answer, Example, Header, Route
from z2d.publish.feed import MIME
from z2d.wire import errors
from z2d.wire.control import ManyAnswer
from z2d.wire.publishing import PublishAnswer, PublishManyRequest, PublishRequest, TargetList

_NAME = r"[a-z0-9][a-z0-9_-]{0,63}"
_FILE = r"(media(\.[a-z0-9]{1,8})?|picture|transcript\.vtt|chapters\.json)"
_HEADERS = (
    Header(name="Range", description="One range of bytes; several at once get the whole"),
    Header(name="If-None-Match", description="ETag of what the caller has"),
    Header(name="If-Range", description="ETag for which the range is meant"),
)
_ETAG = {"ETag": "Names this content"}
_KINDS = ("application/octet-stream", "video/*", "audio/*", "image/*", "text/*", "application/*")
_PUBLISH = (
    Example(name="again", summary="To every target that lacks it or has it otherwise", path={"job_id": 1}, body={}),
    Example(
        name="library",
        summary="Into the library, even if nothing has changed",
        path={"job_id": 1},
        body={"target": "library", "force": True},
    ),
    Example(
        name="unfinished", summary="Only a completed job can be published", path={"job_id": 3}, body={}, status=409
    ),
    Example(
        name="unknown",
        summary="A target that is not configured",
        path={"job_id": 1},
        body={"target": "nowhere"},
        status=404,
    ),
)
_TARGETS = (Example(name="all", summary="What there is"),)
_PUBLISH_MANY = (
    Example(
        name="failed",
        summary="What the library could not take",
        body={"filter": "", "failed": True, "target": "library"},
        answer={"done": [], "refused": [], "next_after": None},
    ),
    Example(
        name="channel",
        summary="Which jobs of a channel it would be",
        body={"filter": 'channel:"Night school"', "dry_run": True},
        answer={"done": [1], "refused": [], "next_after": None},
    ),
    Example(
        name="unfinished",
        summary="Each job is answered for itself",
        body={"ids": [3]},
        answer={
            "done": [],
            "refused": [
                {"id": 3, "code": "conflict", "detail": "Job 3 is QUEUED; only a completed job can be published."}
            ],
            "next_after": None,
        },
    ),
    Example(name="neither", summary="Ids or a filter are needed", body={}, status=400),
    Example(
        name="unknown",
        summary="A target that is not configured",
        body={"filter": "", "target": "nowhere"},
        status=404,
        answer=errors.TargetNotFound("There is no target 'nowhere'.").problem(),
    ),
)
_FEED = (
    Example(name="talks", summary="A feed of the configuration", path={"name": "talks"}),
    Example(name="unknown", summary="One that is not there", path={"name": "nothing"}, status=404),
)
_FEED_FILE = (
    Example(
        name="absent",
        summary="A job that is not in the feed",
        path={"name": "talks", "job_id": 2, "file": "media.mp4"},
        status=404,
    ),
)


def routes() -> tuple[Route, ...]:
    """Every call that is about publishing."""
    return (*_calls(), *_feeds())


def _calls() -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/api/jobs/{job_id}/publish",
            handler=publishing.publish,
            summary="Publish a job again",
            tag="publishing",
            body=PublishRequest,
            body_optional=True,
            answers={200: Answer(model=PublishAnswer, description="Every publication of the job as it is now")},
            errors=(
                errors.UnsupportedMediaType,
                errors.PayloadTooLarge,
                errors.JobNotFound,
                errors.TargetNotFound,
                errors.Conflict,
            ),
            examples=_PUBLISH,
        ),
        Route(
            method="GET",
            path="/api/targets",
            handler=publishing.targets,
            summary="The publishing targets",
            tag="publishing",
            answers={200: Answer(model=TargetList, description="The library first, then the others by name")},
            examples=_TARGETS,
        ),
        Route(
            method="POST",
            path="/api/publish",
            handler=publishing.publish_many,
            summary="Publish many jobs again",
            tag="publishing",
            body=PublishManyRequest,
            answers={200: Answer(model=ManyAnswer, description="Each job's answer")},
            errors=(
                errors.UnsupportedMediaType,
                errors.PayloadTooLarge,
                errors.FilterInvalid,
                errors.TargetNotFound,
            ),
            examples=_PUBLISH_MANY,
        ),
    )


def _feeds() -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/feeds/{name}.xml",
            handler=publishing.show_feed,
            summary="A podcast feed",
            tag="publishing",
            texts={"name": _NAME},
            headers=_HEADERS,
            answers={
                200: Answer(media=(MIME,), description="The feed (RSS 2.0)", headers=_ETAG),
                206: Answer(media=(MIME,), description="The part asked for", headers={"Content-Range": "Which part"}),
                304: Answer(media=(), description="The caller has the newest"),
            },
            errors=(errors.FeedNotFound, errors.RangeNotSatisfiable),
            examples=_FEED,
        ),
        Route(
            method="GET",
            path="/feeds/{name}/{job_id}/{file}",
            handler=publishing.feed_file,
            summary="What an episode of a feed links to",
            tag="publishing",
            texts={"name": _NAME, "file": _FILE},
            headers=_HEADERS,
            answers={
                200: Answer(media=_KINDS, description="The file", headers=_ETAG),
                206: Answer(media=_KINDS, description="The part asked for", headers={"Content-Range": "Which part"}),
                304: Answer(media=(), description="The caller has the newest"),
            },
            errors=(errors.FeedNotFound, errors.FileNotFound, errors.TranscriptNotFound, errors.RangeNotSatisfiable),
            examples=_FEED_FILE,
        ),
    )
