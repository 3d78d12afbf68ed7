"""The dashboard as plain lines: one for each change, for screen readers, logs and terminals that cannot be drawn on."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable

from textual.message import Message

from z2ctl import text as words
from z2ctl.client import Endpoint
from z2ctl.tui.feed import Feed
from z2ctl.tui.job import Job
from z2ctl.tui.messages import Connected, JobCame, JobGone, JobMoved, Lost, Refused, Snapshot

EVERY_S = 10.0
"""How often the progress of one job is said."""


class Lines:
    """Says what the feed says, each thing once."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._say, self._clock = say, clock
        self._said: dict[int, tuple[str, str]] = {}
        self._moved: dict[int, float] = {}
        self._line = ""

    def hear(self, message: Message) -> None:
        """One message of the feed."""
        match message:
            case Connected():
                self._line_is(f"connected to z2d {message.version}; each change is a line, Ctrl-C ends")
            case Lost():
                self._line_is(f"offline: {message.reason}")
            case Refused():
                self._line_is(f"refused: {message.reason}")
            case Snapshot():
                for job in message.jobs:
                    self._job(job)
                if not self._said:
                    self._print("nothing runs or waits")
            case JobCame():
                self._job(message.job)
            case JobMoved():
                self._progress(message)
            case JobGone():
                self._print(f"{message.job_id} deleted")

    def _line_is(self, line: str) -> None:
        if line != self._line:
            self._line = line
            self._print(line)

    def _job(self, job: Job) -> None:
        state = (job.display, job.stage if job.running else "")
        if self._said.get(job.id) == state:
            return
        self._said[job.id] = state
        word = job.next_try(self._clock()) or words.look(job.display).word
        stage = f" {job.stage}" if job.running and job.stage else ""
        reason = f" - {job.error}" if job.error else ""
        self._print(f"{job.id} {word}{stage}: {job.name}{reason}")

    def _progress(self, message: JobMoved) -> None:
        now = self._clock()
        if now - self._moved.get(message.job_id, 0.0) >= EVERY_S:
            self._moved[message.job_id] = now
            self._print(f"{message.job_id} {message.stage or 'running'} {words.percent(message.progress)}")

    def _print(self, line: str) -> None:
        self._say(f"{time.strftime('%H:%M:%S', time.localtime(self._clock()))} {line}")


def follow(find: Callable[[], Endpoint]) -> int:
    """Print changes until interrupted: 130; or 0 when the reader went away."""

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    lines = Lines(say, time.time)
    try:
        asyncio.run(Feed(find, lines.hear, gather_s=1.0).watch_status())
    except KeyboardInterrupt:
        return 130
    except ExceptionGroup as group:
        if group.split(BrokenPipeError)[1] is not None:
            raise
        with contextlib.suppress(OSError):
            sys.stdout.close()
    return 0
