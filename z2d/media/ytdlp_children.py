"""The children that run yt-dlp: kept warm, handed out for one request each, and spoken to.

A child knows typed errors, can be killed at any moment and takes its memory with it. Importing yt-dlp takes half a
second, so warm children wait, blocked on their input: two, because a job extracts and then downloads. After each use
the store is filled up again.

A request is one JSON line on the child's stdin, its answers are JSON lines on stdout (see `ytdlp_child`); what it or
ffmpeg print on stderr become log lines.
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
from z2d.media.process import Group, Limits, lines_of
from z2d.wire.jobs import LogLevel
from z2d.wire.reasons import ErrorClass

Log = Callable[[LogLevel, str, str], None]
"""Takes level, source ("yt-dlp", "ffmpeg") and one line of text; must not block."""

_ANSWER_LIMIT = 65536
_LAST_WORDS = 3
_FILL_S = 5.0


class Children:
    """The store of warm children. `argv` starts one; `limits` is asked for what holds at each start."""

    def __init__(self, argv: Sequence[str], *, installation: str, limits: Callable[[], Limits], spares: int) -> None:
        self._limits = limits
        self._argv = argv
        self._installation = installation
        self._number_of_spares = spares
        self._spares: deque[tuple[Group, Stamp | None]] = deque()
        self._filling = asyncio.Lock()
        self._open = False

    async def open(self) -> None:
        """Begin to keep children warm."""
        self._open = True
        await self.fill()

    async def close(self) -> None:
        """End those that wait, and warm no others."""
        self._open = False
        async with self._filling:
            while self._spares:
                await self._spares.popleft()[0].stop()

    async def renew(self) -> None:
        """Replace those that wait."""
        async with self._filling:
            old = list(self._spares)
            self._spares.clear()
        for child, _ in old:
            await child.stop()
        await self.fill()

    async def take(self) -> Group:
        """A warm child, or a new one. Those of a yt-dlp that has been updated meanwhile are of no use."""
        now = ytdlp_stamp()
        while self._spares:
            child, warmed = self._spares.popleft()
            if child.running and warmed == now:
                return child
            await child.stop()
        return await self._start()

    async def fill(self) -> None:
        """Warm as many children as are missing; a machine that cannot just now is no fault of the job."""
        with contextlib.suppress(OSError):  # TimeoutError is one
            async with asyncio.timeout(_FILL_S), self._filling:
                while self._open and len(self._spares) < self._number_of_spares:
                    before = ytdlp_stamp()
                    self._spares.append((await self._start(), before))

    async def _start(self) -> Group:
        return await Group.start(self._argv, installation=self._installation, limits=self._limits(), stdin=True)


async def converse(
    child: Group, request: dict[str, Any], log: Log, progress: Callable[[dict[str, Any]], None], access: Access
) -> dict[str, Any]:
    """Hand the request over and listen until the child has answered and ended; its last answer.

    `progress` is told how far a download is (see `ytdlp.Progress`). Raises `MediaFault`.
    """
    assert child.stdin is not None
    told = access.without_secrets
    last_words: deque[str] = deque(maxlen=_LAST_WORDS)

    async def listen_to_stderr() -> None:
        async for line in lines_of(child.stderr):
            last_words.append(line)
            log(LogLevel.DEBUG, "yt-dlp", told(line))

    stderr = asyncio.create_task(listen_to_stderr(), name=f"stderr of the yt-dlp child of job {request['job_id']}")
    try:
        child.stdin.write(json.dumps(request).encode() + b"\n")
        with contextlib.suppress(ConnectionError):  # a child that died has said why on stderr
            await child.stdin.drain()
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
    return MediaFault(ErrorClass.UNKNOWN, f"the yt-dlp child ended with status {code}: {last_words}"[:2000])
