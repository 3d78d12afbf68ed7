"""curl does what z2ctl does, over the socket and over TCP; who may not call changes nothing."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import Daemon
from tests.site import Site
from tests.support import eventually_sync

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on this machine")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Curl:
    """curl with its standing arguments for one way in."""

    def __init__(self, base: str, *standing: str) -> None:
        self.base, self.standing = base, standing

    def __call__(self, path: str, *args: str, body: Any = None) -> tuple[int, Any]:
        """Status and parsed body of one request."""
        words = ["curl", "-sS", "--max-time", "20", "-w", "\n%{http_code}", *self.standing, *args]
        if body is not None:
            words += ["-H", "Content-Type: application/json", "--data-binary", json.dumps(body)]
        done = subprocess.run([*words, self.base + path], capture_output=True, text=True, check=True, timeout=30)
        text, _, status = done.stdout.rpartition("\n")
        try:
            return int(status), json.loads(text)
        except ValueError:
            return int(status), text


@pytest.fixture
def ways(daemon: Daemon) -> Iterator[dict[str, Curl]]:
    port = free_port()
    daemon.start(Z2_LISTEN=f"127.0.0.1:{port}")
    token = (daemon.folder / "state/token").read_text().strip()
    yield {
        "socket": Curl("http://localhost", "--unix-socket", str(daemon.socket)),
        "tcp": Curl(f"http://127.0.0.1:{port}", "-H", f"Authorization: Bearer {token}"),
        "stranger": Curl(f"http://127.0.0.1:{port}"),
    }


@pytest.mark.parametrize("way", ["socket", "tcp"])
def test_the_whole_work_by_curl(ways: dict[str, Curl], site: Site, daemon: Daemon, way: str) -> None:
    curl = ways[way]
    status, job = curl("/api/jobs", body={"url": site.url("/speech")})
    assert status == 201
    daemon.z2ctl("wait", str(job["id"]), "--timeout", "60")
    assert curl("/api/jobs", body={"url": site.url("/speech")})[0] == 200
    status, detail = curl(f"/api/jobs/{job['id']}")
    assert (status, detail["status"]) == (200, "COMPLETED")
    assert curl("/api/jobs?status=COMPLETED")[1]["total"] == 1
    # the numbers may be some seconds old
    eventually_sync(lambda: curl("/api/stats")[1]["counts"]["COMPLETED"] == 1, what="the job in the statistics")
    assert "fellow Americans" in curl(f"/api/jobs/{job['id']}/transcript?format=txt")[1]
    assert curl(f"/api/jobs/{job['id']}/logs?limit=5")[1]["items"][0]["seq"] == 1
    assert curl(f"/api/jobs/{job['id']}", "-X", "DELETE")[1]["code"] == "already_finished"
    media = next(file for file in detail["files"] if file["kind"] == "media")
    target = daemon.folder / "fetched"
    assert curl(f"/api/jobs/{job['id']}/files/{media['id']}", "-o", str(target))[0] == 200
    assert target.stat().st_size == media["size_bytes"]
    assert curl(f"/api/jobs/{job['id']}/retry", body={"from_stage": "analysis"})[0] == 200
    daemon.z2ctl("wait", str(job["id"]), "--timeout", "60")
    assert curl("/api/openapi.json")[1]["openapi"].startswith("3.1")
    assert curl("/readyz")[0] == 200


REFUSED = [
    ("stranger", [], 401),
    ("stranger", ["-H", "Authorization: Bearer wrong"], 401),
    ("tcp", ["-H", "Origin: https://evil.example"], 403),
    ("tcp", ["-H", "Host: evil.example"], 403),
    ("tcp", ["-H", "Content-Type: text/plain"], 415),
    ("socket", ["-H", "Content-Type: text/plain"], 415),
]


def test_who_may_not_call_changes_nothing(ways: dict[str, Curl], site: Site, daemon: Daemon) -> None:
    body = json.dumps({"url": site.url("/file.mp4")})
    for way, headers, status in REFUSED:
        kind = [] if status == 415 else ["-H", "Content-Type: application/json"]
        answer = ways[way]("/api/jobs", *headers, *kind, "--data-binary", body)
        assert answer[0] == status, (way, headers, answer)
    assert daemon.z2ctl("list", "--json").stdout == ""
    token = Path(daemon.folder / "state/token")
    assert token.stat().st_mode & 0o777 == 0o600
    assert daemon.socket.stat().st_mode & 0o777 == 0o660
