"""The guide to the API: its client and its curl lines, run as they stand there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.blocks import blocks
from tests.e2e.harness import Daemon
from tests.e2e.test_curl import free_port
from tests.site import Site
from tests.support import ROOT, eventually_sync

GUIDE = ROOT / "docs/guide/api.md"


def the_client() -> str:
    [block] = [one for one in blocks("python") if one.page == GUIDE]
    return block.text


def by_curl(env: dict[str, str], site: Site) -> str:
    """What the lines under "By curl" print."""
    [block] = [one for one in blocks("sh") if one.page == GUIDE and one.text.startswith("call()")]
    text = block.text.replace("https://media.example/talks/owls.mp4", site.url("/page"))
    return subprocess.run(
        ["bash", "-euc", text], env=env, capture_output=True, text=True, timeout=60, check=True
    ).stdout


@pytest.mark.slow
def test_the_client_of_the_guide_does_what_the_guide_says(daemon: Daemon, site: Site) -> None:
    port = free_port()
    daemon.start(Z2_LISTEN=f"127.0.0.1:{port}")
    program = daemon.folder / "client.py"
    program.write_text(the_client())
    bare = {name: value for name, value in os.environ.items() if not name.startswith("Z2_")}
    by_socket = bare | {"Z2_SOCKET": str(daemon.socket)}
    by_tcp = bare | {"Z2_URL": f"http://127.0.0.1:{port}", "Z2_TOKEN_FILE": str(daemon.folder / "state/token")}

    def run(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
        done = [sys.executable, program, *words]
        return subprocess.run(done, env=env, capture_output=True, text=True, timeout=60, check=False)

    seen = Path(daemon.folder / "watched")
    with (
        seen.open("w") as out,
        subprocess.Popen([sys.executable, program], env=by_tcp, stdout=out, stderr=out) as watching,
    ):
        try:
            eventually_sync(lambda: "0 unfinished" in seen.read_text(), 20, what="the snapshot")
            first = run(by_socket, site.url("/speech"))
            assert "fellow Americans" in first.stdout, first.stderr
            job = daemon.client().jobs()["items"][0]["id"]
            assert first.stderr.count("\n") == daemon.client().logs(job)["items"][-1]["seq"]
            eventually_sync(lambda: f"{job} COMPLETED" in seen.read_text(), 20, what="the end of the job is told")
        finally:
            watching.terminate()

    if shutil.which("curl"):
        said = by_curl(by_socket, site)
        for refusal in ("invalid_request", "not_found", "method_not_allowed", "unsupported_media_type"):
            assert refusal not in said
        assert "WEBVTT" in said

    again = run(by_tcp, site.url("/speech"))
    assert again.stdout == first.stdout, "the same job, over TCP"
    gone = run(by_tcp, site.url("/missing"))
    assert gone.returncode == 1
    assert "nothing at this address" in gone.stderr
    refused = run(by_socket, "file:///etc/passwd")
    assert refused.stderr.startswith("url_scheme: ")
