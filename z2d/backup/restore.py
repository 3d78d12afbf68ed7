"""Putting a backup into an empty database: all of it or nothing, compared, brought to the newest schema, moved in."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from z2d.backup.faults import BackupTrouble, DaemonRunning, NoRoom, NotEmpty, TooNew
from z2d.backup.folder import BackupFolder
from z2d.backup.manifest import Manifest, Origin
from z2d.backup.media import Roots, Say, absent, bring_back, in_threads
from z2d.backup.verify import check_dump, load_and_compare
from z2d.pipeline.wording import plural, size
from z2d.postgres import contents
from z2d.store import backups
from z2d.store.database import Database, trouble_is_unavailable
from z2d.store.migrations import SCHEMA_VERSION, load_plan, migrate

_NAMED = 3


@dataclass(frozen=True)
class Restored:
    """What a restore did. `brought`: files copied back; `missing`: files of jobs that are not on this disk."""

    manifest: Manifest
    schema_version: int
    brought: int
    missing: int
    seconds: float


def check_version(manifest: Manifest) -> None:
    """Whether this z2 can use the backup. Raises TooNew."""
    if manifest.schema_version > SCHEMA_VERSION:
        raise TooNew(
            f"{manifest.name} has schema version {manifest.schema_version}, and this z2 knows {SCHEMA_VERSION}: use z2 "
            f"{manifest.schema_by} or newer"
        )


def check_room(manifest: Manifest, *, disk: Path, min_free_bytes: int) -> None:
    """Whether the database fits on the disk that `disk` lies on. Raises NoRoom."""
    free, needed = shutil.disk_usage(disk).free, manifest.database_bytes + min_free_bytes
    if free < needed:
        raise NoRoom(
            f"{disk} has {size(free)} free; the database needs {size(manifest.database_bytes)}, and "
            f"{size(min_free_bytes)} are to stay free (Z2_MIN_FREE_BYTES)"
        )


async def restore(
    dsn: str,
    folder: BackupFolder,
    name: str,
    *,
    binaries: Path | None,
    roots: Roots,
    here: Origin,
    say: Say,
) -> Restored:
    """Restore the backup `name` into the database at `dsn`, which holds nothing or a z2 without any job.

    `here`: what the rows of the former installation are to belong to. Raises BackupTrouble, DatabaseUnavailable.
    """
    began = time.monotonic()
    manifest = folder.manifest(name)
    say(f"reading {manifest.dump_name}")
    dump = await check_dump(folder, manifest)
    with trouble_is_unavailable():
        await _make_room(dsn)
        await load_and_compare(dsn, dump, manifest, binaries=binaries, say=say)
        version = await migrate(dsn)
    brought, trouble = 0, None
    if manifest.media_mode != "list":
        say("bringing files back")
        try:
            async for _ in in_threads(bring_back(manifest.media, roots, folder, say), say):
                brought += 1
        except OSError as error:  # said at the end: a database that never moved in would be worse than files not here
            trouble = f"{error.filename or roots.jobs}: {error.strerror or error}"
    say("looking for the jobs' files")
    async with Database.open(dsn, size=1, application="z2d backup") as db:
        async with db.connection() as connection:
            known = await backups.files(connection)
        gone = absent(known, roots.jobs)
        await backups.missing(db, [one.id for one in gone])
        await backups.move_in(
            db,
            installation=(manifest.origin.installation, here.installation),
            library=(manifest.origin.library_dir, here.library_dir),
        )
    if trouble is not None:
        raise BackupTrouble(
            f"the database is restored, but not all files are back ({trouble}): {plural(len(gone), 'file')} of jobs "
            "marked as missing. To bring them back, mend that, make the database empty again (move the state folder's "
            "folder postgres away) and restore once more"
        )
    return Restored(manifest, version, brought, len(gone), time.monotonic() - began)


async def _make_room(dsn: str) -> None:
    """See that there is nothing in the database; a schema that a daemon made and no job ever entered is removed.

    Raises NotEmpty or DaemonRunning.
    """
    async with contents.connected(dsn) as connection:
        if await contents.daemons(connection):
            raise DaemonRunning("a z2d works on this database: stop it (systemctl stop z2d) and restore again")
        about = await contents.about(connection)
        if about is None:
            if others := await contents.relations(connection):
                raise NotEmpty(
                    f"the database holds tables that are not z2's ({_some(others)}): restore into an empty one"
                )
            return
        tables = await contents.census(connection, about.namespace)
        if jobs := tables["jobs"].rows:
            raise NotEmpty(
                f"the database holds {plural(jobs, 'job')}, and nothing is ever restored over them: name an empty "
                "database in Z2_DATABASE_URL or an empty folder in Z2_STATE_DIR, or move the state folder's folder "
                "postgres away"
            )
        own = load_plan().relations
        if others := [name for name in await contents.relations(connection) if name not in own]:
            raise NotEmpty(f"the database holds tables that are not z2's ({_some(others)}): restore into an empty one")
        await contents.clear(connection, about.namespace, sorted(own), "z2_")


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
