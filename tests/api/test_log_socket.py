"""The log socket: each line once and in order, from history into live, through restarts, and an end when it is over."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from tests.api.seed import hire, queue, say, take
from tests.api.world import World, running
from tests.support import eventually, short_tmp
from z2d.api import log_feed
from z2d.store import claims, logs
from z2d.store.database import Database
from z2d.wire.events import LogHello
from z2d.wire.jobs import LogLevel, LogLine, Outcome


async def everything(world: World, path: str) -> list[dict[str, Any]]:
    """All messages until the server closes."""
    async with world.unix.ws_connect(path, max_msg_size=0) as ws:
        found = [frame.json() async for frame in ws]
        assert ws.close_code == 1000
    return found


def seqs(messages: list[dict[str, Any]]) -> list[int]:
    return [line["seq"] for message in messages if message["type"] == "lines" for line in message["lines"]]


async def test_a_finished_log_from_the_first_line_to_the_end(seeded: World) -> None:
    messages = await everything(seeded, "/ws/jobs/1/logs")
    last = (await logs.head(seeded.db, 1))[1]
    assert LogHello.model_validate(messages[0]) == LogHello(job_id=1, first_seq=1, last_seq=last)
    assert seqs(messages) == list(range(1, last + 1))
    assert messages[-1] == {"type": "end", "status": "COMPLETED"}
    line = messages[1]["lines"][0]
    assert list(line) == ["seq", "at", "level", "stage", "source", "message"]
    LogLine.model_validate(line)


async def test_parts_of_a_log(seeded: World) -> None:
    last = (await logs.head(seeded.db, 1))[1]
    assert seqs(await everything(seeded, f"/ws/jobs/1/logs?after={last - 1}")) == [last]
    assert seqs(await everything(seeded, f"/ws/jobs/1/logs?after={last}")) == []
    assert seqs(await everything(seeded, f"/ws/jobs/1/logs?after={last + 1000}")) == []
    assert seqs(await everything(seeded, "/ws/jobs/1/logs?tail=2")) == [last - 1, last]
    assert seqs(await everything(seeded, "/ws/jobs/1/logs?tail=0")) == []
    assert seqs(await everything(seeded, "/ws/jobs/1/logs?tail=1000")) == list(range(1, last + 1))
    warnings = await everything(seeded, "/ws/jobs/1/logs?level=WARNING&stage=download")
    assert {line["level"] for message in warnings[1:-1] for line in message["lines"]} == {"WARNING"}
    assert len(seqs(await everything(seeded, "/ws/jobs/1/logs?tail=1&level=WARNING"))) == 1


async def test_an_unknown_job_has_a_close_code_of_its_own(seeded: World) -> None:
    for name in ["999", "0", "abc", "9" * 30]:
        async with seeded.unix.ws_connect(f"/ws/jobs/{name}/logs") as ws:
            frame = await ws.receive(timeout=5)
            assert (frame.type, frame.data) == (aiohttp.WSMsgType.CLOSE, 4404)


async def test_live_lines_and_the_end_of_a_running_job(seeded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_feed, "LAST_WORDS_S", 3.0)  # a busy machine is late with the last words
    await say(seeded.db, 2, 3)
    async with seeded.unix.ws_connect("/ws/jobs/2/logs") as ws:
        assert (await ws.receive_json(timeout=20))["type"] == "hello"
        seen = seqs([await ws.receive_json(timeout=20)])
        last = await say(seeded.db, 2, 2)
        while seen[-1] < last:
            seen += seqs([await ws.receive_json(timeout=20)])
        await seeded.db.execute("UPDATE jobs SET cancel_requested_at = now() WHERE id = 2")
        await seeded.db.execute("UPDATE jobs SET status = 'CANCELLED' WHERE id = 2")
        last = await say(seeded.db, 2, 1, text="last words after the end")
        while (message := await ws.receive_json(timeout=20))["type"] != "end":
            seen += seqs([message])
        assert seen == list(range(1, last + 1))
        assert message["status"] == "CANCELLED"


async def test_lines_that_nobody_announced_are_found(seeded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_feed, "LOOK_AGAIN_S", 0.2)
    async with seeded.unix.ws_connect("/ws/jobs/2/logs") as ws:
        assert (await ws.receive_json(timeout=5))["type"] == "hello"
        await logs.append_lines(seeded.db, 2, [logs.line(LogLevel.INFO, None, "z2", "quiet")])
        assert (await ws.receive_json(timeout=5))["lines"][-1]["message"] == "quiet"


async def test_long_logs_come_in_messages_of_bounded_size(seeded: World) -> None:
    for _ in range(5):
        await logs.append(seeded.db, 1, [logs.line(LogLevel.INFO, None, "z2", "ü" * 8000, {"n": n}) for n in range(60)])
    async with seeded.unix.ws_connect("/ws/jobs/1/logs", max_msg_size=512 * 1024) as ws:
        sizes = [len(frame.data) async for frame in ws]
    assert max(sizes) < 300 * 1024
    assert len(sizes) > 5


async def test_a_live_client_that_falls_behind_gets_a_gap(seeded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_feed, "LONGEST_LAG", 100)
    monkeypatch.setattr(log_feed, "KEPT_OF_LAG", 10)
    async with seeded.unix.ws_connect("/ws/jobs/2/logs") as ws:
        hello = await ws.receive_json(timeout=5)
        await say(seeded.db, 2, 1)
        begun = hello["last_seq"] + 1
        assert seqs([await ws.receive_json(timeout=5)])[-1] == begun
        last = await say(seeded.db, 2, 500)
        assert await ws.receive_json(timeout=5) == {"type": "gap", "from": begun + 1, "to": last - 10}
        assert seqs([await ws.receive_json(timeout=5)]) == list(range(last - 9, last + 1))


async def test_each_line_once_and_in_order_through_a_restart_with_four_writers(dsn: str, db: Database) -> None:
    """The client is cut off at random moments and the whole API starts anew; four writers go on meanwhile."""
    await hire(db)
    job = await queue(db, "https://media.example/x")
    claim = await take(db, job)
    seen: list[int] = []
    total = 4 * 150

    async def write(number: int) -> None:
        for line in range(150):
            await say(db, job, 1, text=f"{number}.{line}")

    async def follow(world: World, until: int) -> None:
        after = seen[-1] if seen else 0
        async with world.unix.ws_connect(f"/ws/jobs/{job}/logs?after={after}") as ws:
            async for frame in ws:
                seen.extend(seqs([frame.json()]))
                if len(seen) >= until:
                    return

    with short_tmp() as folder:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            writers = [group.create_task(write(number)) for number in range(4)]
            for until in (100, 250, 400):
                async with running(dsn, db, folder) as world:
                    await follow(world, until - 50)
                    await follow(world, until)
            await asyncio.wait(writers)
        await claims.finish(db, claim, Outcome.FULL)
        async with running(dsn, db, folder) as world:
            after = seen[-1]
            messages = await everything(world, f"/ws/jobs/{job}/logs?after={after}")
            seen += seqs(messages)
            assert messages[-1]["type"] == "end"
    last = (await logs.head(db, job))[1]
    assert last >= total
    assert seen == list(range(1, last + 1))


async def test_followers_survive_the_loss_of_the_listener(seeded: World) -> None:
    async with seeded.unix.ws_connect("/ws/jobs/2/logs") as ws:
        assert (await ws.receive_json(timeout=5))["type"] == "hello"
        await seeded.db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'z2d listen'"
            " AND datname = current_database()"
        )
        last = await say(seeded.db, 2, 3)
        seen: list[int] = []
        while not seen or seen[-1] < last:
            seen += seqs([await ws.receive_json(timeout=10)])
        assert seen == list(range(1, last + 1))
        await eventually(lambda: seeded.listener.connected)


async def test_followers_who_look_at_the_same_time_look_together(
    seeded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred readers of one log asked the database three hundred times for each line."""
    looks = 0
    look = logs.page

    async def counted(*args: Any, **more: Any) -> Any:
        nonlocal looks
        looks += 1
        return await look(*args, **more)

    last = await say(seeded.db, 2, 1)
    async with AsyncExitStack() as open_ones:
        sockets = [await open_ones.enter_async_context(seeded.unix.ws_connect("/ws/jobs/2/logs")) for _ in range(30)]
        for socket in sockets:
            assert (await socket.receive_json(timeout=5))["type"] == "hello"
            assert seqs([await socket.receive_json(timeout=5)])[-1] == last
        monkeypatch.setattr(log_feed.logs, "page", counted)
        await say(seeded.db, 2, 1)
        for socket in sockets:
            assert seqs([await socket.receive_json(timeout=5)]) == [last + 1]
    assert looks < 10


async def test_nobody_joins_a_look_that_began_before_the_news(seeded: World) -> None:
    """It may have seen less than what the news is about."""
    feed, go_on, begun = log_feed.LogFeed(seeded.db, seeded.bus), asyncio.Event(), 0

    async def look() -> int:
        nonlocal begun
        begun += 1
        mine = begun
        await go_on.wait()
        return mine

    early = [asyncio.create_task(feed.together(2, "head", look), name=f"early {n}") for n in range(2)]
    await eventually(lambda: begun == 1)
    feed._wake(2)
    late = asyncio.create_task(feed.together(2, "head", look), name="late")
    await eventually(lambda: begun == 2)
    early.pop().cancel()  # one who leaves takes nothing from the others
    go_on.set()
    assert (await early[0], await late) == (1, 2)
    assert not feed._looks
