"""Submitting a thousand URLs in one call: of unknown hosts, of one, of a known site, and mixed.

All are submitted on hold, so that nothing runs beside. Names are looked up in 50 ms each, as of a name server far away;
in one row never.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.ground import daemon
from bench.rounds import Row, interleaved
from tests.e2e.harness import Daemon
from tests.support import short_tmp
from z2ctl.client import Client, Endpoint

URLS = 1000
LIMIT_S = 5.0
# The daemon under test has this name server. Its children do not: they are started without the environment's modules.
NAME_SERVER = """
import os, socket, time
known = socket.getaddrinfo
def getaddrinfo(host, port, *args, **kwargs):
    if str(host).endswith((".example", "youtube.com")):
        time.sleep(30.0 if "hangs" in host else 0.05)
        host = "93.184.216.34"
    return known(host, port, *args, **kwargs)
socket.getaddrinfo = getaddrinfo
"""
numbers = itertools.count()


def hosts(count: int) -> list[str]:
    return [f"https://site{next(numbers)}.example/watch/{at}" for at in range(count)]


def one_host(count: int) -> list[str]:
    return [f"https://media.example/watch?v={next(numbers)}" for _ in range(count)]


def youtube(count: int) -> list[str]:
    return [f"https://www.youtube.com/watch?v={next(numbers):011d}" for _ in range(count)]


def mixed(count: int) -> list[str]:
    """Half unknown hosts, the rest known ones, repetitions and what is no URL."""
    some = count // 10
    new = [*hosts(5 * some), *youtube(2 * some)]
    return [*new, *new[: 2 * some], *(f"ftp://site.example/{at}" for at in range(count - 9 * some))]


def hanging(count: int) -> list[str]:
    return [f"https://hangs{next(numbers)}.example/{at}" for at in range(count)]


CASES: dict[str, Callable[[int], list[str]]] = {
    "of different unknown hosts": hosts,
    "of one unknown host": one_host,
    "of YouTube": youtube,
    "mixed": mixed,
    "with a name server that hangs": hanging,
}


def seconds(z2d: Daemon, make: Callable[[int], list[str]]) -> float:
    """Of one call."""
    urls = make(URLS)
    began = time.perf_counter()
    results = Client(Endpoint.find(env=z2d.env), timeout=60.0).submit_batch(urls, hold=True)
    took = time.perf_counter() - began
    assert len(results) == len(urls)
    return took


def modules(folder: Path) -> str:
    """A folder with the name server."""
    (folder / "sitecustomize.py").write_text(NAME_SERVER)
    return str(folder)


async def thousand() -> list[Row]:
    """A row for each kind."""
    with short_tmp() as folder, daemon(PYTHONPATH=modules(folder), Z2_ALLOW_PRIVATE_NETWORKS="false") as z2d:
        found = await interleaved({name: partial(seconds, z2d, make) for name, make in CASES.items()}, rounds=3)
    return [Row(0, f"{URLS} URLs in one call, {name}", took, "s", "limit", LIMIT_S) for name, took in found.items()]
