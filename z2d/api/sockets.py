"""What both WebSockets share: how a client is let in, written to, told apart from a dead one, and sent away.

A client that does not read must cost nobody anything: writing to it is one task of its own, each message has a time
limit, and whoever exceeds it loses the connection by force, because a polite close would wait for it to read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from aiohttp import WSCloseCode, web

from z2d.api.auth import SUBPROTOCOL
from z2d.api.middleware import STARTED
from z2d.wire import errors

HEARTBEAT_S = 20.0
SEND_S = 10.0
FAREWELL_S = 1.0
MAX_SOCKETS = 500
MAX_INCOMING = 4096  # clients have nothing to say
GONE = 4404  # no such job
FEEDS = ("status", "logs")


class Closed(Exception):
    """The server ends this socket on purpose, with a code."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(reason)


class Socket:
    """One client's socket, from the writing side."""

    def __init__(self, request: web.Request, response: web.WebSocketResponse) -> None:
        self._request = request
        self._response = response
        self.lag = 0
        """Messages or lines that are on their way to the client; for /metrics."""
        self.was_slow = False

    async def send(self, text: str) -> None:
        """Send one message; a client that does not take it within `SEND_S` is cut off.

        Raises: ConnectionError when the connection is gone.
        """
        try:
            async with asyncio.timeout(SEND_S):
                await self._response.send_str(text)
        except TimeoutError:
            self.was_slow = True
            self.cut()
            raise ConnectionAbortedError("the client does not read") from None

    async def send_all(self, texts: Sequence[str]) -> None:
        """Send messages one after the other; `lag` says how many are left. Raises: ConnectionError."""
        for left, text in zip(range(len(texts), 0, -1), texts, strict=True):
            self.lag = left
            await self.send(text)
        self.lag = 0

    async def close(self, code: int, reason: str = "") -> None:
        """Say goodbye, and hang up whether or not the client listens."""
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(FAREWELL_S):
                await self._response.close(code=code, message=reason.encode()[:120])
        self.let_go()

    def let_go(self) -> None:
        """Wait for nothing more. What the client never took would keep the connection open for ever."""
        transport = self._request.transport
        if transport is not None and transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(FAREWELL_S, transport.abort)

    def cut(self) -> None:
        """End the connection now."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def listen(self) -> None:
        """Take in what the client sends, which is only pings and its goodbye, until it is gone."""
        async for _ in self._response:
            pass


class Sockets:
    """All open sockets of an application, to bound their number and to close them first when it stops."""

    def __init__(self, limit: int = MAX_SOCKETS) -> None:
        self._limit = limit
        self._open: dict[Socket, str] = {}
        self._closing = False
        self.dropped = {"slow": 0, "full": 0}
        """Clients that were cut off because they did not read, and such as were refused: there were too many."""
        self.lines_skipped = 0

    def __len__(self) -> int:
        return len(self._open)

    def of(self, name: str) -> list[Socket]:
        """The open sockets of a feed."""
        return [socket for socket, feed in self._open.items() if feed == name]

    async def serve(
        self, request: web.Request, name: str, feed: Callable[[Socket], Awaitable[None]]
    ) -> web.WebSocketResponse:
        """Upgrade `request`, run `feed` as the client's own writer, and close when either side has had enough.

        `name` is that of the feed, one of `FEEDS`.

        Raises: TooManyRequests, ShuttingDown, InvalidRequest (not a WebSocket handshake), all before the upgrade.
        """
        if self._closing:
            raise errors.ShuttingDown
        if len(self._open) >= self._limit:
            self.dropped["full"] += 1
            raise errors.TooManyRequests("too many open sockets", retry_after=10)
        offered = request.headers.getall("Sec-WebSocket-Protocol", [])
        if offered and SUBPROTOCOL not in {name.strip() for name in ",".join(offered).split(",")}:
            raise errors.InvalidRequest(f"the only subprotocol here is {SUBPROTOCOL}")
        response = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S,
            compress=False,  # measured: 2,000 sockets cost 27 MiB without, 206 MiB with it
            max_msg_size=MAX_INCOMING,
            protocols=(SUBPROTOCOL,),
            timeout=FAREWELL_S,
        )
        if not response.can_prepare(request).ok:
            raise errors.InvalidRequest("this address speaks WebSocket (RFC 6455, version 13) only")
        request[STARTED] = response
        await response.prepare(request)
        socket = Socket(request, response)
        self._open[socket] = name
        try:
            async with _own_writer(socket, feed):
                await socket.listen()
        finally:
            del self._open[socket]
            self.dropped["slow"] += socket.was_slow
            socket.let_go()
        return response

    def skip(self, lines: int) -> None:
        """A client was told to fetch so many log lines later."""
        self.lines_skipped += lines

    async def close_all(self) -> None:
        """Send everybody away (1001, going away); done within two seconds whatever the clients do."""
        self._closing = True
        async with asyncio.TaskGroup() as group:
            for index, socket in enumerate(list(self._open)):
                group.create_task(socket.close(WSCloseCode.GOING_AWAY, "z2d is stopping"), name=f"farewell-{index}")


@asynccontextmanager
async def _own_writer(socket: Socket, feed: Callable[[Socket], Awaitable[None]]) -> AsyncIterator[None]:
    """Runs `feed` beside the block; the first of the two that ends, ends the other."""

    async def write() -> None:
        try:
            await feed(socket)
            await socket.close(WSCloseCode.OK)
        except Closed as closed:
            await socket.close(closed.code, closed.reason)
        except errors.DatabaseUnavailable as error:
            await socket.close(WSCloseCode.TRY_AGAIN_LATER, error.title())
        except ConnectionError:
            socket.cut()

    writer = asyncio.create_task(write(), name="socket-writer")
    writer.add_done_callback(lambda task: None if task.cancelled() or task.exception() is None else socket.cut())
    try:
        yield
    finally:
        writer.cancel()
        await asyncio.wait({writer})
        if not writer.cancelled():
            writer.result()
