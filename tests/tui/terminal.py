"""A program on a pseudo terminal: what it writes, how fast, how much it costs, and what becomes of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import ROOT, eventually_sync

TICKS = os.sysconf("SC_CLK_TCK")
TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
_QUESTION = re.compile(rb"\x1b\[c")


class Terminal:
    """Runs a program with a terminal of its own; a thread reads what it writes."""

    def __init__(self, argv: Sequence[str], size: tuple[int, int], env: Mapping[str, str] | None = None) -> None:
        self.master, slave = pty.openpty()
        self.output = bytearray()
        self.times: list[tuple[float, int]] = []
        self.began = time.monotonic()
        self._resize(slave, size)
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *argv], stdin=slave, stdout=slave, stderr=slave, cwd=ROOT,
            env={**os.environ, **(env or {})}, start_new_session=True,
        )  # fmt: skip
        self.before = termios.tcgetattr(slave)
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @staticmethod
    def _resize(descriptor: int, size: tuple[int, int]) -> None:
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            if not data:
                return
            self.take(data)

    def take(self, data: bytes) -> None:
        """What the program has written."""
        self.times.append((time.monotonic() - self.began, len(data)))
        self.output += data
        if _QUESTION.search(data):
            with contextlib.suppress(OSError):
                os.write(self.master, b"\x1b[?62;22c")  # "who are you?": every terminal answers

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def resize(self, size: tuple[int, int]) -> None:
        self._resize(self.master, size)

    def shows(self, words: str, within: float = 10.0) -> None:
        """Wait until the words were written in one go."""
        try:
            eventually_sync(lambda: words.encode() in self.output, within, what=f"{words!r} on the terminal")
        except pytest.fail.Exception as failed:
            raise AssertionError(f"{failed}; it was told {bytes(self.output[-20_000:])!r}") from None

    def quiet(self, seconds: float = 0.7, within: float = 15.0) -> None:
        """Wait until nothing was written for a while."""
        eventually_sync(
            lambda: bool(self.times) and time.monotonic() - self.began - self.times[-1][0] > seconds,
            within,
            what="quiet",
        )

    def rates(self, seconds: float) -> tuple[float, float]:
        """Bytes a second, and the share of one core, over the next seconds."""
        before, cpu, began = len(self.output), self.cpu(), time.monotonic()
        time.sleep(seconds)
        past = time.monotonic() - began
        return (len(self.output) - before) / past, (self.cpu() - cpu) / past

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        """Resident MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        assert found
        return int(found[1]) / 1024

    def hang_up(self) -> None:
        """The terminal is closed, as when a connection drops."""
        os.close(self.master)
        self.master = -1

    def wait(self, within: float = 10.0) -> int:
        return self.process.wait(within)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)
        if self.master >= 0:
            os.close(self.master)
            self.master = -1


@contextmanager
def fake_daemon(socket: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """The fake API as a process of its own."""
    process = subprocess.Popen([sys.executable, "-m", "tests.tui.fake_api", str(socket), *options], cwd=ROOT)
    try:
        eventually_sync(socket.exists, 20, what="the fake API")
        yield process
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def dashboard_on(
    socket: Path, size: tuple[int, int], *flags: str, home: Path, env: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """The dashboard on a terminal with colours, and no file of the person's own."""
    clean = {
        "TERM": "xterm-256color", "COLORTERM": "truecolor", "XDG_CONFIG_HOME": str(home), "XDG_STATE_HOME": str(home),
        "SSH_CONNECTION": "", "TMUX": "", "PYTHONWARNINGS": "default",
    }  # fmt: skip
    terminal = Terminal([sys.executable, "-m", "tests.tui.start", str(socket), *flags], size, {**clean, **(env or {})})
    try:
        yield terminal
    finally:
        terminal.close()
