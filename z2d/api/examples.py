"""Requests as people would make them. The document shows them, and the tests run every one as it stands.

They are about four jobs: 1 is completed, 2 is running, 3 is queued, 4 has failed.
"""

from __future__ import annotations

from typing import Any

from z2d.api.table import Example
from z2d.wire import errors

URL = "https://media.example/talks/owls.mp4"
OTHER = "https://media.example/talks/foxes.mp4"


def _refusal(error: errors.Z2Error) -> Any:
    return error.problem()


SUBMIT = (
    Example(
        name="new",
        summary="A video that is not in the library yet",
        body={"url": "https://media.example/talks/hares.mp4"},
        status=201,
    ),
    Example(
        name="known",
        summary="A video that is in the library: its job answers",
        body={"url": URL},
        status=200,
    ),
    Example(
        name="everything",
        summary="All fields",
        headers={"Idempotency-Key": "6f1f0f3e-owls"},
        body={
            "url": "https://media.example/talks/moles.mp4",
            "options": {"audio_only": False, "max_height": 1080, "languages": ["en", "de-AT"]},
            "priority": 10,
            "profile": "default",
            "tags": ["talks", "animals"],
            "force": False,
            "run_after": "2030-01-31T08:00:00+01:00",
            "hold": False,
        },
        status=201,
    ),
    Example(
        name="wrong_scheme",
        summary="Only http and https are accepted",
        body={"url": "file:///etc/passwd"},
        status=422,
    ),
    Example(
        name="unknown_field",
        summary="Unknown fields are refused",
        body={"url": URL, "exec": "rm"},
        status=400,
        answer=_refusal(
            errors.InvalidRequest(
                "the body does not fit the contract",
                errors=[{"path": "exec", "message": "Extra inputs are not permitted"}],
            )
        ),
    ),
)

BATCH = (
    Example(
        name="dry_run",
        summary="Only say what would happen",
        body={"urls": ["https://media.example/talks/hares.mp4", URL], "dry_run": True},
        answer={
            "results": [
                {
                    "url": "https://media.example/talks/hares.mp4",
                    "result": "queued",
                    "job_id": None,
                    "code": None,
                    "detail": None,
                },
                {"url": URL, "result": "duplicate", "job_id": 1, "code": None, "detail": None},
            ]
        },
    ),
    Example(
        name="three",
        summary="A new video, a known one, and something that is no video",
        body={"urls": ["https://media.example/talks/hares.mp4", URL, "ftp://media.example/owls"], "tags": ["talks"]},
    ),
)

LIST = (
    Example(name="newest", summary="The newest jobs", query={"limit": 20}),
    Example(name="failed", summary="What failed lately", query={"status": ["FAILED"], "since": "2026-01-01T00:00:00Z"}),
    Example(name="by_title", summary="By title", query={"q": "owls", "sort": "title", "order": "asc"}),
    Example(name="filter", summary="Conditions in one line",
            query={"filter": 'status:failed -site:youtube age<7d duration>30m "two words"'}),
    Example(
        name="wrong_filter",
        summary="A filter that cannot be understood: what is wrong, and where",
        query={"filter": "age<7d statsu:failed"},
        status=400,
    ),
    Example(name="too_far", summary="A deep offset is refused", query={"offset": 10001}, status=400),
)  # fmt: skip

SHOW = (
    Example(name="completed", summary="A completed job", path={"job_id": 1}),
    Example(
        name="unknown",
        summary="No such job",
        path={"job_id": 999},
        status=404,
        answer=_refusal(errors.JobNotFound("There is no job 999.")),
    ),
)

CANCEL = (
    Example(name="queued", summary="A queued job is cancelled at once", path={"job_id": 3}, status=200),
    Example(name="running", summary="A running job is cancelled by its worker", path={"job_id": 2}, status=202),
    Example(name="finished", summary="A completed job stays as it is", path={"job_id": 1}, status=409),
    Example(name="delete", summary="Unless it is to be deleted, here with its files", path={"job_id": 1},
            query={"purge": "true", "files": "true"}),
)  # fmt: skip

RETRY = (
    Example(name="again", summary="Keep finished stages", path={"job_id": 4}, body={}),
    Example(
        name="from_analysis",
        summary="Run analysis and what follows again",
        path={"job_id": 1},
        body={"from_stage": "analysis"},
    ),
    Example(name="running", summary="A running job cannot be retried", path={"job_id": 2}, body={}, status=409),
)

LOGS = (
    Example(name="all", summary="From the first line", path={"job_id": 1}),
    Example(name="warnings", summary="Warnings and worse, after line 1", path={"job_id": 1},
            query={"after": 1, "level": "WARNING", "limit": 100}),
)  # fmt: skip

FILES = (
    Example(name="part", summary="The first kilobyte", path={"job_id": 1, "file_id": 1},
            headers={"Range": "bytes=0-1023"}, status=206),
    Example(name="unknown", summary="No such file", path={"job_id": 1, "file_id": 999}, status=404),
)  # fmt: skip

TRANSCRIPT = (
    Example(name="subtitles", summary="As WebVTT", path={"job_id": 1}, query={"format": "vtt"}),
    Example(name="none", summary="A job without transcript", path={"job_id": 3}, status=404),
)

STATS = (Example(name="now", summary="The present numbers"),)
VERSION = (Example(name="now", summary="What runs"),)
ALIVE = (Example(name="alive", summary="The process answers", answer={"status": "ok", "parts": {}}),)
READY = (Example(name="ready", summary="Everything is there"),)
