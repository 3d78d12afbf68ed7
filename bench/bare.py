"""What the API is held against: the same done by hand, with aiohttp and asyncpg and nothing around.

    python -m bench.bare SOCKET DSN

| path | what it is |
|---|---|
| /list | the page of the list that z2 gives, by the same statement |
| /ws | told everything that is notified on the channel `bare`, one client after the other |
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
from aiohttp import web

from z2d.store.listing import ListQuery, page_sql


class Bare:
    """The handlers, and what they stand on."""

    pool: Any

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._clients: set[web.WebSocketResponse] = set()

    async def jobs(self, request: web.Request) -> web.Response:
        """A page, as the rows are."""
        query, args = page_sql(ListQuery(limit=int(request.query["limit"])))
        items = [dict(row) for row in await self.pool.fetch(query, *args)]
        return web.Response(text=json.dumps({"items": items}, default=str), content_type="application/json")

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        """Keep a client until it leaves."""
        response = web.WebSocketResponse(compress=False)
        await response.prepare(request)
        self._clients.add(response)
        try:
            async for _ in response:
                pass
        finally:
            self._clients.discard(response)
        return response

    async def around(self, _app: web.Application) -> AsyncIterator[None]:
        """Connections to the database, and ears."""
        heard: asyncio.Queue[str] = asyncio.Queue(10_000)
        ears = await asyncpg.connect(self._dsn)
        await ears.add_listener("bare", lambda _c, _p, _ch, told: heard.put_nowait(told))
        telling = asyncio.create_task(self._broadcast(heard), name="broadcast")
        async with asyncpg.create_pool(self._dsn, min_size=1, max_size=10) as self.pool:
            yield
        telling.cancel()
        await ears.close()

    async def _broadcast(self, heard: asyncio.Queue[str]) -> None:
        while True:
            told = await heard.get()
            for client in list(self._clients):
                await client.send_str(told)


def main(path: Path, dsn: str) -> None:
    """Serve until ended."""
    app, bare = web.Application(), Bare(dsn)
    app.router.add_get("/list", bare.jobs)
    app.router.add_get("/ws", bare.socket)
    app.cleanup_ctx.append(bare.around)
    web.run_app(app, path=str(path), access_log=None, print=None, shutdown_timeout=1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
