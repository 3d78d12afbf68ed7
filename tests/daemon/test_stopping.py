"""SIGTERM under load, and a database server that is restarted in the middle of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.daemon.running import Z2d, z2d
from tests.site import Site
from tests.support import eventually, short_tmp


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_tmp() as path:
        yield path


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site() as running:
        yield running


async def post(own: Z2d, url: str) -> int:
    """Submit one URL; the id of its job."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(own.socket))) as session,
        session.post("http://localhost/api/jobs", json={"url": url}) as answer,
    ):
        return int((await answer.json())["id"])


def silent_socket_client(path: Path) -> socket.socket:
    """A WebSocket client that asks for everything and never reads a byte."""
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(path))
    sock.sendall(
        b"GET /ws/jobs/status HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    return sock


@contextlib.asynccontextmanager
async def reading_client(path: Path) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session,
        session.ws_connect("http://localhost/ws/jobs/status") as client,
    ):
        yield client


def processes_of(state: Path) -> list[int]:
    """What carries the mark of this installation: yt-dlp and ffmpeg."""
    mark = f"@{state}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


async def statuses(connection: Any) -> list[tuple[str, int, str | None]]:
    rows = await connection.fetch("SELECT status, attempt, wait_reason FROM jobs ORDER BY id")
    return [tuple(row) for row in rows]


async def test_a_stop_takes_seconds_whatever_is_open_and_running(folder: Path, site: Site, dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    with z2d(folder, "serve", Z2_DATABASE_URL=dsn, Z2_ALLOW_PRIVATE_NETWORKS="true") as own:
        await eventually(lambda: "is ready at" in own.words(), 60, what="readiness")
        for name in ("a", "b"):
            await post(own, site.url(f"/slow.mp4?rate=100000&{name}"))
        await eventually(lambda: site.sent["/slow.mp4"] > 200_000, 60, what="two downloads under way")
        assert [row[0] for row in await statuses(connection)] == ["RUNNING", "RUNNING"]
        silent = silent_socket_client(own.socket)
        async with reading_client(own.socket) as client:
            assert (await client.receive_json(timeout=10))["type"] == "hello"
            began = time.monotonic()
            own.process.send_signal(signal.SIGTERM)
            code = await asyncio.to_thread(own.ends)
            took = time.monotonic() - began
        silent.close()
        assert (code, own.words().count("Traceback")) == (0, 0)
        assert took < 10
    assert await statuses(connection) == [("QUEUED", 0, "SHUTDOWN")] * 2
    assert processes_of(folder / "state") == []
    await connection.close()


async def test_jobs_outlive_a_restart_of_the_database_server(folder: Path, site: Site) -> None:
    with z2d(folder, "serve", Z2_ALLOW_PRIVATE_NETWORKS="true") as own:
        await eventually(lambda: "is ready at" in own.words(), 60, what="readiness")
        job = await post(own, site.url("/slow.mp4?rate=1500000"))
        await eventually(lambda: site.sent["/slow.mp4"] > 200_000, 60, what="a download under way")
        server = int((folder / "state/postgres/data/postmaster.pid").read_text().splitlines()[0])
        os.kill(server, signal.SIGINT)

        def finished() -> Any:
            with contextlib.suppress(OSError):
                status, detail = own.get(f"/api/jobs/{job}")
                return status == 200 and detail["finished_at"] and detail

        detail = await eventually(lambda: asyncio.to_thread(finished), 60, every=0.3, what="the end of the job")
        assert detail["status"] == "COMPLETED"
        assert detail["attempt"] == 1
        assert "Traceback" not in own.words()
        own.process.terminate()
        assert await asyncio.to_thread(own.ends) == 0
