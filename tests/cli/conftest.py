"""A fake daemon on a socket, and the command line run in this process or in a terminal of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.fake import FakeDaemon
from tests.support import short_tmp
from z2ctl.cli.app import run


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Z2ctl = Callable[..., Ended]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of its own for state and socket."""
    with short_tmp() as folder:
        monkeypatch.setenv("Z2_STATE_DIR", str(folder))
        monkeypatch.setenv("TZ", "UTC")
        yield folder


@pytest.fixture
def daemon(place: Path) -> Iterator[FakeDaemon]:
    """A fake daemon that runs on the default socket."""
    fake = FakeDaemon(place / "z2d.sock")
    fake.start()
    yield fake
    fake.end()


@pytest.fixture
def z2ctl(place: Path, capsys: pytest.CaptureFixture[str]) -> Z2ctl:
    """Run one command line in this process, with stdout and stderr as pipes."""

    def call(*words: object) -> Ended:
        capsys.readouterr()
        code = run([str(word) for word in words])
        caught = capsys.readouterr()
        return Ended(code, caught.out, caught.err)

    return call
