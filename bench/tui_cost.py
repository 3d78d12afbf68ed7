"""What the dashboard costs on a terminal: first paint, bytes and processor per second, how its loop does (bar 13).

Each row is a dashboard on a pseudo terminal in front of the fake API of the tests. The limits of what no bar asks are
what the dashboard was given when it was designed; docs/guide/dashboard.md says what it takes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.rounds import Row, interleaved, p99
from tests.tui.terminal import Terminal, dashboard_on, fake_daemon

SIZE = (120, 40)
BUSY = ("--bars", "20", "--rate", "2", "--lines", "1000")
# options of the fake, keys to press first, most bytes/s, most of one core in %
QUIET = {
    "nothing happens": (("--bars", "0"), "", 0.0, 3.0),
    "two bars at 2 Hz": (("--bars", "2", "--rate", "2"), "", 6_000.0, 3.0),
    "and two log lines a second": (("--bars", "2", "--rate", "2", "--lines", "2"), "jjjj", 20_000.0, 3.0),
}
SECONDS, SETTLES_S = 2.0, 2.5
SLOW_BYTES_PER_S, PIECES_PER_S = 50_000, 20


class SlowTerminal(Terminal):
    """A terminal at the end of a line of 50 KB/s."""

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.master, SLOW_BYTES_PER_S // PIECES_PER_S)
            except OSError:
                return
            if not data:
                return
            self.take(data)
            time.sleep(1 / PIECES_PER_S)


async def dashboard() -> list[Row]:
    """Bar 13, but for what many jobs cost (`bench.scale`)."""
    painted = await interleaved({"bare": _import_ms, "z2": _painted_ms})
    rows = [
        Row(13, "dashboard, to the first picture", painted["z2"], "ms", "import textual.app", painted["bare"], most=2)
    ]
    with _at_work(BUSY) as terminal, _home() as home:
        naive = Terminal([sys.executable, "-m", "bench.naive"], SIZE, {"TERM": "xterm-256color"})
        try:
            terminal.press("")
            time.sleep(SETTLES_S)
            shares: list[float] = []
            found = await interleaved({
                "z2": lambda: _rate(terminal, shares), "naive": lambda: naive.rates(SECONDS)[0],
            })  # fmt: skip
        finally:
            naive.close()
        lag = await _lag(home)
    shares.sort()
    told = "20 bars and 1,000 log lines a second"
    rows += [
        Row(13, f"{told}, of one core", shares[len(shares) // 2], "%", "limit", 25),
        Row(
            13,
            f"{told}, to the terminal",
            found["z2"],
            "B/s",
            "ProgressBar and RichLog",
            found["naive"],
            most=0.35,
            why="those draw as often as they get processor for it, so that they write less where it is scarce",
        ),
        Row(13, f"{told}, loop late on a terminal of 50 KB/s, p99", lag, "ms", "limit", 50),
    ]
    return rows + [row for name in QUIET for row in _quiet(name)]


def _import_ms() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import textual.app"], check=True, timeout=30)
    return (time.monotonic() - began) * 1000


def _painted_ms() -> float:
    """Milliseconds until the first frame is written."""
    with _home() as home, dashboard_on(home / "nobody", SIZE, home=home) as terminal:
        terminal.shows("connecting", 30)
        return next(at for at, size in terminal.times if size > 500) * 1000


def opened(socket: Path, words: str) -> tuple[float, float]:
    """Milliseconds until the dashboard of a daemon shows these words, and its memory then, in MiB."""
    with _home() as home, dashboard_on(socket, SIZE, home=home) as terminal:
        terminal.shows(words, 30)
        took = time.monotonic() - terminal.began
        terminal.quiet(1.0, 10)
        return took * 1000, terminal.memory()


def _rate(terminal: Terminal, shares: list[float]) -> float:
    """Bytes a second; the share of a core is kept."""
    rate, share = terminal.rates(SECONDS)
    shares.append(share * 100)
    return rate


async def _lag(home: Path) -> float:
    """The 99th percentile of milliseconds that the loop comes late."""
    told = home / "lag"
    line = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "XDG_CONFIG_HOME": str(home),
            "XDG_STATE_HOME": str(home), "SSH_CONNECTION": "a slow line", "TMUX": ""}  # fmt: skip
    with fake_daemon(home / "s", *BUSY):
        terminal = SlowTerminal([sys.executable, "-m", "bench.lagging", str(home / "s"), str(told)], SIZE, line)
        try:
            terminal.shows("live", 60)
            time.sleep(SETTLES_S)

            def late() -> float:
                before = len(told.read_text().splitlines())
                time.sleep(SECONDS)
                return p99([float(one) for one in told.read_text().splitlines()[before:-1]])

            return (await interleaved({"late": late}, warm=False))["late"]
        finally:
            terminal.close()


def _quiet(name: str) -> Iterator[Row]:
    """What is drawn when little happens."""
    options, keys, most, share = QUIET[name]
    with _at_work(options) as terminal:
        terminal.press(keys)
        time.sleep(SETTLES_S)
        if not most:
            terminal.quiet(1.5, 30)
        rate, cpu = terminal.rates(3 * SECONDS)
    yield Row(0, f"dashboard, {name}, to the terminal", rate, "B/s", "limit", most)
    yield Row(0, f"dashboard, {name}, of one core", cpu * 100, "%", "limit", share)


@contextmanager
def _at_work(options: tuple[str, ...]) -> Iterator[Terminal]:
    """A dashboard in front of a fake that does this."""
    with _home() as home, fake_daemon(home / "s", *options), dashboard_on(home / "s", SIZE, home=home) as terminal:
        terminal.shows("live", 60)
        yield terminal


@contextmanager
def _home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
