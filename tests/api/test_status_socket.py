"""The status socket: what is sent, how it resumes, and that all clients end with the same picture."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.api.seed import hire, metadata, queue, say
from tests.api.world import World
from tests.support import eventually
from z2d.api import keys, status_hub
from z2d.bus import Resync
from z2d.store import claims, requests, stages
from z2d.wire.events import Snapshot, StatusHello
from z2d.wire.jobs import FINISHED, JobOptions, Outcome, StageName
from z2d.wire.reasons import ErrorClass


class Picture:
    """What a client knows, kept as the contract says: a snapshot replaces everything, events change one job."""

    def __init__(self) -> None:
        self.jobs: dict[int, dict[str, Any]] = {}
        self.messages: list[dict[str, Any]] = []
        self.seq = 0

    def take(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        match message["type"]:
            case "snapshot":
                self.jobs = {job["id"]: job for job in message["jobs"]}
            case "job":
                self.jobs[message["job"]["id"]] = message["job"]
            case "progress" if message["id"] in self.jobs:
                self.jobs[message["id"]] |= {name: message[name] for name in ("stage", "progress")}
            case "deleted":
                self.jobs.pop(message["id"], None)
        if message["type"] != "hello":
            assert message["seq"] >= self.seq
            self.seq = message["seq"]

    def states(self) -> dict[int, tuple[Any, ...]]:
        return {key: (job["status"], job["rev"], job["title"]) for key, job in self.jobs.items()}

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.messages]


@asynccontextmanager
async def watching(world: World, query: str = "", picture: Picture | None = None) -> AsyncIterator[Picture]:
    """A client that reads for the time of the block."""
    picture = picture or Picture()
    async with world.unix.ws_connect(f"/ws/jobs/status{query}", max_msg_size=0) as ws:

        async def read() -> None:
            async for frame in ws:
                picture.take(frame.json())

        reading = asyncio.create_task(read(), name="test-reader")
        try:
            await eventually(lambda: picture.messages)
            yield picture
        finally:
            reading.cancel()
            await asyncio.wait({reading})


async def truth(world: World) -> dict[int, tuple[Any, ...]]:
    rows = await world.db.fetch("SELECT id, status, rev, title FROM jobs WHERE deleted_at IS NULL")
    return {row["id"]: (row["status"], row["rev"], row["title"]) for row in rows}


async def caught_up(world: World, picture: Picture) -> None:
    """Wait until everything that happened before is told: a new job is the last of it."""
    last = await queue(world.db, "https://media.example/mark")
    await eventually(lambda: any(one["type"] == "job" and one["job"]["id"] == last for one in picture.messages))


async def test_hello_snapshot_and_then_every_change(seeded: World) -> None:
    async with watching(seeded) as picture:
        await eventually(lambda: len(picture.messages) >= 2)
        hello, snapshot = picture.messages[:2]
        assert StatusHello.model_validate(hello).api == 1
        assert {job.id for job in Snapshot.model_validate(snapshot).jobs} == {2, 3}
        assert snapshot["stats"]["total"] >= 0
        await requests.ask_cancel(seeded.db, 3)
        await eventually(lambda: picture.jobs[3]["status"] == "CANCELLED")
        await queue(seeded.db, "https://media.example/new")
        await eventually(lambda: picture.jobs.get(5, {}).get("status") == "QUEUED")
        await requests.mark_deleted(seeded.db, 3)
        await eventually(lambda: 3 not in picture.jobs)
        await eventually(lambda: "stats" in picture.kinds(), what="new statistics")


async def test_a_client_goes_on_where_it_stopped(seeded: World) -> None:
    async with watching(seeded) as picture:
        await eventually(lambda: "snapshot" in picture.kinds())
    await requests.ask_cancel(seeded.db, 3)
    await eventually(lambda: seeded.app[keys.HUB].seq > picture.seq)
    picture.messages.clear()
    async with watching(seeded, f"?since={picture.seq}", picture):
        await eventually(lambda: picture.jobs[3]["status"] == "CANCELLED")
        assert "snapshot" not in picture.kinds()


async def test_numbers_of_another_daemon_get_a_snapshot(seeded: World) -> None:
    await eventually(lambda: seeded.app[keys.HUB].after(seeded.app[keys.HUB].seq) == [])
    for since in (0, 1, seeded.app[keys.HUB].seq - 10**9, seeded.app[keys.HUB].seq + 10**9, 10**17):
        async with watching(seeded, f"?since={since}") as picture:
            await eventually(lambda picture=picture: "snapshot" in picture.kinds())


async def test_after_a_resync_everybody_gets_a_snapshot_and_word_of_what_ended(seeded: World) -> None:
    async with watching(seeded) as picture:
        await caught_up(seeded, picture)
        await seeded.db.execute("ALTER TABLE jobs DISABLE TRIGGER USER")  # a change that nobody hears of
        await seeded.db.execute("UPDATE jobs SET status = 'CANCELLED', finished_at = now(), rev = rev + 1 WHERE id = 3")
        await seeded.db.execute("ALTER TABLE jobs ENABLE TRIGGER USER")
        picture.messages.clear()
        seeded.bus.publish(Resync())
        await eventually(lambda: picture.jobs[3]["status"] == "CANCELLED" if 3 in picture.jobs else False)
        assert "snapshot" in picture.kinds()


async def test_progress_is_told_while_somebody_looks_and_not_too_often(seeded: World) -> None:
    claim = claims.Claim(**{**(await _claim_fields(seeded, 2)), "options": JobOptions()})
    await stages.start_stage(seeded.db, claim, StageName.DOWNLOAD, "d", 1.0)
    async with watching(seeded) as picture:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        share = 0.0
        while loop.time() - begun < 2.0:
            share += 0.0001
            await stages.save_progress(
                seeded.db,
                claim,
                StageName.DOWNLOAD,
                stage_progress=share,
                job_progress=share,
                bytes_done=1,
                bytes_total=2,
                speed_bps=3,
                eta_s=4,
                detail=None,
            )
        await eventually(lambda: abs(picture.jobs[2]["progress"] - share) < 0.001)
        told = [message for message in picture.messages if message["type"] == "progress"]
        assert 2 <= len(told) <= 2 * (loop.time() - begun) + 1
        assert (told[-1]["stage"], told[-1]["speed_bps"], told[-1]["eta_s"]) == ("download", 3, 4)


async def _claim_fields(world: World, job_id: int) -> dict[str, Any]:
    row = await world.db.fetchrow(
        "SELECT id AS job_id, run_token, worker_id, attempt, max_attempts, url, site, dedup_key, profile, title, forced"
        " FROM jobs WHERE id = $1",
        job_id,
    )
    return dict(row)


async def test_two_clients_converge_whatever_happens(world: World) -> None:
    """Random changes, lost notifications, a lagging subscriber, and one client that comes and goes."""
    dice = random.Random(7)
    await hire(world.db)
    async with watching(world) as steady:
        coming = Picture()
        for round_number in range(6):
            query = f"?since={coming.seq}" if coming.seq else ""
            async with watching(world, query, coming):
                for _ in range(10):
                    await _something(world, dice)
                if round_number % 2:
                    await world.db.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'z2d listen'"
                        " AND datname = current_database()"
                    )
            for _ in range(3):
                await _something(world, dice)
        async with watching(world, f"?since={coming.seq}", coming):
            want = await truth(world)
            active = {key: state for key, state in want.items() if state[0] not in FINISHED}

            def agree() -> bool:
                return all(
                    {key: state for key, state in one.states().items() if state[0] not in FINISHED} == active
                    for one in (steady, coming)
                )

            await eventually(agree, 15, what="both clients know the active jobs as they are")
            for one in (steady, coming):
                for key, state in one.states().items():
                    assert want[key] == state


async def _something(world: World, dice: random.Random) -> None:
    number = dice.randrange(10**9)
    match dice.randrange(6):
        case 0 | 1:
            await queue(world.db, f"https://media.example/{number}")
        case 2:
            queued = await world.db.fetchval("SELECT id FROM jobs WHERE status = 'QUEUED' ORDER BY random() LIMIT 1")
            if queued:
                await requests.ask_cancel(world.db, queued)
        case 3:
            claim = await claims.claim(world.db, "test-worker")
            if claim:
                await stages.start_stage(world.db, claim, StageName.METADATA, "m", 1.0)
                await stages.finish_stage(
                    world.db, claim, StageName.METADATA, input_hash="m", artefacts=[], metadata=metadata(str(number))
                )
                await claims.finish(world.db, claim, Outcome.FULL)
        case 4:
            claim = await claims.claim(world.db, "test-worker")
            if claim:
                await claims.fail(world.db, claim, ErrorClass.NETWORK, "gone", StageName.METADATA)
        case 5:
            over = await world.db.fetchval("SELECT id FROM jobs WHERE status = 'FAILED' ORDER BY random() LIMIT 1")
            if over:
                await requests.retry(world.db, over)


async def test_a_long_queue_is_told_whole_to_who_comes_late_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also to a client that was cut off in the middle of it, and one that lags so far behind that it begins anew."""
    monkeypatch.setattr(status_hub, "IN_SNAPSHOT", 100)
    monkeypatch.setattr(status_hub, "KEPT", 150)
    async with watching(world) as early:
        await world.db.execute(
            "INSERT INTO jobs (url) SELECT 'https://media.example/' || n FROM generate_series(1, 350) n"
        )
        await caught_up(world, early)
        want = await truth(world)
        cut_off = Picture()
        async with world.unix.ws_connect("/ws/jobs/status") as ws:
            while len(cut_off.jobs) < 120:
                cut_off.take(await ws.receive_json(timeout=5))
        await requests.ask_cancel(world.db, 350)
        async with watching(world) as late, watching(world, f"?since={cut_off.seq}", cut_off):
            await caught_up(world, late)
            want = await truth(world)
            active = {key: state for key, state in want.items() if state[0] not in FINISHED}
            for picture in (early, late, cut_off):
                await eventually(
                    lambda picture=picture: active.items() <= picture.states().items() <= want.items(),
                    what="every client knows every job",
                )
            assert len(next(one for one in late.messages if one["type"] == "snapshot")["jobs"]) == 100


