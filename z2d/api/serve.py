"""Listening places with limits: what aiohttp leaves open by default is closed here.

Connections are counted and refused beyond a cap before they cost a handler; one that sends nothing, or half a
header, is closed after `KEEPALIVE_S`; half a body is met where bodies are read; stopping does not wait for anybody.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import cast

from aiohttp import web
from aiohttp.http import HttpProcessingError

from z2d.wire import errors

KEEPALIVE_S = 20.0
LINGER_S = 2.0
STOP_S = 2.0
MAX_CONNECTIONS = 600
KEPT_FOR_LOCAL = 100  # connections that only a unix socket may use, so that a flood over TCP locks nobody out here
BACKLOG = 256
log = logging.getLogger("z2d.api.http")


def _is_our_fault(record: logging.LogRecord) -> bool:
    """What is not even HTTP is answered with 400; the daemon's own log need not hear of every scanner."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def _busy() -> bytes:
    error = errors.TooManyRequests("too many connections")
    body = json.dumps(error.problem()).encode("ascii")
    return (
        b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/problem+json\r\nRetry-After: 5\r\n"
        b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )


class _Refusal(asyncio.Protocol):
    """Answers a connection that is one too many, and ends it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        writing = cast(asyncio.Transport, transport)
        writing.write(_busy())
        writing.close()


@asynccontextmanager
async def serve(
    app: web.Application, sockets: Iterable[socket.socket], *, max_connections: int = MAX_CONNECTIONS
) -> AsyncIterator[None]:
    """Serve `app` on bound (not yet listening) sockets, unix or TCP, for the time of the block.

    Leaving takes at most a few seconds whatever clients do: WebSockets are closed first.
    """
    log.addFilter(_is_our_fault)
    runner = web.AppRunner(
        app,
        handle_signals=False,
        access_log=None,
        keepalive_timeout=KEEPALIVE_S,
        lingering_time=LINGER_S,
        shutdown_timeout=STOP_S,
        logger=log,
    )
    await runner.setup()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        for bound in sockets:
            stack.callback((await _listen(runner, bound, max_connections)).close)
        yield


async def _listen(runner: web.AppRunner, bound: socket.socket, max_connections: int) -> asyncio.Server:
    local = bound.family == socket.AF_UNIX
    limit = max_connections if local else max_connections - KEPT_FOR_LOCAL

    def connected() -> asyncio.BaseProtocol:
        server = runner.server
        if server is None or len(server.connections) >= limit:
            return _Refusal()
        return server()

    loop = asyncio.get_running_loop()
    if local:
        return await loop.create_unix_server(connected, sock=bound, backlog=BACKLOG)
    return await loop.create_server(connected, sock=bound, backlog=BACKLOG)
