"""A private PostgreSQL for the whole run, a template database with the schema, and a copy of it for each test."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
from collections.abc import AsyncIterator, Generator, Iterator

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from tests.support import asked_in_vain, forget_the_person, short_tmp, work_in_memory
from z2d.postgres.server import EmbeddedPostgres
from z2d.store.database import Database
from z2d.store.migrations import migrate

TEMPLATE = "z2_template"
# A crash of the machine may lose a test's database; nothing else may use these.
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}
numbers = itertools.count(1)

forget_the_person()
work_in_memory()
# how long an example takes says something of the machine, which others may be using
settings.register_profile("z2", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("z2")


def pytest_collection_finish() -> None:
    """Keep the collector of garbage from what was loaded for five thousand tests, and from coming every few of them.

    Looking through all of it took half of the processor time of the dashboard's tests.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def pytest_runtest_setup() -> None:
    """Each test asks for itself."""
    asked_in_vain.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Skip what failed because a server of the test had to serve a fixture that is not on this machine."""
    report = yield
    if report.failed and asked_in_vain:
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 1, f"Skipped: {asked_in_vain[0]}")
    return report


@pytest.fixture(scope="session")
def pg_server() -> Iterator[EmbeddedPostgres]:
    """One server for all tests of this process (each xdist worker has its own), with the migrated template in it."""
    with short_tmp() as folder:
        server = EmbeddedPostgres(folder / "pg", settings=NOT_DURABLE)
        try:
            asyncio.run(_start(server))
            yield server
        finally:
            asyncio.run(server.stop())


async def _start(server: EmbeddedPostgres) -> None:
    await server.start()
    await _tell(server, f"CREATE DATABASE {TEMPLATE}")
    await migrate(server.dsn_of(TEMPLATE))
    await _tell(server, f"ALTER DATABASE {TEMPLATE} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false")


async def _tell(server: EmbeddedPostgres, command: str) -> None:
    connection = await asyncpg.connect(server.dsn_of("postgres"), timeout=10)
    try:
        await connection.execute(command, timeout=30)
    finally:
        await connection.close(timeout=5)


@pytest.fixture
async def dsn(pg_server: EmbeddedPostgres) -> AsyncIterator[str]:
    """An own database with the newest schema, dropped after the test whoever is still connected."""
    name = f"z2_test_{os.getpid()}_{next(numbers)}"
    # by files: half of the cost of the way through the write-ahead log, which is the default
    await _tell(pg_server, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    yield pg_server.dsn_of(name)
    await _tell(pg_server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
async def empty_dsn(pg_server: EmbeddedPostgres) -> AsyncIterator[str]:
    """An own database with nothing in it."""
    name = f"z2_empty_{os.getpid()}_{next(numbers)}"
    await _tell(pg_server, f"CREATE DATABASE {name}")
    yield pg_server.dsn_of(name)
    await _tell(pg_server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[Database]:
    """A pool on the test's own database."""
    async with Database.open(dsn) as database:
        yield database
