from __future__ import annotations

import asyncio
import random
from collections import Counter
from itertools import pairwise

import asyncpg
import pytest

from tests.support import eventually
from z2d.bus import Bus, LogsAppended
from z2d.store import logs
from z2d.store.database import Database
from z2d.store.lines import LINE_LIMIT, append_lines
from z2d.store.log_writer import LogWriter
from z2d.wire.errors import DatabaseUnavailable, JobNotFound
from z2d.wire.jobs import LogLevel, LogLine

from .making import job

INFO, WARNING = LogLevel.INFO, LogLevel.WARNING


async def all_lines(db: Database, job_id: int) -> list[LogLine]:
    lines: list[LogLine] = []
    while page := (await logs.page(db, job_id, after=lines[-1].seq if lines else 0, limit=5000)).items:
        lines += page
    return lines


async def test_four_writers_make_one_gapless_log_that_a_follower_reads_once(db: Database) -> None:
    """Commits come in any order and late; who follows by `seq > last` still gets each line once and in order."""
    number = (await job(db)).id
    total = 4 * 40

    async def write(name: str) -> None:
        pause = random.Random(name)
        for count in range(40):
            async with db.transaction() as connection:
                await append_lines(connection, number, [logs.line(INFO, None, name, f"{name} {count}")])
                await asyncio.sleep(pause.random() * 0.004)

    async def follow() -> list[LogLine]:
        seen: list[LogLine] = []
        while len(seen) < total:
            seen += (await logs.page(db, number, after=seen[-1].seq if seen else 0)).items
        return seen

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        following = group.create_task(follow(), name="follow")
        for name in "abcd":
            group.create_task(write(name), name=f"write {name}")
    seen = following.result()
    assert [one.seq for one in seen] == list(range(1, total + 1))
    assert Counter(one.message for one in seen) == {f"{name} {count}": 1 for name in "abcd" for count in range(40)}


async def test_the_writer_keeps_order_level_and_data_and_tells_the_bus(db: Database) -> None:
    number = (await job(db)).id
    bus = Bus()
    with bus.subscribe() as heard:
        async with LogWriter(db, bus=bus) as writer:
            for count in range(5000):
                writer.write(number, INFO, "download", "yt-dlp", f"line {count}", {"n": count} if count < 3 else None)
            writer.write(number, LogLevel.ERROR, None, "z2", "the end")
            assert await writer.flush(number, 10)
            _, last, _ = await logs.head(db, number)
            assert last == 5001
        event = await heard.get(1)
        assert isinstance(event, LogsAppended)
        assert event.job_id == number
    lines = await all_lines(db, number)
    assert [one.message for one in lines] == [*(f"line {count}" for count in range(5000)), "the end"]
    assert (lines[2].data, lines[3].data) == ({"n": 2}, None)
    assert (lines[0].level, lines[0].stage, lines[0].source, lines[-1].level) == ("INFO", "download", "yt-dlp", "ERROR")
    assert all(earlier.at <= later.at for earlier, later in pairwise(lines))


async def test_leaving_the_writer_stores_what_was_said(db: Database) -> None:
    first, second = (await job(db)).id, (await job(db)).id
    async with LogWriter(db) as writer:
        writer.write(first, INFO, None, "z2", "one")
        writer.write(second, INFO, None, "z2", "two")
    assert [one.message for one in await all_lines(db, first)] == ["one"]
    assert [one.message for one in await all_lines(db, second)] == ["two"]


async def test_long_and_hostile_lines_are_cut_and_cleaned(db: Database) -> None:
    number = (await job(db)).id
    async with LogWriter(db) as writer:
        writer.write(
            number,
            INFO,
            "s\x00",
            "so\x1b[31murce",
            "\x1b]52;c;aGk=\x07a\x00b\ud800c\x9b31md\te\r\nf",
            {"\x00k": float("nan")},
        )
        writer.write(number, INFO, None, "z2", "x" * 100_000_000)
        writer.write(number, INFO, None, "z2", "big data", {"k": "x" * 100_000})
    hostile, long, data = await all_lines(db, number)
    assert (hostile.message, hostile.stage, hostile.source) == ("ab\ufffdcd\te\nf", "s", "source")
    assert hostile.data == {"k": None}
    assert len(long.message) < LINE_LIMIT + 60
    assert long.message.endswith(f"…[{100_000_000 - LINE_LIMIT} more characters cut]")
    assert data.data is not None
    assert "cut" in data.data


async def test_a_flood_is_capped_and_counted_and_the_daemon_is_still_heard(db: Database) -> None:
    number = (await job(db)).id
    said = 30_000
    async with LogWriter(db, flood_rate=1, flood_burst=1000) as writer:
        for count in range(said):
            writer.write(number, INFO, "download", "ffmpeg", f"{count}")
        writer.write(number, WARNING, "download", "z2", "still here")
    lines = await all_lines(db, number)
    kept = [one for one in lines if one.source == "ffmpeg"]
    dropped = sum(int(one.message.split()[0]) for one in lines if "lines dropped (flood)" in one.message)
    assert 1000 <= len(kept) < 1100
    assert len(kept) + dropped == said
    assert lines[-1].message == "still here"
    assert all(one.level == "WARNING" for one in lines if "dropped" in one.message)


