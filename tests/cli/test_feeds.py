"""The two live feeds through lost connections, restarts, gaps and doubles."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.cli.fake import FakeDaemon, Json, job, line, summary
from tests.support import eventually
from z2ctl import feeds
from z2ctl.client import Endpoint
from z2ctl.feeds import log_feed, status_feed
from z2d.wire import errors


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "PAUSES_S", (0.01, 0.02, 0.05))


async def seqs(endpoint: Endpoint, job_id: int = 1, **query: object) -> tuple[list[int], list[str]]:
    """Every line's number, and the types of the other messages, until the end."""
    numbers, others = [], []
    async with asyncio.timeout(20), aclosing(log_feed(endpoint, job_id, **query)) as feed:  # type: ignore[arg-type]
        async for message in feed:
            if message["type"] == "lines":
                numbers += [each["seq"] for each in message["lines"]]
            else:
                others.append(message["type"])
    return numbers, others


def lines(*numbers: int) -> Json:
    return {"type": "lines", "lines": [line(number) for number in numbers]}


async def test_a_log_arrives_once_and_in_order(daemon: FakeDaemon) -> None:
    daemon.jobs[1] = job(1, status="RUNNING")
    daemon.logs[1] = [line(seq) for seq in range(1, 4)]

    def later() -> None:
        for seq in range(4, 50):
            daemon.logs[1].append(line(seq))
            if seq % 9 == 0:
                daemon.drop()
        daemon.jobs[1] = job(1, status="COMPLETED")

    thread = threading.Thread(target=later)
    thread.start()
    numbers, others = await seqs(Endpoint(daemon.socket))
    thread.join()
    assert numbers == list(range(1, 50))
    assert others[-1] == "end"


async def test_a_log_goes_on_after_a_restart_of_the_daemon(daemon: FakeDaemon) -> None:
    daemon.jobs[1] = job(1, status="RUNNING")
    daemon.logs[1] = [line(1), line(2)]
    reading = asyncio.create_task(seqs(Endpoint(daemon.socket)), name="reading")
    await eventually(daemon.listened)
    await asyncio.to_thread(daemon.stop)
    daemon.logs[1] += [line(3)]
    daemon.jobs[1] = job(1, status="COMPLETED")
    await asyncio.to_thread(daemon.start)
    numbers, others = await reading
    assert numbers == [1, 2, 3]
    assert "offline" in others


async def test_doubles_are_dropped_and_gaps_are_filled(daemon: FakeDaemon) -> None:
    daemon.jobs[1] = job(1, status="COMPLETED")
    daemon.logs[1] = [line(seq) for seq in range(1, 1501)]
    daemon.log_scripts = [
        [lines(1, 2, 3), lines(2, 3, 4)],
        [lines(4, 5), {"type": "gap", "from": 6, "to": 1400}, lines(1401)],
        [{"type": "news of a later version"}, lines(1402)],
    ]
    numbers, others = await seqs(Endpoint(daemon.socket))
    assert numbers == list(range(1, 1501))
    assert "gap" not in others


async def test_tail_is_asked_once(daemon: FakeDaemon) -> None:
    daemon.jobs[1] = job(1, status="COMPLETED")
    daemon.logs[1] = [line(seq) for seq in range(1, 101)]
    daemon.log_scripts = [[lines(98)]]
    numbers, _ = await seqs(Endpoint(daemon.socket), tail=3, level="INFO")
    assert numbers == [98, 99, 100]
    assert daemon.paths() == ["/ws/jobs/1/logs?level=INFO&tail=3", "/ws/jobs/1/logs?after=98&level=INFO"]


async def test_refusals_end_a_feed(daemon: FakeDaemon) -> None:
    with pytest.raises(errors.JobNotFound):
        await seqs(Endpoint(daemon.socket), 5)
    daemon.refuse["/ws/jobs/status"] = errors.Unauthorized()
    with pytest.raises(errors.Unauthorized):
        async with aclosing(status_feed(Endpoint(url=f"http://127.0.0.1:{daemon.port}", token="x"))) as feed:
            await anext(feed)


async def test_the_status_feed_resumes_where_it_was(daemon: FakeDaemon) -> None:
    daemon.jobs[1] = job(1)
    async with asyncio.timeout(20), aclosing(status_feed(Endpoint(daemon.socket))) as feed:
        assert (await anext(feed))["type"] == "hello"
        assert (await anext(feed))["jobs"] == [summary(daemon.jobs[1])]
        await eventually(daemon.watched)
        await asyncio.to_thread(daemon.put, job(2))
        assert (await anext(feed))["job"]["id"] == 2
        await asyncio.to_thread(daemon.stop)
        offline = await anext(feed)
        assert (offline["type"], offline["tries"]) == ("offline", 1)
        again = await anext(feed)
        assert (again["tries"], "z2d is not running" in again["reason"]) == (2, True)
        await asyncio.to_thread(daemon.start)
        while (await anext(feed))["type"] != "hello":
            pass
    assert daemon.paths()[-1] == "/ws/jobs/status?since=101"


async def test_pauses_grow_and_differ(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "PAUSES_S", (0.001, 0.002, 0.004))
    async with asyncio.timeout(20), aclosing(status_feed(Endpoint(place / "none.sock"))) as feed:
        pauses = [(await anext(feed))["retry_in_s"] for _ in range(9)]
    assert pauses[0] <= 0.0017
    assert all(0.0012 <= pause <= 0.0068 for pause in pauses[2:])
    assert len(set(pauses)) > 5
