"""What a daemon costs that has nothing to do."""

from __future__ import annotations

import time

from bench.ground import cpu_s, daemon, family
from bench.rounds import Row

REST_S, IDLE_S = 3.0, 12.0


async def idle() -> list[Row]:
    """The share of one core, and how many processes it is."""
    with daemon() as z2d:
        assert z2d.process is not None
        time.sleep(REST_S)
        pids = family(z2d.process.pid)
        before = cpu_s(pids)
        time.sleep(IDLE_S)
        used = (cpu_s(pids) - before) / IDLE_S * 100
    return [Row(0, f"processor while nothing happens, of one core, {len(pids)} processes", used, "%")]
