"""A command in a terminal of its own, and what it wrote there."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import unicodedata
from collections.abc import Callable
from fcntl import ioctl

from tests.support import ROOT

# what rich writes by itself: colours, cursor hidden and shown, up, erase line
OURS = re.compile(r"\x1b\[(?:[0-9;]*m|\?25[lh]|[0-9]*A|2K)")


def in_terminal(
    *words: str,
    env: dict[str, str] | None = None,
    width: int = 120,
    within: float = 30,
    meanwhile: Callable[[], object] | None = None,
    interrupt_when: str | None = None,
) -> tuple[int, str]:
    """Run `z2ctl words` with stdout and stderr on a pty of this width; gives the exit code and all that was written.

    `interrupt_when`: Ctrl-C is sent once this text was seen.
    """
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    outside = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    process = subprocess.Popen(
        [sys.executable, "-m", "z2ctl", *words],
        cwd=ROOT,
        env=outside | {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"} | (env or {}),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    written = b""
    end = time.monotonic() + within
    if meanwhile is not None:
        meanwhile()
    try:
        while time.monotonic() < end:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    piece = os.read(ours, 65536)
                except OSError:  # the other side is closed
                    break
                if not piece:
                    break
                written += piece
            if interrupt_when and interrupt_when.encode() in written:
                process.send_signal(signal.SIGINT)
                interrupt_when = None
        code = process.wait(max(0.1, end - time.monotonic()))
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return code, written.decode("utf-8", "replace")


def foreign(written: str) -> list[str]:
    """The characters that act on a terminal and are not of our own making."""
    left = OURS.sub("", written).replace("\r", "").replace("\n", "").replace("\t", "")
    return [char for char in left if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


def plain(written: str) -> str:
    """What was written, without our own sequences."""
    return OURS.sub("", written).replace("\r\n", "\n")
