"""Which item of a long text stands on which row, when items are one row each and when they are wrapped.

Numbers only: how wide or high an item is, the view says. Asking costs the same however long the text is, and a text
that grows at its end is measured at its end.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable

from textual.geometry import Size


class Rows:
    """See the module."""

    def __init__(self) -> None:
        self._starts: array[int] | None = None  # the first row of each item and the row after the last; wrapped only
        self._count = 0
        self._widest = 0

    def single(self, widths: Iterable[int], first: int = 0) -> None:
        """Items from `first` on are one row each, and so wide."""
        self._starts = None
        if first == 0:
            self._count = self._widest = 0
        for width in widths:
            self._count += 1
            self._widest = max(self._widest, width)

    def wrapped(self, heights: Iterable[int], first: int = 0) -> None:
        """Items from `first` on are so many rows each."""
        if self._starts is None:
            self._starts = array("l", [0])
        starts = self._starts
        del starts[first + 1 :]
        for height in heights:
            starts.append(starts[-1] + height)

    @property
    def size(self) -> Size:
        """Of the whole text: the widest row where rows are not wrapped, and their number."""
        return Size(self._widest, self._count) if self._starts is None else Size(0, self._starts[-1])

    @property
    def count(self) -> int:
        """The items that are measured."""
        return self._count if self._starts is None else len(self._starts) - 1

    def start(self, index: int) -> int:
        """The first row of an item; for one after the last the row after the text."""
        return index if self._starts is None else self._starts[index]

    def at(self, row: int) -> tuple[int, int]:
        """The item on a row, and which of its rows that is."""
        if self._starts is None:
            return row, 0
        index = bisect_right(self._starts, row) - 1
        return index, row - self._starts[index]
