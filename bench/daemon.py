"""The daemon as a whole: CPU while nothing happens, submission to start, and a one-shot `z2ctl list`.

    python -m bench.daemon [--idle SECONDS] [--jobs N] [--rounds N]

Starts a daemon of its own in a temporary folder, on its embedded PostgreSQL, with durable defaults. The jobs lead to
a page that is not there, so they cost little beyond the queue. Times are medians.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from tests.e2e.harness import Daemon
from tests.site import site_in_thread
from tests.support import eventually_sync, short_tmp
from z2ctl.client import Client

TICKS = os.sysconf("SC_CLK_TCK")


def family(root: int) -> list[int]:
    """A process and all that descend from it, plus PostgreSQL, which lives in a session of its own."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found, more = {root}, True
    while more:
        children = {pid for pid, parent in parents.items() if parent in found} - found
        found |= children
        more = bool(children)
    return sorted(found)


def cpu_s(pids: list[int]) -> float:
    """Seconds of processor time that the processes have used so far."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def wall_ms(command: list[str], env: dict[str, str], rounds: int) -> float:
    """The median wall time of a command whose output goes to a pipe."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True, timeout=30)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def finished(client: Client, job: int) -> bool:
    """Whether a job has ended, in whatever way."""
    return bool(client.job(job)["finished_at"])


def moment(text: str) -> float:
    """Seconds of an RFC 3339 time."""
    return datetime.fromisoformat(text).timestamp()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idle", type=float, default=20.0)
    parser.add_argument("--jobs", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=15)
    wanted = parser.parse_args()
    with short_tmp() as folder, site_in_thread() as site:
        daemon = Daemon(folder)
        daemon.env["PYTHONDONTWRITEBYTECODE"] = ""
        daemon.start()
        assert daemon.process is not None
        try:
            client, waits = daemon.client(), []
            for number in range(wanted.jobs):
                job = client.submit(site.url(f"/status/404?{number}"))["id"]
                eventually_sync(partial(finished, client, job), 60)
                shown = client.job(job)
                waits.append((moment(shown["started_at"]) - moment(shown["created_at"])) * 1000)
            eventually_sync(lambda: not client.jobs(status="RUNNING")["total"], 60)
            listed = wall_ms([sys.executable, "-m", "z2ctl", "list"], daemon.env, wanted.rounds)
            click = wall_ms([sys.executable, "-c", "import click"], daemon.env, wanted.rounds)
            time.sleep(3)
            pids = family(daemon.process.pid)
            before = cpu_s(pids)
            time.sleep(wanted.idle)
            idle = (cpu_s(pids) - before) / wanted.idle * 100
        finally:
            daemon.stop(signal.SIGTERM)
    print(f"submission to start, p50 of {wanted.jobs}   {statistics.median(waits):8.1f} ms")
    print(f"z2ctl list, piped             {listed:8.1f} ms   ({listed / click:.2f} x 'import click': {click:.1f} ms)")
    print(f"idle, z2d and its children    {idle:8.2f} % of one core ({len(pids)} processes)")


if __name__ == "__main__":
    main()
