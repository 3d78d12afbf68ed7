"""Pictures of a screen as text, so that a change of how it looks reads as a diff.

A picture is what stands on the terminal, and below it the same lines again with one letter for the look of each cell:

    . plain   d dim   b bold   p s w e a  primary, success, warning, error, accent (bold ones in upper case)
    # the cursor's row   % reversed, or a chip   o another background (bars, fields, boxes)

They lie in tests/tui/snapshots. `Z2_SNAPSHOTS=renew` writes them anew: look at `git diff` then.
"""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path

import pytest
from rich.style import Style
from textual.pilot import Pilot

from tests.support import eventually
from tests.tui.conftest import strips_of
from z2ctl.tui.widgets.top import TopBar

FOLDER = Path(__file__).with_suffix("")
RENEW = os.environ.get("Z2_SNAPSHOTS") == "renew"
COLOURS = {"primary": "p", "success": "s", "warning": "w", "error": "e", "accent": "a"}
CHANGING = ((r"retry in \d+ s \(try \d+\)", "retry in N s (try N)"),)


def picture(pilot: Pilot[int]) -> str:
    """The terminal as it is now; empty between two layouts."""
    screen = pilot.app.screen
    strips = strips_of(pilot)
    if not strips:
        return ""
    text = "\n".join(strip.text.rstrip() for strip in strips)
    for pattern, words in CHANGING:
        text = re.sub(pattern, words, text)
    letters = _letters(pilot)
    looks = "\n".join(
        "".join(_look(segment.text, segment.style, letters) for segment in strip).rstrip() for strip in strips
    )
    return f"{text}\n{'=' * screen.size.width}\n{looks}\n"


def _letters(pilot: Pilot[int]) -> dict[object, str]:
    bar = next(iter(pilot.app.screen_stack[0].query(TopBar)))
    found: dict[object, str] = {bar.role(name).color: letter for name, letter in COLOURS.items()}
    found |= {("bg", bar.role(name).bgcolor): letter for name, letter in (("chip", "%"), ("badge", "%"))}
    table = pilot.app.screen_stack[0].query("JobTable").first()
    found[("bg", table.role("cursor").bgcolor)] = "#"  # type: ignore[attr-defined]
    found[("bg", table.rich_style.bgcolor)] = ""
    return found


def _look(text: str, style: Style | None, letters: dict[object, str]) -> str:
    from rich.cells import cell_len

    style = style or Style()
    behind = letters.get(("bg", style.bgcolor), "o")
    letter = "%" if style.reverse else behind if behind in ("#", "%") else ""
    if not letter:
        letter = letters.get(style.color, "b" if style.bold else "d" if style.dim else ".")
        letter = letter.upper() if style.bold and letter != "b" else letter
    if not text.strip() and letter not in ("#", "%"):
        letter = "o" if behind == "o" else " "
    return letter * cell_len(text)


async def looks_as_before(pilot: Pilot[int], name: str) -> None:
    """Compare with the stored picture; it may take a moment until everything has arrived."""
    path = FOLDER / f"{name}.txt"
    if RENEW:
        before = ""
        for _ in range(20):
            await pilot.pause(0.4)
            now = picture(pilot)
            if now and now == before:
                break
            before = now
        path.parent.mkdir(exist_ok=True)
        path.write_text(now, encoding="utf-8")
        return
    assert path.exists(), f"there is no picture {path.name} yet: Z2_SNAPSHOTS=renew"
    wanted = path.read_text(encoding="utf-8")
    try:
        await eventually(lambda: picture(pilot) == wanted, 8.0)
    except pytest.fail.Exception:
        changes = difflib.unified_diff(
            wanted.split("\n"), picture(pilot).split("\n"), "before", "now", n=1, lineterm=""
        )
        pytest.fail(f"{path.name} (Z2_SNAPSHOTS=renew if it is meant):\n" + "\n".join(changes))
