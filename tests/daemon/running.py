"""The real `z2d`, started as a process, for tests of how it begins and ends."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import ROOT, eventually_sync

READY_S = 60.0


class Z2d:
    """One `z2d COMMAND` on the state folder `<folder>/state`. Its words go to `<folder>/<name>.log`."""

    def __init__(self, folder: Path, *words: str, name: str = "z2d", **variables: str) -> None:
        outside = {key: value for key, value in os.environ.items() if not key.startswith(("Z2_", "XDG_"))}
        own = {
            "Z2_STATE_DIR": str(folder / "state"),
            "Z2_SOCKET": str(folder / "z2d.sock"),
            "XDG_CONFIG_HOME": str(folder / "no-config"),
        }
        self.socket = Path((own | variables)["Z2_SOCKET"])
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "z2d", *words], cwd=ROOT, env=outside | own | variables, stdout=sink, stderr=sink
            )

    def words(self) -> str:
        """Everything it has said so far."""
        return self.log.read_text(errors="replace")

    def says(self, text: str, within: float = READY_S) -> None:
        """Wait until it says `text`."""
        eventually_sync(lambda: text in self.words() or self.process.poll() is not None, within, what=repr(text))
        assert text in self.words(), f"z2d ended with {self.process.returncode}: {self.words()}"

    def ends(self, within: float = READY_S) -> int:
        """Wait for its end; the exit code."""
        return self.process.wait(within)

    def stop(self, number: signal.Signals = signal.SIGTERM, within: float = 15.0) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.ends(within)

    def get(self, path: str) -> tuple[int, Any]:
        """Status and body of a GET over the socket."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(str(self.socket))
            connection = http.client.HTTPConnection("localhost")
            connection.sock = sock
            connection.request("GET", path)
            with connection.getresponse() as answer:
                return answer.status, json.loads(answer.read())


@contextmanager
def z2d(folder: Path, *words: str, name: str = "z2d", **variables: str) -> Iterator[Z2d]:
    """Start it for the time of the block; what is still running then is killed (its database server first)."""
    own = Z2d(folder, *words, name=name, **variables)
    try:
        yield own
    finally:
        if own.process.poll() is None:
            own.process.terminate()
            try:
                own.ends(20)
            except subprocess.TimeoutExpired:
                own.process.kill()
                own.ends()
