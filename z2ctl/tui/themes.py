"""Dark, light, or the terminal's own colours: which one, and how they are made.

"auto" asks the terminal for its background (OSC 11) together with a question every terminal answers (DA), so that
one that does not know the first is not waited for.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import sys
import termios
import time
import tty
from collections.abc import Mapping

from textual.theme import BUILTIN_THEMES, Theme

ANSWER_S = 0.25
_BACKGROUND = re.compile(rb"\x1b\]11;rgba?:([0-9a-fA-F]+)/([0-9a-fA-F]+)/([0-9a-fA-F]+)")

DARK = Theme(
    name="z2-dark",
    primary="#5ea1ea",
    secondary="#3b6ea8",
    accent="#d7a65f",
    warning="#e5b567",
    error="#e06c75",
    success="#7fbf7f",
    foreground="#d6dae0",
    background="#101317",
    surface="#161a20",
    panel="#1e242c",
    dark=True,
)
LIGHT = Theme(
    name="z2-light",
    primary="#1f5fa8",
    secondary="#4a7fb8",
    accent="#8a5a00",
    warning="#9a6700",
    error="#b3261e",
    success="#1f7a3d",
    foreground="#1c2128",
    background="#fbfbf9",
    surface="#f2f2ee",
    panel="#e4e6e3",
    dark=False,
)
NAMES = {"dark": DARK.name, "light": LIGHT.name, "terminal": "ansi-dark", "terminal-light": "ansi-light"}


def themes() -> list[Theme]:
    """The themes to register: z2's two; the terminal's own come with Textual."""
    return [DARK, LIGHT]


def choose(wanted: str, env: Mapping[str, str] = os.environ) -> str:
    """The theme (dark, light, terminal, terminal-light) for a wish; "auto" looks at the terminal."""
    if wanted in NAMES:
        return wanted
    light = background_is_light()
    if few_colours(env):
        return "terminal-light" if light else "terminal"
    return "light" if light else "dark"


def few_colours(env: Mapping[str, str]) -> bool:
    """Whether the terminal has only its 16 colours."""
    if env.get("COLORTERM") in ("truecolor", "24bit"):
        return False
    term = env.get("TERM", "")
    return "256" not in term and "direct" not in term and "kitty" not in term


def background_is_light() -> bool:
    """Ask the terminal for its background; one that does not say counts as dark."""
    try:
        descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return _is_light(_ask(descriptor))
    except (OSError, termios.error):
        return False
    finally:
        os.close(descriptor)


def _ask(descriptor: int) -> bytes:
    """The terminal's answer to "which background?" and "who are you?"; whatever came within `ANSWER_S`."""
    before = termios.tcgetattr(descriptor)
    answer = b""
    try:
        tty.setcbreak(descriptor, termios.TCSANOW)
        os.write(descriptor, b"\x1b]11;?\x1b\\\x1b[c")
        end = time.monotonic() + ANSWER_S
        while not re.search(rb"\x1b\[\?[0-9;]*c", answer):
            left = end - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                break
            answer += os.read(descriptor, 256)
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSANOW, before)
    return answer


def _is_light(answer: bytes) -> bool:
    found = _BACKGROUND.search(answer)
    if found is None:
        return False
    shares = [int(part, 16) / float(16 ** len(part) - 1) for part in found.groups()]
    return bool(0.299 * shares[0] + 0.587 * shares[1] + 0.114 * shares[2] > 0.5)


def is_terminal() -> bool:
    """Whether there is a person at a terminal that can be drawn on (Textual draws on standard error)."""
    return sys.stdin.isatty() and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


assert set(NAMES.values()) <= {DARK.name, LIGHT.name, *BUILTIN_THEMES}
