"""python -m bench [--scale] [BAR...]: measure, say it, and write it into docs/performance.md.

Without a number all bars that need no million rows; with --scale those that do; 0 is what no bar asks.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from types import FrameType

from bench import report
from bench.bars import BARS, MEASUREMENTS, Measurement


def too_long(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError("the measurement takes longer than it may")


def chosen(bars: list[int], *, scale: bool) -> list[Measurement]:
    """What gives rows of these bars, or all; leaves with a line where there is nothing to do."""
    if unknown := set(bars) - {0, *BARS}:
        sys.exit(f"there is no bar {min(unknown)}: they are numbered 1 to {max(BARS)}, 0 is what no bar asks")
    wanted = set(bars or BARS)
    found = [one for one in MEASUREMENTS if one.scale == scale and wanted & set(one.bars or (0,))]
    how = "make bench" if scale else "make bench-scale"
    return found or sys.exit(f"bar {bars[0]} is measured by: {how} BAR={bars[0]}")


def main() -> None:
    """Each measurement in turn; its rows are kept before the next one begins."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "bars",
        nargs="*",
        type=int,
        metavar="BAR",
        help="the numbers of the bars; all without one",
    )
    parser.add_argument("--scale", action="store_true", help="those with a million rows (some minutes, 2 GB of disk)")
    given = parser.parse_args()
    signal.signal(signal.SIGALRM, too_long)
    machine, rows = report.machine(), []
    for one in chosen(given.bars, scale=given.scale):
        began = time.monotonic()
        print(f"{one.name} ...", file=sys.stderr, flush=True)
        signal.alarm(one.within_s)
        found = asyncio.run(one.run())
        signal.alarm(0)
        report.keep(one.name, found, machine)
        print(f"{one.name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        rows += found
    print(*report.plain(sorted(rows, key=lambda row: row.bar or len(BARS) + 1)), sep="\n")


if __name__ == "__main__":
    main()
