"""The list over HTTP against a bare handler (bar 8), and many clients at once (bar 15)."""

from __future__ import annotations

import asyncio
import json
import subprocess
from contextlib import ExitStack
from functools import partial
from typing import Any

import aiohttp

from bench.ground import daemon, new_database, postgres, program
from bench.rounds import ROUNDS, Row, interleaved, p99
from bench.scale import fill

SECONDS = 1.5
CONNECTIONS = 8
LIMIT = 25
WATCHING, SUBMITTING, EACH = 200, 20, 10
FASTAPI = 4.2  # times slower than the bare handler, when the bar was set


async def requests() -> list[Row]:
    """Bar 8."""
    async with postgres() as server:
        dsn = await new_database(server, "requests")
        await fill(dsn, 1000)
        with ExitStack() as open_ones:
            z2d = open_ones.enter_context(daemon(Z2_DATABASE_URL=dsn))
            bare = z2d.folder / "bare.sock"
            open_ones.enter_context(program("bench.bare", bare, dsn, ready=bare))
            calls = {"z2": (z2d.socket, f"/api/jobs?limit={LIMIT}"), "bare": (bare, f"/list?limit={LIMIT}")}
            ways = {
                name: partial(
                    per_second, open_ones.enter_context(program("bench.load", "get", where, path, CONNECTIONS))
                )
                for name, (where, path) in calls.items()
            }
            found = await interleaved(ways)
    return [
        Row(8, f"pages of {LIMIT} jobs over HTTP", found["z2"], "requests/s", "bare aiohttp and asyncpg", found["bare"],
            least=0.6, note=f"FastAPI was not run; when the bar was set, the bare handler was {FASTAPI:g}x of it, so "
            f"{2 / FASTAPI:.2f}x of the bare one are the 2x of FastAPI that are asked for too",
            why="a page comes with its total, each job passes a model that checks it, and each call is counted, "
                "authorised and given its security headers")
    ]  # fmt: skip


def asked(client: subprocess.Popen[str], line: str) -> Any:
    """What `bench.load` says to a line."""
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(line + "\n")
    client.stdin.flush()
    return json.loads(client.stdout.readline())


def per_second(client: subprocess.Popen[str]) -> float:
    """Calls a second, as many as will go."""
    calls: int = asked(client, f"{SECONDS}")[0]
    return calls / SECONDS


async def crowd() -> list[Row]:
    """The second half of bar 15."""
    with daemon() as z2d:
        connector = aiohttp.UnixConnector(str(z2d.socket), limit=0)
        async with (
            aiohttp.ClientSession("http://localhost", connector=connector) as session,
            asyncio.TaskGroup() as tasks,
        ):
            watchers = [
                tasks.create_task(_watch(await session.ws_connect("/ws/jobs/status")), name=f"watcher {number}")
                for number in range(WATCHING)
            ]
            wrong = [0]
            found = [await _submit_all(session, turn, wrong) for turn in range(ROUNDS + 1)][1:]
            silent = sum(watcher.done() for watcher in watchers)
            for watcher in watchers:
                watcher.cancel()
    return [
        Row(15, f"submission beside {WATCHING} who watch and {SUBMITTING} who submit, p99", sorted(found)[ROUNDS // 2],
            "ms", "limit", 250, why="every submission is told to every watcher by the one process that takes the next"),
        Row(15, "errors of those who submit, and watchers cut off", wrong[0] + silent, "", "", 0),
    ]  # fmt: skip


async def _watch(client: aiohttp.ClientWebSocketResponse) -> None:
    async for _ in client:
        pass


async def _submit_all(session: aiohttp.ClientSession, turn: int, wrong: list[int]) -> float:
    """The 99th percentile of milliseconds of all submissions."""
    took: list[float] = []

    async def submit(who: int) -> None:
        loop = asyncio.get_running_loop()
        for number in range(EACH):
            began = loop.time()
            body = {"url": f"http://127.0.0.1:9/{turn}/{who}/{number}", "hold": True}
            async with session.post("/api/jobs", json=body, timeout=aiohttp.ClientTimeout(20)) as answer:
                wrong[0] += answer.status != 201
            took.append((loop.time() - began) * 1000)

    async with asyncio.TaskGroup() as tasks:
        for who in range(SUBMITTING):
            tasks.create_task(submit(who), name=f"submitter {who}")
    return p99(took)
