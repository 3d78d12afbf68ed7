"""The daemon that `z2ctl run` starts for itself where none is running, and stops when it is done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from z2ctl.cli.output import say
from z2ctl.client import Client, Endpoint
from z2d.wire import errors, places

START_S = 120.0  # the first start makes the database
STOP_S = 20.0
ASK_EVERY_S = 0.1
LAST_LINES = 15
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class NotStarted(Exception):
    """The daemon did not come up. The message holds the last lines it wrote."""


def answers(client: Client) -> bool:
    """Whether a daemon answers at all, able to work or not."""
    try:
        client.ready()
    except errors.DaemonUnreachable:
        return False
    return True


@contextmanager
def own_daemon(endpoint: Endpoint, extra: Mapping[str, str]) -> Iterator[None]:
    """Run `z2d serve` on the endpoint's socket until the block ends; `extra` goes into its environment.

    Raises: NotStarted.
    """
    log = _log_file()
    start = log.stat().st_size
    process: subprocess.Popen[bytes] | None = None
    try:
        with log.open("ab") as sink, _signals_held():
            # -P: what lies in the current folder must not be taken for a module
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "z2d", "serve"],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                env={**os.environ, "Z2_SOCKET": str(endpoint.socket), **extra},
            )
        _wait_ready(process, Client(endpoint, timeout=5), log, start)
        yield
    finally:
        if process is not None:
            _stop(process, log)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Let signals that would end this program wait for the end of the block: a child must not be born unknown."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for held in came:
            signal.raise_signal(held)


def _log_file() -> Path:
    """The file the daemon writes to, readable by its owner only: it may hold addresses."""
    folder = places.state_dir()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "z2d.log"
    os.close(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    return log


def _wait_ready(process: subprocess.Popen[bytes], client: Client, log: Path, start: int) -> None:
    until = time.monotonic() + START_S
    said = "no answer"
    while time.monotonic() < until:
        code = process.poll()
        if code is not None:
            raise NotStarted(f"z2d ended at once (exit code {code}). {_last_lines(log, start)}")
        try:
            health = client.ready()
            if health["status"] != "unavailable":
                return
            said = ", ".join(f"{name}: {part['detail']}" for name, part in health["parts"].items() if not part["ok"])
        except errors.Z2Error as error:
            said = error.detail
        time.sleep(ASK_EVERY_S)
    raise NotStarted(f"z2d was not ready after {START_S:.0f} s ({said}). {_last_lines(log, start)}")


def _last_lines(log: Path, start: int) -> str:
    with log.open("rb") as source:
        source.seek(max(start, log.stat().st_size - 65_536))
        lines = source.read().decode("utf-8", "replace").splitlines()
    shown = "\n".join(lines[-LAST_LINES:]) or "(nothing)"
    return f"The last lines of {log}:\n{shown}"


def _stop(process: subprocess.Popen[bytes], log: Path) -> None:
    """End the daemon: asked first, so that its database closes cleanly."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        say(f"z2d did not stop within {STOP_S:.0f} s and was killed; its log: {log}")
        process.kill()
        process.wait(STOP_S)
