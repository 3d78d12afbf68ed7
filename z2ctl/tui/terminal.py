"""What the dashboard does to its terminal beside drawing: the clipboard, the mouse, leaving it as it was found."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Mapping

COPY_S = 3.0
LONGEST_COPY = 100_000
"""Bytes a terminal is sent for its clipboard; most refuse more."""


def copy(text: str, write: Callable[[str], object], env: Mapping[str, str] = os.environ) -> str:
    """Put a text on the clipboard of the person's own machine; how it was done, for the toast.

    Inside tmux its own buffer is used (`load-buffer -w` passes it on to the outer terminal, with tmux's default
    settings); elsewhere the terminal is asked (OSC 52). Blocking: call it beside the loop.
    """
    data = text.encode("utf-8", "replace")
    if env.get("TMUX") and (tmux := shutil.which("tmux")):
        done = subprocess.run(
            [tmux, "load-buffer", "-w", "-"], input=data, capture_output=True, timeout=COPY_S, check=False
        )
        if done.returncode == 0:
            return "to tmux's buffer and the terminal"
    if len(data) > LONGEST_COPY:
        return ""
    write(f"\x1b]52;c;{base64.b64encode(data).decode('ascii')}\a")
    return "by the terminal (OSC 52)"


MOUSE_ON = "\x1b[?1000h\x1b[?1003h\x1b[?1015h\x1b[?1006h"
MOUSE_OFF = "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l"
RESTORE = MOUSE_OFF + "\x1b[?2004l\x1b[?1004l\x1b[<u\x1b[?7h\x1b[?1049l\x1b[?25h\x1b[0m"
GONE_S = 2.0


def alive() -> bool:
    """Whether the terminal that is drawn on (standard error's) is still there."""
    try:
        termios.tcgetattr(sys.__stderr__.fileno())  # type: ignore[union-attr]
    except (termios.error, ValueError, OSError):
        return False
    return True


def die_soon() -> None:
    """End the process hard if saying good-bye to a terminal that is gone takes too long."""

    def end() -> None:
        os._exit(129)

    timer = threading.Timer(GONE_S, end)
    timer.daemon = True
    timer.start()


def says_its_own_size() -> None:
    """Take COLUMNS and LINES out of the environment: they go before what the terminal says, and never change.

    Shells that export them, and programs that use readline, leave them to their children.
    """
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)


def restore() -> None:
    """Leave the terminal usable, whatever happened; saying it twice does no harm."""
    with contextlib.suppress(OSError, ValueError):
        sys.__stderr__.write(RESTORE)  # type: ignore[union-attr]
        sys.__stderr__.flush()  # type: ignore[union-attr]