async def test_memory_is_bounded_while_the_database_is_away_and_the_gap_is_told(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = (await job(db)).id
    away = True
    real = db.fetchval

    async def fetchval(query: str, *args: object) -> object:
        if away:
            raise DatabaseUnavailable
        return await real(query, *args)

    monkeypatch.setattr(db, "fetchval", fetchval)
    async with LogWriter(db, max_bytes=100_000) as writer:
        for count in range(2000):
            writer.write(number, INFO, None, "z2", f"{count:0100}")
        assert writer._bytes < 101_000
        assert not await writer.flush(number, 0.05)
        away = False
        assert await writer.flush(number, 10)
        writer.write(number, INFO, None, "z2", "back")
    lines = await all_lines(db, number)
    dropped = [one for one in lines if "lines dropped (the database was away" in one.message]
    assert len(dropped) == 1
    assert len(lines) - 2 + int(dropped[0].message.split()[0]) == 2000
    assert [one.message for one in lines[-2:]] == [dropped[0].message, "back"]


async def test_a_commit_whose_answer_was_lost_is_not_repeated(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    number = (await job(db)).id
    real = db.fetchval
    failures = 0

    async def fetchval(query: str, *args: object) -> object:
        nonlocal failures
        answer = await real(query, *args)
        if failures < 3:
            failures += 1
            raise DatabaseUnavailable  # after the commit
        return answer

    monkeypatch.setattr(db, "fetchval", fetchval)
    async with LogWriter(db) as writer:
        for count in range(100):
            writer.write(number, INFO, None, "z2", f"{count}")
        assert await writer.flush(number, 10)
        writer.write(number, INFO, None, "z2", "last")
    assert [one.message for one in await all_lines(db, number)] == [*map(str, range(100)), "last"]


async def test_killed_connections_lose_and_double_nothing(db: Database, dsn: str) -> None:
    number = (await job(db)).id
    killer = await asyncpg.connect(dsn)
    async with LogWriter(db) as writer:
        for count in range(300):
            writer.write(number, INFO, None, "z2", f"{count}")
            if count % 20 == 0:
                await killer.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name = 'z2d'"
                )
            await asyncio.sleep(0)
        assert await writer.flush(number, 30)
    await killer.close()
    assert [one.message for one in await all_lines(db, number)] == [str(count) for count in range(300)]


async def test_the_lines_of_an_unknown_job_stop_nobody(db: Database) -> None:
    number = (await job(db)).id
    async with LogWriter(db) as writer:
        writer.write(10**12, INFO, None, "z2", "nobody's")
        writer.write(number, INFO, None, "z2", "mine")
        assert await writer.flush(None, 10)
    assert [one.message for one in await all_lines(db, number)] == ["mine"]
    with pytest.raises(JobNotFound):
        await logs.append(db, 10**12, [logs.line(INFO, None, "z2", "x")])
    with pytest.raises(JobNotFound):
        await logs.page(db, 10**12)


async def test_a_thousand_lines_a_second_are_at_most_twenty_notifications(db: Database, dsn: str) -> None:
    number = (await job(db)).id
    heard: list[str] = []
    connection = await asyncpg.connect(dsn)
    await connection.add_listener("z2_logs", lambda *given: heard.append(given[-1]))
    start = asyncio.get_running_loop().time()
    async with LogWriter(db) as writer:
        for count in range(1000):
            writer.write(number, INFO, None, "z2", f"{count}")
            await asyncio.sleep(0.0005)
        assert await writer.flush(number, 10)
        took = asyncio.get_running_loop().time() - start
        await eventually(lambda: heard and heard[-1] == f"{number}:1000", what="the last notification")
    assert len(heard) <= 20 * (took + 0.1) + 1
    await connection.close()


async def test_pages_go_forwards_backwards_and_filter(db: Database) -> None:
    number = (await job(db)).id
    await logs.append(
        db,
        number,
        [
            logs.line(WARNING if count % 10 == 0 else INFO, "audio" if count > 50 else None, "z2", f"100%_{count}")
            for count in range(1, 101)
        ],
    )

    async def seqs(**given: object) -> list[int]:
        return [one.seq for one in (await logs.page(db, number, **given)).items]  # type: ignore[arg-type]

    assert await seqs(limit=3) == [1, 2, 3]
    assert await seqs(after=97) == [98, 99, 100]
    assert await seqs(before=101, limit=2) == [99, 100]
    assert await seqs(before=5, after=2) == [3, 4]
    assert await seqs(level="WARNING", after=80) == [90, 100]
    assert await seqs(stage="audio", limit=2) == [51, 52]
    assert await seqs(q="%_10") == [10, 100]
    page = await logs.page(db, number, limit=1)
    assert (page.first_seq, page.last_seq) == (1, 100)


async def test_lines_go_with_their_job(db: Database) -> None:
    number = (await job(db)).id
    await logs.append(db, number, [logs.line(INFO, None, "z2", "x")])
    await db.execute("DELETE FROM jobs WHERE id = $1", number)
    assert await db.fetchval("SELECT count(*) FROM job_logs") == 0
