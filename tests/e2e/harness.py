"""The real programs, started as a person would: `z2d serve` on its embedded PostgreSQL, and `z2ctl` beside it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support import ROOT, eventually_sync
from z2ctl.client import Client, Endpoint
from z2d.postgres import clients
from z2d.wire.errors import Z2Error

START_S = 60.0


class Daemon:
    """One installation of z2 in a folder; the process may be killed and started again on it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.socket = folder / "z2d.sock"
        self.log = folder / "z2d.log"
        self.process: subprocess.Popen[bytes] | None = None
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("Z2_", "XDG_"))}
        self.env = outside | {
            "Z2_STATE_DIR": str(folder / "state"),
            "Z2_SOCKET": str(self.socket),
            "Z2_ALLOW_PRIVATE_NETWORKS": "true",
            "Z2_SPEECH": "off",  # `auto` would hang on what is installed here
            **settings,
        }

    def start(self, **extra: str) -> None:
        """Start z2d and wait until it says that it is ready."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "z2d", "serve"], cwd=ROOT, env=self.env | extra, stderr=log, stdout=log
            )
        eventually_sync(self.ready, START_S, every=0.05, what=f"z2d ready (log: {self.tail()})")

    def ready(self) -> bool:
        """Whether /readyz answers 200; fails the wait at once when the process has ended."""
        assert self.process is not None
        assert self.process.poll() is None, f"z2d ended with {self.process.returncode}: {self.tail()}"
        try:
            return bool(self.client().ready()["status"] == "ok")
        except Z2Error:
            return False

    def client(self) -> Client:
        """The one-shot client on this daemon's socket."""
        return Client(Endpoint.find(env=self.env))

    def stop(self, sig: int = signal.SIGTERM, within: float = 20.0) -> int:
        """End the process with a signal and return its exit status."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(sig)
        return self.process.wait(within)

    def died(self, within: float = 60.0) -> int:
        """Wait for the process to end by itself (a fault point) and return its exit status."""
        assert self.process is not None
        return self.process.wait(within)

    def tail(self, lines: int = 30) -> str:
        """The last lines of the daemon's own log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def z2ctl(self, *words: str, code: int | None = 0, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run one z2ctl command against this daemon; `code` is the exit status it must have (None: any)."""
        done = subprocess.run(
            [sys.executable, "-m", "z2ctl", *words],
            cwd=ROOT,
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert code is None or done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *words: str, code: int | None = 0) -> Any:
        """The parsed output of a command with --json."""
        return json.loads(self.z2ctl(*words, "--json", code=code).stdout)

    def children(self) -> list[int]:
        """Processes that carry this installation's mark: yt-dlp, ffmpeg, analysis (never PostgreSQL)."""
        state = os.fsencode(str(self.folder / "state"))
        return [pid for pid, env in environments() if b"Z2_INSTALLATION=" in env and state in env]

    def warm_only(self) -> bool:
        """Whether no child of a job is left (the warm yt-dlp child, which waits for work, names no job)."""
        state = os.fsencode(str(self.folder / "state"))
        return not [pid for pid, env in environments() if re.search(rb"Z2_JOB_ID=\d", env) and state in env]


def environments() -> Iterator[tuple[int, bytes]]:
    """(pid, environment) of every process that may be read."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                yield int(entry.name), (entry / "environ").read_bytes()


def told(dump: Path) -> bytes:
    """Everything a dump says, uncompressed."""
    program = clients.find(None, 18).folder / "pg_restore"
    return subprocess.run([program, "-f", "-", dump], capture_output=True, check=True, timeout=60).stdout
