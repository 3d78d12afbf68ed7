"""Generated requests, fitting and not, against the running API: no 5xx, and every answer as the document says.

What is sent is made when a test runs: making it takes seconds, and while collecting each worker would make all of it.
"""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks
from schemathesis.config import SchemathesisConfig

from tests.api.seed import seed
from tests.api.world import TOKEN, running
from tests.conftest import TEMPLATE
from tests.support import short_tmp
from z2d.api.openapi import document
from z2d.api.routes import routes
from z2d.postgres.server import EmbeddedPostgres
from z2d.store.database import Database

# what can be called without upgrading to a WebSocket
TABLE = tuple(route for route in routes() if not route.socket)
PATHS = tuple(dict.fromkeys(route.path for route in TABLE))
REFUSED = {"negative_data_rejection": {"expected-statuses": [400, 401, 403, 404, 405, 409, 413, 415, 422]}}
CALLS = schemathesis.pytest.from_fixture("calls")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)


@functools.cache
def whole_document() -> dict[str, Any]:
    return document(TABLE, "0.1.0")


@pytest.fixture(params=PATHS)
def calls(request: pytest.FixtureRequest) -> schemathesis.BaseSchema:
    """One path of the document with all of its methods: so the workers share the paths."""
    only = {request.param: whole_document()["paths"][request.param]}
    return schemathesis.openapi.from_dict(
        {**whole_document(), "paths": only}, config=SchemathesisConfig.from_dict({"checks": REFUSED})
    )


@pytest.fixture(scope="module")
def address(pg_server: EmbeddedPostgres) -> Iterator[str]:
    """The API over the four example jobs, in a thread of its own, because the generated calls are synchronous."""
    started: list[str] = []
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        name = f"z2_schemathesis_{os.getpid()}"
        owner = await asyncpg.connect(pg_server.dsn_of("postgres"), timeout=10)
        await owner.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        try:
            dsn = pg_server.dsn_of(name)
            with short_tmp() as folder:
                async with Database.open(dsn) as db, running(dsn, db, folder) as world:
                    await seed(db, world.jobs_dir)
                    await db.execute("UPDATE workers SET heartbeat_at = now() + interval '1 h'")  # for /readyz
                    started.append(f"http://127.0.0.1:{world.port}")
                    ready.set()
                    await asyncio.to_thread(stop.wait, 600)
        finally:
            ready.set()
            await owner.execute(f"DROP DATABASE {name} WITH (FORCE)", timeout=30)
            await owner.close(timeout=5)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="served-api")
    thread.start()
    try:
        assert ready.wait(60)
        yield started[0]
    finally:
        stop.set()
        thread.join(30)


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """One for all calls: a new one for each looks through the environment and connects anew, a third of its cost."""
    with requests.Session() as opened:
        opened.trust_env = False
        yield opened


QUIET = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


@CALLS.parametrize()
@settings(max_examples=10, **QUIET)
def test_generated_calls_are_answered_as_the_document_says(
    case: schemathesis.Case, address: str, session: requests.Session
) -> None:
    check(case, address, session)


@pytest.mark.slow
@CALLS.parametrize()
@settings(max_examples=300, **QUIET)
def test_many_generated_calls_are_answered_as_the_document_says(
    case: schemathesis.Case, address: str, session: requests.Session
) -> None:
    check(case, address, session)


def check(case: schemathesis.Case, address: str, session: requests.Session) -> None:
    held = [checks.CHECKS.get_one(name) for name in CHECKS]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    case.call_and_validate(base_url=address, headers=headers, checks=held, timeout=10, session=session)
