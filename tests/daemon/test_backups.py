"""`z2d backup` on a server of somebody's: its own account, its password, and no right but on one database."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.backup.test_restoring import role
from tests.daemon.running import z2d
from tests.daemon.test_import import called
from tests.store.making import job
from tests.support import short_tmp
from z2d.postgres.server import EmbeddedPostgres
from z2d.store.database import Database
from z2d.store.migrations import migrate


@pytest.fixture
async def theirs(pg_server: EmbeddedPostgres) -> AsyncIterator[str]:
    async with role(pg_server.dsn, f"z2_theirs_{os.getpid()}") as own:
        await migrate(own)
        yield own


async def test_a_server_that_lets_us_do_little(theirs: str, empty_dsn: str) -> None:
    async with Database.open(theirs) as db:
        await job(db)
    with short_tmp() as folder:

        async def run(*words: str, dsn: str) -> subprocess.CompletedProcess[str]:
            return await asyncio.to_thread(called, folder, "z2d", "backup", *words, Z2_DATABASE_URL=dsn)

        made = await run("create", dsn=theirs)
        assert (made.returncode, made.stdout.startswith("made z2-")) == (0, True), made.stderr
        name = made.stdout.split()[1].rstrip(":")
        proved = await run("verify", dsn=theirs)
        assert (proved.returncode, "is whole: 19 tables" in proved.stdout) == (0, True), proved.stderr
        assert not (folder / "state/scratch").exists(), "the server of its own is gone again"
        refused = await run("restore", name, dsn=theirs)
        assert (refused.returncode, "the database holds 1 job, and" in refused.stderr) == (1, True)
        restored = await run("restore", name, dsn=empty_dsn)
        assert (restored.returncode, f"restored {name}" in restored.stdout) == (0, True), restored.stderr
        away = await run("create", dsn="postgresql://nobody:canary-away@127.0.0.1:1/z2")
        assert (away.returncode, "The database does not answer" in away.stderr) == (1, True)
        said = "".join(one.stdout + one.stderr for one in (made, proved, refused, restored, away))
        assert "canary" not in said
        assert "Traceback" not in said


@pytest.mark.slow
def test_without_room_or_stopped_in_the_middle_nothing_is_left() -> None:
    with short_tmp() as folder:
        assert called(folder, "z2d", "migrate").returncode == 0
        assert called(folder, "z2d", "backup", "create").returncode == 0
        full = called(folder, "z2d", "backup", "verify", Z2_MIN_FREE_BYTES="900TiB")
        assert (full.returncode, "are to stay free (Z2_MIN_FREE_BYTES)" in full.stderr) == (1, True), full.stderr
        with z2d(folder, "backup", "verify") as own:
            own.says("restoring")
            own.stop()
        assert "Traceback" not in own.words()
        assert not (folder / "state/scratch").exists()
        left = {path.name.partition(".")[2] for path in (folder / "state/backups").iterdir()}
        assert left == {"dump", "json"}


def test_a_timer_that_fires_while_the_daemon_starts_may_try_again(tmp_path: Path) -> None:
    from z2d.daemon.state import locked, prepare

    with short_tmp() as folder:
        prepare(folder / "state")
        (folder / "state/postgres/data").mkdir(parents=True)
        with locked(folder / "state"):
            ended = called(folder, "z2d", "backup", "create", "--json")
        assert (ended.returncode, "is at work in" in ended.stderr) == (75, True), ended.stderr
        assert json.loads(ended.stdout)["code"] == "backup_busy"
