"""One database into one file and back, by pg_dump and pg_restore.

The file holds the one namespace z2 lives in, without owners and privileges: whoever restores it owns it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from z2d.postgres.clients import Clients
from z2d.postgres.contents import connected

_NOBODYS = ("--no-owner", "--no-privileges")


async def dump(dsn: str, clients: Clients, target: Path, *, namespace: str, snapshot: str) -> None:
    """Write the namespace, as it was at `snapshot`, to the new file `target` (0600), and see it onto the disk.

    Raises ProgramFailed.
    """
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    await clients.run(
        "pg_dump", "--format=custom", "--compress=6", f"--schema={_pattern(namespace)}", f"--snapshot={snapshot}",
        *_NOBODYS, "--file", target, dsn=dsn,
    )  # fmt: skip
    with target.open("rb") as written:
        os.fsync(written.fileno())


async def load(dsn: str, clients: Clients, source: Path, *, namespace: str) -> None:
    """Put a dump into a database that has nothing in this namespace: all of it, or nothing. Raises ProgramFailed."""
    async with connected(dsn) as connection:
        await _make_namespace(connection, namespace)
    await clients.run(
        "pg_restore", "--dbname=", "--single-transaction", "--exit-on-error", f"--schema={namespace}", *_NOBODYS,
        source, dsn=dsn,
    )  # fmt: skip
    async with connected(dsn) as connection:
        # what the planner needs to know of the new tables; the server would find the time for it some minutes later
        await connection.execute("ANALYZE")


async def _make_namespace(connection: Any, namespace: str) -> None:
    quoted = '"' + namespace.replace('"', '""') + '"'
    await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted}")


def _pattern(namespace: str) -> str:
    """A name as pg_dump's options want it, which are patterns."""
    return '"' + namespace.replace('"', '""') + '"'
