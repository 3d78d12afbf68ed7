"""Runs steps one after the other and prints what held."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

T = TypeVar("T")
Step = Callable[[T], str | None]


class Row(NamedTuple):
    """One sentence: whether it held, what was measured or went wrong, and how long it took to find out."""

    sentence: str
    held: bool
    note: str
    seconds: float


class Table:
    """What has been tried so far."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def run(self, steps: Iterable[Step[T]], on: T) -> None:
        """Try each step on `on`. Its docstring is the sentence, what it returns is the note; it fails by raising."""
        for step in steps:
            sentence = (step.__doc__ or step.__name__).strip()
            began = time.monotonic()
            try:
                note, held = step(on) or "", True
            except (AssertionError, subprocess.TimeoutExpired, LookupError, ValueError) as error:
                note, held = f"{type(error).__name__}: {error}", False
            row = Row(sentence, held, note, time.monotonic() - began)
            self.rows.append(row)
            print(line(row), flush=True)

    def show(self) -> bool:
        """Print all rows in one table; whether all held."""
        failed = [row for row in self.rows if not row.held]
        print("\n" + "\n".join(line(row) for row in self.rows))
        print(f"\n{len(self.rows) - len(failed)} of {len(self.rows)} held")
        return not failed


def line(row: Row) -> str:
    """A row of the table."""
    first, *more = row.note.splitlines() or [""]
    head = f"{'held  ' if row.held else 'FAILED'} {row.seconds:6.1f} s  {row.sentence}{f' ({first})' if first else ''}"
    return "\n".join([head, *[f"           {words}" for words in more]])
