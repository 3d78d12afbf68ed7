"""Measuring side by side: everything that is compared takes part in every round, and a ratio is one of two medians.

What else a machine does comes and goes; in one round it meets all contestants alike, and a median forgets the rounds
in which it did not.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles

ROUNDS = 5
Way = Callable[[], float | Awaitable[float]]
"""Does the thing once and gives its figure."""


async def interleaved(ways: Mapping[str, Way], *, rounds: int = ROUNDS, warm: bool = True) -> dict[str, float]:
    """The median of each way; their order turns from round to round. `warm`: one more round goes ahead, uncounted."""
    figures: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + warm):
        for name in reversed(list(ways)) if turn % 2 else ways:
            figure = ways[name]()
            if inspect.isawaitable(figure):
                figure = await figure
            if turn >= warm:
                figures[name].append(figure)
    return {name: median(found) for name, found in figures.items()}


async def ms_of(deed: Callable[[], Awaitable[object]], repeats: int = 1) -> float:
    """Milliseconds of one of so many in a row."""
    began = time.perf_counter()
    for _ in range(repeats):
        await deed()
    return (time.perf_counter() - began) * 1000 / repeats


def p99(figures: list[float]) -> float:
    """What 99 of 100 do not exceed."""
    return quantiles(figures, n=100, method="inclusive")[98]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a figure of z2, and what it is held against.

    `other`: the figure of a peer, or a limit in the same `unit`; None where a figure is told and nothing asked of it.
    `most`, `least`: so many times of `other` it may be, or has to be; `plus`: or so much more than `other`.
    `note` says what the reader has to know of it, `why` what is known of the reason if it is missed.
    """

    bar: int
    what: str
    z2: float
    unit: str
    against: str = ""
    other: float | None = None
    most: float | None = None
    least: float | None = None
    plus: float | None = None
    note: str = ""
    why: str = ""

    @property
    def ratio(self) -> float | None:
        """z2 in terms of the other."""
        return self.z2 / self.other if self.other else None

    @property
    def holds(self) -> bool | None:
        """Whether the bar is reached; None where there is none."""
        if self.other is None:
            return None
        if self.least is not None:
            return self.z2 >= self.least * self.other
        most = self.other * (1.0 if self.most is None else self.most)
        return self.z2 <= (most if self.plus is None else max(most, self.other + self.plus))
