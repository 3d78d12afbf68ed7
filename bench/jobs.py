"""What a short job costs: a clip of 8 s on loopback through all stages, one at a time and many at once."""

from __future__ import annotations

import time
from datetime import datetime
from functools import partial
from statistics import median

from bench.ground import daemon
from bench.rounds import ROUNDS, Row
from tests.site import site_in_thread
from tests.support import eventually_sync
from z2ctl.client import Client

MANY, SLOTS = 12, 2


def moment(text: str) -> float:
    """Seconds of an RFC 3339 time."""
    return datetime.fromisoformat(text).timestamp()


def finished(client: Client, job: int) -> bool:
    """Whether the job has ended; it must not have failed."""
    shown = client.job(job)
    assert shown["status"] != "FAILED", shown["error"]
    return bool(shown["finished_at"])


def alone(client: Client, url: str) -> float:
    """Seconds from submission to the end of one job."""
    job = client.submit(url)["id"]
    eventually_sync(lambda: finished(client, job), 60)
    shown = client.job(job)
    return moment(shown["finished_at"]) - moment(shown["created_at"])


async def short_jobs() -> list[Row]:
    """Seconds of one, and how many a minute."""
    with site_in_thread() as site, daemon(Z2_SLOTS=str(SLOTS)) as z2d:
        client = z2d.client()
        alone(client, site.url("/file.mp4?first"))
        times = [alone(client, site.url(f"/file.mp4?alone={number}")) for number in range(ROUNDS)]
        began = time.perf_counter()
        urls = [site.url(f"/file.mp4?many={number}") for number in range(MANY)]
        for one in client.submit_batch(urls):
            eventually_sync(partial(finished, client, one["job_id"]), 120, every=0.1)
        took = time.perf_counter() - began
    return [
        Row(0, "a clip of 8 s, submission to the entry in the library", median(times), "s"),
        Row(0, f"such entries with {SLOTS} slots", MANY / took * 60, "a minute"),
    ]
