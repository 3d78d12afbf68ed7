"""How fast log lines get into the database (bar 1) and from a program to a client of the log socket (bar 2)."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from statistics import median

import aiohttp

from bench.ground import new_database, new_job, postgres
from bench.rounds import Row, interleaved, ms_of, p99
from tests.api.world import World, running
from tests.support import short_tmp
from z2d.media import process
from z2d.store.database import Database
from z2d.store.log_writer import LogWriter
from z2d.wire.jobs import LogLevel

LINES = 300_000
LINE = "frame= 1012 fps= 25 q=28.0 size=    1024kB time=00:00:40.48 bitrate= 207.2kbits/s speed=1.01x"
COLUMNS = ["job_id", "seq", "at", "level", "stage", "source", "message"]
RATES = (500, 5000)
LISTENED_S = 2.0


async def speed() -> list[Row]:
    """Bar 1."""
    rows = []
    async with postgres() as server:
        for name in ("F", "S"):
            async with Database.open(await new_database(server, f"speed_{name.lower()}", slow=name == "S")) as db:
                found = await interleaved(
                    {"copy": lambda: _by_copy(db), "z2": lambda: _through_a_child(db)}, warm=False
                )
            rows.append(
                Row(1, f"lines of a child into the log, {name}", found["z2"], "lines/s", "raw COPY", found["copy"],
                    least=0.5, why="to cut, date, clean and pack a line costs 8 us of Python, where raw COPY needs 1")
            )  # fmt: skip
    return rows


async def _through_a_child(db: Database) -> float:
    """Lines per second from the start of a program that prints them to the commit of the last."""
    job = await new_job(db)
    program = [sys.executable, "-I", "-S", "-c", f"print({LINE + chr(10)!r} * {LINES}, end='')"]
    async with LogWriter(db, max_bytes=1 << 30, flood_rate=1e9, flood_burst=1e9) as writer:
        began = time.perf_counter()
        await process.run(
            program,
            installation="bench",
            deadline_s=60,
            on_stdout=lambda line: writer.write(job, LogLevel.INFO, "download", "ffmpeg", line),
        )
        assert await writer.flush(job, 60)
        took = time.perf_counter() - began
    assert await db.fetchval("SELECT count(*) FROM job_logs WHERE job_id = $1", job) == LINES
    await db.execute("TRUNCATE job_logs")
    return LINES / took


async def _by_copy(db: Database) -> float:
    """Lines per second of one raw COPY into a table like job_logs."""
    now = datetime.now(UTC)
    async with db.connection() as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS raw_logs (LIKE job_logs INCLUDING ALL)")
        await connection.execute("TRUNCATE raw_logs")
        await connection.execute("SET statement_timeout = '60s'")
        began = time.perf_counter()
        await connection.copy_records_to_table(
            "raw_logs",
            columns=COLUMNS,
            records=((1, number, now, 20, "download", "ffmpeg", LINE) for number in range(LINES)),
            timeout=60,
        )
        return LINES / (time.perf_counter() - began)


async def latency() -> list[Row]:
    """Bar 2."""
    async with postgres() as server:
        dsn = await new_database(server, "latency", slow=True)
        with short_tmp() as folder:
            async with Database.open(dsn) as db, running(dsn, db, folder) as world:
                wrong = [0]
                ways = {str(rate): lambda rate=rate: _to_the_socket(world, rate, wrong) for rate in RATES}
                found = await interleaved({"commit": lambda: _one_commit(db), **ways})
    rows = [
        Row(2, f"line to the log socket, p99 at {rate} lines a second, S", found[str(rate)], "ms", "one commit",
            found["commit"], most=5,
            why="a line waits for the commit before its own, is read back by its follower, and followers rest "
                "between two looks so that lines which come together are sent together")
        for rate in RATES
    ]  # fmt: skip
    return [*rows, Row(2, "lines missing, twice or in wrong order", wrong[0], "", "", 0)]


async def _one_commit(db: Database) -> float:
    """Milliseconds of the smallest commit, the median of some."""
    job = await new_job(db)
    return median(
        [await ms_of(lambda: db.execute("UPDATE jobs SET progress = random() WHERE id = $1", job)) for _ in range(30)]
    )


async def _to_the_socket(world: World, rate: int, wrong: list[int]) -> float:
    """The 99th percentile of milliseconds from writing a line to its arrival; a line says when it was written."""
    job = await new_job(world.db)
    lines = int(rate * LISTENED_S)
    late: list[float] = []

    async def listen(socket: aiohttp.ClientWebSocketResponse) -> None:
        while len(late) < lines:
            said = json.loads(await socket.receive_str(timeout=20))
            now = time.perf_counter()
            for line in said.get("lines", ()):
                wrong[0] += line["seq"] != len(late) + 1
                late.append((now - float(line["message"])) * 1000)

    async with (
        world.unix.ws_connect(f"/ws/jobs/{job}/logs") as socket,
        LogWriter(world.db, bus=world.bus, flood_rate=1e9, flood_burst=1e9) as writer,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(listen(socket), name="listen")
        began, written = time.perf_counter(), 0
        while written < lines:
            for _ in range(min(lines, int((time.perf_counter() - began) * rate)) - written):
                writer.write(job, LogLevel.INFO, "download", "ffmpeg", repr(time.perf_counter()))
                written += 1
            await asyncio.sleep(0.001)
    return p99(late)
