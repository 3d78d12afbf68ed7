"""One embedded PostgreSQL server in one folder: made on first use, adopted where it still runs, stopped cleanly.

The folder holds:

    data/        the cluster; belongs to the account the server runs as
    run/         its unix socket (a short folder in /tmp takes its place where the path would be too long)
    programs/    a copy of the wheel's programs, only where the account cannot reach the wheel
    pgpass       the password, 0600, of the user who runs z2d; connections name this file, never the password
    server.log   what the server says

The server is started in a session of its own: a killed daemon leaves it running, the next start adopts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode

import asyncpg

from z2d.postgres import archive as wal
from z2d.postgres import processes
from z2d.postgres.account import Account, choose
from z2d.postgres.binaries import Binaries, find
from z2d.postgres.faults import PostgresTrouble

log = logging.getLogger(__name__)

USER = DATABASE = "z2"
PORT = 5432  # only a part of the socket's name: the server has no network address
LONGEST_SOCKET_PATH = 107  # bytes the kernel takes, without the closing zero
LARGEST_LOG = 8 << 20  # at a start the older part is put aside
START_TIMEOUT_S = 180.0  # recovery after a power cut may read much of the write-ahead log again
ADOPT_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0
FAST_STOP_S = 6.0  # the daemon promises to stop within 10 s

# Small and durable. Everything not named keeps PostgreSQL's default: fsync, full_page_writes, synchronous_commit.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "min_wal_size": "64MB",
    "max_wal_size": "512MB",
    "wal_level": "minimal",  # nothing replicates from here; dumps do not need more
    "max_wal_senders": "0",
    "jit": "off",  # queries are short: compiling them costs more than it saves
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "lc_messages": "C",
}


class EmbeddedPostgres:
    """An async context manager: inside it the server runs and `dsn` reaches it.

    `folder` is made if needed. `binaries` names the folder of PostgreSQL's programs (None: look for them). `archive` is
    the folder that gets the write-ahead log (None: nowhere). `settings` are added to the server's settings; tests
    switch durability off with them.
    Raises PostgresTrouble on entering when the server cannot be prepared or started.
    """

    def __init__(
        self,
        folder: Path,
        *,
        binaries: Path | None = None,
        archive: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self._configured, self._archive = binaries, archive
        self._settings = {**SETTINGS, **(wal.settings(archive) if archive else {}), **(settings or {})}
        self._data = self.folder / "data"
        self._pgpass = self.folder / "pgpass"
        self._log = self.folder / "server.log"
        self.sockets = self.folder / "run"
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self.pid = 0
        self.adopted = False
        self.restarts = 0
        """How often it ended by itself and was started again."""

    @property
    def dsn(self) -> str:
        """How to connect. No secret is in it: it names the password file, which only this user can read."""
        return self.dsn_of(DATABASE)

    def dsn_of(self, database: str) -> str:
        """The same for another database of this server."""
        where = urlencode({"host": self.sockets, "port": PORT, "passfile": self._pgpass}, quote_via=quote)
        return f"postgresql://{USER}@/{quote(database)}?{where}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    # ------------------------------------------------------------------ start

    async def start(self) -> None:
        """Prepare the folder, adopt the server that still runs in it or start one, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        account = choose(self._data)
        self.folder.chmod(0o711 if account.switch else 0o700)
        if closed := account.closed_folder(self.folder):
            raise PostgresTrouble(
                f"PostgreSQL runs as {account.name}, who cannot enter {closed}: choose another Z2_STATE_DIR"
            )
        if self._archive:
            wal.prepare(self._archive, account)
        self.sockets = self._socket_folder(account)
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(self._end)
            self.adopted = await self._adopt()
            if self.adopted:
                log.info("adopted the PostgreSQL server that was still running (pid %d)", self.pid)
            else:
                await self._start_fresh(account)
            try:
                await self._ensure_database()
            except asyncpg.PostgresError as error:
                raise PostgresTrouble(f"PostgreSQL does not give us our database: {error}") from None
            undo.pop_all()

    async def _start_fresh(self, account: Account) -> None:
        version = self._data / "PG_VERSION"
        major = int(version.read_text()) if version.exists() else None
        binaries = await asyncio.to_thread(
            find, self._configured, major=major, account=account, copies=self.folder / "programs"
        )
        if major is None:
            await self._initdb(binaries, account)
        elif not self._pgpass.exists():
            raise PostgresTrouble(f"{self._data} has a database, but its password file {self._pgpass} is missing")
        self._launch(binaries, account)
        await self._wait_until_ready(START_TIMEOUT_S)
        log.info("PostgreSQL %s runs (pid %d)", binaries.version, self.pid)

    def _socket_folder(self, account: Account) -> Path:
        folder = self.folder / "run"
        if len(os.fsencode(folder / f".s.PGSQL.{PORT}.lock")) > LONGEST_SOCKET_PATH:
            mark = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
            folder = Path("/tmp") / f"z2-{mark}"  # noqa: S108 - checked below: a stranger's folder is refused
        if not folder.exists():
            folder.mkdir(mode=0o700)
            account.own(folder)
        found = folder.lstat()
        if folder.is_symlink() or not folder.is_dir() or found.st_uid != account.uid or found.st_mode & 0o077:
            raise PostgresTrouble(f"{folder} is not a folder that only {account.name} may use: remove it")
        return folder

    async def _initdb(self, binaries: Binaries, account: Account) -> None:
        """Make the cluster beside its place and move it there when complete: a half-made one is never started."""
        part = self.folder / "data.part"
        if part.exists():
            await asyncio.to_thread(shutil.rmtree, part)
        part.mkdir(mode=0o700)
        account.own(part)
        password = secrets.token_urlsafe(32)
        words = self.folder / "initdb.password"
        words.unlink(missing_ok=True)
        _write_private(words, password + "\n")
        account.own(words)
        try:
            child = await asyncio.create_subprocess_exec(
                binaries.folder / "initdb", "-D", part, "-U", USER, "--pwfile", words, "--auth", "scram-sha-256",
                "--encoding", "UTF8", "--data-checksums", *_locale(binaries.major),
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
                cwd="/", env=_environment(), **account.popen(),
            )  # fmt: skip
            _, said = await asyncio.wait_for(child.communicate(), 120)
        finally:
            words.unlink()
        if child.returncode:
            raise PostgresTrouble(f"initdb failed: {said.decode(errors='replace').strip()[-500:]}")
        self._pgpass.unlink(missing_ok=True)
        _write_private(self._pgpass, f"*:*:*:{USER}:{password}\n")
        part.rename(self._data)

    def _launch(self, binaries: Binaries, account: Account) -> None:
        if self._log.exists() and self._log.stat().st_size > LARGEST_LOG:
            self._log.replace(self._log.with_suffix(".log.1"))
        argv = [os.fspath(binaries.folder / "postgres"), "-D", os.fspath(self._data)]
        for name, value in {**self._settings, "unix_socket_directories": f'"{self.sockets}"'}.items():
            argv += ["-c", f"{name}={value}"]
        with self._log.open("ab") as sink:
            self._child = subprocess.Popen(  # not asyncio's: closing the loop must not end the server
                [*argv, "-p", str(PORT)],
                stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                cwd="/", env=_environment(), start_new_session=True, **account.popen(),
            )  # fmt: skip
        self.pid = self._child.pid

    async def _wait_until_ready(self, within: float) -> None:
        """Until a query is answered; the server's own last words when it ends instead."""
        began, said = time.monotonic(), False
        while True:
            try:
                await self._ask("SELECT 1")
                return
            except asyncpg.InvalidAuthorizationSpecificationError as error:
                raise PostgresTrouble(f"PostgreSQL refuses the password in {self._pgpass}: {error}") from None
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                pass  # not listening yet, or starting up
            if not processes.alive(self.pid):
                raise PostgresTrouble(f"PostgreSQL ended at its start: {self._last_words()}")
            waited = time.monotonic() - began
            if waited > within:
                raise PostgresTrouble(f"PostgreSQL does not answer after {within:.0f} s: {self._last_words()}")
            if not said and waited > 5:
                log.info("PostgreSQL is still starting: %s", self._last_words())
                said = True
            await asyncio.sleep(0.02)

    async def _ensure_database(self) -> None:
        if not await self._ask("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
            await self._ask(f"CREATE DATABASE {DATABASE}")

    async def _ask(self, query: str, *values: object) -> object:
        connection = await asyncpg.connect(self.dsn_of("postgres"), timeout=CONNECT_TIMEOUT_S, command_timeout=30)
        try:
            return await connection.fetchval(query, *values)
        finally:
            await connection.close(timeout=2)

    # ------------------------------------------------------------------ adopt

    async def _adopt(self) -> bool:
        """Take over the server that a killed daemon left in our data folder; end what does not answer any more."""
        pid_file = self._data / "postmaster.pid"
        left = processes.working_in(self._data)
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            pid = 0
        if pid in left:
            self.pid, self._child = pid, None
            try:
                await self._wait_until_ready(ADOPT_TIMEOUT_S)
                return True
            except PostgresTrouble as trouble:
                log.warning("restarting the PostgreSQL server that was still running: %s", trouble)
        await processes.kill_all(self._data)
        # PostgreSQL believes these files when their pid is in use, if only by a stranger
        for stale in (pid_file, *self.sockets.glob(".s.PGSQL.*")):
            stale.unlink(missing_ok=True)
        return False

    async def join(self) -> bool:
        """Whether a server that somebody else looks after answers in this folder: then `dsn` reaches it.

        Nothing is started, and it is not ours to stop.
        """
        try:
            self.sockets = self._socket_folder(choose(self._data))
            await self._ask("SELECT 1")
        except (OSError, PostgresTrouble, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            return False
        return True

    # ------------------------------------------------------------------ run and stop

    async def supervise(self) -> None:
        """Start the server again whenever it ends, waiting longer each time it does not last. Ends with `stop`."""
        pause = 1.0
        while True:
            began = time.monotonic()
            if self.pid:
                await processes.gone(self.pid, None)
            if self._stopping:
                return
            self._collect()
            pause = 1.0 if time.monotonic() - began > 60 else min(pause * 2, 60)
            log.error("PostgreSQL ended (%s): starting it again in %.0f s", self._last_words(), pause)
            await asyncio.sleep(pause)
            self.restarts += 1
            try:
                await self.start()
            except (PostgresTrouble, OSError) as trouble:
                log.error("PostgreSQL cannot be started: %s", trouble)

    async def stop(self) -> None:
        """Stop fast and clean: connections are closed, a checkpoint is written. Returns when the server is gone."""
        self._stopping = True
        await self._end()

    async def _end(self) -> None:
        if not self.pid:
            return
        processes.send(self.pid, signal.SIGINT)
        if not await processes.gone(self.pid, FAST_STOP_S):
            log.warning("PostgreSQL did not stop within %.0f s: stopping it at once", FAST_STOP_S)
            processes.send(self.pid, signal.SIGQUIT)
            if not await processes.gone(self.pid, 1):
                await processes.kill_all(self._data)
        self._collect()

    def _collect(self) -> None:
        """Forget a server that has ended; where it was our child, take its exit status."""
        if self._child is not None:
            self._child.wait(1)
        self.pid, self._child = 0, None

    def _last_words(self) -> str:
        """What the server complained of last, else the last line of its log."""
        try:
            with self._log.open("rb") as source:
                source.seek(max(0, self._log.stat().st_size - 4096))
                lines = source.read().decode(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        # "FATAL: the database system is starting up" is said to us while we wait, and is no complaint
        grave = [line for line in lines if ("FATAL" in line or "PANIC" in line) and "database system is" not in line]
        return (grave or lines or ["it left no words"])[-1].strip()


def _environment() -> dict[str, str]:
    """All the server gets from us: nothing of systemd's notification socket, no secrets, no locale surprises."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _locale(major: int) -> list[str]:
    """Plain code point order, upper and lower case of all scripts. From 17 on PostgreSQL brings it itself."""
    built_in = ["--locale-provider", "builtin"] if major >= 17 else []
    return [*built_in, "--locale", "C.UTF-8", "--lc-messages", "C"]


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as sink:
        sink.write(text)
