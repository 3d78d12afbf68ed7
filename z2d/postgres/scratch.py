"""A place to try a backup out: a database beside ours on the same server, or a server of its own for a while."""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import asyncpg

from z2d.postgres import processes
from z2d.postgres.clients import other_database
from z2d.postgres.contents import connected
from z2d.postgres.faults import ScratchRefused
from z2d.postgres.server import EmbeddedPostgres

PREFIX = "z2_scratch_"
# what is tried out may be lost with the machine
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_LEFT = """
    SELECT datname FROM pg_database d
    WHERE starts_with(datname, $1) AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)
"""


@asynccontextmanager
async def scratch_database(dsn: str) -> AsyncIterator[str]:
    """The address of an empty database on the server of `dsn`, dropped at the end of the block.

    One that a killed process left behind goes too. Raises ScratchRefused where the account may not make databases.
    """
    name = PREFIX + secrets.token_hex(6)
    async with connected(dsn) as connection:
        try:
            for row in await connection.fetch(_LEFT, PREFIX):
                with suppress(asyncpg.ObjectInUseError, asyncpg.InvalidCatalogNameError):  # another one at work
                    await connection.execute(f"DROP DATABASE IF EXISTS {row['datname']}")
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        except asyncpg.InsufficientPrivilegeError as error:
            raise ScratchRefused(f"the server lets us make no database to try the backup out: {error}") from None
        try:
            async with connected(own := other_database(dsn, name)):  # keeps it from being taken for a left one
                yield own
        finally:
            await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", timeout=60)


@asynccontextmanager
async def scratch_server(folder: Path, binaries: Path | None) -> AsyncIterator[str]:
    """The address of an empty database on a server that lives in `folder` for the time of the block.

    What a killed process left there is ended and removed first. Raises PostgresTrouble, or BlockingIOError while
    another process uses the folder.
    """
    with _locked(folder):
        server = EmbeddedPostgres(folder / "postgres", binaries=binaries, settings=_NOT_DURABLE)
        await _remove(server)
        try:
            async with server:
                yield server.dsn
        finally:
            await _remove(server)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Be alone in a folder that is there only meanwhile."""
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield
        finally:
            with suppress(OSError):  # something else lies in it: not ours to remove
                folder.rmdir()
    finally:
        os.close(lock)


async def _remove(server: EmbeddedPostgres) -> None:
    await processes.kill_all(server.folder / "data")
    await asyncio.to_thread(shutil.rmtree, server.folder, ignore_errors=True)
