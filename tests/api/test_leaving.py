"""The end of serving: whoever comes at that moment is let go, too."""

from __future__ import annotations

import asyncio
import gc
import socket

import pytest
from aiohttp import web

from tests.api.world import bound_unix
from tests.support import end_server, short_tmp
from z2d.api.connections import Connections
from z2d.api.keys import CONNECTIONS
from z2d.api.serve import serve

MOMENTS = range(8)  # turns of the loop between a client's connect and the end


def connected(path: str) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(5)
    client.connect(path)
    return client


def let_go(client: socket.socket) -> bool:
    """Whether the other side has closed the connection."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True
    finally:
        client.close()


@pytest.mark.parametrize("turns", MOMENTS)
async def test_a_connection_that_comes_as_serving_ends_is_closed(turns: int) -> None:
    app = web.Application()
    app[CONNECTIONS] = Connections()
    with short_tmp() as folder:
        async with serve(app, [bound_unix(folder / "s")]):
            client = connected(str(folder / "s"))
            for _ in range(turns):
                await asyncio.sleep(0)
        assert await asyncio.to_thread(let_go, client)
    gc.collect()


@pytest.mark.parametrize("turns", MOMENTS)
async def test_so_it_is_with_the_servers_of_tests(turns: int) -> None:
    runner = web.AppRunner(web.Application())
    await runner.setup()
    with short_tmp() as folder:
        await web.UnixSite(runner, str(folder / "s")).start()
        client = connected(str(folder / "s"))
        for _ in range(turns):
            await asyncio.sleep(0)
        await end_server(runner)
        assert await asyncio.to_thread(let_go, client)
    gc.collect()
