"""The part of the route table about what jobs are made of: looking at a URL first, and sending a file."""

from __future__ import annotations

from z2d.api import probe, uploads
from z2d.api.queries import UploadParams
from z2d.api.table import Answer, Example, Route
from z2d.wire import errors
from z2d.wire.probe import ProbeAnswer, ProbeRequest, UploadedFile

_PROBE = (
    Example(
        name="video",
        summary="What is there, and is it in the library?",
        body={"url": "https://media.example/talks/owls.mp4"},
    ),
    Example(
        name="playlist",
        summary="The newest three of a list that are talks",
        body={
            "url": "https://media.example/feed.rss",
            "options": {"playlist": {"limit": 3, "after": "2026-01-01", "match": "talk"}},
        },
    ),
    Example(
        name="wrong_scheme",
        summary="Only http and https are accepted",
        body={"url": "file:///etc/passwd"},
        status=422,
    ),
)


def routes() -> tuple[Route, ...]:
    """Every call of this subject."""
    return (
        Route(
            method="POST",
            path="/api/probe",
            handler=probe.probe,
            summary="Look at a URL without queueing it",
            tag="jobs",
            body=ProbeRequest,
            answers={200: Answer(model=ProbeAnswer, description="What is there, or why it cannot be seen")},
            errors=(
                errors.UnsupportedMediaType,
                errors.PayloadTooLarge,
                errors.UrlInvalid,
                errors.UrlScheme,
                errors.UrlPrivateAddress,
                errors.UrlUnsupported,
                errors.ProfileUnknown,
                errors.TooManyRequests,
                errors.NotFound,
            ),
            examples=_PROBE,
        ),
        Route(
            method="POST",
            path="/api/uploads",
            handler=uploads.receive_upload,
            summary="Send a file to make a job of",
            tag="jobs",
            query=UploadParams,
            stream=uploads.MEDIA_TYPE,
            answers={
                201: Answer(model=UploadedFile, description="The file was received"),
                200: Answer(model=UploadedFile, description="The same content was there already"),
            },
            errors=(
                errors.UnsupportedMediaType,
                errors.PayloadTooLarge,
                errors.TooManyRequests,
                errors.DiskFull,
            ),
        ),
    )
