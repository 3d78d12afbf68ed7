"""The served API, empty or with the four jobs that the examples of the contract speak of."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.api.seed import seed
from tests.api.world import World, running
from tests.support import short_tmp
from z2d.store.database import Database


@pytest.fixture
async def world(dsn: str, db: Database) -> AsyncIterator[World]:
    """A running API over an empty database."""
    with short_tmp() as folder:
        async with running(dsn, db, folder) as found:
            yield found


@pytest.fixture
async def seeded(world: World) -> World:
    """The same with job 1 completed, 2 running, 3 queued and 4 failed."""
    await seed(world.db, world.jobs_dir)
    return world
