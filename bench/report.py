"""What was measured, and the page that says it: docs/performance.json is kept, docs/performance.md is made of it."""

from __future__ import annotations

import json
import os
import platform
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.bars import BARS, MEASUREMENTS
from bench.rounds import Row
from z2d.postgres import binaries
from z2d.postgres.account import choose

DOCS = Path(__file__).parents[1] / "docs"
KEPT, PAGE = DOCS / "performance.json", DOCS / "performance.md"
HEAD = ("bar", "what", "z2", "limit or peer", "ratio", "wanted", "verdict")
VERDICTS = {True: "holds", False: "**missed**", None: ""}


@dataclass(frozen=True, slots=True)
class Record:
    """The rows of one measurement, the machine that they are of, and the day."""

    rows: Sequence[Row]
    machine: str
    day: str


def machine() -> str:
    """What the figures are of, in one line that names no machine."""
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    with tempfile.TemporaryDirectory() as copies:
        postgres = binaries.find(None, major=None, account=choose(Path(copies) / "data"), copies=Path(copies)).version
    cores = len(os.sched_getaffinity(0))
    return (
        f"{model[1] if model else platform.machine()}, {cores} cores, {memory:.0f} GiB of memory; "
        f"Linux {platform.release()}, Python {platform.python_version()}, PostgreSQL {postgres}"
    )


def read() -> dict[str, Record]:
    """What is known so far, by the name of the measurement."""
    if not KEPT.exists():
        return {}
    stored: dict[str, dict[str, Any]] = json.loads(KEPT.read_text("utf-8"))
    return {
        name: Record([Row(**row) for row in one["rows"]], one["machine"], one["day"]) for name, one in stored.items()
    }


def keep(name: str, rows: Sequence[Row], of: str) -> None:
    """Put the rows of one measurement in the place of its former ones, and write the page anew."""
    known = read() | {name: Record(rows, of, datetime.now(UTC).date().isoformat())}
    kept = {name: {**asdict(one), "rows": [_short(row) for row in one.rows]} for name, one in sorted(known.items())}
    KEPT.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(page(known), "utf-8")


def _short(row: Row) -> dict[str, Any]:
    """Without what says nothing; figures without digits that mean nothing."""
    told = {name: value for name, value in asdict(row).items() if value not in (None, "") or name == "unit"}
    return {name: float(f"{value:.6g}") if isinstance(value, float) else value for name, value in told.items()}


def figure(value: float, unit: str) -> str:
    """Three digits are enough for people."""
    if unit == "%":
        return f"{value:.3g} %"
    digits = 0 if abs(value) >= 100 or value == int(value) else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}".rstrip()


def wanted(row: Row) -> str:
    """The bar in words."""
    if row.other is None:
        return ""
    if row.least is not None:
        return f">= {row.least:g}x"
    if row.most is None and row.plus is None:
        return f"<= {figure(row.other, row.unit)}"
    parts = [] if row.most is None else [f"<= {row.most:g}x"]
    return " or ".join([*parts, *([] if row.plus is None else [f"+ {figure(row.plus, row.unit)}"])])


def cells(row: Row) -> tuple[str, ...]:
    """The row as the table has it."""
    other = "" if row.other is None else f"{row.against} {figure(row.other, row.unit)}".strip()
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    number = str(row.bar) if row.bar else ""
    return number, row.what, figure(row.z2, row.unit), other, ratio, wanted(row), VERDICTS[row.holds]


def plain(rows: Iterable[Row]) -> Iterator[str]:
    """The table for a terminal."""
    table = [HEAD, *map(cells, rows)]
    widths = [max(len(line[at]) for line in table) for at in range(len(HEAD))]
    for line in table:
        yield "  ".join(cell.replace("*", "").ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def page(known: Mapping[str, Record]) -> str:
    """docs/performance.md."""
    known = {one.name: known[one.name] for one in MEASUREMENTS if one.name in known}  # whatever was measured first
    rows = sorted((row for one in known.values() for row in one.rows), key=lambda row: row.bar or len(BARS) + 1)
    measured = {row.bar for row in rows}
    lines = [INTRODUCTION, *_machines(known), "", _line(HEAD), _line(["---"] * len(HEAD))]
    for bar, what in BARS.items():
        lines += [_line(cells(row)) for row in rows if row.bar == bar]
        if bar not in measured:
            lines.append(_line((str(bar), what, "", "", "", "", "not measured yet")))
    missed = _said([(row, row.why or "why is not known") for row in rows if row.holds is False])
    lines += ["", "## What is missed", "", *(missed or ["Nothing of what was measured."])]
    lines += ["", "## What to know of the rows", "", *_said([(row, row.note) for row in rows if row.note])]
    beside = [row for row in rows if not row.bar]
    if beside:
        lines += ["", "## What no bar asks", "", _line(HEAD[1:]), _line(["---"] * (len(HEAD) - 1))]
        lines += [_line(cells(row)[1:]) for row in beside]
    return "\n".join(lines) + "\n"


def _said(rows: Sequence[tuple[Row, str]]) -> list[str]:
    """A line for each thing that is said of rows, and of which."""
    of: dict[tuple[int, str], list[str]] = {}
    for row, words in rows:
        of.setdefault((row.bar, words), []).append(row.what)
    return [f"- {f'Bar {bar}, ' if bar else ''}{'; '.join(what)}: {words}." for (bar, words), what in of.items()]


def _line(told: Sequence[str]) -> str:
    return f"| {' | '.join(told)} |"


def _machines(known: Mapping[str, Record]) -> Iterator[str]:
    """Where and when, each machine and day once."""
    of: dict[str, set[int]] = {}
    for one in known.values():
        of.setdefault(f"{one.machine}; measured on {one.day}", set()).update(row.bar for row in one.rows if row.bar)
    for words, bars in of.items():
        which = "" if len(of) == 1 else f" (bars {', '.join(map(str, sorted(bars)))})"
        yield f"- {words}{which}"


INTRODUCTION = """\
# Performance

What z2 costs, held against the bars it was designed for. `make bench` and `make bench-scale` write this page, and
`make bench BAR=3` a single bar's rows: do not edit it. Each ratio is one of medians from interleaved rounds, five at
least, of z2 and of what it is held against, on a PostgreSQL with durable defaults. F is that server as it is; S makes
each commit cost 2 ms more (`commit_delay`), as a cloud disk does. Where other programs are named as peers and are not
on the machine, the raw limit is measured, and the row's note says that the peer was not run. Times differ from machine
to machine, and whatever else a machine does while it measures is in them.

The figures are of
"""
