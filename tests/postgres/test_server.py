from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.support import eventually, short_tmp
from z2d.postgres import processes, server
from z2d.postgres.faults import PostgresTrouble
from z2d.postgres.server import EmbeddedPostgres

FAST = {"fsync": "off"}


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_tmp() as path:
        yield path / "postgres"


@pytest.fixture
async def running(folder: Path) -> AsyncIterator[EmbeddedPostgres]:
    async with EmbeddedPostgres(folder, settings=FAST) as pg:
        yield pg


async def ask(pg: EmbeddedPostgres, query: str) -> object:
    connection = await asyncpg.connect(pg.dsn, timeout=10)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def seen_in_proc(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


async def test_each_test_has_its_own_database(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("SELECT count(*) FROM jobs") == 0
    await connection.close()


async def test_upper_and_lower_case_are_known_of_all_scripts(running: EmbeddedPostgres) -> None:
    assert await ask(running, "SELECT lower('ÄΣЖ')") == "äσж"
    assert await ask(running, "SELECT 'ÄPFEL' ILIKE '%äpf%'") is True


async def test_the_server_is_durable_and_has_no_network_address(folder: Path) -> None:
    async with EmbeddedPostgres(folder) as pg:
        for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert await ask(pg, f"SHOW {name}") == "on"
        assert await ask(pg, "SHOW listen_addresses") == ""
        assert await ask(pg, "SHOW password_encryption") == "scram-sha-256"


async def test_a_stop_is_clean_and_the_data_stays(folder: Path) -> None:
    for round_ in range(3):
        async with EmbeddedPostgres(folder, settings=FAST) as pg:
            pid, adopted = pg.pid, pg.adopted
            await ask(pg, f"CREATE TABLE round_{round_} ()")
            open_connection = await asyncpg.connect(pg.dsn)
        assert not adopted
        assert not processes.alive(pid)
        open_connection.terminate()
    words = (folder / "server.log").read_text()
    assert words.count("database system is shut down") == 3
    assert "automatic recovery" not in words
    assert "was interrupted" not in words
    async with EmbeddedPostgres(folder, settings=FAST) as pg:
        assert await ask(pg, "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'round_%'") == 3


async def test_secrets_stay_in_a_file_only_we_can_read(running: EmbeddedPostgres, folder: Path) -> None:
    line = (folder / "pgpass").read_text().strip()
    password = line.rpartition(":")[2]
    assert len(password) > 30
    assert stat.S_IMODE((folder / "pgpass").stat().st_mode) == 0o600
    assert (folder / "pgpass").stat().st_uid == os.geteuid()
    assert password not in running.dsn
    for pid in processes.working_in(folder / "data"):
        assert password.encode() not in seen_in_proc(pid, "cmdline")
    assert not (folder / "initdb.password").exists()
    wrong = running.dsn.replace("passfile", "application_name")
    with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InterfaceError)):
        await asyncpg.connect(wrong, password="guess")


async def test_the_server_inherits_nothing_of_ours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "Z2_TOKEN", "Z2_DATABASE_URL", "CREDENTIALS_DIRECTORY"):
        monkeypatch.setenv(name, "canary")
    async with EmbeddedPostgres(folder, settings=FAST) as pg:
        assert b"canary" not in seen_in_proc(pg.pid, "environ")
        assert os.getsid(pg.pid) == pg.pid
        if os.geteuid() == 0:
            assert b"\nUid:\t0\t" not in seen_in_proc(pg.pid, "status")


