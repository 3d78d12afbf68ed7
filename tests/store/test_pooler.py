"""Poolers before the database, with a real pgbouncer where there is one."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest

from tests.support import eventually, short_tmp
from z2d.daemon import database
from z2d.daemon.notify import Notifier
from z2d.daemon.trouble import EXIT_CONFIG, DaemonTrouble
from z2d.postgres.server import EmbeddedPostgres
from z2d.store import health
from z2d.store.database import Database, session_settings
from z2d.store.pooler import AddressRefused, PoolerRefused, refuse_pooler

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
OF_SESSIONS = [name for name in session_settings("") if name not in ("application_name", "timezone")]
Start = Callable[..., str]


async def test_postgresql_itself_is_no_pooler(dsn: str) -> None:
    await refuse_pooler(dsn)


@pytest.mark.parametrize("option", ["foo=bar", "server_version=3", "role=nobody-here", "options=-c%20foo%3Dbar"])
async def test_what_the_server_will_never_take_is_refused(dsn: str, option: str) -> None:
    with pytest.raises(AddressRefused, match=r"parameter|role"):
        await refuse_pooler(f"{dsn}&{option}")


@pytest.fixture
def through(pg_server: EmbeddedPostgres, dsn: str) -> Iterator[Start]:
    """Starts a pgbouncer before the test's database; gives the address by which it is reached."""
    if PGBOUNCER is None:
        pytest.skip("there is no pgbouncer on this machine")
    database_name = dsn.partition("?")[0].rpartition("/")[2]
    account = pwd.getpwuid(pg_server.sockets.stat().st_uid).pw_name
    password = (pg_server.folder / "pgpass").read_text().strip().rpartition(":")[2]
    running: list[subprocess.Popen[bytes]] = []
    with short_tmp() as folder:

        def start(mode: str, ignored: list[str]) -> str:
            with closing(socket.socket()) as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            config = folder / "pgbouncer.ini"
            config.write_text(
                f"[databases]\n* = host={pg_server.sockets} port=5432 user=z2 password={password}\n"
                f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
                f"pool_mode = {mode}\nignore_startup_parameters = {','.join(ignored or ['extra_float_digits'])}\n"
            )
            config.chmod(0o644)
            as_account = ["-u", account] if os.geteuid() == 0 else []
            running.append(subprocess.Popen([PGBOUNCER, "-q", *as_account, config], stderr=subprocess.DEVNULL))
            return f"postgresql://z2@127.0.0.1:{port}/{database_name}?sslmode=disable"

        yield start
        for one in running:
            one.terminate()
            one.wait(10)


async def listens(dsn: str) -> None:
    port = int(dsn.rpartition(":")[2].partition("/")[0])

    def answers() -> bool:
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    await eventually(answers, what="pgbouncer")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "ignored", "words"),
    [
        ("transaction", OF_SESSIONS, r"gives each transaction another connection: .* or set pool_mode = session"),
        ("statement", OF_SESSIONS, r"refuses z2's connections \(.*not allowed in statement pooling mode"),
        ("session", [], r"\(unsupported startup parameter: .*ignore_startup_parameters = statement_timeout, lock_time"),
    ],
)
async def test_one_that_would_break_z2_is_refused(through: Start, mode: str, ignored: list[str], words: str) -> None:
    dsn = through(mode, ignored)
    await listens(dsn)
    with pytest.raises(PoolerRefused, match=words):
        await refuse_pooler(dsn)
    with pytest.raises(DaemonTrouble, match=words) as raised:
        await database.ready(dsn, Notifier())
    assert raised.value.exit_code == EXIT_CONFIG


@pytest.mark.slow
async def test_one_in_session_mode_is_taken_and_told_of(through: Start) -> None:
    dsn = through("session", OF_SESSIONS)
    await listens(dsn)
    await database.ready(dsn, Notifier())
    async with Database.open(dsn) as db:
        assert (await health.session(db)).pooled


async def test_a_server_that_is_away_is_not_taken_for_a_pooler(tmp_path: Path) -> None:
    with pytest.raises(database.DatabaseUnavailable):
        await refuse_pooler(f"postgresql://z2@/z2?host={tmp_path}")


async def test_only_poolers_violate_the_protocol(dsn: str) -> None:
    """What PostgreSQL says of a setting that it does not know is another error."""
    with pytest.raises(asyncpg.UndefinedObjectError):
        await asyncpg.connect(dsn, server_settings={"no_such_setting": "1"})
