"""Ten pages, good and bad, through `z2ctl submit` and `z2ctl wait`: how each ends, and what it cost the server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.harness import Daemon
from tests.site import Site


@pytest.fixture
def started(daemon: Daemon) -> Daemon:
    daemon.start(Z2_RETRY_SCALE="0.01")
    return daemon


def test_ten_pages_end_as_they_should(started: Daemon, site: Site) -> None:
    wanted: dict[str, tuple[str, str | None]] = {
        "/file.mp4": ("COMPLETED", "PARTIAL"),  # no captions
        "/hls/master.m3u8": ("COMPLETED", "PARTIAL"),
        "/page": ("COMPLETED", "FULL"),
        "/ldjson": ("COMPLETED", "PARTIAL"),
        "/audio.mp3": ("COMPLETED", "PARTIAL"),
        "/video-only.mp4": ("COMPLETED", "PARTIAL"),
        "/status/404": ("FAILED", "NOT_FOUND"),
        "/status/403": ("FAILED", "FORBIDDEN"),
        "/truncated.mp4": ("FAILED", "TRUNCATED"),
        "/flaky.mp4": ("COMPLETED", "PARTIAL"),
    }
    ids = {path: submitted(started, site.url(path)) for path in wanted}
    started.z2ctl("wait", *map(str, ids.values()), "--timeout", "100", code=1)
    jobs: dict[str, Any] = {path: started.json("show", str(number)) for path, number in ids.items()}

    ended = {
        path: (job["status"], job["outcome"] if job["status"] == "COMPLETED" else job["error"]["code"])
        for path, job in jobs.items()
    }
    assert ended == wanted
    assert all(job["error"]["hint"] for job in jobs.values() if job["status"] == "FAILED")

    assert [chapter["title"] for chapter in jobs["/ldjson"]["metadata"]["chapters"]] == [
        "Waking",
        "Stretching",
        "Walking",
    ]
    assert skipped(jobs["/video-only.mp4"], "audio")
    assert skipped(jobs["/file.mp4"], "transcript")
    assert jobs["/page"]["transcript"]["words"] > 10
    # two looks at most for a permanent answer, one download for a good one
    assert site.hits["/status/404"] <= 2
    assert site.hits["/file.mp4"] <= 2 * 3  # /file.mp4, /page and /ldjson share the file
    assert site.hits["/flaky.mp4"] <= 6


def skipped(job: dict[str, Any], stage: str) -> str:
    """The reason for which a stage was skipped."""
    [found] = [entry for entry in job["stages"] if entry["stage"] == stage]
    assert found["status"] == "SKIPPED"
    return str(found["skip_reason"])


def submitted(daemon: Daemon, url: str) -> int:
    return int(daemon.json("submit", url)["id"])
