"""Making a backup: dump, counts, digests and the list of files, all of one moment, while the daemon works on."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib import metadata
from pathlib import Path

from z2d.backup.faults import BackupTrouble, NoDatabase, NoRoom, ProgramsNotFound
from z2d.backup.folder import BackupFolder, Keep
from z2d.backup.manifest import DumpFile, Manifest, Origin, TableCount
from z2d.backup.media import TELL_S, Mode, Roots, Say, belonging, in_threads, keep
from z2d.pipeline.wording import size
from z2d.postgres import clients, contents
from z2d.postgres.clients import Clients
from z2d.postgres.contents import About, Table
from z2d.postgres.dump import dump
from z2d.postgres.faults import ProgramFailed, ProgramsMissing
from z2d.store import backups
from z2d.store.backups import KnownFile
from z2d.store.database import trouble_is_unavailable

_DUMP_SHARE = 0.5  # of the database's size: what a dump takes at most (indexes are not in it, and it is compressed)


@dataclass(frozen=True)
class Made:
    """A new backup, what went to make room for it, and how long it took."""

    manifest: Manifest
    removed: list[str]
    seconds: float


async def create(
    dsn: str,
    folder: BackupFolder,
    *,
    binaries: Path | None,
    roots: Roots,
    origin: Origin,
    media: Mode,
    keep_these: Keep,
    say: Say,
) -> Made:
    """Back up the database at `dsn` into `folder`. Raises BackupTrouble, DatabaseUnavailable."""
    began = time.monotonic()
    with folder.locked():
        name, part = folder.new_name(), folder.path / ".z2-dump.part"
        about, by, tables, known = await _dump(dsn, folder, part, binaries, say)
        say("listing files" if media == "list" else "keeping files")
        files = belonging(known, roots)
        found = [
            file async for file in in_threads(files if media == "list" else keep(files, roots, folder, media, say), say)
        ]
        made = Manifest(
            name=name,
            created_at=datetime.now(UTC),
            z2=metadata.version("z2"),
            schema_version=about.schema_version,
            schema_by=about.made_by,
            namespace=about.namespace,
            postgres=about.server,
            postgres_major=about.server_major,
            dumped_by=by.major,
            database_bytes=about.size_bytes,
            dump=await asyncio.to_thread(describe, part),
            tables={table: TableCount(rows=one.rows, digest=one.digest) for table, one in tables.items()},
            origin=origin,
            media_mode=media,
            media=found,
        )
        folder.finish(part, made)
        return Made(made, folder.thin_out(keep_these, made=name), time.monotonic() - began)


async def _dump(
    dsn: str, folder: BackupFolder, part: Path, binaries: Path | None, say: Say
) -> tuple[About, Clients, dict[str, Table], list[KnownFile]]:
    """The dump in `part`, and what the database held at that very moment."""
    with trouble_is_unavailable():
        async with contents.snapshot(dsn) as (connection, snapshot):
            about = await contents.about(connection)
            if about is None:
                raise NoDatabase("the database holds nothing of z2 yet: there is nothing to back up")
            by = await find_clients(binaries, about.server_major)
            _check_room(folder, about)
            say(f"dumping the database ({size(about.size_bytes)}) with pg_dump {by.major}")
            if by.major > about.server_major:
                say(f"for want of pg_dump {about.server_major}: to restore it takes PostgreSQL {by.major} or newer")
            try:
                async with _growth_told(part, say):
                    await dump(dsn, by, part, namespace=about.namespace, snapshot=snapshot)
            except OSError as error:
                raise BackupTrouble(f"cannot write to {folder.path}: {error.strerror}") from None
            except ProgramFailed as failed:
                # the program tells its reason in words only
                full = "No space left on device" in str(failed)
                raise (
                    NoRoom(f"{folder.path} is full: nothing is kept of this backup")
                    if full
                    else BackupTrouble(str(failed))
                ) from None
            say("counting rows")
            return about, by, await contents.census(connection, about.namespace), await backups.files(connection)


@asynccontextmanager
async def _growth_told(part: Path, say: Say) -> AsyncIterator[None]:
    """Tell now and then how much has been written, for the time of the block."""

    async def tell() -> None:
        while True:
            await asyncio.sleep(TELL_S)
            say(f"{size(_size(part))} written")

    telling = asyncio.create_task(tell(), name="growth of the dump")
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.wait({telling}, timeout=5)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


async def find_clients(binaries: Path | None, server_major: int) -> Clients:
    """The programs for a server of this major version. Raises ProgramsNotFound."""
    try:
        return await asyncio.to_thread(clients.find, binaries, server_major)
    except ProgramsMissing as missing:
        raise ProgramsNotFound(str(missing)) from None


def _check_room(folder: BackupFolder, about: About) -> None:
    free = shutil.disk_usage(folder.path).free
    if free < (needed := int(about.size_bytes * _DUMP_SHARE)):
        raise NoRoom(f"{folder.path} has {size(free)} free, and the dump may need {size(needed)}")


def describe(path: Path) -> DumpFile:
    """Size and hash of a file."""
    found = sha256()
    with path.open("rb") as reading:
        while block := reading.read(1 << 20):
            found.update(block)
        return DumpFile(size=reading.tell(), sha256=found.hexdigest())
