"""The one runner of child programs: every program z2 starts runs through here, on a leash.

Each program gets a session of its own (see `leash`), limits on memory, CPU and file size, an environment without
secrets, and two marks in it: the installation's, by which leftovers of a killed daemon are found, and for people the
job's, where a program is started for one. Leaving the `async with` block of a `Group` - normally, by an error, or by
cancellation - ends the program and everything it started: TERM, wait until the session is empty, KILL after five
seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

from z2d.media import leash
from z2d.media.faults import MediaFault
from z2d.wire.reasons import ErrorClass

GRACE_S = 5.0
MAX_LINE = 8192
KILLED = signal.SIGKILL.value
NOT_STARTED = 127
"""The status of a program that could not be started."""
_PIECE = 65536
_LINES_PER_TURN = 500

# What a program may see of our environment. A list of what is allowed, because the next secret has no known name.
_ENV_ALLOWED = frozenset(
    {"PATH", "HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "XDG_CACHE_HOME"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "RES_OPTIONS"}
)

LineSink = Callable[[str], None]


@dataclass(frozen=True)
class Limits:
    """Resource limits of each process of a group; 0 means none. Bytes, bytes, seconds."""

    file_bytes: int = 0
    memory_bytes: int = 0
    cpu_s: int = 0


class LineCutter:
    """Turns pieces of output into lines with bounded memory.

    A line ends at newline or carriage return. What exceeds `limit` bytes of a line is dropped as it arrives, and
    the line says so; 200 MB without a newline cost `limit` bytes.
    """

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._dropped = 0

    def feed(self, piece: bytes) -> list[str]:
        """The lines that `piece` completes, without line ends; empty lines are left out."""
        *complete, rest = piece.replace(b"\r", b"\n").split(b"\n")
        lines = []
        for part in complete:
            self._add(part)
            lines.extend(self.finish())
        self._add(rest)
        return lines

    def finish(self) -> list[str]:
        """The line in hand, if there is one, at the end of the output."""
        if not self._kept:
            return []
        text = self._kept.decode("utf-8", "replace")
        if self._dropped:
            text += f" … [{self._dropped} more bytes]"
        self._kept.clear()
        self._dropped = 0
        return [text]

    def _add(self, part: bytes) -> None:
        room = self._limit - len(self._kept)
        self._kept += part[:room]
        self._dropped += max(0, len(part) - room)


async def lines_of(stream: asyncio.StreamReader, limit: int = MAX_LINE) -> AsyncIterator[str]:
    """The lines of a child's output, cut to `limit` bytes; lets other tasks run during a flood."""
    cutter = LineCutter(limit)
    count = 0
    while piece := await stream.read(_PIECE):
        for line in cutter.feed(piece):
            yield line
            count += 1
            if count % _LINES_PER_TURN == 0:
                await asyncio.sleep(0)
    for line in cutter.finish():
        yield line


class Leashed(Protocol):
    """The leash of a session as it is seen from here; `asyncio.subprocess.Process` is one."""

    @property
    def pid(self) -> int:
        """Of the leash, and so of the session."""
        ...

    @property
    def returncode(self) -> int | None:
        """The status of the program; None while the leash lives, negative when it was killed itself."""
        ...

    @property
    def stdout(self) -> asyncio.StreamReader | None:
        """What the program writes."""
        ...

    @property
    def stderr(self) -> asyncio.StreamReader | None:
        """Likewise."""
        ...

    async def wait(self) -> int:
        """The `returncode`, once there is one."""
        ...


