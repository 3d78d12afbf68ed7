"""Two machines' worth of z2 on one database: a daemon and a worker of their own state folders, one library."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.harness import Daemon
from tests.site import Site
from tests.support import ROOT, eventually_sync


@pytest.mark.slow
def test_a_worker_shares_the_work_and_what_it_drops_is_taken_up(dsn: str, daemon: Daemon, site: Site) -> None:
    library = daemon.folder / "library"
    daemon.env |= {"Z2_DATABASE_URL": dsn, "Z2_LIBRARY_DIR": str(library), "Z2_SLOTS": "1", "Z2_LEASE_S": "3"}
    daemon.start()
    other = {**daemon.env, "Z2_STATE_DIR": str(daemon.folder / "other"), "Z2_SOCKET": str(daemon.folder / "none")}
    said = daemon.folder / "worker.log"
    with said.open("wb") as out:
        worker = subprocess.Popen([sys.executable, "-m", "z2d", "worker"], cwd=ROOT, env=other, stderr=out)
    try:
        eventually_sync(lambda: "the worker of z2d" in said.read_text(), 60, what="the worker is ready")
        assert daemon.client().stats()["slots"] == 2, "one of each"

        slow = site.url("/slow.mp4?rate=800000")
        ids = [daemon.json("submit", url)["id"] for url in (slow, slow + "&2", site.url("/speech"))]
        at_work = eventually_sync(lambda: both_at_work(daemon, ids), 30, what="both have a job")
        taken = next(job for job, pid in at_work.items() if pid == worker.pid)

        worker.send_signal(signal.SIGKILL)
        worker.wait(10)
        daemon.z2ctl("wait", *map(str, ids), "--timeout", "110")
        attempts = daemon.client().job(taken)["attempts"]
        assert [one["result"] for one in attempts] == ["LOST", "COMPLETED"]
        assert [one["worker"].split(":")[1] for one in attempts] == [str(worker.pid), str(daemon.process.pid)]  # type: ignore[union-attr]
        assert len(list(Path(library).rglob("*.md"))) == len(ids)
    finally:
        if worker.poll() is None:
            worker.kill()
            worker.wait(10)


def both_at_work(daemon: Daemon, ids: list[int]) -> dict[int, int]:
    """The running jobs by the process that has them, once two processes have one."""
    running = {}
    for job in map(daemon.client().job, ids):
        if job["status"] == "RUNNING" and job["stage"] == "download":
            running[job["id"]] = int(job["attempts"][-1]["worker"].split(":")[1])
    return running if len(set(running.values())) == 2 else {}
