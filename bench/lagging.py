"""The dashboard with a look at its own loop: `python -m bench.lagging SOCKET FILE`.

FILE gets a line for each look: how many milliseconds late the loop came to it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from z2ctl.client import Endpoint
from z2ctl.tui import app

EVERY_S = 0.01


class Lagging(app.Z2App):
    """Looks a hundred times a second."""

    CSS_PATH = str(Path(app.__file__).with_name("app.tcss"))

    def on_ready(self) -> None:
        """Begin to look."""
        self._looking = asyncio.create_task(self._look(), name="look")

    async def _look(self) -> None:
        with Path(sys.argv[2]).open("w", buffering=1) as told:
            while True:
                due = time.perf_counter() + EVERY_S
                await asyncio.sleep(EVERY_S)
                told.write(f"{max(0.0, time.perf_counter() - due) * 1000:.2f}\n")


if __name__ == "__main__":
    app.Z2App = Lagging  # type: ignore[misc]  # run() opens whatever is called so
    sys.exit(app.run(lambda: Endpoint(socket=Path(sys.argv[1]))))
