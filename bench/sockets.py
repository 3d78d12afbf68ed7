"""One client of the log socket that does not read, and many that do (bar 9), against telling all in turn."""

from __future__ import annotations

import asyncio
import select
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.ground import daemon, memory_mib, new_database, postgres, program
from bench.rounds import ROUNDS, Row, interleaved, p99
from bench.serving import asked
from tests.e2e.harness import Daemon
from tests.support import eventually
from z2d.bus import Bus, LogsAppended
from z2d.store.database import Database
from z2d.store.log_writer import LogWriter
from z2d.store.submission import submit
from z2d.wire.jobs import LogLevel, NewJobFields

SOME, MANY = 100, 450
SIGN = "tick-"
TICKS = {SOME: (20, 0.1), MANY: (6, 0.4)}
"""How many lines a round has, and seconds between them: about a thousand messages a second in either case."""
FILL = 60  # lines of 8,000 characters: more than the kernel and the server keep for a client
DROPPED_S = 20.0


class Hearers:
    """Many clients in a process of their own, and what each has heard."""

    def __init__(self, process: subprocess.Popen[str], clients: int) -> None:
        self._process = process
        self.clients = clients
        self._heard: dict[str, list[float]] = {}

    def of(self, told: dict[str, float]) -> dict[str, list[float]] | None:
        """When every client has heard each of these lines, once all have heard all; one that comes twice is a fault."""
        for number, times in asked(self._process, "").items():
            self._heard.setdefault(number, []).extend(times)
        assert all(len(times) <= self.clients for times in self._heard.values()), "a client heard a line twice"
        found = {number: self._heard.get(number, []) for number in told}
        return found if all(len(times) == self.clients for times in found.values()) else None


class Stage:
    """A daemon, a job whose log is followed, and who writes it."""

    def __init__(self, z2d: Daemon, bare: Path, db: Database, job: int, writer: LogWriter, bus: Bus) -> None:
        self.z2d, self.bare = z2d, bare
        self._db, self._job, self._writer, self._bus = db, job, writer, bus
        self._number = 0
        self.grown = 0.0

    @property
    def path(self) -> str:
        """Where the log is followed."""
        return f"/ws/jobs/{self._job}/logs?tail=0"

    async def tell_z2(self, text: str) -> None:
        """Write a line and wait until it is committed."""
        with self._bus.subscribe() as news:
            self._writer.write(self._job, LogLevel.INFO, "download", "yt-dlp", text)
            assert isinstance(await news.get(timeout=10), LogsAppended)

    async def tell_bare(self, text: str) -> None:
        """Tell the server that knows nothing but to pass it on."""
        await self._db.execute("SELECT pg_notify('bare', $1)", text)

    async def late(self, tell: Callable[[str], Awaitable[None]], hearers: Hearers) -> float:
        """The 99th percentile of milliseconds from the commit of a line to its arrival at a client."""
        ticks, pause = TICKS[hearers.clients]
        told: dict[str, float] = {}
        for _ in range(ticks):
            self._number += 1
            await tell(f"{SIGN}{self._number} said")
            told[str(self._number)] = time.monotonic()
            await asyncio.sleep(pause)
        heard = await eventually(lambda: hearers.of(told), 30, every=0.2)
        return p99([max(0.0, at - told[number]) * 1000 for number, times in heard.items() for at in times])

    async def late_beside(self, hearers: Hearers, *, stalled: bool) -> float:
        """The same; `stalled`: beside a client that does not read, to which so much was said that its sender waits."""
        with ExitStack() as open_ones:
            before = memory_mib(self._pid)
            if stalled:
                open_ones.enter_context(self.stalled())
                await self.flood()
            found = await self.late(self.tell_z2, hearers)
            if stalled:
                self.grown = max(self.grown, memory_mib(self._pid) - before)
        return found

    async def flood(self) -> None:
        """Say more than is kept for anybody, and let those who listen take it in."""
        for _ in range(FILL):
            await self.tell_z2("x" * 8000)
        await asyncio.sleep(0.5)

    @contextmanager
    def stalled(self) -> Iterator[socket.socket]:
        """A client that follows the log and never reads what it is sent."""
        ask = (
            f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(self.z2d.socket))
            client.sendall(ask.encode())
            assert client.recv(12) == b"HTTP/1.1 101"
            yield client

    async def seconds_until_dropped(self) -> float:
        """How long z2 waits for a client that does not read."""
        with self.stalled() as client:
            await self.flood()
            began = time.monotonic()
            watch = select.poll()
            watch.register(client, select.POLLRDHUP)
            await eventually(lambda: bool(watch.poll(0)), 60, every=0.1)
            return time.monotonic() - began

    @property
    def _pid(self) -> int:
        assert self.z2d.process is not None
        return self.z2d.process.pid


