"""What the measurements stand on: a PostgreSQL of their own, a daemon of their own, and what processes have used."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import asyncpg

from tests.e2e.harness import Daemon
from tests.support import ROOT, eventually_sync, short_tmp
from z2d.postgres.server import EmbeddedPostgres
from z2d.store.database import Database
from z2d.store.migrations import migrate
from z2d.store.submission import submit
from z2d.wire.jobs import NewJobFields

TICKS = os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def postgres() -> AsyncIterator[EmbeddedPostgres]:
    """A server with the settings of the embedded one, so with durable defaults."""
    with short_tmp() as folder:
        async with EmbeddedPostgres(folder / "pg") as server:
            yield server


async def new_database(server: EmbeddedPostgres, name: str, *, slow: bool = False) -> str:
    """Where a new database with the schema of z2 is. `slow` (S): each commit costs 2 ms, as on a disk of a cloud."""
    owner = await asyncpg.connect(server.dsn)
    try:
        await owner.execute(f"CREATE DATABASE {name}")
        if slow:
            await owner.execute(f"ALTER DATABASE {name} SET commit_delay = 2000")
            await owner.execute(f"ALTER DATABASE {name} SET commit_siblings = 0")
    finally:
        await owner.close()
    await migrate(server.dsn_of(name))
    return server.dsn_of(name)


async def new_job(db: Database, url: str = "https://example.org/") -> int:
    """A job that waits in the queue."""
    job, _ = await submit(db, url=url, site=None, dedup_key=None, job=NewJobFields())
    return job.id


@contextmanager
def daemon(**settings: str) -> Iterator[Daemon]:
    """A whole z2d in a temporary folder, until the block ends."""
    with short_tmp() as folder:
        found = Daemon(folder, **settings)
        found.env["PYTHONDONTWRITEBYTECODE"] = ""
        found.start()
        try:
            yield found
        finally:
            found.stop()


@contextmanager
def program(module: str, *words: object, ready: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """`python -m module words` beside this process, until the block ends; waits for the file `ready`.

    Its stdin and stdout are pipes.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module, *map(str, words)],
        cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        if ready is not None:
            eventually_sync(ready.exists, 30, what=f"{module} at work")
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)


def family(root: int) -> list[int]:
    """A process and all that descend from it; PostgreSQL, which lives in a session of its own, is among them."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found, more = {root}, True
    while more:
        children = {pid for pid, parent in parents.items() if parent in found} - found
        found |= children
        more = bool(children)
    return sorted(found)


def cpu_s(pids: list[int]) -> float:
    """Seconds of processor time that the processes, and those of their children that have ended, have used so far."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
    return total / TICKS


def memory_mib(pid: int) -> float:
    """Resident memory of one process."""
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return resident * os.sysconf("SC_PAGE_SIZE") / 2**20
