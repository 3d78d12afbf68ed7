"""Clients that do not read: nobody else notices, nothing grows, and the daemon still stops at once."""

from __future__ import annotations

import asyncio
import select
import socket
import time
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from tests.api.seed import queue, say, seed
from tests.api.test_doors import HANDSHAKE
from tests.api.world import World, running
from tests.support import eventually, short_tmp
from z2d.api import files, keys, sockets
from z2d.store.database import Database


async def stuck_client(path: Path, target: str) -> socket.socket:
    """A WebSocket client with a tiny buffer that says hello and then never reads."""
    one = socket.socket(socket.AF_UNIX)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(one, str(path))
    lines = [f"GET {target} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in HANDSHAKE.items())]
    await loop.sock_sendall(one, "\r\n".join([*lines, "", ""]).encode())
    return one


async def stuck_download(world: World) -> socket.socket:
    """A client that asks for a large file and does not take it."""
    with (world.jobs_dir / "0/1/media/owls.mp4").open("ab") as media:
        media.truncate(64 * 1024 * 1024)
    one = socket.socket(socket.AF_UNIX)
    one.setblocking(False)
    one.connect(str(world.socket))
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(one, b"GET /api/jobs/1/files/1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await loop.sock_recv(one, 100)).startswith(b"HTTP/1.1 200 OK")
    return one


def writers() -> int:
    return sum(task.get_name() == "socket-writer" for task in asyncio.all_tasks())


async def test_one_stuck_client_and_twenty_good_ones(seeded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SEND_S", 3.0)
    await seeded.db.execute("UPDATE jobs SET url = 'https://media.example/' || repeat('x', 4000)")
    stuck = await stuck_client(seeded.socket, "/ws/jobs/2/logs")
    await eventually(lambda: writers() == 1)
    arrived: dict[int, list[float]] = {}
    async with asyncio.TaskGroup() as group:
        good = [await seeded.unix.ws_connect("/ws/jobs/2/logs") for _ in range(20)]

        async def read(ws: aiohttp.ClientWebSocketResponse) -> None:
            async for frame in ws:
                for line in frame.json().get("lines", ()):
                    arrived.setdefault(line["seq"], []).append(time.monotonic())

        for ws in good:
            group.create_task(read(ws))
        said: dict[int, float] = {}
        for _ in range(120):
            before = time.monotonic()
            said[await say(seeded.db, 2, 1, text="y" * 8000)] = before
        await eventually(lambda: len(arrived.get(max(said), ())) == 20, what="the good ones have read everything")
        delays = sorted(at - said[seq] for seq in said for at in arrived[seq])
        assert delays[int(len(delays) * 0.99)] < 1.0
        assert all(len(arrived[seq]) == 20 for seq in said)
        await eventually(lambda: len(seeded.app[keys.SOCKETS]) < 21, 20, what="the stuck one is gone")
        assert len(seeded.app[keys.SOCKETS]) == 20
        for ws in good:
            await ws.close()
    stuck.close()
    await eventually(lambda: writers() == 0)


async def test_a_stuck_status_client_is_cut_off(seeded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SEND_S", 1.0)
    for number in range(100):
        await queue(seeded.db, f"https://media.example/{number}/" + "x" * 3000)
    stuck = await stuck_client(seeded.socket, "/ws/jobs/status")
    await eventually(lambda: writers() == 1)
    await eventually(lambda: len(seeded.app[keys.SOCKETS]) == 0, what="the stuck one is gone")
    stuck.close()


async def test_a_client_that_falls_silent_before_its_pipe_is_full_is_let_go(
    seeded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing more is said, so no message exceeds its time; what the client never took kept the connection open."""
    monkeypatch.setattr(sockets, "HEARTBEAT_S", 1.0)
    monkeypatch.setattr(sockets, "FAREWELL_S", 0.1)
    stuck = await stuck_client(seeded.socket, "/ws/jobs/2/logs")
    open_ones = seeded.app[keys.SOCKETS]
    await eventually(lambda: open_ones.of("logs"))
    pipe = open_ones.of("logs")[0]._request.transport
    assert pipe is not None
    while not pipe.get_write_buffer_size():
        await say(seeded.db, 2, 1, text="z" * 8000)
    ended = select.poll()
    ended.register(stuck, select.POLLRDHUP)
    await eventually(lambda: ended.poll(0), 20, what="the end of the connection")
    assert not open_ones
    stuck.close()


async def test_stopping_waits_for_no_client(dsn: str, db: Database) -> None:
    with short_tmp() as folder:
        patient = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(folder / "z2d.sock")))
        async with running(dsn, db, folder) as world:
            await seed(db, world.jobs_dir)
            for _ in range(10):
                await say(db, 1, 50, text="z" * 8000)
            stuck = await stuck_client(world.socket, "/ws/jobs/1/logs")
            silent = await asyncio.open_unix_connection(str(world.socket))
            download = await stuck_download(world)
            idle = await patient.ws_connect("http://localhost/ws/jobs/status")
            assert (await idle.receive_json(timeout=5))["type"] == "hello"
            await eventually(lambda: writers() == 2)
            begun = time.monotonic()
        assert time.monotonic() - begun < 5
        while (frame := await idle.receive(timeout=1)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert frame.data == 1001
        assert frame.type is aiohttp.WSMsgType.CLOSE
        await patient.close()
        stuck.close()
        download.close()
        silent[1].close()
        await eventually(lambda: writers() == 0)


async def test_a_download_that_is_not_taken_is_ended(seeded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "STALLED_S", 0.5)
    one = await stuck_download(seeded)
    await eventually(lambda: not open_files(seeded.jobs_dir), what="the daemon has put the file away")
    one.close()


def open_files(folder: Path) -> list[str]:
    """Files below `folder` that this process has open."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(str(link.readlink()))
    return [name for name in found if name.startswith(str(folder))]


async def test_sockets_are_counted(seeded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeded.app[keys.SOCKETS], "_limit", 2)
    held = [await seeded.unix.ws_connect(path) for path in ("/ws/jobs/status", "/ws/jobs/2/logs")]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await seeded.unix.ws_connect("/ws/jobs/status")
    assert refused.value.status == 429
    for ws in held:
        await ws.close()
    await eventually(lambda: len(seeded.app[keys.SOCKETS]) == 0)
    await (await seeded.unix.ws_connect("/ws/jobs/status")).close()
