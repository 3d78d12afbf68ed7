"""The children that run yt-dlp: forked for one request each, and listened to.

A child knows typed errors, can be killed at any moment and takes its memory with it. Importing yt-dlp and compiling
its patterns takes half a second and more, so one warm program does it once and forks the children (see `nursery`).

A request is one line of JSON, its answers are JSON lines on stdout (see `ytdlp_child`); what the child or ffmpeg print
on stderr become log lines.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from z2d.media.access import Access
from z2d.media.faults import MediaFault
from z2d.media.installed import Stamp, ytdlp_stamp
from z2d.media.nursery import Nursery, NurseryGone
from z2d.media.process import Group, Limits, lines_of
from z2d.wire.jobs import LogLevel
from z2d.wire.reasons import ErrorClass

Log = Callable[[LogLevel, str, str], None]
"""Takes level, source ("yt-dlp", "ffmpeg") and one line of text; must not block."""

_ANSWER_LIMIT = 1 << 17
"""Bytes of an answer. The longest has a text of 8,000 signs, and JSON spells one outside the BMP with twelve."""
_LAST_WORDS = 3


class Children:
    """Where children come from. `argv` is the warm program; it is started when it is first needed, or by `warm`."""

    def __init__(self, argv: Sequence[str], *, installation: str) -> None:
        self._argv = argv
        self._installation = installation
        self._nursery: tuple[Nursery, Stamp | None] | None = None
        self._starting = asyncio.Lock()

    async def serve(self, request: bytes, limits: Limits) -> Group:
        """A child that serves this request. Raises NurseryGone, or another OSError."""
        try:
            return await (await self._warmed()).child(request, limits=limits)
        except NurseryGone:  # killed, or hanging; it may be an accident once
            return await (await self._warmed()).child(request, limits=limits)

    async def warm(self) -> None:
        """Be ready for the next request with the yt-dlp that is installed now; if not now, then with that request."""
        with contextlib.suppress(OSError):
            await self._warmed()

    async def close(self) -> None:
        """End the warm program."""
        async with self._starting:
            await self._end()

    @property
    def session(self) -> int | None:
        """The session of the warm program."""
        return self._nursery and self._nursery[0].session

    async def _warmed(self) -> Nursery:
        """The program that forks; one that died, or has a yt-dlp that has been updated meanwhile, is replaced."""
        async with self._starting:
            now = ytdlp_stamp()
            if self._nursery is not None:
                nursery, stamp = self._nursery
                if nursery.running and stamp == now:
                    return nursery
                await self._end()
            nursery = await Nursery.start(self._argv, installation=self._installation)
            self._nursery = nursery, now
            return nursery

    async def _end(self) -> None:
        if self._nursery is not None:
            nursery, self._nursery = self._nursery[0], None
            await nursery.stop()


async def converse(
    child: Group, job_id: int, log: Log, progress: Callable[[dict[str, Any]], None], access: Access
) -> dict[str, Any]:
    """Listen until the child has answered and ended; its last answer.

    `progress` is told how far a download is (see `ytdlp.Progress`). Raises `MediaFault`.
    """
    told = access.without_secrets
    last_words: deque[str] = deque(maxlen=_LAST_WORDS)

    async def listen_to_stderr() -> None:
        async for line in lines_of(child.stderr):
            last_words.append(line)
            log(LogLevel.DEBUG, "yt-dlp", told(line))

    stderr = asyncio.create_task(listen_to_stderr(), name=f"stderr of the yt-dlp child of job {job_id}")
    try:
        async for line in lines_of(child.stdout, _ANSWER_LIMIT):
            answer: dict[str, Any] = json.loads(line)
            match answer.pop("kind"):
                case "log":
                    log(LogLevel(answer["level"]), "yt-dlp", told(answer["text"]))
                case "progress":
                    progress(answer)
                case "done":
                    return answer
                case "fault":
                    message = told(answer["message"])
                    raise MediaFault(ErrorClass(answer["error_class"]), message, answer["retry_after"])
        code = await child.wait()
        await stderr
    finally:
        stderr.cancel()
    raise _silent_end(code, told(" | ".join(last_words)))


def _silent_end(code: int, last_words: str) -> MediaFault:
    """What it means that a child ended without an answer."""
    if code == 128 + signal.SIGXFSZ:
        return MediaFault(ErrorClass.TOO_LARGE, "a file grew beyond the size limit")
    if code == 128 + signal.SIGXCPU:
        return MediaFault(ErrorClass.TIMEOUT, "the processor time limit is used up")
    if code == 128 + signal.SIGKILL:
        return MediaFault(ErrorClass.UNKNOWN, "the yt-dlp child was killed, perhaps because the memory was full")
    said = f": {last_words}" if last_words else ""
    return MediaFault(ErrorClass.UNKNOWN, f"the yt-dlp child ended with status {code}{said}"[:2000])
