from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg
import pytest

from tests.support import eventually, short_tmp
from z2d.store import claims, collections, database, health, removal, stages
from z2d.store.database import Database
from z2d.wire.errors import DatabaseUnavailable
from z2d.wire.jobs import StageName
from z2d.wire.lists import ListEntry

from .making import claimed, job, transcript, worker


async def test_a_killed_connection_is_trouble_once_and_then_forgotten(db: Database, dsn: str) -> None:
    with pytest.raises(DatabaseUnavailable):
        await db.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    await health.ping(db)


async def test_a_fault_of_the_statement_is_not_trouble_with_the_database(db: Database) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        await db.execute("SELECT * FROM no_such_table")
    with pytest.raises(asyncpg.DataError):
        await db.fetchval("SELECT $1::int", 2**40)


async def test_nothing_waits_for_ever(db: Database) -> None:
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        await db.execute("SELECT pg_sleep(60)")
    async with db.transaction() as connection:
        await connection.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseUnavailable):
            await db.fetch("SELECT * FROM jobs")
    assert time.monotonic() - started < 12


async def test_a_long_transcript_and_a_long_list_may_take_their_time(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each try ends like the one before, and the job runs for ever."""
    monkeypatch.setattr(database, "COMMAND_S", 0.5)
    monkeypatch.setattr(database, "STATEMENT_MS", 400)
    async with Database.open(dsn) as db:
        listing, talk = await claimed(db), await claimed(db)
        await db.execute("CREATE FUNCTION dawdle() RETURNS trigger AS 'BEGIN PERFORM pg_sleep(0.8); RETURN NULL; END' "
                         "LANGUAGE plpgsql")  # fmt: skip
        for table in ("jobs", "transcript_segments"):
            await db.execute(f"CREATE TRIGGER dawdle AFTER INSERT ON {table} EXECUTE FUNCTION dawdle()")
        with pytest.raises(DatabaseUnavailable):
            await job(db)
        await stages.finish_stage(
            db, talk, StageName.TRANSCRIPT, input_hash="h", artefacts=[], transcript=transcript("a", "b")
        )
        await collections.expand(db, listing, [ListEntry(url="https://l.example/1")])
        assert await db.fetchval("SELECT count(*) FROM transcript_segments") == 2
        assert await db.fetchval("SELECT count(*) FROM jobs WHERE parent_id = $1", listing.job_id) == 1


async def test_a_transaction_is_all_or_nothing(db: Database) -> None:
    with contextlib.suppress(asyncpg.PostgresError):
        async with db.transaction() as connection:
            await connection.execute("INSERT INTO jobs (url) VALUES ('u')")
            await connection.execute("SELECT 1 / 0")
    assert await db.fetchval("SELECT count(*) FROM jobs") == 0


async def test_giving_a_connection_back_costs_no_statement_and_leaves_nothing(dsn: str) -> None:
    async with Database.open(dsn, size=1, application="one") as db, Database.open(dsn) as other:
        async with db.transaction(statement_s=77) as connection:
            assert await connection.fetchval("SHOW statement_timeout") == "77s"
        assert await db.fetchval("SHOW statement_timeout") == "2900ms"
        last = await other.fetch("SELECT query FROM pg_stat_activity WHERE application_name = 'one'")
        assert [row["query"] for row in last] == ["SHOW statement_timeout"]


async def test_no_server_at_all(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with Database.open(f"postgresql://z2@/z2?host={tmp_path}"):
            pass


@contextlib.asynccontextmanager
async def tap(dsn: str, folder: Path) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A way to the server that lets nothing through any more once the event is cleared, and closes nothing."""
    place = parse_qs(urlsplit(dsn).query)
    directory, port = place["host"][0], place["port"][0]
    flowing = asyncio.Event()
    flowing.set()
    serving: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await flowing.wait()
                writer.write(data)
        finally:
            writer.close()  # who reads there comes to an end too
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_unix_connection(f"{directory}/.s.PGSQL.{port}")
        with contextlib.suppress(BaseExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(pump(reader, forth), name="there")
                group.create_task(pump(back, writer), name="back")

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.create_task(relay(reader, writer), name="tap"))

    server = await asyncio.start_unix_server(serve, folder / f".s.PGSQL.{port}")
    try:
        yield dsn.replace(quote(directory, safe=""), quote(str(folder), safe="")), flowing
    finally:
        flowing.set()
        server.close()
        if serving:
            await asyncio.wait(serving, timeout=10)


async def test_a_frozen_server_answers_unavailable_within_six_seconds_and_comes_back(dsn: str) -> None:
    with short_tmp() as folder:
        async with tap(dsn, folder) as (through, flowing), Database.open(through, size=2) as db:
            who = await worker(db)
            await job(db)
            flowing.clear()
            started = time.monotonic()
            with pytest.raises(DatabaseUnavailable):
                await claims.claim(db, who)
            assert time.monotonic() - started < 6
            flowing.set()

            async def answers() -> bool:
                try:
                    await health.ping(db)
                except DatabaseUnavailable:
                    return False
                return True

            await eventually(answers, what="the database is back")


async def test_however_much_was_deleted_it_is_forgotten(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces that fit into the time of a statement; one that does not would stop the housekeeping for ever."""
    monkeypatch.setattr(database, "STATEMENT_MS", 400)
    async with Database.open(dsn) as db:
        await db.execute(
            "INSERT INTO jobs (url, deleted_at) SELECT 'u', now() - interval '9 d' FROM generate_series(1, 250)"
        )
        await db.execute("CREATE FUNCTION dawdle() RETURNS trigger AS 'BEGIN PERFORM pg_sleep(0.004); RETURN OLD; END' "
                         "LANGUAGE plpgsql")  # fmt: skip
        await db.execute("CREATE TRIGGER dawdle BEFORE DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION dawdle()")
        assert await removal.forget(db, 86_400.0) == 250
