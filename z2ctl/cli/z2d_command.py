"""Commands of z2d that z2ctl runs for a person: those that work on the files of this machine.

Over the API a folder's name would mean a folder of the daemon's machine, which no caller should be able to make it read
or write.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from z2ctl.cli.app import App
from z2d.wire import errors

STOP_S = 30.0


def daemon_answers(app: App) -> bool:
    """Whether a daemon is there, if only to refuse us."""
    try:
        app.client.version()
    except errors.DaemonUnreachable:
        return False
    except errors.Z2Error:
        return True
    return True


@contextmanager
def z2d(*words: str) -> Iterator[tuple[Iterator[str], Callable[[], list[str]]]]:
    """Run a command of z2d: its lines, and a function that gives what it complained of once they have ended."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        # -P: what lies in the current folder must not be taken for a module
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "z2d", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )

        def complaints() -> list[str]:
            process.wait(STOP_S)
            said.seek(0)
            return said.read().splitlines()

        assert process.stdout is not None
        try:
            with process.stdout as lines:
                yield iter(lines), complaints
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(STOP_S)
