"""A nursery: one warm program, and the children it forks for us (see `forks`), each as good as a program of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Sequence
from functools import partial
from io import FileIO

from z2d.media import forks
from z2d.media.process import GRACE_S, KILLED, Group, Limits

_START_S = 60.0
"""Longest time until the first child is there: the program has to get warm."""
_FORK_S = 10.0
"""The same for every later child."""
_GIVE_UP_S = 2.0
_LAST_LINES = 3


class NurseryGone(OSError):
    """The warm program has ended, or hangs; the message is what it said last. It is of no use any more."""


class _Forked(asyncio.Protocol):
    """A forked leash and its pipes, as `process.Leashed` wants it; as a protocol it listens to what the leash says."""

    def __init__(self, files: Sequence[FileIO]) -> None:
        loop = asyncio.get_running_loop()
        self.stdout, self.stderr = asyncio.StreamReader(), asyncio.StreamReader()
        self.there: asyncio.Future[int] = loop.create_future()
        self._ended: asyncio.Future[int] = loop.create_future()
        self._said = b""
        self._files = list(files)
        self._transports: list[asyncio.BaseTransport] = []

    async def connect(self) -> None:
        """Begin to read."""
        loop = asyncio.get_running_loop()
        streams = [asyncio.StreamReaderProtocol(reader) for reader in (self.stdout, self.stderr)]
        for protocol in (*streams, self):
            transport, _ = await loop.connect_read_pipe(partial(_itself, protocol), self._files[0])
            self._transports.append(transport)
            del self._files[0]  # closed with its transport

    def close(self) -> None:
        """Stop reading."""
        for transport in self._transports:
            transport.close()
        for file in self._files:
            file.close()

    def data_received(self, data: bytes) -> None:
        """The pid, later the status; or, after a mark, why there is no child."""
        self._said += data
        if b"\n" not in self._said or self.there.done():
            return
        first = self._said.split(b"\n")[0]
        if first.startswith(forks.REFUSED):
            self.there.set_exception(OSError(first[len(forks.REFUSED) :].decode("utf-8", "replace")))
        else:
            self.there.set_result(int(first))

    def connection_lost(self, error: Exception | None) -> None:
        """The leash is gone; without a word of the status it was killed."""
        said = self._said.split()
        if not self.there.done():
            self.there.set_exception(NurseryGone())
        self.there.exception()  # asked or not, it is known
        if not self._ended.done():
            self._ended.set_result(int(said[1]) if len(said) == 2 else -KILLED)

    @property
    def pid(self) -> int:
        """Of the leash."""
        return self.there.result()

    @property
    def returncode(self) -> int | None:
        """The status of the child."""
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> int:
        """The status, once there is one."""
        return await asyncio.shield(self._ended)


def _itself(protocol: asyncio.Protocol) -> asyncio.Protocol:
    return protocol


class Nursery:
    """The warm program `argv`, which forks by `forks.request`. Made by `start`, ended by `stop`."""

    def __init__(self, program: Group, orders: socket.socket) -> None:
        self._program, self._orders = program, orders
        self._gone = self._proved = False
        self._words: asyncio.Task[str] | None = None

    @classmethod
    async def start(cls, argv: Sequence[str], *, installation: str) -> Nursery:
        """Start the program; it gets warm while others go on. Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with contextlib.ExitStack() as undo:
            undo.callback(ours.close)
            with theirs:
                program = await Group.start(argv, installation=installation, stdin=theirs.fileno())
            ours.setblocking(False)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * forks.LONGEST)
            undo.pop_all()
        return cls(program, ours)

    @property
    def session(self) -> int:
        """The program's session."""
        return self._program.session

    @property
    def running(self) -> bool:
        """Whether the program has neither ended nor been found to hang."""
        return not self._gone and self._program.running

    async def child(self, request: bytes, *, limits: Limits, grace_s: float = GRACE_S) -> Group:
        """A child that serves this request, as soon as the program is warm. Raises NurseryGone, or another OSError."""
        head = {"grace_s": grace_s, "limits": [limits.file_bytes, limits.memory_bytes, limits.cpu_s]}
        try:
            leash_fd, files = self._order(json.dumps(head).encode() + b"\n" + request)
        except (BrokenPipeError, ConnectionResetError):
            raise await self._given_up() from None
        forked = _Forked(files)
        try:
            await forked.connect()
            async with asyncio.timeout(_FORK_S if self._proved else _START_S):
                await asyncio.shield(forked.there)
        except (OSError, asyncio.CancelledError) as error:  # TimeoutError is an OSError
            os.close(leash_fd)  # what has been forked, or will be, ends at once
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_GIVE_UP_S):
                        await forked.wait()
            finally:
                forked.close()
            if isinstance(error, TimeoutError | NurseryGone):
                raise await self._given_up() from None
            raise
        self._proved = True
        return Group(forked, leash_fd, grace_s, release=forked.close)

    def _order(self, message: bytes) -> tuple[int, list[FileIO]]:
        """Send the order; our ends of the leash's pipe, and of stdout, stderr and status."""
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            watched, leash_fd = os.pipe()
            theirs.callback(os.close, watched)
            ours.callback(os.close, leash_fd)
            sent, files = [watched], []
            for _ in range(forks.PIPES):
                read, write = os.pipe()
                theirs.callback(os.close, write)
                files.append(ours.enter_context(FileIO(read)))
                sent.append(write)
            socket.send_fds(self._orders, [message], sent)
            ours.pop_all()
        return leash_fd, files

    async def stop(self) -> None:
        """End the program. Its children are their own masters."""
        self._orders.close()
        await self._program.stop()

    async def _given_up(self) -> NurseryGone:
        """What is to be raised about a program that is of no use any more; many may ask at once."""
        self._gone = True
        if self._words is None:
            self._words = asyncio.create_task(self._last_words(), name="last words of a warm program")
        return NurseryGone(await asyncio.shield(self._words))

    async def _last_words(self) -> str:
        try:
            async with asyncio.timeout(_GIVE_UP_S):
                said = await self._program.stderr.read()
        except TimeoutError:
            return "it does not answer"
        return " | ".join(said.decode("utf-8", "replace").splitlines()[-_LAST_LINES:]) or "it was killed"
