"""What the watchdog is fed for, with a real database, a real listener and a real socket."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.support import eventually, short_tmp
from z2d.bus import Bus
from z2d.daemon import watchdog
from z2d.daemon.notify import Notifier
from z2d.store.database import Database
from z2d.store.listen import Listener

PERIOD_S = 0.8


class Manager:
    """The service manager's end of the notification socket."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.sock.bind(str(path))

    def fed(self) -> bool:
        with suppress(BlockingIOError):
            return self.sock.recv(100) == b"WATCHDOG=1"
        return False


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_tmp() as path:
        yield path


@pytest.fixture
def manager(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    found = Manager(folder / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(folder / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", str(int(PERIOD_S * 1e6)))
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    with found.sock:
        yield found


@asynccontextmanager
async def feeding(db: Database, listener: Listener, door: Path | None = None) -> AsyncIterator[None]:
    task = asyncio.create_task(watchdog.feed(Notifier(), db, listener, door), name="watchdog")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=5)


@asynccontextmanager
async def api(path: Path, answer: bytes) -> AsyncIterator[None]:
    """Something that takes connections, and answers or does not."""

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await reader.read()
        writer.close()

    async with await asyncio.start_unix_server(met, path):
        yield


async def test_it_is_fed_while_everything_answers(manager: Manager, folder: Path, db: Database, dsn: str) -> None:
    listener = Listener(dsn)
    ears = asyncio.create_task(listener.run(Bus()), name="listener")
    try:
        async with api(folder / "door", b"HTTP/1.1 200 OK\r\n\r\n"), feeding(db, listener, folder / "door"):
            for _ in range(3):
                await eventually(manager.fed, what="a fed watchdog")
    finally:
        ears.cancel()
        await asyncio.wait({ears}, timeout=5)


async def test_deaf_to_notifications_it_is_not_fed_until_they_are_heard_again(
    manager: Manager, db: Database, dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener(dsn)  # nobody runs it
    async with feeding(db, listener):
        await eventually(lambda: caplog.text.count("its notifications do not arrive") >= 2, what="the complaint")
        assert not manager.fed()
        listener.connected = True
        await eventually(manager.fed, what="a fed watchdog")


async def test_a_database_that_is_away_is_no_reason_to_start_anew(manager: Manager, folder: Path, dsn: str) -> None:
    async with Database.open(dsn) as db, feeding(db, Listener(dsn)):
        db._pool.terminate()
        await eventually(manager.fed, what="a fed watchdog")


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b"", "the API gave no answer within"), (b"HTTP/1.1 500 Oh\r\n\r\n", "does not say that it is well")],
)
async def test_an_api_that_does_not_answer_well_is_told(
    manager: Manager, folder: Path, db: Database, dsn: str, caplog: pytest.LogCaptureFixture, answer: bytes, said: str
) -> None:
    listener = Listener(dsn)
    listener.connected = True
    async with api(folder / "door", answer), feeding(db, listener, folder / "door"):
        await eventually(lambda: said in caplog.text, what="the complaint")
    assert not manager.fed()


async def test_an_api_whose_socket_is_gone_is_told(
    manager: Manager, folder: Path, db: Database, dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener(dsn)
    listener.connected = True
    async with feeding(db, listener, folder / "none"):
        await eventually(lambda: "the API cannot be reached" in caplog.text, what="the complaint")
    assert not manager.fed()
