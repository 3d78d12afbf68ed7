"""The whole of the daemon but its sockets, in this process: admission, queue, worker, every stage, a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.site import Site
from tests.support import eventually
from tests.worker.rig import Desk, leftovers
from z2d.media.admission import admit
from z2d.media.cookies import CookieFiles
from z2d.store import submission
from z2d.store.database import Database
from z2d.wire.jobs import JobSummary, NewJobFields


@dataclass
class Counter(Desk):
    """Where a person submits URLs: admitted as the API does it."""

    @property
    def cookies(self) -> CookieFiles:
        return CookieFiles(self.state_dir / "cookies")

    async def hand_in(self, url: str, **fields: Any) -> tuple[JobSummary, bool]:
        admitted = await admit(url, allow_private=True)
        return await submission.submit(
            self.db,
            url=admitted.url,
            site=admitted.site,
            dedup_key=admitted.dedup_key,
            job=NewJobFields(**fields),
        )

    async def take(self, url: str, **fields: Any) -> int:
        return (await self.hand_in(url, **fields))[0].id


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site() as started:
        yield started


@pytest.fixture
async def elsewhere() -> AsyncIterator[Site]:
    """A second site, on another host of loopback."""
    async with Site("127.0.0.2") as started:
        yield started


@pytest.fixture
async def counter(db: Database, tmp_path: Path) -> AsyncIterator[Counter]:
    yield Counter(db, tmp_path)
    await eventually(lambda: not leftovers(tmp_path), 10, what="the end of every child process")
