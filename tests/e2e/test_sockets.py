"""Both sockets through a restart of the daemon: every log line once and in order, the same picture for every client."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import aclosing
from typing import Any

import aiohttp
import pytest

from tests.e2e.harness import Daemon
from tests.site import Site
from tests.support import eventually
from z2ctl.client import Endpoint
from z2ctl.feeds import log_feed


async def follow(daemon: Daemon, path: str, until: str) -> list[dict[str, Any]]:
    """Messages of one socket until one of type `until`, or until the server goes away."""
    got: list[dict[str, Any]] = []
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(daemon.socket))) as session,
        asyncio.timeout(60),
        session.ws_connect(f"http://localhost{path}") as ws,
    ):
        async for message in ws:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            got.append(json.loads(message.data))
            if got[-1]["type"] == until:
                break
    return got


def lines(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for message in messages if message["type"] == "lines" for line in message["lines"]]


async def test_every_log_line_once_through_a_restart(daemon: Daemon, site: Site) -> None:
    await asyncio.to_thread(daemon.start)
    job = (await asyncio.to_thread(daemon.json, "submit", site.url("/slow.mp4?rate=1500000")))["id"]

    first = asyncio.create_task(follow(daemon, f"/ws/jobs/{job}/logs", "end"), name="first follower")
    await eventually(lambda: site.sent["/slow.mp4"] > 1_500_000, 30, what="the download is under way")
    await asyncio.to_thread(daemon.stop, signal.SIGTERM)
    before = await first
    assert before[0]["type"] == "hello"
    assert before[-1]["type"] != "end"

    await asyncio.to_thread(daemon.start)
    seen = lines(before)
    after = await follow(daemon, f"/ws/jobs/{job}/logs?after={seen[-1]['seq']}", "end")
    assert after[-1] == {"type": "end", "status": "COMPLETED"}
    together = [line["seq"] for line in seen + lines(after)]
    assert together == list(range(1, len(together) + 1))

    whole = lines(await follow(daemon, f"/ws/jobs/{job}/logs", "end"))
    assert whole == seen + lines(after)


@pytest.mark.slow
async def test_the_status_socket_resumes_or_starts_afresh(daemon: Daemon, site: Site) -> None:
    await asyncio.to_thread(daemon.start)
    watching = asyncio.create_task(follow(daemon, "/ws/jobs/status", "job"), name="watcher")
    job = (await asyncio.to_thread(daemon.json, "submit", site.url("/page"), "--wait"))["id"]
    first = await watching
    assert [message["type"] for message in first][:2] == ["hello", "snapshot"]
    seq = first[-1]["seq"]

    missed = await follow(daemon, f"/ws/jobs/status?since={seq}", "job")
    assert "snapshot" not in [message["type"] for message in missed]
    assert (missed[-1]["job"]["id"], missed[-1]["job"]["status"]) == (job, "COMPLETED")

    await asyncio.to_thread(daemon.stop, signal.SIGTERM)
    await asyncio.to_thread(daemon.start)
    again = await follow(daemon, f"/ws/jobs/status?since={seq}", "snapshot")
    assert again[-1]["type"] == "snapshot", "numbers of an older daemon cannot be resumed"


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_fifty_clients_come_back_one_by_one_and_miss_nothing(daemon: Daemon, site: Site) -> None:
    """A restart while all of them follow a job: they try again at different moments, so none of it is a storm."""
    await asyncio.to_thread(daemon.start)
    job = (await asyncio.to_thread(daemon.json, "submit", site.url("/slow.mp4?rate=700000")))["id"]
    clients = 50
    heard: list[list[int]] = [[] for _ in range(clients)]
    waited = [0.0] * clients

    async def client(number: int) -> None:
        back = False
        async with aclosing(log_feed(Endpoint(daemon.socket), job)) as feed:
            async for message in feed:
                if message["type"] == "offline" and not back:
                    waited[number] += message["retry_in_s"]
                elif message["type"] == "lines":
                    back = back or waited[number] > 0
                    heard[number] += [line["seq"] for line in message["lines"]]

    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(client(number), name=f"client {number}")
        await eventually(lambda: all(heard), 60, what="the first lines at every client")
        await eventually(lambda: site.sent["/slow.mp4"] > 700_000, 60, what="the download is under way")
        await asyncio.to_thread(daemon.stop, signal.SIGTERM)
        await eventually(lambda: all(waited), 30, what="every client notices")
        await asyncio.to_thread(daemon.start)
    assert max(waited) - min(waited) > 1.0
    whole = list(range(1, len(heard[0]) + 1))
    assert all(seqs == whole for seqs in heard)
