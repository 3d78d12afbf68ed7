"""From an older server to a newer one a backup goes, digests and all; the other way it is refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backup.conftest import World
from tests.store.making import job, metadata
from tests.support import short_tmp
from z2d.backup import faults
from z2d.backup.restore import restore
from z2d.postgres import contents
from z2d.postgres.server import EmbeddedPostgres
from z2d.store import results
from z2d.store.database import Database
from z2d.store.migrations import migrate

OLD = Path("/usr/lib/postgresql/15/bin")


@pytest.mark.slow
@pytest.mark.skipif(not (OLD / "postgres").exists(), reason="PostgreSQL 15 is not on this machine")
async def test_between_major_versions(tmp_path: Path, pg_server: EmbeddedPostgres, empty_dsn: str, dsn: str) -> None:
    with short_tmp() as folder:
        async with EmbeddedPostgres(folder / "pg", binaries=OLD, settings={"fsync": "off"}) as old:
            await migrate(old.dsn)
            async with Database.open(old.dsn) as db:
                made = await job(db, tags=["ünï"])
                async with db.transaction() as connection:
                    await results.save_metadata(connection, made.id, metadata("Ein Gespräch über Bäume 日本"))
            world = World(tmp_path, old.dsn)
            name = (await world.back_up()).manifest.name
            world.dsn = dsn
            newer = (await world.back_up()).manifest
            world.dsn = old.dsn
            with pytest.raises(faults.ServerTooOld, match=r"was dumped by PostgreSQL 18, and this server is 15\."):
                await world.prove(newer.name)
    manifest = world.folder.manifest(name)
    assert (manifest.postgres_major, manifest.dumped_by) == (15, 15)
    here = manifest.origin
    await restore(empty_dsn, world.folder, name, binaries=None, roots=world.roots, here=here, say=world.steps.append)
    async with contents.connected(empty_dsn) as connection:
        assert (await contents.server_version(connection))[1] > 15
        found = "SELECT count(*) FROM job_metadata WHERE tsv @@ plainto_tsquery('z2_english', 'Bäume')"
        assert await connection.fetchval(found) == 1, "the new server has computed the words of its index anew"
