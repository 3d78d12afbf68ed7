"""What the tests of listening share: a site, a transcription service, a person at the store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.site import Site
from tests.speech.service import Service
from tests.support import eventually
from tests.worker.rig import Desk, leftovers
from z2d.store.database import Database


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site() as started:
        yield started


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with Service() as started:
        yield started


@pytest.fixture
async def desk(db: Database, tmp_path: Path) -> AsyncIterator[Desk]:
    """The person's side; afterwards no process of the installation may be left."""
    yield Desk(db, tmp_path)
    await eventually(lambda: not leftovers(tmp_path), 10, what="the end of every child process")
