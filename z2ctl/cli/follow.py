"""Staying with jobs until they end: the waiting behind `wait`, `submit --wait`, `logs -f` and `run`.

The sockets say when something happens; the jobs themselves are read over HTTP when a connection begins anew and, as a
net, every few seconds. So a message that got lost costs seconds, never the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import aclosing, suppress
from typing import Any, Protocol, TypeVar

from z2ctl.client import Client, Endpoint, Json
from z2ctl.feeds import log_feed, status_feed
from z2ctl.text import FINISHED
from z2d.wire import errors

LOOK_AGAIN_S = 10.0
DETAILS_EVERY_S = 0.4
LAST_LINES_S = 5.0
T = TypeVar("T")


class JobShow(Protocol):
    """Shows jobs while they run."""

    def job(self, job: Json) -> None:
        """A job as it is now (`JobSummary`, or more)."""

    def progress(self, event: Json) -> None:
        """A running job moved on (`ProgressEvent`)."""

    def offline(self, event: Json) -> None:
        """The connection is gone; it is tried again in `retry_in_s`."""


class StageShow(Protocol):
    """Shows one job, stage by stage, and its log."""

    def detail(self, job: Json) -> None:
        """The job as it is now (`JobDetail`)."""

    def lines(self, lines: list[Json]) -> None:
        """New lines of its log."""

    def offline(self, event: Json) -> None:
        """The connection is gone; it is tried again in `retry_in_s`."""


async def watch(endpoint: Endpoint, client: Client, job_ids: Iterable[int], show: JobShow) -> dict[int, Json]:
    """Wait until all of the jobs are finished; gives each as it ended.

    Raises: JobNotFound when a job is unknown or was deleted meanwhile.
    """
    ended: dict[int, Json] = {}
    waiting = set(job_ids)
    over = asyncio.Event()

    def see(job: Json) -> None:
        show.job(job)
        if job["status"] in FINISHED:
            waiting.discard(job["id"])
            ended[job["id"]] = job
        if not waiting:
            over.set()

    async def look_again() -> None:
        for job_id in sorted(waiting):
            with suppress(errors.DaemonUnreachable, errors.ShuttingDown, errors.DatabaseUnavailable):
                see(await asyncio.to_thread(client.job, job_id))

    async def messages() -> None:
        async with aclosing(status_feed(endpoint)) as feed:
            async for message in feed:
                kind = message.get("type")
                if kind == "snapshot":
                    await look_again()
                elif kind == "job" and message["job"]["id"] in waiting:
                    see(message["job"])
                elif kind == "progress" and message["id"] in waiting:
                    show.progress(message)
                elif kind == "deleted" and message["id"] in waiting:
                    raise errors.JobNotFound(f"Job {message['id']} was deleted.")
                elif kind == "offline":
                    show.offline(message)

    async def net() -> None:
        while True:
            await asyncio.sleep(LOOK_AGAIN_S)
            await look_again()

    await with_company(over.wait(), messages(), net())
    return ended


async def follow_job(endpoint: Endpoint, client: Client, job_id: int, show: StageShow) -> Json:
    """Show one job and its log (INFO and above) until it is finished; gives the `JobDetail` it ended as."""
    news = asyncio.Event()
    logged = asyncio.Event()

    async def wake() -> None:
        async with aclosing(status_feed(endpoint)) as feed:
            async for message in feed:
                if message.get("id", message.get("job", {}).get("id")) == job_id or message["type"] == "snapshot":
                    news.set()

    async def log() -> None:
        async with aclosing(log_feed(endpoint, job_id, level="INFO")) as feed:
            async for message in feed:
                if message["type"] == "lines":
                    show.lines(message["lines"])
                elif message["type"] == "offline":
                    show.offline(message)
        logged.set()

    async def details() -> Json:
        while True:
            with suppress(errors.DaemonUnreachable, errors.ShuttingDown, errors.DatabaseUnavailable):
                job = await asyncio.to_thread(client.job, job_id)
                show.detail(job)
                if job["status"] in FINISHED:
                    break
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), LOOK_AGAIN_S)
            news.clear()
            await asyncio.sleep(DETAILS_EVERY_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(logged.wait(), LAST_LINES_S)
        return job

    return await with_company(details(), wake(), log())


async def with_company(main: Coroutine[Any, Any, T], *company: Coroutine[Any, Any, object]) -> T:
    """The result of `main`; its company runs beside it, may end before it, and is ended with it.

    What one of the company raises ends all and is raised here.
    """
    task = asyncio.create_task(main, name="follow-main")
    others = [asyncio.create_task(work, name=f"follow-{at}") for at, work in enumerate(company)]
    running: set[asyncio.Task[Any]] = {task, *others}
    try:
        while not task.done():
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for other in done - {task}:
                other.result()
        return task.result()
    finally:
        for each in (task, *others):
            each.cancel()
        await asyncio.gather(task, *others, return_exceptions=True)
