"""What tests of every room share: fixtures on disk, waiting for a condition, a short folder for sockets."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import web

from z2d.api.serve import end_listening

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT.parent / "shared" / "fixtures"
OF_THE_TESTS = {"Z2_SNAPSHOTS"}
PERSONAL = ("Z2_", "Z2CTL_", "XDG_", "LC_")
PERSONAL_NAMES = {
    *("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"),
    *("NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES", "SSH_CONNECTION", "EDITOR", "VISUAL", "PAGER"),
    *("STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CONFIGURATION_DIRECTORY", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET"),
}
T = TypeVar("T")

asked_in_vain: list[str] = []
"""Why the running test is to be skipped: it asked for these fixtures, perhaps where no skip gets through to pytest."""


def fixture(name: str) -> Path:
    """The file or folder `name` of the shared fixtures; the test is skipped where they are not on this machine.

    That holds wherever it is asked for, as by a handler of the test site.
    """
    path = FIXTURES / name
    if not path.exists():
        asked_in_vain.append(f"the shared fixture {name} is not on this machine")
        pytest.skip(asked_in_vain[-1], allow_module_level=True)
    return path


async def eventually(predicate: Callable[[], Any], within: float = 10.0, *, every: float = 0.02, what: str = "") -> Any:
    """Ask `predicate` (plain or async) until it answers something true, and return that; fail after `within` s."""
    end = time.monotonic() + within
    while True:
        answer = predicate()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer
        if time.monotonic() > end:
            pytest.fail(f"{what or 'the condition'} did not come true within {within} s; last answer: {answer!r}")
        await asyncio.sleep(every)


def eventually_sync(predicate: Callable[[], T], within: float = 10.0, *, every: float = 0.02, what: str = "") -> T:
    """The same for tests without an event loop."""
    end = time.monotonic() + within
    while not (answer := predicate()):
        if time.monotonic() > end:
            pytest.fail(f"{what or 'the condition'} did not come true within {within} s; last answer: {answer!r}")
        time.sleep(every)
    return answer


def forget_the_person() -> None:
    """Take out of the environment what a person may have set: a test says itself what it needs of it.

    Otherwise a mistake hides where the machine avoids it: when Python buffers nothing, nothing is left in a buffer as
    a program ends.
    """
    for name in list(os.environ):
        if (name.startswith(PERSONAL) or name in PERSONAL_NAMES) and name not in OF_THE_TESTS:
            del os.environ[name]


def work_in_memory() -> None:
    """Put temporary folders of this process and its children into memory, where the machine has enough of it.

    Each test has its own database: some hundred small files, made and removed. On a busy disk that took a second, in
    memory 30 ms. Whoever sets TMPDIR decides for themselves. A mount without execution is of no use to programs that
    tests put there.
    """
    if "TMPDIR" in os.environ:
        return
    memory = Path("/dev/shm")
    try:
        state = os.statvfs(memory)
    except OSError:
        return
    roomy = state.f_bavail * state.f_frsize >= 4 << 30
    if roomy and not state.f_flag & (os.ST_NOEXEC | os.ST_RDONLY) and os.access(memory, os.W_OK):
        os.environ["TMPDIR"] = str(memory)
        tempfile.tempdir = None  # computed anew at the next use


@contextmanager
def short_tmp() -> Iterator[Path]:
    """A new folder with a short path (sockets have a limit of 107 bytes), which other accounts may pass."""
    folder = Path(tempfile.mkdtemp(prefix="z2t-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def session_of(pid: int) -> int | None:
    """The session of a process; None when the process is gone."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


async def end_server(runner: web.AppRunner) -> None:
    """End a server of a test, with the connections that it was only just letting in."""
    for site in runner.sites:
        await end_listening(site._server)  # type: ignore[attr-defined]
    await runner.cleanup()
