"""One warm program for all tests of this process: it forks yt-dlp's children, and to get warm costs half a second.

A daemon has a program of its own, as the workers have that tests start as processes; here what is tried is what
the children do, and how they end. What they are forked from is not in their test's hands, so they carry the mark of
this process instead of the test's installation.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import socket
import subprocess
import sys
from typing import Any

from z2d.media import forks, process
from z2d.media.nursery import Nursery
from z2d.media.ytdlp import YtDlp
from z2d.media.ytdlp_children import Children

MARK = f"test-warm-{os.getpid()}"
_programs: dict[frozenset[tuple[str, str]], tuple[Program, Nursery]] = {}
"""By their environment: children have the one in which their program was started."""


class Program:
    """A program that belongs to no event loop, as far as a nursery asks for it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.orders.setblocking(False)
        self.orders.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * forks.LONGEST)
        with theirs:
            self._popen = subprocess.Popen(
                [sys.executable, "-I", "-X", "utf8", *YtDlp.child_arguments],
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        atexit.register(self.end)

    @property
    def session(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    @property
    def stderr(self) -> asyncio.StreamReader:
        nothing = asyncio.StreamReader()
        nothing.feed_eof()
        return nothing

    def end(self) -> None:
        self.orders.close()
        self._popen.kill()
        self._popen.wait()


class SharedYtDlp(YtDlp):
    """yt-dlp whose children come from the program that is warm already."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how, ahead=False)
        self._children = _SharedChildren([], installation=MARK)


class _SharedChildren(Children):
    async def _warmed(self) -> Nursery:
        environment = process.environment(os.environ, installation=MARK, job_id=None)
        key = frozenset(environment.items())
        program, nursery = _programs.get(key, (None, None))
        if program is None or nursery is None or not nursery.running:
            if program is not None:
                program.end()
            program = Program(environment)
            nursery = Nursery(program, program.orders)  # type: ignore[arg-type]  # as much of a group as it needs
            _programs[key] = program, nursery
        return nursery


def children() -> list[int]:
    """The processes that were forked, and what they started: never the programs themselves."""
    programs = {program.session for program, _ in _programs.values()}
    return [pid for pid in process.marked(MARK) if pid not in programs]
