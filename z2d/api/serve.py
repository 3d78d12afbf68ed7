"""Listening places with limits: what aiohttp leaves open by default is closed here.

Connections are counted (see `connections.py`); one that sends nothing, or half a header, is closed after
`KEEPALIVE_S`; half a body is met where bodies are read; stopping does not wait for anybody.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web
from aiohttp.http import HttpProcessingError

from z2d.api.keys import CONNECTIONS

KEEPALIVE_S = 20.0
LINGER_S = 2.0
STOP_S = 1.5
BACKLOG = 64  # also how many are let in between two counts

log = logging.getLogger("z2d.api.http")


def _is_our_fault(record: logging.LogRecord) -> bool:
    """What is not even HTTP is answered with 400; the daemon's own log need not hear of every scanner."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


@asynccontextmanager
async def serve(app: web.Application, sockets: Iterable[socket.socket]) -> AsyncIterator[None]:
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
            stack.push_async_callback(end_listening, await _listen(app, runner, bound))
        yield


async def _listen(app: web.Application, runner: web.AppRunner, bound: socket.socket) -> asyncio.Server:
    assert runner.server is not None
    enter = app[CONNECTIONS].door(runner.server, bound)
    loop = asyncio.get_running_loop()
    if bound.family == socket.AF_UNIX:
        return await loop.create_unix_server(enter, sock=bound, backlog=BACKLOG)
    return await loop.create_server(enter, sock=bound, backlog=BACKLOG)


async def end_listening(server: asyncio.Server) -> None:
    """Close a listening place, once those it has accepted just now are known: nobody else would close them.

    From accept to `connection_made` asyncio takes three turns of its loop, and a server that is closed amid them
    forgets the connection (https://github.com/python/cpython/issues/109564).
    """
    for listening in server.sockets:
        asyncio.get_running_loop().remove_reader(listening)
    for _ in range(3):
        await asyncio.sleep(0)
    server.close()
