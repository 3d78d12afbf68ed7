"""Draws docs/pictures of the dashboard from the fake API of the tests: `python -m bench.tui_pictures`."""

from __future__ import annotations

import asyncio
import re
import tempfile
from pathlib import Path

from tests.support import eventually
from tests.tui.fake_api import EPOCH, FakeApi, serving, showcase
from z2ctl.client import Endpoint
from z2ctl.tui.app import Z2App

ROOT = Path(__file__).resolve().parent.parent
DOWN = ("j", "j", "j")
# name, size, theme, keys
PICTURES = [
    ("dashboard-80x24-dark", (80, 24), "dark", ()),
    ("dashboard-80x24-light", (80, 24), "light", ()),
    ("dashboard-120x40-dark", (120, 40), "dark", DOWN),
    ("dashboard-120x40-light", (120, 40), "light", DOWN),
    ("dashboard-200x60-dark", (200, 60), "dark", (*DOWN, "j", "j")),
    ("dashboard-200x60-light", (200, 60), "light", (*DOWN, "j", "j")),
    ("job-120x40-dark", (120, 40), "dark", (*DOWN, "j", "j", "enter", "4")),
]


async def draw(name: str, size: tuple[int, int], theme: str, keys: tuple[str, ...]) -> None:
    fake = FakeApi()
    showcase(fake)
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "z2d.sock"
        async with serving(fake, socket):
            app = Z2App(lambda: Endpoint(socket=socket), theme=theme, clock=EPOCH.timestamp)
            app.feed.place = lambda: "localhost:8642"  # type: ignore[method-assign]
            async with app.run_test(size=size) as pilot:
                await eventually(lambda: app.state.line.live and not app.state.window.loading)
                for key in keys:
                    await pilot.press(key)
                    await pilot.pause(0.3)
                await pilot.pause(0.8)
                svg = app.export_screenshot(simplify=True, title=f"z2ctl {size[0]}x{size[1]}")
    # no font from the network: the reader's own will do
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace("Fira Code", "monospace")
    (ROOT / "docs" / "pictures" / f"{name}.svg").write_text(re.sub(r"[ \t]+\n", "\n", svg), encoding="utf-8")
    print(name, len(svg))


async def main() -> None:
    (ROOT / "docs" / "pictures").mkdir(exist_ok=True)
    for picture in PICTURES:
        await draw(*picture)


if __name__ == "__main__":
    asyncio.run(main())
