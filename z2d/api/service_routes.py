"""The part of the route table about the daemon itself."""

from __future__ import annotations

from z2d.api import examples, metrics, service
from z2d.api.table import Answer, Route
from z2d.wire.service import Diagnosis, Health, Stats, Version


def routes() -> tuple[Route, ...]:
    """Every call about the daemon."""
    return (*_about(), *_health())


def _about() -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/api/stats",
            handler=service.stats,
            summary="Statistics",
            tag="service",
            answers={200: Answer(model=Stats, description="Counts and averages")},
            examples=examples.STATS,
        ),
        Route(
            method="GET",
            path="/api/version",
            handler=service.version,
            summary="Versions",
            tag="service",
            answers={200: Answer(model=Version, description="Versions of the daemon and of what it stands on")},
            examples=examples.VERSION,
        ),
        Route(
            method="GET",
            path="/api/openapi.json",
            handler=service.document,
            summary="This contract as an OpenAPI document",
            tag="service",
            answers={200: Answer(description="An OpenAPI 3.1 document")},
        ),
    )


def _health() -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/api/diagnosis",
            handler=service.diagnosis,
            summary="What the daemon finds when it looks at itself",
            tag="service",
            answers={200: Answer(model=Diagnosis, description="Each thing looked at; a remedy where one is needed")},
        ),
        Route(
            method="GET",
            path="/api/docs",
            handler=service.docs,
            summary="This contract as a page to read",
            tag="service",
            public=True,
            answers={200: Answer(media=("text/html",), description="A page without scripts")},
        ),
        Route(
            method="GET",
            path="/metrics",
            handler=metrics.numbers,
            summary="Numbers for Prometheus",
            tag="service",
            answers={200: Answer(media=("text/plain",), description="Prometheus' text format, version 0.0.4")},
        ),
        Route(
            method="GET",
            path="/healthz",
            handler=service.alive,
            summary="Is the process alive?",
            tag="service",
            public=True,
            answers={200: Answer(model=Health, description="It is")},
            examples=examples.ALIVE,
        ),
        Route(
            method="GET",
            path="/readyz",
            handler=service.ready,
            summary="Can jobs be taken and done?",
            tag="service",
            answers={
                200: Answer(model=Health, description="They can"),
                503: Answer(model=Health, description="A part is missing"),
            },
            examples=examples.READY,
        ),
    )
