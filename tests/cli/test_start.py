"""What a command costs before it does anything: nothing is loaded that a pipe does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.fake import FakeDaemon, job, line

HEAVY = {"aiohttp", "asyncio", "textual", "rich", "pydantic", "yt_dlp", "asyncpg", "dataclasses"}
CODE = """
import sys
from z2ctl.cli.app import run
code = run(sys.argv[1:])
print(*sorted(name for name in sys.modules if "." not in name), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    "words",
    ["list", "list --json", "show 1", "logs 1", "stats", "submit http://a", "cancel 2", "transcript 1", "path 1"],
)
def test_a_pipe_loads_little(daemon: FakeDaemon, words: str) -> None:
    published = {"target": "library", "kind": "library", "status": "PUBLISHED", "remote_url": "/lib"}
    daemon.jobs = {1: job(1, status="COMPLETED", publishing=[published]), 2: job(2)}
    daemon.logs[1] = [line(1)]
    daemon.transcripts[1] = "words"
    ended = subprocess.run(
        [sys.executable, "-c", CODE, *words.split()], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout
    assert not HEAVY & set(ended.stderr.split())


def test_a_reader_that_leaves_is_no_fault(daemon: FakeDaemon) -> None:
    daemon.jobs = {at: job(at, title="x" * 300) for at in range(1, 1001)}
    listing = subprocess.Popen(
        [sys.executable, "-m", "z2ctl", "list", "--limit", "1000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert listing.stdout is not None
    assert listing.stderr is not None
    with listing.stdout, listing.stderr:
        assert listing.stdout.readline()
        listing.stdout.close()
        assert listing.stderr.read() == b""
        assert listing.wait(30) == 0


@pytest.mark.parametrize("words", ["list", "list --json", "--help", "list --help"])
def test_a_full_disk_behind_stdout_is_said(daemon: FakeDaemon, words: str) -> None:
    daemon.jobs = {1: job(1)}
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "z2ctl", *words.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert (ended.returncode, ended.stderr) == (1, "Error: No space left on device\n")


@pytest.mark.parametrize(("streams", "data"), [("<&-", "1"), (">&-", ""), ("2>&-", "1"), ("<&- >&- 2>&-", "")])
def test_streams_that_the_caller_closed_lead_nowhere(daemon: FakeDaemon, streams: str, data: str) -> None:
    """Words that nobody wants to hear never stand among the data."""
    daemon.jobs = {1: job(1)}
    for words, code, said in (("list", 0, data), ("show 2", 4, "")):
        ended = subprocess.run(
            ["/bin/sh", "-c", f'exec "$0" -m z2ctl "$@" {streams}', sys.executable, *words.split()],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ended.returncode == code
        assert ended.stdout[:1] == said
        assert "Traceback" not in ended.stderr
