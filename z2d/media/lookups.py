"""Asking the name server for the addresses of many hosts: many at once, and within a bounded time.

A thread of its own for each lookup: one that hangs must neither fill the loop's pool nor hold up the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Collection

TOGETHER_S = 3.0
"""What all lookups of one call may take. Few name servers need a tenth of a second for one."""
AT_ONCE = 64
_PATIENCE_S = 1.0
"""After this long the next host is asked beside one that has no answer yet: some that hang must not hide the others."""


async def addresses(hosts: Collection[str]) -> dict[str, list[str]]:
    """The addresses of each host, asked for once; hosts that have none, or get no answer in time, are missing.

    Hosts are in their plain form (see `admission`). Addresses stand for themselves, and so does this machine's own
    name: they are never missing.
    """
    found = {host: known for host in hosts if (known := _without_asking(host))}
    unknown = [host for host in dict.fromkeys(hosts) if host not in found]
    waiting = iter(unknown)
    answers: dict[str, asyncio.Future[list[str]]] = {}

    async def ask() -> None:
        for host in waiting:  # all askers take from one row
            answers[host] = _look_up(host)
            await asyncio.wait({answers[host]}, timeout=_PATIENCE_S)

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(TOGETHER_S):
            async with asyncio.TaskGroup() as group:
                for number in range(min(AT_ONCE, len(unknown))):
                    group.create_task(ask(), name=f"look up hosts {number}")
            if answers:
                await asyncio.wait(answers.values())
    return found | {host: answer.result() for host, answer in answers.items() if answer.done() and answer.result()}


def _without_asking(host: str) -> list[str]:
    if host == "localhost" or host.endswith(".localhost"):
        return ["127.0.0.1"]
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return []
    return [host]


def _look_up(host: str) -> asyncio.Future[list[str]]:
    """The addresses of one host, once they are there; none when it has none or no name server can say."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def settle(found: list[str]) -> None:
        if not answer.done():
            answer.set_result(found)

    def ask() -> None:
        found: list[str] = []
        with contextlib.suppress(OSError):  # unknown name, no name server
            found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=ask, name=f"look up {host}", daemon=True).start()
    return answer
