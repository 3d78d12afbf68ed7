"""`z2ctl run`, the one command of a newcomer: the sample clip becomes an entry; a second run finds it there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.harness import Daemon
from tests.support import ROOT

pytestmark = pytest.mark.xdist_group("sample port")


def captions() -> list[float]:
    """The start seconds of the sample's own captions."""
    text = next((ROOT / "z2ctl/sample").glob("*.vtt")).read_text()
    return [int(m) * 60 + float(s) for m, s in re.findall(r"(?:\d+:)?(\d+):([\d.]+) -->", text)]


def test_from_nothing_to_an_entry_and_again(daemon: Daemon) -> None:
    del daemon.env["Z2_ALLOW_PRIVATE_NETWORKS"]  # run allows the sample's own address by itself
    first = daemon.z2ctl("run")
    assert "ask not what your country can do for you" in first.stdout.lower()
    [note] = Path(daemon.folder / "state/library").rglob("*.md")
    assert str(note) in first.stdout
    text = note.read_text()
    seconds = [int(found) for found in re.findall(r"#t=(\d+)", text)]
    assert seconds, "the note links to no second"
    assert all(any(abs(second - start) < 1.0 for start in captions()) for second in seconds)

    second = daemon.z2ctl("run")
    assert "already in the library" in second.stdout + second.stderr
    assert str(note) in second.stdout
    assert not daemon.socket.exists(), "the daemon that run started is still there"
