"""Which connections may stay: a cap, and room made by those that never said anything.

Opening a connection costs a stranger nothing, so when all places are taken the first to go is the oldest of those
over which nothing has come yet that was allowed. What has spoken stays; then the newcomer is told to come back later.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from z2d.wire import errors

MAX_CONNECTIONS = 600
KEPT_FOR_LOCAL = 100  # places that only a unix socket may take, so that a flood over TCP locks nobody out here


class Connections:
    """The open connections of one application, in the order of their coming as long as they are silent."""

    def __init__(self, limit: int = MAX_CONNECTIONS) -> None:
        self._limit = limit
        self._silent: dict[RequestHandler, None] = {}

    def spoke(self, connection: RequestHandler) -> None:
        """Somebody who may call has sent a request over `connection`."""
        self._silent.pop(connection, None)

    def door(self, server: web.Server, bound: socket.socket) -> Callable[[], asyncio.BaseProtocol]:
        """The protocol factory for a listening socket: what is done with each new connection."""
        limit = self._limit if bound.family == socket.AF_UNIX else self._limit - KEPT_FOR_LOCAL

        def enter() -> asyncio.BaseProtocol:
            if len(server.connections) >= limit and not self._make_room():
                return _Refusal()
            connection = server()
            self._silent[connection] = None
            if len(self._silent) > 2 * self._limit:  # most of them have long gone
                self._silent = {one: None for one in self._silent if one.connected}
            return connection

        return enter

    def _make_room(self) -> bool:
        """End the connection that has been silent for longest; False when there is none."""
        while self._silent:
            oldest = next(iter(self._silent))
            del self._silent[oldest]
            if oldest.connected:
                oldest.force_close()
                return True
        return False


class _Refusal(asyncio.Protocol):
    """Answers a connection that is one too many, and ends it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        error = errors.TooManyRequests("too many connections")
        body = json.dumps(error.problem()).encode("ascii")
        writing = cast(asyncio.Transport, transport)
        writing.write(
            b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/problem+json\r\nRetry-After: 5\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        writing.close()
