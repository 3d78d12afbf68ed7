"""What the dashboard is held against: Textual's own widgets as one would put them together, `python -m bench.naive`."""

from __future__ import annotations

import asyncio
import time

from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import ProgressBar, RichLog

BARS, BAR_HZ = 20, 2
LINES_PER_S = 1000


class Naive(App[None]):
    """Twenty bars that move twice a second, and a log that gets a thousand lines a second."""

    CSS = "VerticalScroll { height: 21; } RichLog { height: 1fr; }"

    def compose(self) -> ComposeResult:
        """Bars above, lines below."""
        with VerticalScroll():
            for _ in range(BARS):
                yield ProgressBar(total=1000)
        yield RichLog(max_lines=1000)

    def on_mount(self) -> None:
        """Everything moves from now on."""
        self._moving = asyncio.create_task(self._move(), name="move")

    async def _move(self) -> None:
        """One after the other, as messages come."""
        log, bars = self.query_one(RichLog), list(self.query(ProgressBar))
        began, said, moved = time.monotonic(), 0, 0
        while True:
            past = time.monotonic() - began
            while said < past * LINES_PER_S:
                said += 1
                log.write(f"12:00:00 INFO download yt-dlp [download] fragment {said}")
            while moved < past * BARS * BAR_HZ:
                moved += 1
                bars[moved % BARS].advance(3)
            await asyncio.sleep(1 / LINES_PER_S)


if __name__ == "__main__":
    Naive().run()
