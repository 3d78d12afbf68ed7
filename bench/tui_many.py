"""What very many rows cost the dashboard: 100,000 loaded jobs and 200,000 log lines, against few."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

from bench.rounds import Row, interleaved
from tests.tui.many import MANY, at_work

STEPS = 50


def cost(do: Callable[[], object]) -> float:
    """Milliseconds of processor time of one thing that a person or the daemon does."""
    began = time.process_time()
    for _ in range(STEPS):
        do()
    return (time.process_time() - began) / STEPS * 1000


async def rows() -> list[Row]:
    """A row for each thing."""
    told = []
    for name, make, few, many in MANY:
        async with AsyncExitStack() as screens:
            ways = {
                str(count): partial(cost, await screens.enter_async_context(at_work(make(count))))
                for count in (few, many)
            }
            little, much = (await interleaved(ways)).values()
        told.append(Row(0, f"dashboard, {name}: {many:,} rows", much, "ms", f"{few} rows", little, most=1.3))
    return told