def start_in_a_process_that_is_killed(folder: Path) -> int:
    """Start the server in another process, kill that one with SIGKILL, and return the server's pid."""
    program = (
        "import asyncio, pathlib, sys, time\n"
        "from z2d.postgres.server import EmbeddedPostgres\n"
        "pg = EmbeddedPostgres(pathlib.Path(sys.argv[1]), settings={'fsync': 'off'})\n"
        "asyncio.run(pg.start())\n"
        "print(pg.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, folder], stdout=subprocess.PIPE)
    assert child.stdout
    pid = int(child.stdout.readline())
    child.kill()
    child.wait()
    child.stdout.close()
    return pid


async def test_a_server_left_by_a_killed_daemon_is_adopted(folder: Path) -> None:
    left = await asyncio.to_thread(start_in_a_process_that_is_killed, folder)
    assert processes.alive(left)
    async with EmbeddedPostgres(folder, settings=FAST) as pg:
        assert (pg.adopted, pg.pid) == (True, left)
        assert await ask(pg, "SELECT 1") == 1
    assert not processes.alive(left)


async def test_a_folder_behind_a_symbolic_link_is_the_same_folder(folder: Path) -> None:
    """As systemd's DynamicUser has it: /var/lib/z2 leads to /var/lib/private/z2."""
    link = folder.with_name("link")
    link.symlink_to(folder.parent / "real", target_is_directory=True)
    (folder.parent / "real").mkdir()
    left = await asyncio.to_thread(start_in_a_process_that_is_killed, link)
    async with EmbeddedPostgres(link, settings=FAST) as pg:
        assert (pg.adopted, pg.pid) == (True, left)


async def test_a_lost_or_wrong_password_is_said_at_once(folder: Path) -> None:
    async with EmbeddedPostgres(folder, settings=FAST):
        pass
    pgpass = folder / "pgpass"
    pgpass.write_text("*:*:*:z2:wrong\n")
    with pytest.raises(PostgresTrouble, match="refuses the password in"):
        await EmbeddedPostgres(folder, settings=FAST).start()
    pgpass.unlink()
    with pytest.raises(PostgresTrouble, match="pgpass is missing"):
        await EmbeddedPostgres(folder, settings=FAST).start()
    assert processes.working_in(folder / "data") == []


async def test_a_server_that_does_not_answer_is_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ADOPT_TIMEOUT_S", 0.5)
    monkeypatch.setattr(server, "CONNECT_TIMEOUT_S", 0.5)
    left = await asyncio.to_thread(start_in_a_process_that_is_killed, folder)
    for pid in processes.working_in(folder / "data"):
        os.kill(pid, signal.SIGSTOP)
    async with EmbeddedPostgres(folder, settings=FAST) as pg:
        assert pg.pid != left
        assert not processes.alive(left)
        assert await ask(pg, "SELECT 1") == 1


async def test_what_a_killed_server_left_is_no_hindrance(folder: Path) -> None:
    """Backends without their postmaster, and a pid file whose pid belongs to a stranger by now."""
    left = await asyncio.to_thread(start_in_a_process_that_is_killed, folder)
    os.kill(left, signal.SIGKILL)
    await processes.gone(left, 5)
    pid_file = folder / "data/postmaster.pid"
    pid_file.write_text(pid_file.read_text().replace(str(left), str(os.getpid()), 1))
    async with EmbeddedPostgres(folder, settings=FAST) as pg:
        assert not pg.adopted
        assert await ask(pg, "SELECT 1") == 1


async def test_a_half_made_cluster_is_made_again(folder: Path) -> None:
    (folder / "data.part").mkdir(parents=True)
    (folder / "data.part" / "PG_VERSION").write_text("18\n")
    (folder / "initdb.password").write_text("old")
    async with EmbeddedPostgres(folder, settings=FAST) as pg:
        assert await ask(pg, "SELECT 1") == 1


async def test_a_server_that_ends_is_started_again(running: EmbeddedPostgres) -> None:
    task = asyncio.create_task(running.supervise(), name="supervise")
    first = running.pid
    os.kill(first, signal.SIGQUIT)
    await eventually(lambda: running.pid not in (0, first), 20, what="a new server")
    await eventually(lambda: ask_quietly(running), 20, what="an answer")
    await running.stop()
    await asyncio.wait_for(task, 5)


async def ask_quietly(pg: EmbeddedPostgres) -> object:
    try:
        return await ask(pg, "SELECT 1")
    except (OSError, asyncpg.PostgresError, asyncpg.InternalClientError):
        return None


async def test_a_path_too_long_for_a_socket_gets_a_short_folder() -> None:
    with short_tmp() as short:
        folder = short / ("long" * 20)
        async with EmbeddedPostgres(folder, settings=FAST) as pg:
            assert await ask(pg, "SHOW unix_socket_directories") == f'"{pg.sockets}"'
            assert stat.S_IMODE(pg.sockets.stat().st_mode) == 0o700
        pg.sockets.chmod(0o777)
        with pytest.raises(PostgresTrouble, match="is not a folder that only"):
            await EmbeddedPostgres(folder, settings=FAST).start()
        pg.sockets.rmdir()


async def test_a_bad_setting_fails_with_the_words_of_the_server(folder: Path) -> None:
    with pytest.raises(PostgresTrouble, match=r"ended at its start: .*shared_buffers"):
        await EmbeddedPostgres(folder, settings={"shared_buffers": "many"}).start()
    assert processes.working_in(folder / "data") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends the server an account")
async def test_a_state_folder_the_account_cannot_enter_is_named() -> None:
    with short_tmp() as short:
        closed = short / "closed"
        closed.mkdir(mode=0o700)
        with pytest.raises(PostgresTrouble, match=f"cannot enter {closed}:"):
            await EmbeddedPostgres(closed / "postgres").start()
