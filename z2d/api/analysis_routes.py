"""The part of the route table about analyses, with its examples."""

from __future__ import annotations

from z2d.api import analyses
from z2d.api.table import Answer, Example, Route
from z2d.wire import errors
from z2d.wire.analyses import AnalyzeRequest
from z2d.wire.control import ManyAnswer
from z2d.wire.library import AnalysisVersions

_VERSIONS = (
    Example(name="completed", summary="The analyses of a job", path={"job_id": 1}),
    Example(name="unknown", summary="No such job", path={"job_id": 999}, status=404),
)
_ANALYZE = (
    Example(
        name="channel",
        summary="Everything of a channel, and write in German",
        body={"filter": 'channel:"Owls at night" age<365d', "language": "de"},
        answer={"done": [], "refused": [], "next_after": None},
    ),
    Example(
        name="not_complete",
        summary="A job that has failed has nothing to analyse",
        body={"ids": [4]},
        answer={
            "done": [],
            "refused": [{"id": 4, "code": "conflict", "detail": "There is no completed job 4 that has all its files."}],
            "next_after": None,
        },
    ),
    Example(name="neither", summary="Ids or a filter are needed", body={}, status=400),
)


def routes() -> tuple[Route, ...]:
    """Looking at analyses, and asking for new ones."""
    return (
        Route(
            method="GET",
            path="/api/jobs/{job_id}/analyses",
            handler=analyses.versions,
            summary="The analyses of a job, also former ones",
            tag="analysis",
            answers={200: Answer(model=AnalysisVersions, description="The newest first, at most 50")},
            errors=(errors.JobNotFound,),
            examples=_VERSIONS,
        ),
        Route(
            method="POST",
            path="/api/analyze",
            handler=analyses.analyze,
            summary="Analyse jobs again without fetching anything",
            tag="analysis",
            body=AnalyzeRequest,
            answers={200: Answer(model=ManyAnswer, description="Each job's answer")},
            errors=(errors.UnsupportedMediaType, errors.PayloadTooLarge, errors.FilterInvalid),
            examples=_ANALYZE,
        ),
    )
