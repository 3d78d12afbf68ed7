"""z2d from start to stop, with its own database server and with a named one."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from tests.daemon.running import READY_S, z2d
from tests.support import eventually, eventually_sync, short_tmp
from z2d.postgres import processes
from z2d.postgres.server import EmbeddedPostgres
from z2d.store.migrations import SCHEMA_VERSION


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_tmp() as path:
        yield path
        for name in ("state", "other"):  # a test that failed must not leave a server behind
            asyncio.run(processes.kill_all(path / name / "postgres/data"))


@pytest.fixture
def manager(folder: Path) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(folder / "notify"))
        sock.settimeout(60)
        yield sock


def test_a_whole_life(folder: Path, manager: socket.socket) -> None:
    """Start on nothing, be ready, stop cleanly, start again on what is there."""
    for round_ in (1, 2):
        with z2d(folder, "serve", NOTIFY_SOCKET=str(folder / "notify"), WATCHDOG_USEC="800000") as own:
            assert told(manager).startswith(b"READY=1\n")
            status, health = own.get("/readyz")
            assert (status, health["status"]) == (200, "ok")
            status, version = own.get("/api/version")
            assert version["schema"] == SCHEMA_VERSION
            assert version["postgresql"].startswith("18.") or version["postgresql"]
            assert manager.recv(1000) == b"WATCHDOG=1"
            for pid in children(own.process.pid):
                with suppress(FileNotFoundError, ProcessLookupError):  # one that has ended meanwhile
                    assert b"NOTIFY_SOCKET" not in Path(f"/proc/{pid}/environ").read_bytes()
            began = time.monotonic()
            assert own.stop() == 0
            assert time.monotonic() - began < 10
            assert told(manager).startswith(b"STOPPING=1\n")
        assert not (folder / "z2d.sock").exists()
        assert processes.working_in(folder / "state/postgres/data") == []
        assert own.words().count("stopped") == round_
    server = (folder / "state/postgres/server.log").read_text()
    assert "automatic recovery" not in server
    assert server.count("database system is shut down") == 2
    assert "Traceback" not in own.words()


def told(manager: socket.socket) -> bytes:
    """The next thing systemd is told, signs of life apart."""
    while (said := manager.recv(1000)) == b"WATCHDOG=1":
        pass
    return said


def children(pid: int) -> list[int]:
    """All processes below `pid`."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [child for direct in map(int, found) for child in (direct, *children(direct))]


def test_modes_of_what_it_makes(folder: Path) -> None:
    with z2d(folder, "serve", "--listen", "127.0.0.1:0") as own:
        own.says("is ready at")
        modes = {
            name: stat.S_IMODE((folder / name).stat().st_mode)
            for name in ("z2d.sock", "state/token", "state/lock", "state/jobs", "state/postgres/pgpass")
        }
        assert modes == {
            "z2d.sock": 0o660,
            "state/token": 0o600,
            "state/lock": 0o600,
            "state/jobs": 0o700,
            "state/postgres/pgpass": 0o600,
        }
        token = (folder / "state/token").read_text().strip()
        address = own.words().rpartition("http://")[2].split()[0]
        assert [call(address, given) for given in (None, "wrong", token)] == [401, 401, 200]
        assert token not in own.words()
        assert own.stop() == 0


def call(address: str, token: str | None) -> int:
    """The status of a GET over TCP."""
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("GET", "/api/stats", headers={"Authorization": f"Bearer {token}"} if token else {})
    with connection.getresponse() as answer:
        answer.read()
    connection.close()
    return answer.status


