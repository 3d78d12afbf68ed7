"""Restoring: into empty places of every kind, moved in, with what it refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.backup.conftest import HERE, World
from tests.store.making import job, metadata, publication
from z2d.backup import faults
from z2d.backup.manifest import Manifest
from z2d.backup.media import Roots, belonging
from z2d.backup.restore import Restored, check_room, check_version, restore
from z2d.backup.verify import rehearse
from z2d.postgres import contents
from z2d.postgres.clients import other_database
from z2d.publish.library import Entry, SourceFile, publish
from z2d.store import claims, migrations, rescue, results, workers
from z2d.store.database import Database
from z2d.store.migrations import SCHEMA_VERSION, migrate
from z2d.wire.jobs import JobStatus

Fill = Callable[..., Any]


async def restored(world: World, dsn: str, name: str) -> Restored:
    here = HERE.model_copy(update={"installation": "new@/new", "library_dir": "/new/library"})
    return await restore(dsn, world.folder, name, binaries=None, roots=world.roots, here=here, say=world.steps.append)


async def ask(dsn: str, query: str, *args: object) -> Any:
    async with contents.connected(dsn) as connection:
        return await connection.fetchval(query, *args)


async def test_into_an_empty_database_where_the_old_jobs_go_on(
    world: World, db: Database, fill: Fill, empty_dsn: str
) -> None:
    job_id = await fill()
    async with db.transaction() as connection:
        entry = publication("x").model_copy(update={"remote_url": "/old/library/C/E"})
        await results.save_publications(connection, job_id, [entry])
        await connection.execute("UPDATE job_publishing SET installation = 'old@/old'")
    made = (await world.back_up()).manifest
    done = await restored(world, empty_dsn, made.name)
    assert (done.manifest, done.schema_version, done.missing) == (made, SCHEMA_VERSION, 1)
    assert await ask(empty_dsn, "SELECT remote_url FROM job_publishing") == "/new/library/C/E"
    assert await ask(empty_dsn, "SELECT installation FROM job_publishing") == "new@/new"
    assert await ask(empty_dsn, "SELECT state FROM job_files") == "MISSING"
    assert await ask(empty_dsn, "SELECT status FROM jobs WHERE id = $1", job_id) == "RUNNING"
    async with Database.open(empty_dsn) as there:
        assert await rescue.rescue(there, 30) == [job_id], "taken up at once: no lease has to run out first"
        new = await job(there)
        assert new.id > await db.fetchval("SELECT max(id) FROM jobs"), "ids go on"
        me = "new:1"
        await workers.register_worker(there, me, hostname="h", pid=1, version="0", capacity=2, installation="new@/new")
        assert (await claims.claim(there, me)) is not None
        assert await there.fetchval("SELECT status FROM jobs WHERE id = $1", job_id) in set(JobStatus)


async def test_files_that_are_there_are_not_missing(world: World, db: Database, fill: Fill, empty_dsn: str) -> None:
    job_id = await fill()
    world.file(job_id, "media/a.mp4", b"0123456789")
    made = (await world.back_up()).manifest
    assert (await restored(world, empty_dsn, made.name)).missing == 0
    assert await ask(empty_dsn, "SELECT state FROM job_files") == "PRESENT"


async def test_a_schema_that_no_job_ever_entered_makes_room(
    world: World, db: Database, fill: Fill, empty_dsn: str
) -> None:
    await fill()
    made = (await world.back_up()).manifest
    await migrate(empty_dsn)
    await restored(world, empty_dsn, made.name)
    assert await ask(empty_dsn, "SELECT count(*) FROM jobs") == made.tables["jobs"].rows


async def test_nothing_is_restored_over_jobs_or_strangers_tables(
    world: World, db: Database, fill: Fill, empty_dsn: str
) -> None:
    await fill()
    made = (await world.back_up()).manifest
    await ask(empty_dsn, "CREATE TABLE mine (id int)")
    with pytest.raises(faults.NotEmpty, match=r"not z2's \(mine\)"):
        await restored(world, empty_dsn, made.name)
    await migrate(empty_dsn)
    with pytest.raises(faults.NotEmpty, match=r"not z2's \(mine\)"):
        await restored(world, empty_dsn, made.name)
    await ask(empty_dsn, "DROP TABLE mine")
    await restored(world, empty_dsn, made.name)
    with pytest.raises(faults.NotEmpty, match=f"holds {made.tables['jobs'].rows} jobs, and"):
        await restored(world, empty_dsn, made.name)


async def test_into_a_newer_version_it_is_migrated(
    world: World, db: Database, fill: Fill, empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill()
    made = (await world.back_up()).manifest
    plan = migrations.load_plan()
    step = migrations.Migration(plan.version + 1, "next", "ALTER TABLE jobs ADD COLUMN mood text DEFAULT 'calm'")
    newer = migrations.Plan(f"{plan.whole}\n{step.sql};", (*plan.steps, step))
    monkeypatch.setattr(migrations, "load_plan", lambda: newer)
    assert (await restored(world, empty_dsn, made.name)).schema_version == newer.version
    assert await ask(empty_dsn, "SELECT DISTINCT mood FROM jobs") == "calm"
    again = await rehearse(world.folder, made.name, scratch=world.scratch, binaries=None, say=world.steps.append)
    assert again.schema_version == newer.version


async def test_a_daemon_on_the_database_is_in_the_way(world: World, empty_dsn: str) -> None:
    made = (await world.back_up()).manifest
    await migrate(empty_dsn)
    async with Database.open(empty_dsn):
        with pytest.raises(faults.DaemonRunning):
            await restored(world, empty_dsn, made.name)


async def test_a_restore_that_fails_leaves_nothing(world: World, db: Database, fill: Fill, empty_dsn: str) -> None:
    await fill()
    made = (await world.back_up()).manifest
    broken = bytearray((world.folder.path / made.dump_name).read_bytes())
    broken[-2000:] = b"\0" * 2000
    (world.folder.path / made.dump_name).write_bytes(broken)
    from z2d.backup.create import describe

    world.write(made.model_copy(update={"dump": describe(world.folder.path / made.dump_name)}))
    with pytest.raises((faults.NotRestorable, faults.Differs)):
        await restored(world, empty_dsn, made.name)
    assert await ask(empty_dsn, "SELECT to_regclass('jobs')") is None


def test_what_this_z2_or_this_disk_cannot_take(world: World) -> None:
    from tests.backup.test_manifest import manifest

    with pytest.raises(faults.TooNew, match=r"use z2 9\.8\.7 or newer"):
        check_version(manifest(schema_version=99, schema_by="9.8.7"))
    check_version(manifest())
    with pytest.raises(faults.NoRoom, match="Z2_MIN_FREE_BYTES"):
        check_room(manifest(), disk=world.roots.jobs.parent, min_free_bytes=2**60)
    check_room(manifest(), disk=world.roots.jobs.parent, min_free_bytes=0)


@asynccontextmanager
async def role(dsn: str, name: str) -> AsyncIterator[str]:
    """A role with a database of its own; the address of that, as it."""
    async with contents.connected(dsn) as connection:
        await connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'canary-role'")
        await connection.execute(f"CREATE DATABASE {name} OWNER {name}")
    own = other_database(dsn, name).replace("//z2@", f"//{name}:canary-role@").replace("passfile=", "application_name=")
    try:
        yield own
    finally:
        async with contents.connected(dsn) as connection:
            await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            await connection.execute(f"DROP ROLE IF EXISTS {name}")


async def test_the_role_it_belonged_to_need_not_be_there(world: World, empty_dsn: str) -> None:
    server = world.dsn
    async with role(server, "z2_former_owner") as own:
        world.dsn = own
        await migrate(own)
        async with Database.open(own) as there:
            await job(there)
        made = (await world.back_up()).manifest
        with pytest.raises(Exception, match="permission denied to create database"):
            await world.prove(made.name)
    world.dsn = server
    await world.prove(made.name)
    await restored(world, empty_dsn, made.name)
    assert await ask(empty_dsn, "SELECT tableowner FROM pg_tables WHERE tablename = 'jobs'") == "z2"
    async with role(server, "z2_next_owner") as own:  # and one without any right but on its own database
        await restored(world, own, made.name)
        assert await ask(own, "SELECT tableowner FROM pg_tables WHERE tablename = 'jobs'") == "z2_next_owner"
    found = (world.folder.path / made.dump_name).read_bytes() + (world.folder.path / f"{made.name}.json").read_bytes()
    assert b"canary-role" not in found


async def test_files_are_kept_once_and_brought_back(world: World, db: Database, fill: Fill, empty_dsn: str) -> None:
    job_id = await fill()
    place = world.file(job_id, "media/a.mp4", b"0123456789")
    digest = described(place)
    await db.execute("UPDATE job_files SET sha256 = $1", digest)
    first, second = [(await world.back_up(media="copy")).manifest for _ in range(2)]
    assert [(file.kept, file.sha256) for file in first.media] == [(True, digest)]
    assert world.folder.content(digest).read_bytes() == b"0123456789"
    shutil.rmtree(world.roots.jobs)
    assert (await world.prove(first.name, media=True)).media == 1, "the kept content is what is proved"
    done = await restored(world, empty_dsn, second.name)
    assert (done.brought, done.missing, place.read_bytes()) == (1, 0, b"0123456789")
    world.folder.content(digest).write_bytes(b"0123456780")
    with pytest.raises(faults.MediaDiffers, match=r"1 of 1 files are not: jobs/0/\d+/media/a.mp4 \(changed\)"):
        await world.prove(first.name, media=True)


async def test_a_content_that_has_changed_is_not_passed_off_as_the_file(
    world: World, db: Database, fill: Fill, empty_dsn: str
) -> None:
    job_id = await fill()
    place = world.file(job_id, "media/a.mp4", b"0123456789")
    digest = described(place)
    await db.execute("UPDATE job_files SET sha256 = $1", digest)
    made = (await world.back_up(media="copy")).manifest
    shutil.rmtree(world.roots.jobs)
    world.folder.content(digest).write_bytes(b"0123456780")
    done = await restored(world, empty_dsn, made.name)
    assert (done.brought, done.missing) == (0, 1)
    assert list(place.parent.iterdir()) == []
    assert any("has changed since it was kept" in step for step in world.steps)


async def test_where_files_cannot_be_brought_back_the_database_has_moved_in_all_the_same(
    world: World, db: Database, fill: Fill, empty_dsn: str
) -> None:
    job_id = await fill()
    place = world.file(job_id, "media/a.mp4", b"0123456789")
    await db.execute("UPDATE job_files SET sha256 = $1", described(place))
    made = (await world.back_up(media="copy")).manifest
    shutil.rmtree(world.roots.jobs)
    world.roots.jobs.write_text("in the way")
    with pytest.raises(faults.BackupTrouble, match=r"restored, but not all files are back .*1 file of jobs"):
        await restored(world, empty_dsn, made.name)
    assert await ask(empty_dsn, "SELECT count(*) FROM workers WHERE state = 'ACTIVE'") == 0
    assert await ask(empty_dsn, "SELECT state FROM job_files") == "MISSING"


async def test_listed_files_are_compared_where_they_lie(world: World, db: Database, fill: Fill) -> None:
    job_id = await fill()
    place = world.file(job_id, "media/a.mp4", b"0123456789")
    await db.execute("UPDATE job_files SET sha256 = $1", described(place))
    made = (await world.back_up()).manifest
    await world.prove(made.name, media=True)
    place.write_bytes(b"012345678")
    with pytest.raises(faults.MediaDiffers, match=r"\(changed\)"):
        await world.prove(made.name, media=True)
    place.unlink()
    with pytest.raises(faults.MediaDiffers, match=r"\(missing\)"):
        await world.prove(made.name, media=True)
    await world.prove(made.name)


def test_an_entry_that_goes_while_files_are_kept_is_no_fault(tmp_path: Path) -> None:
    """The daemon works on while a backup is made: it may take an entry out, or give it another name."""
    job, roots = tmp_path / "film.mp4", Roots(tmp_path / "jobs", tmp_path / "library")
    job.write_bytes(b"film")
    for key in ("site:1", "site:2"):
        entry = Entry(metadata(key, key=key), "https://example.org/a", media=SourceFile(job, described(job)))
        publish(roots.library, entry)
    records = sorted(roots.library.glob("*/*/.z2.json"))
    found = belonging([], roots)
    first = next(found)
    shutil.rmtree(records[0].parent)
    assert {file.path.rpartition("/")[0] for file in found} == {records[1].parent.relative_to(roots.library).as_posix()}
    assert (first.root, (roots.library / first.path).parent) == ("library", records[0].parent)


@pytest.mark.parametrize("damage", [("sha256", "f" * 63), ("sha256", "None"), ("size", -1)])
def test_a_library_record_that_is_damaged_keeps_nothing_from_being_backed_up(
    tmp_path: Path, damage: tuple[str, object]
) -> None:
    folder = tmp_path / "library" / "Talks" / "A talk"
    folder.mkdir(parents=True)
    (folder / "a.mp4").write_bytes(b"film")
    written = {"sha256": "a" * 64, "size": 4, "mtime_ns": (folder / "a.mp4").stat().st_mtime_ns}
    record = {"media_key": "site:1", "content_hash": "h", "published_at": "2026-01-01T00:00:00+00:00"}
    roots = Roots(tmp_path / "jobs", tmp_path / "library")
    for files, count in (({"a.mp4": written}, 2), ({"a.mp4": written | dict([damage])}, 0)):
        (folder / ".z2.json").write_text(json.dumps(record | {"files": files}))
        assert len(list(belonging([], roots))) == count


async def test_links_cost_no_space_and_contents_go_with_the_last_that_names_them(
    world: World, db: Database, fill: Fill
) -> None:
    job_id = await fill()
    place = world.file(job_id, "media/a.mp4", b"0123456789")
    digest = described(place)
    await db.execute("UPDATE job_files SET sha256 = $1", digest)
    await world.back_up(media="link")
    assert world.folder.content(digest).samefile(place)
    await db.execute("UPDATE job_files SET state = 'PURGED'")
    place.unlink()
    made: Manifest = (await world.back_up(media="link", keep=2)).manifest
    assert (made.media, world.folder.content(digest).exists()) == ([], True)
    gone = (await world.back_up(media="link", keep=1)).removed
    assert (len(gone), world.folder.content(digest).exists()) == (2, False)


async def test_a_file_that_is_not_what_it_was_is_listed_and_not_kept(world: World, db: Database, fill: Fill) -> None:
    """Nor does it keep the database from being backed up."""
    job_id = await fill()
    world.file(job_id, "media/a.mp4", b"not what z2 wrote")
    made = (await world.back_up(media="copy")).manifest
    assert [file.kept for file in made.media] == [False]
    assert any(f"not what it was: jobs/0/{job_id}/media/a.mp4" in step for step in world.steps)
    assert not list(world.folder.path.glob("media/??/*"))
    with pytest.raises(faults.MediaDiffers):
        await world.prove(made.name, media=True)


def described(path: Any) -> str:
    from z2d.backup.create import describe

    return describe(path).sha256
