"""kill -9 in the middle of each stage: the job goes on, finished stages are not repeated, nothing is left behind."""

from __future__ import annotations

import signal

import pytest

from tests.e2e.harness import Daemon
from tests.site import Site
from tests.support import eventually_sync

# the worker's own tests go through every point of every stage; here it is the whole daemon, once in each stage
POINTS = [
    pytest.param("metadata", "done", marks=pytest.mark.slow),
    ("download", "mid"),
    pytest.param("audio", "start", marks=pytest.mark.slow),
    pytest.param("transcript", "start", marks=pytest.mark.slow),
    pytest.param("analysis", "done", marks=pytest.mark.slow),
    ("publishing", "done"),
]


@pytest.mark.parametrize(("stage", "point"), POINTS)
def test_a_killed_daemon_goes_on_where_it_was(daemon: Daemon, site: Site, stage: str, point: str) -> None:
    daemon.start(Z2_CRASH_AT=f"{stage}:{point}")
    job = daemon.json("submit", site.url("/speech"))["id"]
    assert daemon.died() == -signal.SIGKILL
    pages, files = site.hits["/speech"], site.hits["/speech.mp4"]

    daemon.start()
    daemon.z2ctl("wait", str(job), "--timeout", "60")

    shown = daemon.json("show", str(job))
    assert (shown["status"], shown["outcome"]) == ("COMPLETED", "FULL")
    assert shown["attempts"][0]["result"] == "LOST"
    if stage != "metadata":
        assert site.hits["/speech"] == pages, "the page was read again"
    if stage not in ("metadata", "download"):
        assert site.hits["/speech.mp4"] == files, "the video was fetched again"
    left = [path for path in (daemon.folder / "state/jobs").rglob("*") if path.is_file() and "/work/" in str(path)]
    assert not left, f"temporary files left: {left}"
    assert not list((daemon.folder / "state/library").rglob(".*tmp*"))
    eventually_sync(daemon.warm_only, what="only the warm child is left")


@pytest.mark.slow
def test_a_job_in_full_download_ends_with_its_daemon_and_continues_by_range(daemon: Daemon, site: Site) -> None:
    daemon.start()
    job = daemon.json("submit", site.url("/slow.mp4?rate=1500000"))["id"]
    eventually_sync(lambda: site.sent["/slow.mp4"] > 1_500_000, 30, what="a part of it sent")
    daemon.stop(signal.SIGKILL)
    eventually_sync(lambda: not daemon.children(), 5, what="yt-dlp ended with its daemon")

    daemon.start()
    daemon.z2ctl("wait", str(job), "--timeout", "60")
    assert any(seen.range and not seen.range.startswith("bytes=0-") for seen in site.seen), "no resume by Range"