async def fan_out() -> list[Row]:
    """Bar 9."""
    rows = []
    async with postgres() as server:
        dsn, bus = await new_database(server, "fan_out"), Bus()
        async with Database.open(dsn) as db, LogWriter(db, bus=bus) as writer:
            held = NewJobFields(hold=True)
            job, _ = await submit(db, url="https://example.org/", site=None, dedup_key=None, job=held)
            with daemon(Z2_DATABASE_URL=dsn) as z2d:
                bare = z2d.folder / "bare.sock"
                with program("bench.bare", bare, dsn, ready=bare):
                    stage = Stage(z2d, bare, db, job.id, writer, bus)
                    rows += await _with_some(stage)
                    rows.append(await _with_many(stage))
    return rows


async def _with_some(stage: Stage) -> list[Row]:
    with _hearers(stage.z2d.socket, stage.path, SOME) as hearers, _hearers(stage.bare, "/ws", SOME) as plain:
        found = await interleaved(
            {
                "alone": lambda: stage.late_beside(hearers, stalled=False),
                "beside": lambda: stage.late_beside(hearers, stalled=True),
                "bare": lambda: stage.late(stage.tell_bare, plain),
            },
            warm=False,
        )
        dropped = await stage.seconds_until_dropped()
    return [
        Row(9, f"lines to {SOME} clients beside one that does not read, p99", found["beside"], "ms", "without it",
            found["alone"], most=1.5, plus=5),
        Row(9, "memory of z2d for a client that does not read", stage.grown, "MiB", "limit", 16),
        Row(9, "until such a client is dropped", dropped, "s", "limit", DROPPED_S),
        _against_bare(SOME, found["alone"], found["bare"]),
    ]  # fmt: skip


async def _with_many(stage: Stage) -> Row:
    with _hearers(stage.z2d.socket, stage.path, MANY) as hearers, _hearers(stage.bare, "/ws", MANY) as plain:
        found = await interleaved(
            {
                "z2": lambda: stage.late(stage.tell_z2, hearers),
                "bare": lambda: stage.late(stage.tell_bare, plain),
            },
            rounds=ROUNDS,
        )
    return _against_bare(MANY, found["z2"], found["bare"])


def _against_bare(clients: int, z2: float, bare: float) -> Row:
    note = f"z2 takes 500 sockets at once: {clients} stand for the 1,000 that were thought of" if clients > SOME else ""
    why = "other processes are told of lines at most 20 times a second, the line is read back, looks are some ms apart"
    return Row(9, f"a committed line to {clients} clients, p99", z2, "ms", "bare serial broadcast", bare, most=2,
               note=note, why=why)  # fmt: skip


@contextmanager
def _hearers(where: Path, path: str, clients: int) -> Iterator[Hearers]:
    with program("bench.load", "hear", where, path, clients, SIGN) as hearers:
        assert hearers.stdout is not None
        assert hearers.stdout.readline() == "ready\n"
        yield Hearers(hearers, clients)
