"""What a short job costs: a clip of 8 s on loopback through all stages, one at a time and many at once.

    python -m bench.jobs [--alone N] [--jobs N] [--slots N]

Starts a daemon of its own in a temporary folder, on its embedded PostgreSQL. Alone: the median time from submission to
the finished entry. Many: entries per minute.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import time
from functools import partial

from bench.daemon import moment
from tests.e2e.harness import Daemon
from tests.site import site_in_thread
from tests.support import eventually_sync, short_tmp
from z2ctl.client import Client


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alone", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=30)
    parser.add_argument("--slots", type=int, default=2)
    wanted = parser.parse_args()
    with short_tmp() as folder, site_in_thread() as site:
        daemon = Daemon(folder, Z2_SLOTS=str(wanted.slots))
        daemon.start()
        try:
            client = daemon.client()
            alone(client, site.url("/file.mp4?first"))
            times = [alone(client, site.url(f"/file.mp4?alone={number}")) for number in range(wanted.alone)]
            began = time.perf_counter()
            urls = [site.url(f"/file.mp4?many={number}") for number in range(wanted.jobs)]
            jobs = [one["job_id"] for one in client.submit_batch(urls)]
            for job in jobs:
                eventually_sync(partial(finished, client, job), 300, every=0.1)
            took = time.perf_counter() - began
            stages = client.stats()["stages"]
        finally:
            daemon.stop(signal.SIGTERM)
    print(f"alone, submission to the entry, p50 of {wanted.alone}   {statistics.median(times) * 1000:8.0f} ms")
    print(f"many, {wanted.slots} slots                             {wanted.jobs / took * 60:8.0f} entries per minute")
    print("  ".join(f"{name} {each['p50_ms']} ms" for name, each in stages.items()))


if __name__ == "__main__":
    main()