def test_a_second_daemon_leaves_the_first_alone(folder: Path) -> None:
    with z2d(folder, "serve") as first:
        first.says("is ready at")
        with z2d(folder, "serve", name="second", Z2_SOCKET=str(folder / "other.sock")) as second:
            assert second.ends() == 75
        with z2d(folder, "serve", name="third", Z2_STATE_DIR=str(folder / "other")) as third:
            assert third.ends() == 75
        assert first.get("/readyz")[0] == 200
        assert first.get("/healthz")[0] == 200
        first.process.send_signal(signal.SIGINT)
        first.process.send_signal(signal.SIGINT)
        assert first.ends() == 0
        assert "Traceback" not in first.words()


def test_a_killed_daemon_leaves_its_database_to_the_next(folder: Path) -> None:
    with z2d(folder, "serve") as first:
        first.says("is ready at")
        server = server_of(folder)
        first.process.kill()
        assert first.ends() == -signal.SIGKILL
    assert processes.alive(server)
    with z2d(folder, "serve", name="second") as second:
        second.says("is ready at")
        assert f"adopted the PostgreSQL server that was still running (pid {server})" in second.words()
        assert second.stop() == 0
    assert not processes.alive(server)


def server_of(folder: Path) -> int:
    """The first process of the database server."""
    return int((folder / "state/postgres/data/postmaster.pid").read_text().splitlines()[0])


def test_the_database_server_is_started_again_when_it_ends(folder: Path) -> None:
    with z2d(folder, "serve") as own:
        own.says("is ready at")
        server = server_of(folder)
        os.kill(server, signal.SIGQUIT)
        own.says("PostgreSQL ended")
        eventually_sync(lambda: own.get("/readyz")[1]["status"] == "ok", 30, what="ready again")
        assert own.stop() == 0


async def test_a_database_that_is_away_at_the_start_is_waited_for(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "elsewhere", settings={"fsync": "off"})
    await server.start()
    await server.stop()
    with z2d(folder, "serve", Z2_DATABASE_URL=server.dsn) as own:
        await eventually(lambda: own.words().count("trying again in") >= 2, READY_S, what="two tries")
        assert own.process.poll() is None
        lines = own.words().splitlines()
        assert len(lines) < 5
        async with server:
            await eventually(lambda: "is ready at" in own.words(), 30, what="readiness")
            assert own.stop() == 0
    assert "Traceback" not in own.words()


def test_a_daemon_that_waits_for_its_database_can_be_stopped(folder: Path) -> None:
    with z2d(folder, "serve", Z2_DATABASE_URL=f"postgresql://z2@/z2?host={folder}") as own:
        own.says("trying again in")
        began = time.monotonic()
        assert own.stop() == 0
        assert time.monotonic() - began < 10


def test_a_database_is_migrated_by_itself(folder: Path, empty_dsn: str) -> None:
    for _ in range(2):
        with z2d(folder, "migrate", Z2_DATABASE_URL=empty_dsn) as own:
            assert own.ends() == 0
    assert own.words().count(f"the database has schema version {SCHEMA_VERSION}") == 2


async def test_a_worker_alone_signs_on_and_off(folder: Path, dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    with z2d(folder, "worker", "--slots", "3", Z2_DATABASE_URL=dsn) as own:
        await eventually(lambda: "is ready" in own.words(), 30, what="readiness")
        assert await connection.fetchval("SELECT capacity FROM workers WHERE state = 'ACTIVE'") == 3
        assert not own.socket.exists()
        assert own.stop() == 0
    assert await connection.fetchval("SELECT count(*) FROM workers WHERE state = 'ACTIVE'") == 0
    await connection.close()


def test_secrets_are_nowhere_to_be_read(folder: Path, dsn: str) -> None:
    canary = "canary-1234567890"
    with z2d(folder, "serve", "--listen", "127.0.0.1:0", Z2_TOKEN=canary, Z2_DATABASE_URL=dsn) as own:
        own.says("is ready at")
        for pid in (own.process.pid, *children(own.process.pid)):
            assert canary.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
        for pid in children(own.process.pid):
            assert canary.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
        assert not (folder / "state/token").exists()
        assert own.stop() == 0
    assert canary not in own.words()
