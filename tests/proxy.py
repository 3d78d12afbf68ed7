"""A proxy on loopback for tests: HTTP forwarding, CONNECT and SOCKS5, with a record of what it was asked for.

    async with Proxy({"media.test": ("127.0.0.1", site.port)}) as proxy:
        ... proxy.url() ... proxy.asked == ["media.test:80"]

Names and addresses that it has no entry for are refused, so nothing leaves the machine.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from urllib.parse import urlsplit

Place = tuple[str, int]


class Proxy:
    """The proxy. `places`: host -> where it really is; "*" stands for all others. `login`: "user:password"."""

    def __init__(self, places: Mapping[str, Place], *, login: str | None = None) -> None:
        self.places, self.login = places, login
        self.asked: list[str] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def url(self, scheme: str = "http") -> str:
        """Its address, with the login."""
        return f"{scheme}://{self.login + '@' if self.login else ''}127.0.0.1:{self.port}"

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                first = await reader.readexactly(1)
                await (self._socks(reader, writer) if first == b"\x05" else self._http(first, reader, writer))
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _http(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = first + await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        if self.login and base64.b64encode(self.login.encode()) not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        parts = urlsplit(target if "://" in target else f"//{target}")
        upstream = await self._open(str(parts.hostname), parts.port or 80)
        if upstream is None:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            lines = head.split(b"\r\n")[1:-2]
            kept = [line for line in lines if not line.lower().startswith((b"proxy-", b"connection:"))]
            request = [f"{method} {path or '/'} HTTP/1.1".encode(), *kept, b"Connection: close", b"", b""]
            upstream[1].write(b"\r\n".join(request))
        await _join(reader, writer, *upstream)

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly((await reader.readexactly(1))[0])
        writer.write(b"\x05\x00")
        kind = (await reader.readexactly(4))[3]
        if kind == 1:
            host = ".".join(map(str, await reader.readexactly(4)))
        else:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        upstream = await self._open(host, int.from_bytes(await reader.readexactly(2), "big"))
        writer.write(bytes([5, 0 if upstream else 4, 0, 1, 0, 0, 0, 0, 0, 0]))
        if upstream is not None:
            await _join(reader, writer, *upstream)

    async def _open(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        self.asked.append(f"{host}:{port}")
        place = self.places.get(host, self.places.get("*"))
        return await asyncio.open_connection(*place) if place else None


async def _join(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    upstream: asyncio.StreamReader,
    downstream: asyncio.StreamWriter,
) -> None:
    """Pass bytes both ways until one side has ended."""

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await source.read(65536):
                sink.write(piece)
                await sink.drain()

    try:
        tasks = {
            asyncio.create_task(copy(reader, downstream), name="proxy up"),
            asyncio.create_task(copy(upstream, writer), name="proxy down"),
        }
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        downstream.close()
