from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from tests.support import eventually
from z2d.bus import Bus, Event, JobChanged, LogsAppended, Resync
from z2d.store import claims, logs, requests
from z2d.store.database import Database
from z2d.store.listen import Listener, listen
from z2d.store.stages import finish_stage
from z2d.wire.jobs import LogLevel, Outcome, StageName

from .making import claimed, job, metadata

KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'z2d listen'"


@asynccontextmanager
async def listening(dsn: str) -> AsyncIterator[tuple[Listener, list[Event]]]:
    """A running listener, and all it has heard so far; it is connected when the block begins."""
    bus, heard, listener = Bus(), [], Listener(dsn, probe_s=0.2)
    with bus.subscribe() as events:

        async def note() -> None:
            async for event in events:
                heard.append(event)  # noqa: PERF401  one at a time, as they come

        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(listener.run(bus), name="listener"),
                group.create_task(note(), name="note"),
            ]
            await eventually(lambda: heard, what="the first Resync")
            yield listener, heard
            for task in tasks:
                task.cancel()


async def test_every_change_a_person_can_see_is_heard(db: Database, dsn: str) -> None:
    async with listening(dsn) as (_, heard):
        assert heard == [Resync()]
        claim = await claimed(db)
        await finish_stage(db, claim, StageName.METADATA, input_hash="h", artefacts=[], metadata=metadata("T"))
        await requests.ask_cancel(db, claim.job_id)
        await claims.cancelled(db, claim)
        await requests.mark_deleted(db, claim.job_id)
        await eventually(lambda: len(heard) == 7, what="six changes")
        changes = [event for event in heard if isinstance(event, JobChanged)]
        assert {event.id for event in changes} == {claim.job_id}
        assert [event.status for event in changes] == [
            "QUEUED",
            "RUNNING",
            "RUNNING",  # its title
            "RUNNING",  # the wish to cancel
            "CANCELLED",
            "CANCELLED",  # deleted
        ]
        assert [event.rev for event in changes] == sorted(event.rev for event in changes)
        assert [(event.cancel, event.pause, event.deleted) for event in changes[3:]] == [
            (True, False, False),
            (True, False, False),
            (True, False, True),
        ]


async def test_log_lines_are_told_for_all_jobs_at_once(db: Database, dsn: str) -> None:
    made = [(await job(db)).id for _ in range(3)]
    async with listening(dsn) as (_, heard):
        async with logs.LogWriter(db) as writer:
            for number in made:
                writer.write(number, LogLevel.INFO, None, "z2", "x")
        await eventually(lambda: {LogsAppended(number, 1) for number in made} <= set(heard), what="the lines")


async def test_a_killed_connection_is_made_anew_and_everything_is_read_again(db: Database, dsn: str) -> None:
    async with listening(dsn) as (listener, heard):
        for round_ in range(2, 5):
            await db.execute(KILL)
            await eventually(lambda many=round_: heard.count(Resync()) == many, what=f"Resync {round_}")
            assert listener.connected
            made = await job(db)
            await eventually(
                lambda number=made.id: any(isinstance(event, JobChanged) and event.id == number for event in heard),
                what="the job after it",
            )


async def test_it_waits_for_a_database_that_is_not_there(dsn: str) -> None:
    listener = Listener(dsn.replace("z2_test", "z2_absent"))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(listener.run(Bus()), name="listener")
        await asyncio.wait({running}, timeout=0.3)
        assert not running.done()
        assert not listener.connected
        running.cancel()


async def test_the_plain_iterator_gives_the_same(db: Database, dsn: str) -> None:
    async with aclosing(listen(dsn)) as events, asyncio.timeout(20):
        assert await anext(events) == Resync()
        claim = await claimed(db)
        await claims.finish(db, claim, Outcome.FULL)
        assert [(await anext(events)).status for _ in range(3)] == ["QUEUED", "RUNNING", "COMPLETED"]  # type: ignore[union-attr]


async def test_the_largest_payload_of_log_news_fits(db: Database, dsn: str) -> None:
    async with listening(dsn) as (_, heard):
        await logs.notify(db, {2**63 - 1 - number: 2**63 - 1 for number in range(1000)})
        await eventually(lambda: sum(isinstance(event, LogsAppended) for event in heard) == 1000, what="all news")
