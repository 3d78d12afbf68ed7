"""The document and the routes are one thing: the document is valid, complete, and each of its examples is true."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from docs import answers
from tests.api.seed import seed
from tests.api.world import World, running
from tests.support import eventually, short_tmp
from z2d.api.openapi import document
from z2d.api.routes import routes
from z2d.store.database import Database

DOCUMENT = document(routes(), "0.1.0")
STATUS = {(route.method.lower(), route.path, one.name): one.status for route in routes() for one in route.examples}


def test_the_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    validate(DOCUMENT)


def test_every_call_of_the_contract_is_there() -> None:
    found = {f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert found == {
        "POST /api/jobs",
        "GET /api/jobs",
        "POST /api/jobs/batch",
        "GET /api/jobs/{job_id}",
        "DELETE /api/jobs/{job_id}",
        "PATCH /api/jobs/{job_id}",
        "POST /api/jobs/{job_id}/retry",
        "POST /api/jobs/{job_id}/pause",
        "POST /api/jobs/{job_id}/resume",
        "POST /api/jobs/{job_id}/move",
        "POST /api/jobs/{job_id}/restore",
        "GET /api/jobs/{job_id}/why",
        "POST /api/jobs/actions",
        "GET /api/jobs/{job_id}/analyses",
        "POST /api/analyze",
        "GET /api/queue",
        "PATCH /api/queue",
        "POST /api/queue/pause",
        "POST /api/queue/resume",
        "GET /api/jobs/{job_id}/logs",
        "GET /api/jobs/{job_id}/files/{file_id}",
        "GET /api/jobs/{job_id}/transcript",
        "POST /api/jobs/{job_id}/publish",
        "GET /api/targets",
        "POST /api/publish",
        "GET /feeds/{name}.xml",
        "GET /feeds/{name}/{job_id}/{file}",
        "GET /api/profiles",
        "GET /api/cookies",
        "PUT /api/cookies/{site}",
        "DELETE /api/cookies/{site}",
        "GET /api/search",
        "POST /api/probe",
        "POST /api/uploads",
        "GET /api/stats",
        "GET /api/version",
        "GET /api/openapi.json",
        "GET /api/docs",
        "GET /api/diagnosis",
        "GET /metrics",
        "GET /healthz",
        "GET /readyz",
        "GET /ws/jobs/status",
        "GET /ws/jobs/{job_id}/logs",
    }


def test_operations_have_different_names() -> None:
    names = [operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names)


def schema(found: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**found, "components": DOCUMENT["components"]})


def operations_with_examples() -> list[Any]:
    """(method, path, operation, names of its examples): the requests are those that the document shows."""
    found = []
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            names: dict[str, None] = {}
            for parameter in operation.get("parameters", ()):
                names |= dict.fromkeys(parameter.get("examples", ()))
            names |= dict.fromkeys(body_of(operation).get("examples", ()))
            # what is asked for without a word stands in the table alone
            names |= dict.fromkeys(name for verb, where, name in STATUS if (verb, where) == (method, path))
            if names:
                found.append(pytest.param(method, path, operation, list(names), id=f"{method} {path}"))
    return found


def body_of(operation: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return content


@pytest.fixture
async def shown(dsn: str, db: Database) -> AsyncIterator[World]:
    """The jobs of `seeded`, there before the API is: the statistics it remembers are never of an empty library."""
    with short_tmp() as folder:
        await seed(db, folder / "jobs")
        async with running(dsn, db, folder) as found:
            await eventually(lambda: found.listener.connected, what="the listener, which readyz tells of")
            yield found


@pytest.mark.parametrize(("method", "path", "operation", "names"), operations_with_examples())
async def test_every_example_is_true(
    shown: World, method: str, path: str, operation: dict[str, Any], names: list[str]
) -> None:
    told = {name: await run_example(shown, method, path, operation, name) for name in names}
    call = f"{method.upper()} {path}"
    if os.environ.get("WRITE_ANSWERS"):
        answers.write(call, told)
    assert told == answers.read().get(call), f"the API answers otherwise than docs/answers.json says; {answers.RENEW}"


async def run_example(world: World, method: str, path: str, operation: dict[str, Any], name: str) -> Any:
    expected = STATUS[method, path, name]
    query: list[tuple[str, str]] = []
    headers = {}
    for parameter in operation.get("parameters", ()):
        if name not in parameter.get("examples", {}):
            continue
        value = parameter["examples"][name]["value"]
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(value))
        elif parameter["in"] == "query":
            query += [(parameter["name"], str(one)) for one in (value if isinstance(value, list) else [value])]
        else:
            headers[parameter["name"]] = value
    body = body_of(operation).get("examples", {}).get(name)
    more = {"json": body["value"]} if body else {}
    async with world.unix.request(method, path, params=query, headers=headers, **more) as answer:
        assert answer.status == expected, (name, await answer.text())
        told = operation["responses"][str(answer.status)]["content"]
        media = told[answer.content_type if answer.content_type in told else "video/*"]
        if answer.content_type.endswith("json"):
            said = await answer.json(content_type=None)
            schema(media["schema"]).validate(said)
            if name in media.get("examples", {}):
                assert said == media["examples"][name]["value"]
            return answers.settled(said)
        return answers.settled_text(answer.content_type, await answer.read())


async def test_the_served_document_is_this_one(world: World) -> None:
    assert await world.call("GET", "/api/openapi.json") == (200, DOCUMENT)
