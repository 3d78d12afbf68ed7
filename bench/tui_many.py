"""What very many rows cost: 100,000 loaded jobs and 200,000 log lines.

    python -m bench.tui_many            prints a table

Milliseconds of processor time for one thing a person or the daemon does, few rows against very many.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tests.tui.many import MANY, at_work

STEPS = 50


def cost(do: Callable[[], object]) -> float:
    """Milliseconds of processor time of one `do`, on average."""
    began = time.process_time()
    for _ in range(STEPS):
        do()
    return (time.process_time() - began) / STEPS * 1000


async def main() -> None:
    """Print the table."""
    print(f"{'what':34} {'rows':>9} {'ms':>9} {'rows':>9} {'ms':>9}")
    for name, make, few, many in MANY:
        async with at_work(make(few)) as quick:
            little = cost(quick)
        async with at_work(make(many)) as slow:
            much = cost(slow)
        print(f"{name:34} {few:>9} {little:9.2f} {many:>9} {much:9.2f}")


if __name__ == "__main__":
    asyncio.run(main())
