"""A database with something in every corner, a backup folder, and a backup of the one in the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.store.making import analysis, artefact, claimed, job, metadata, transcript
from z2d.backup.create import Made, create
from z2d.backup.folder import BackupFolder, Keep
from z2d.backup.manifest import Manifest, Origin
from z2d.backup.media import Mode, Roots
from z2d.backup.verify import Verified, verify
from z2d.postgres.scratch import scratch_database
from z2d.store import results
from z2d.store.database import Database
from z2d.wire.jobs import StageName

HERE = Origin(host="here", installation="old@/old", library_dir="/old/library")


class World:
    """Folders of an installation, and what a test does with them."""

    def __init__(self, root: Path, dsn: str) -> None:
        self.folder = BackupFolder(root / "backups")
        self.roots = Roots(root / "jobs", root / "library")
        self.dsn = dsn
        self.steps: list[str] = []

    async def back_up(self, *, media: Mode = "list", keep: int = 7, days: float | None = None) -> Made:
        return await create(
            self.dsn,
            self.folder,
            binaries=None,
            roots=self.roots,
            origin=HERE,
            media=media,
            keep_these=Keep(keep, days),
            say=self.steps.append,
        )

    async def prove(self, name: str, *, media: bool = False) -> Verified:
        return await verify(
            self.folder,
            name,
            scratch=self.scratch,
            binaries=None,
            roots=self.roots if media else None,
            say=self.steps.append,
        )

    @asynccontextmanager
    async def scratch(self, _manifest: Manifest) -> AsyncIterator[str]:
        async with scratch_database(self.dsn) as dsn:
            yield dsn

    def write(self, manifest: Manifest) -> None:
        """Put a manifest that is whole in the place of the one that is there."""
        (self.folder.path / f"{manifest.name}.json").write_bytes(manifest.write())

    def file(self, job_id: int, path: str, content: bytes) -> Path:
        """A file of a job, on disk."""
        place = self.roots.jobs / str(job_id // 1000) / str(job_id) / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return place


@pytest.fixture
def world(tmp_path: Path, dsn: str) -> World:
    return World(tmp_path, dsn)


@pytest.fixture
def fill(db: Database) -> Callable[..., Any]:
    """Makes a job that runs, with metadata, transcript, analysis and one file, beside one that waits."""

    async def make(text: str = "Ünïcode \\ tab\t'quote' 日本") -> int:
        claim = await claimed(db, tags=[text, "b"])
        async with db.transaction() as connection:
            await results.save_metadata(connection, claim.job_id, metadata(text, key=f"site:{claim.job_id}"))
            await results.save_transcript(connection, claim.job_id, transcript(text, "two"))
            await results.save_analysis(connection, claim.job_id, analysis(text))
            await results.save_files(connection, claim.job_id, StageName.DOWNLOAD, [artefact()])
        await job(db)
        return claim.job_id

    return make
