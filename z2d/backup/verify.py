"""Proving a backup: its bytes are what was written, and restored somewhere else it is the database it was made of."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from z2d.backup.create import describe, find_clients
from z2d.backup.faults import (
    Differs,
    DumpDamaged,
    DumpMissing,
    DumpTruncated,
    MediaDiffers,
    NotRestorable,
    ServerTooOld,
)
from z2d.backup.folder import BackupFolder
from z2d.backup.manifest import Manifest
from z2d.backup.media import Roots, Say, compare, in_threads
from z2d.postgres import contents
from z2d.postgres.dump import load
from z2d.postgres.faults import ProgramFailed
from z2d.store.database import trouble_is_unavailable
from z2d.store.migrations import migrate

Scratch = Callable[[Manifest], AbstractAsyncContextManager[str]]
"""Gives the address of an empty database on a server that can take this backup."""
_NAMED = 5  # differences that are told one by one


@dataclass(frozen=True)
class Verified:
    """A backup that is what it says. `media`: how many files were read; None: not asked for."""

    manifest: Manifest
    media: int | None
    seconds: float


@dataclass(frozen=True)
class Rehearsed:
    """How the upgrade of a restored backup went. `seconds` is the time of the migration alone."""

    manifest: Manifest
    schema_version: int
    seconds: float
    rows: dict[str, int]


async def check_dump(folder: BackupFolder, manifest: Manifest) -> Path:
    """The dump's file, whose bytes are those that were written. Raises DumpMissing, DumpTruncated, DumpDamaged."""
    path = folder.path / manifest.dump_name
    try:
        found = await asyncio.to_thread(describe, path)
    except FileNotFoundError:
        raise DumpMissing(f"{manifest.name} has no dump: {manifest.dump_name} is missing") from None
    except OSError as error:
        raise DumpDamaged(f"{path} cannot be read: {error.strerror}") from None
    if found.size != manifest.dump.size:
        raise DumpTruncated(f"{path} has {found.size} bytes; it had {manifest.dump.size} when it was made")
    if found.sha256 != manifest.dump.sha256:
        raise DumpDamaged(f"{path} has changed since it was made: its sha256 is another")
    return path


async def load_and_compare(dsn: str, dump: Path, manifest: Manifest, *, binaries: Path | None, say: Say) -> None:
    """Restore into the database at `dsn` and compare every table. Raises NotRestorable, ServerTooOld, Differs."""
    async with contents.connected(dsn) as connection:
        version, major = await contents.server_version(connection)
    if major < manifest.least_server:
        raise ServerTooOld(
            f"{manifest.name} was dumped by PostgreSQL {manifest.least_server}, and this server is {version}: a server "
            f"of version {manifest.least_server} or newer is needed"
        )
    by = await find_clients(binaries, major)
    say(f"restoring {manifest.rows} rows with pg_restore {by.major}")
    try:
        await load(dsn, by, dump, namespace=manifest.namespace)
    except ProgramFailed as failed:
        raise NotRestorable(f"PostgreSQL cannot restore {dump}: {failed}") from None
    say("comparing counts and digests")
    async with contents.connected(dsn) as connection:
        found = await contents.census(connection, manifest.namespace)
    wrong = []
    for name in sorted(manifest.tables.keys() | found.keys()):
        there, expected = found.get(name), manifest.tables.get(name)
        if there is None or expected is None:
            wrong.append(f"{name} is {'missing' if there is None else 'not in the manifest'}")
        elif there.rows != expected.rows:
            wrong.append(f"{name} has {there.rows} rows instead of {expected.rows}")
        elif there.digest != expected.digest:
            wrong.append(f"{name} has other rows")
    if wrong:
        more = f", and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        raise Differs(f"what {manifest.name} restores is not what it was made of: {'; '.join(wrong[:_NAMED])}{more}")


async def verify(
    folder: BackupFolder,
    name: str,
    *,
    scratch: Scratch,
    binaries: Path | None,
    roots: Roots | None,
    say: Say,
) -> Verified:
    """Prove the backup `name`. With `roots` the files that belong to it are read too. Raises BackupTrouble."""
    began = time.monotonic()
    manifest = folder.manifest(name)
    say(f"reading {manifest.dump_name}")
    dump = await check_dump(folder, manifest)
    with trouble_is_unavailable():
        async with scratch(manifest) as dsn:
            await load_and_compare(dsn, dump, manifest, binaries=binaries, say=say)
    if roots is not None:
        say(f"reading {len(manifest.media)} files")
        wrong = []
        async for file, state in in_threads(compare(manifest.media, roots, folder), say):
            if state != "same":
                wrong.append(f"{file.root}/{file.path} ({state})")
        if wrong:
            more = f", and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
            raise MediaDiffers(
                f"the database is whole, but {len(wrong)} of {len(manifest.media)} files are not: "
                f"{'; '.join(wrong[:_NAMED])}{more}"
            )
    return Verified(manifest, None if roots is None else len(manifest.media), time.monotonic() - began)


async def rehearse(folder: BackupFolder, name: str, *, scratch: Scratch, binaries: Path | None, say: Say) -> Rehearsed:
    """Restore the backup `name` somewhere else, and bring it there to the schema of this version.

    Raises BackupTrouble, SchemaRefused, DatabaseUnavailable.
    """
    manifest = folder.manifest(name)
    dump = await check_dump(folder, manifest)
    with trouble_is_unavailable():
        async with scratch(manifest) as dsn:
            await load_and_compare(dsn, dump, manifest, binaries=binaries, say=say)
            say(f"migrating from schema version {manifest.schema_version}")
            began = time.monotonic()
            version = await migrate(dsn)
            seconds = time.monotonic() - began
            async with contents.connected(dsn) as connection:
                tables = await contents.census(connection, manifest.namespace)
    return Rehearsed(manifest, version, seconds, {table: one.rows for table, one in tables.items()})
