"""Draws the pictures of the dashboard beside this file: `python -m docs.pictures`, or `make pictures`.

They are made from the fake API of the tests with a clock that stands, so that a picture changes only with what it
shows.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from pathlib import Path

from tests.support import eventually
from tests.tui.fake_api import EPOCH, FakeApi, at, serving, showcase, target
from z2ctl.client import Endpoint
from z2ctl.tui.app import Z2App

HERE = Path(__file__).resolve().parent
DOWN = ("j", "j", "j")
# name, size, keys; each in dark and light
PICTURES = [
    ("dashboard-80x24", (80, 24), ()),
    ("dashboard-120x40", (120, 40), DOWN),
    ("dashboard-200x60", (200, 60), (*DOWN, "j", "j")),
]
# in dark alone: name, size, keys, and what is to be seen before the picture is taken
MORE = [
    ("job-120x40", (120, 40), (*DOWN, "j", "j", "enter", "4"), "Key passages"),
    ("search-120x40", (120, 40), ("ctrl+f", *"number 21", "enter"), "found"),
    ("queue-120x40", (120, 40), ("Q",), "Next"),
    ("targets-120x40", (120, 40), ("D",), "nothing to send"),
    ("submit-120x40", (120, 40), ("n", *"https://video.example/new"), "can be submitted"),
]


async def draw(name: str, size: tuple[int, int], theme: str, keys: tuple[str, ...], awaited: str) -> None:
    """One picture."""
    fake = FakeApi()
    showcase(fake)
    fake.targets += [
        target("hook", "webhook", {"PUBLISHED": 80, "PENDING": 2, "FAILED": 3}, events=["finished", "failed"],
               retrying=1, last_error="The server said 503"),
        target("talks", "feed", {"PUBLISHED": 320, "PENDING": 2, "SKIPPED": 4}, at(EPOCH), filter="tag:talk"),
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "z2d.sock"
        async with serving(fake, socket):
            app = Z2App(lambda: Endpoint(socket=socket), theme=theme, clock=EPOCH.timestamp)
            app.feed.place = lambda: "localhost:8642"  # type: ignore[method-assign]
            async with app.run_test(size=size) as pilot:
                await eventually(lambda: app.state.line.live and not app.state.window.loading, 60)
                for key in keys:
                    await pilot.press(key)
                    await pilot.pause(0.1)
                await eventually(lambda: awaited in app.export_screenshot().replace("&#160;", " "), 60, every=0.3)
                await pilot.pause(1.0)
                svg = app.export_screenshot(title=f"z2ctl {size[0]}x{size[1]}")
    # no font from the network: the reader's own will do
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace("Fira Code", "monospace")
    # Rich names its styles by a hash of the run
    svg = re.sub(r"terminal-\d+-", "terminal-", svg)
    (HERE / f"{name}-{theme}.svg").write_text(re.sub(r"[ \t]+\n", "\n", svg), encoding="utf-8")


async def main() -> None:
    """All of them."""
    for name, size, keys in PICTURES:
        for theme in ("dark", "light"):
            await draw(name, size, theme, keys, "TITLE")
    for name, size, keys, awaited in MORE:
        await draw(name, size, "dark", keys, awaited)


if __name__ == "__main__":
    asyncio.run(main())