class Group:
    """A child program and everything it starts. Made by `Group.start` or a `Nursery`, ended by leaving its block."""

    def __init__(
        self, process: Leashed, leash_fd: int, grace_s: float, *, release: Callable[[], None] = lambda: None
    ) -> None:
        self._process, self._release = process, release
        self._leash_fd = leash_fd
        self._grace_s = grace_s
        self._ended = False
        assert process.stdout is not None
        assert process.stderr is not None
        self.stdout = process.stdout
        self.stderr = process.stderr

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        *,
        installation: str,
        job_id: int | None = None,
        limits: Limits = Limits(),
        cwd: Path | None = None,
        stdin: int = asyncio.subprocess.DEVNULL,
        grace_s: float = GRACE_S,
    ) -> Group:
        """Start `argv`. Its input is the file descriptor `stdin`; without one it reads nothing.

        A program that cannot be found ends with status 127 and a line on stderr.
        """
        watched, leash_fd = os.pipe()
        with contextlib.ExitStack() as undo:
            undo.callback(os.close, leash_fd)
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-S", leash.__file__, str(watched), str(grace_s)),
                    *(str(limits.file_bytes), str(limits.memory_bytes), str(limits.cpu_s), "--", *argv),
                    stdin=stdin,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    cwd=cwd,
                    env=environment(os.environ, installation=installation, job_id=job_id),
                    start_new_session=True,
                    pass_fds=(watched,),
                )
            finally:
                os.close(watched)
            undo.pop_all()
        return cls(process, leash_fd, grace_s)

    @property
    def session(self) -> int:
        """The session's id, which is the leash's pid."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the program has not been seen to end."""
        return self._process.returncode is None

    async def wait(self) -> int:
        """Wait until the program and all it started are gone; its exit status, 128 + n for signal n."""
        code = await self._process.wait()
        await self._empty_session()
        return code if code >= 0 else 128 - code

    async def stop(self) -> None:
        """End the program and all it started; returns when nothing of the session is left. Idempotent.

        Cancelled while it waits, it drops the leash, which kills at once.
        """
        if self._ended:
            return
        try:
            if self.running:
                self._ask_politely()
                await self._leash_gone(within=self._grace_s + 2)
            await self._empty_session()
        finally:
            self.drop()

    def drop(self) -> None:
        """Let go of the leash: what still runs is killed without ado."""
        if not self._ended:
            self._ended = True
            os.close(self._leash_fd)
            self._release()

    def _ask_politely(self) -> None:
        try:
            os.write(self._leash_fd, b"T")
        except BrokenPipeError:  # the leash is gone already
            return

    async def _leash_gone(self, within: float) -> None:
        """Wait for the leash, and kill it when it does not end by itself.

        Polled: `wait()` also waits for the pipes, which orphans of a killed leash hold open.
        """
        until = time.monotonic() + within
        while self.running:
            if time.monotonic() > until:
                leash.signal_all([self.session], signal.SIGKILL)
            await asyncio.sleep(0.01)

    async def _empty_session(self) -> None:
        """The leash leaves an empty session behind; this is for the case that the leash itself was killed."""
        until = time.monotonic() + GRACE_S
        while members := leash.session_members(self.session):
            leash.signal_all(members, signal.SIGKILL)
            if time.monotonic() > until:
                raise MediaFault(ErrorClass.UNKNOWN, f"processes {members} of a child program cannot be ended")
            await asyncio.sleep(0.02)

    async def __aenter__(self) -> Group:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


async def run(
    argv: Sequence[str],
    *,
    installation: str,
    job_id: int | None = None,
    limits: Limits = Limits(),
    cwd: Path | None = None,
    deadline_s: float,
    on_stdout: LineSink | None = None,
    on_stderr: LineSink | None = None,
) -> int:
    """Run a program to its end and hand its lines to the sinks; its exit status, 128 + n for signal n.

    Raises MediaFault TIMEOUT when it takes longer than `deadline_s` seconds. Cancellable: nothing is left running.
    """
    name = Path(argv[0]).name
    async with await Group.start(argv, installation=installation, job_id=job_id, limits=limits, cwd=cwd) as group:
        pumps = [
            asyncio.create_task(_pump(group.stdout, on_stdout), name=f"stdout of {name}"),
            asyncio.create_task(_pump(group.stderr, on_stderr), name=f"stderr of {name}"),
        ]
        try:
            async with asyncio.timeout(deadline_s):
                await asyncio.gather(*pumps)
                return await group.wait()
        except TimeoutError:
            raise MediaFault(ErrorClass.TIMEOUT, f"{name} did not finish within {deadline_s:.0f} s") from None
        finally:
            for pump in pumps:
                pump.cancel()


async def _pump(stream: asyncio.StreamReader, sink: LineSink | None) -> None:
    async for line in lines_of(stream):
        if sink is not None:
            sink(line)


def environment(ours: Mapping[str, str], *, installation: str, job_id: int | None) -> dict[str, str]:
    """The environment of a child: the allowed variables of ours and the two marks."""
    kept = {name: value for name, value in ours.items() if name in _ENV_ALLOWED}
    kept.setdefault("LANG", "C.UTF-8")
    return kept | {"Z2_INSTALLATION": installation, "Z2_JOB_ID": "" if job_id is None else str(job_id)}


def marked(installation: str) -> list[int]:
    """The living processes that carry this installation's mark."""
    wanted = f"Z2_INSTALLATION={installation}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:  # gone, or somebody else's
            continue
        if wanted in variables:
            found.append(int(entry.name))
    return found


async def sweep(installation: str) -> int:
    """Kill what a killed daemon of this installation left running; how many processes there were.

    For the start of the daemon, before anything else is started, under the lock of the state folder.
    """
    seen: set[int] = set()
    until = time.monotonic() + GRACE_S
    while (left := marked(installation)) and time.monotonic() < until:
        seen.update(left)
        leash.signal_all(left, signal.SIGKILL)
        await asyncio.sleep(0.02)
    return len(seen)
