"""What the dashboard costs on a terminal: bytes and processor per second, memory, first paint.

    python -m bench.tui_cost            prints a table

Each row is a dashboard on a pseudo terminal in front of the fake API of the tests. The limits are what the dashboard
was given when it was designed; docs/guide/dashboard.md says what it takes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.tui.terminal import dashboard_on, fake_daemon

# name, size, options of the fake, keys to press first, most bytes/s, most of one core
ROWS = [
    ("nothing happens", (120, 40), ("--bars", "0"), "", 0, 0.03),
    ("two bars at 2 Hz", (80, 24), ("--bars", "2", "--rate", "2"), "", 6_000, 0.03),
    ("two bars at 2 Hz", (120, 40), ("--bars", "2", "--rate", "2"), "", 6_000, 0.03),
    ("two bars at 2 Hz", (200, 60), ("--bars", "2", "--rate", "2"), "", 8_000, 0.03),
    ("and two log lines a second", (120, 40), ("--bars", "2", "--rate", "2", "--lines", "2"), "jjjj", 20_000, 0.03),
    ("20 bars, 1000 log lines a second", (120, 40), ("--bars", "20", "--rate", "2", "--lines", "1000"), "", None, 0.25),
    ("10 000 jobs of history", (120, 40), ("--bars", "0", "--jobs", "10000"), "", 0, 0.03),
]
SECONDS = 6.0


def first_paint(rounds: int = 5) -> tuple[float, float]:
    """Medians of `import textual.app` and of the time to the first painted line, alternating, in seconds."""
    bare, painted = [], []
    for _ in range(rounds):
        began = time.monotonic()
        subprocess.run([sys.executable, "-c", "import textual.app"], check=True)
        bare.append(time.monotonic() - began)
        with tempfile.TemporaryDirectory() as name:
            painted.append(_painted(Path(name)))
    return median(bare), median(painted)


def _painted(home: Path) -> float:
    """Seconds until the first frame is written."""
    with dashboard_on(home / "nobody", (120, 40), home=home) as terminal:
        terminal.shows("connecting", 30)
        return next(at for at, size in terminal.times if size > 500)


def main() -> None:
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'what':34} {'size':>8} {'B/s':>8} {'limit':>8} {'core':>7} {'limit':>7} {'MiB':>6}  verdict")
    for name, size, options, keys, most, share in ROWS:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            with fake_daemon(home / "s", *options), dashboard_on(home / "s", size, home=home) as terminal:
                terminal.shows("live", 60)
                terminal.press(keys)
                time.sleep(2.5)
                if most == 0:
                    terminal.quiet(1.5, 30)
                rate, cpu = terminal.rates(SECONDS)
                good = (most is None or rate <= most) and cpu <= share
                limit = "-" if most is None else str(most)
                print(
                    f"{name:34} {size[0]:>4}x{size[1]:<3} {rate:8.0f} {limit:>8} {cpu:7.1%} {share:7.0%} "
                    f"{terminal.memory():6.1f}  {'holds' if good else 'MISSED'}"
                )
    bare, painted = first_paint()
    print(
        f"import textual.app {bare * 1000:.0f} ms; first paint {painted * 1000:.0f} ms: "
        f"{painted / bare:.2f}x (limit 2x)"
    )


if __name__ == "__main__":
    main()
