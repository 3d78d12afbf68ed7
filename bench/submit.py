"""Submitting a thousand URLs in one call (at most 5 s): of unknown hosts, of one, of a known site, and mixed.

    python -m bench.submit [--urls N] [--rounds N]

Starts a daemon of its own in a temporary folder, on its embedded PostgreSQL, with durable defaults, and submits on
hold, so that nothing runs beside. Names are looked up in 50 ms each, as of a name server far away; in one row never.
Times are medians; `first` is the first call after the start, which also loads what is known of sites.
"""

from __future__ import annotations

import argparse
import itertools
import signal
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e.harness import Daemon
from tests.support import short_tmp
from z2ctl.client import Client, Endpoint

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
    "different unknown hosts": hosts,
    "one unknown host": one_host,
    "YouTube": youtube,
    "mixed": mixed,
    "a name server that hangs": hanging,
}


def seconds(daemon: Daemon, urls: list[str], *, dry_run: bool) -> float:
    began = time.perf_counter()
    results = Client(Endpoint.find(env=daemon.env), timeout=300.0).submit_batch(urls, hold=True, dry_run=dry_run)
    took = time.perf_counter() - began
    assert len(results) == len(urls)
    return took


def with_name_server(folder: Path) -> Daemon:
    (folder / "modules").mkdir()
    (folder / "modules" / "sitecustomize.py").write_text(NAME_SERVER)
    daemon = Daemon(folder, PYTHONPATH=str(folder / "modules"), Z2_ALLOW_PRIVATE_NETWORKS="false")
    daemon.env["PYTHONDONTWRITEBYTECODE"] = ""
    return daemon


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--urls", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    with short_tmp() as folder:
        daemon = with_name_server(folder)
        daemon.start()
        try:
            first = seconds(daemon, hosts(wanted.urls), dry_run=False)
            print(f"{wanted.urls} URLs in one call            queued    dry run    (first {first:.2f} s)")
            for name, make in CASES.items():
                queued, told = [], []
                for _ in range(wanted.rounds):
                    queued.append(seconds(daemon, make(wanted.urls), dry_run=False))
                    told.append(seconds(daemon, make(wanted.urls), dry_run=True))
                print(f"{name:30} {statistics.median(queued):8.2f} s {statistics.median(told):8.2f} s")
        finally:
            daemon.stop(signal.SIGTERM)


if __name__ == "__main__":
    main()
