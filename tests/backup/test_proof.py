"""Backups of a real database: made beside writers, proved, and every kind of damage told by its own reason."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.backup.conftest import World
from tests.store.making import job
from tests.support import eventually
from z2d.backup import create as making
from z2d.backup import faults
from z2d.backup.verify import check_dump, rehearse
from z2d.postgres import contents
from z2d.postgres.scratch import PREFIX, scratch_database
from z2d.store.database import Database
from z2d.store.migrations import SCHEMA_VERSION

Fill = Callable[..., Any]


async def scratch_databases(world: World) -> int:
    async with contents.connected(world.dsn) as connection:
        found = await connection.fetchval("SELECT count(*) FROM pg_database WHERE starts_with(datname, $1)", PREFIX)
        return int(found)


async def test_a_backup_says_what_is_in_it_and_is_proved(world: World, db: Database, fill: Fill) -> None:
    await fill()
    made = (await world.back_up()).manifest
    for table in ("jobs", "job_metadata", "transcript_segments", "job_analysis", "workers", "schema_migrations"):
        assert made.tables[table].rows == await db.fetchval(f"SELECT count(*) FROM {table}") > 0
    assert made.schema_version == SCHEMA_VERSION
    assert made.media[0].path == f"0/{(await db.fetchval('SELECT min(id) FROM jobs'))}/media/a.mp4"
    dump = world.folder.path / made.dump_name
    assert (stat.S_IMODE(dump.stat().st_mode), dump.stat().st_size) == (0o600, made.dump.size)
    assert (await world.prove(made.name)).manifest == made
    assert await scratch_databases(world) == 0
    assert any("restoring" in step for step in world.steps)


async def test_counts_are_those_of_the_dump_while_others_write(world: World, db: Database, fill: Fill) -> None:
    await fill()
    seen = [await db.fetchval("SELECT count(*) FROM jobs")]

    async def write() -> None:
        while True:
            await job(db)

    writer = asyncio.create_task(write(), name="writer")
    try:
        made = []
        for _ in range(3):
            await eventually(lambda: db.fetchval("SELECT count(*) > $1 FROM jobs", seen[-1]), what="more jobs")
            made.append((await world.back_up()).manifest)
            seen.append(made[-1].tables["jobs"].rows)
        await eventually(lambda: db.fetchval("SELECT count(*) > $1 FROM jobs", seen[-1]), what="more jobs")
    finally:
        writer.cancel()
    assert seen == sorted(set(seen))
    for one in made:
        await world.prove(one.name)


async def test_many_flips_and_cuts_of_the_dump(world: World, db: Database, fill: Fill) -> None:
    await fill()
    made = (await world.back_up()).manifest
    dump, chance = world.folder.path / made.dump_name, random.Random(2)
    whole = dump.read_bytes()
    for at in [0, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(200))]:
        changed = bytearray(whole)
        changed[at] ^= 1 << chance.randrange(8)
        dump.write_bytes(changed)
        with pytest.raises(faults.DumpDamaged, match="its sha256 is another"):
            await check_dump(world.folder, made)
    for length in [0, 1, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(50))]:
        dump.write_bytes(whole[:length])
        with pytest.raises(faults.DumpTruncated, match=f"has {length} bytes; it had {len(whole)}"):
            await check_dump(world.folder, made)
    dump.unlink()
    with pytest.raises(faults.DumpMissing):
        await world.prove(made.name)


async def test_damage_that_the_hash_would_not_show(world: World, db: Database, fill: Fill) -> None:
    """The hash itself is of the damaged dump: then PostgreSQL refuses it, or the tables tell."""
    await fill()
    made = (await world.back_up()).manifest
    dump, chance = world.folder.path / made.dump_name, random.Random(3)
    whole = dump.read_bytes()
    codes = set()
    for _ in range(6):
        changed = bytearray(whole)
        for at in (chance.randrange(len(whole) // 2, len(whole)) for _ in range(20)):
            changed[at] ^= 0xFF
        dump.write_bytes(changed)
        sha256 = (await asyncio.to_thread(described, dump)).sha256
        world.write(made.model_copy(update={"dump": made.dump.model_copy(update={"sha256": sha256})}))
        with pytest.raises(faults.BackupTrouble) as caught:
            await world.prove(made.name)
        codes.add(caught.value.code)
    assert codes <= {"backup_not_restorable", "backup_differs"}
    assert await scratch_databases(world) == 0


def described(path: Path) -> Any:
    from z2d.backup.create import describe

    return describe(path)


async def test_a_dump_of_another_moment_is_told_by_its_tables(world: World, db: Database, fill: Fill) -> None:
    first_id = await fill()
    first = (await world.back_up()).manifest
    await job(db)
    await db.execute("UPDATE job_metadata SET description = 'another' WHERE job_id = $1", first_id)
    second = (await world.back_up()).manifest
    shutil.copy(world.folder.path / second.dump_name, world.folder.path / first.dump_name)
    world.write(first.model_copy(update={"dump": second.dump}))
    with pytest.raises(faults.Differs) as caught:
        await world.prove(first.name)
    rows = first.tables["jobs"].rows
    assert f"jobs has {rows + 1} rows instead of {rows}" in str(caught.value)
    assert "job_metadata has other rows" in str(caught.value)


async def test_a_database_without_z2_is_no_backup(world: World, empty_dsn: str) -> None:
    world.dsn = empty_dsn
    with pytest.raises(faults.NoDatabase):
        await world.back_up()
    assert list(world.folder.path.iterdir()) == []


async def test_an_old_server_and_missing_programs(world: World) -> None:
    made = (await world.back_up()).manifest
    world.write(made.model_copy(update={"dumped_by": 99}))
    with pytest.raises(faults.ServerTooOld, match="a server of version 99 or newer"):
        await world.prove(made.name)


async def test_a_full_disk_keeps_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10**9, 10**9, 1000))
    with pytest.raises(faults.NoRoom, match=r"has 1\.0 KiB free"):
        await world.back_up()
    assert list(world.folder.path.iterdir()) == []


async def test_a_folder_that_cannot_be_written_is_no_trouble_of_the_database(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dump(*_words: object, **_names: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "x")

    monkeypatch.setattr(making, "dump", dump)
    with pytest.raises(faults.BackupTrouble, match=f"cannot write to {world.folder.path}: Read-only file system"):
        await world.back_up()


async def test_a_migration_is_rehearsed_on_a_copy(world: World, db: Database, fill: Fill) -> None:
    await fill()
    made = (await world.back_up()).manifest
    done = await rehearse(world.folder, made.name, scratch=world.scratch, binaries=None, say=world.steps.append)
    assert (done.manifest, done.schema_version) == (made, SCHEMA_VERSION)
    assert done.rows == {name: table.rows for name, table in made.tables.items()}
    assert f"migrating from schema version {SCHEMA_VERSION}" in world.steps


async def test_a_long_dump_tells_how_far_it_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "TELL_S", 0.01)
    await world.back_up()
    assert any(step.endswith("B written") for step in world.steps)


async def test_a_scratch_database_that_was_left_behind_goes_at_the_next_time(world: World) -> None:
    async with contents.connected(world.dsn) as connection:
        await connection.execute(f"CREATE DATABASE {PREFIX}left")
    async with scratch_database(world.dsn) as used:
        async with scratch_database(world.dsn) as other, contents.connected(other):
            assert await scratch_databases(world) == 2, "the left one is gone, the one in use is not"
        connection = await asyncpg.connect(used)
        await connection.close()
    assert await scratch_databases(world) == 0


async def test_the_digest_sees_every_change_and_no_order(world: World, db: Database) -> None:
    async def digest() -> str:
        async with contents.connected(world.dsn) as connection:
            return (await contents.census(connection, "public"))["job_counts"].digest

    await db.execute("INSERT INTO job_counts VALUES ('a', NULL, 1, 2), ('b', '2024-01-01', 3, 4)")
    seen = [await digest()]
    await db.execute("DELETE FROM job_counts")
    await db.execute("INSERT INTO job_counts VALUES ('b', '2024-01-01', 3, 4), ('a', NULL, 1, 2)")
    assert await digest() == seen[0]
    for change in (
        "UPDATE job_counts SET bytes = 5 WHERE status = 'b'",
        "INSERT INTO job_counts VALUES ('a', NULL, 1, 2)",
        "UPDATE job_counts SET day = '2024-01-02' WHERE status = 'b'",
        "UPDATE job_counts SET jobs = 2, bytes = 1 WHERE status = 'a'",
    ):
        await db.execute(change)
        seen.append(await digest())
    assert len(set(seen)) == len(seen)