async def test_what_a_client_says_is_ignored_and_too_much_of_it_ends_the_socket(seeded: World) -> None:
    async with seeded.unix.ws_connect("/ws/jobs/status") as ws:
        await ws.send_str('{"type":"subscribe"}')
        assert (await ws.receive_json(timeout=5))["type"] == "hello"
        await ws.send_str("x" * 10_000)
        while (frame := await ws.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert frame.type is aiohttp.WSMsgType.CLOSE
        assert ws.close_code == 1009


async def test_an_upgrade_that_is_none_is_refused_in_words(seeded: World) -> None:
    for path in ("/ws/jobs/status", "/ws/jobs/1/logs"):
        status, said = await seeded.call("GET", path)
        assert (status, said["code"]) == (400, "invalid_request")
    assert (await seeded.call("GET", "/ws/jobs/status?since=x"))[0] == 400
    assert (await seeded.call("GET", "/ws/jobs/1/logs?level=LOUD"))[0] == 400


async def test_log_lines_alone_say_nothing_here(seeded: World) -> None:
    async with watching(seeded) as picture:
        await caught_up(seeded, picture)
        picture.messages.clear()
        async with seeded.unix.ws_connect("/ws/jobs/2/logs?tail=0") as ws:
            assert (await ws.receive_json(timeout=5))["type"] == "hello"
            last = await say(seeded.db, 2, 50)
            while (await ws.receive_json(timeout=5))["lines"][-1]["seq"] < last:
                pass
        assert "job" not in picture.kinds()
