"""Clients that cost little, so that the server is what is measured: a process beside it, on a unix socket.

python -m bench.load get SOCKET PATH CONNECTIONS      for each line on stdin, a number of seconds, calls that long and
                                                      prints [calls, p50, p99, longest] in ms; 100 calls a second
                                                      after a line like "2 100", else as many as will go
python -m bench.load hear SOCKET PATH CLIENTS SIGN    as many WebSockets; prints "ready", and for a line on stdin what
                                                      was heard since: {number: [time of each client], ...}, where
                                                      the number stands behind SIGN in the message
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
import threading
import time
from statistics import median

import aiohttp

from bench.rounds import p99


def get(where: str, path: str, connections: int) -> None:
    """Call, on so many connections at once."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    for told in sys.stdin:
        seconds, _, rate = told.partition(" ")
        end, pause = time.monotonic() + float(seconds), connections / float(rate) if rate.strip() else 0.0
        took: list[float] = []
        threads = [
            threading.Thread(target=_call, args=(where, request, end, pause, took), daemon=True)
            for _ in range(connections)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(float(seconds) + 20)
        print(json.dumps([len(took), median(took), p99(took), max(took)]), flush=True)


def _call(where: str, request: bytes, end: float, pause: float, took: list[float]) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(where)
        while (began := time.monotonic()) < end:
            connection.sendall(request)
            _take_answer(connection)
            took.append((time.monotonic() - began) * 1000)
            if pause:
                time.sleep(max(0.0, began + pause - time.monotonic()))


def _take_answer(connection: socket.socket) -> None:
    """Read one answer of 200 with a length."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(65536)
        assert piece, "the server hung up"
        head += piece
    head, _, body = head.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    assert head.startswith(b"HTTP/1.1 200"), head
    assert length
    left = int(length[1]) - len(body)
    while left:
        left -= len(connection.recv(min(left, 65536)))


async def hear(where: str, path: str, clients: int, sign: str) -> None:
    """Listen, on so many sockets."""
    heard: dict[str, list[float]] = {}
    number = re.compile(re.escape(sign) + r"(\d+)")

    async def listen(client: aiohttp.ClientWebSocketResponse) -> None:
        async for message in client:
            now = time.monotonic()
            for found in number.findall(message.data):
                heard.setdefault(found, []).append(now)

    connector = aiohttp.UnixConnector(where, limit=0)
    async with aiohttp.ClientSession("http://localhost", connector=connector) as session, asyncio.TaskGroup() as tasks:
        for at in range(clients):
            client = await session.ws_connect(path, max_msg_size=0, autoclose=False)
            tasks.create_task(listen(client), name=f"client {at}")
        print("ready", flush=True)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while await reader.readline():
            print(json.dumps(heard), flush=True)
            heard.clear()
        sys.exit()


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    if what == "get":
        get(words[0], words[1], int(words[2]))
    else:
        asyncio.run(hear(words[0], words[1], int(words[2]), words[3]))
