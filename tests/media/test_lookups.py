"""Asking name servers about many hosts, by a name server that the test makes slow, deaf or absent."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter
from typing import Any

import pytest

from tests.support import eventually
from z2d.media import lookups
from z2d.media.admission import Admitted, admit_all
from z2d.media.lookups import addresses
from z2d.wire.errors import UrlInvalid, UrlPrivateAddress, UrlScheme


class NameServer:
    """Answers `10.0.0.1` for what begins with `private`, keeps silent about `hangs` until it is told to go on."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.at_once = self.most = 0
        self.release = threading.Event()
        self._lock = threading.Lock()

    def getaddrinfo(self, host: str, port: int | None, **_: Any) -> list[Any]:
        with self._lock:
            self.asked[host] += 1
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        if host.startswith("hangs"):
            self.release.wait(30)
        time.sleep(0.002)
        with self._lock:
            self.at_once -= 1
        if host.startswith("absent"):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        address = "10.0.0.1" if host.startswith("private") else "93.184.216.34"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
    yield made
    made.release.set()


async def test_each_host_is_asked_for_once_and_so_many_at_a_time(server: NameServer) -> None:
    hosts = [f"h{number % 300}.example" for number in range(900)]
    found = await addresses([*hosts, "absent.example"])
    assert found == {host: ["93.184.216.34"] for host in hosts}
    assert set(server.asked.values()) == {1}
    assert 1 < server.most <= lookups.AT_ONCE


async def test_what_needs_no_name_server_is_known_though_it_is_deaf(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "TOGETHER_S", 0.05)
    hosts = [*(f"hangs{number}.example" for number in range(200)), "127.0.0.1", "::1", "localhost", "a.localhost"]
    found = await addresses(hosts)
    own = ["127.0.0.1"]
    assert found == {"127.0.0.1": own, "::1": ["::1"], "localhost": own, "a.localhost": own}
    assert server.most <= lookups.AT_ONCE


async def test_hosts_that_hang_do_not_hide_the_others(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "_PATIENCE_S", 0.01)
    monkeypatch.setattr(lookups, "TOGETHER_S", 1.0)
    found = await addresses([*(f"hangs{number}.example" for number in range(150)), "private.example"])
    assert found == {"private.example": ["10.0.0.1"]}


async def test_an_answer_that_comes_late_counts(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "_PATIENCE_S", 0.01)
    asking = asyncio.create_task(addresses(["hangs.example", "b.example"]), name="asking")
    await eventually(lambda: server.asked["b.example"])
    server.release.set()
    assert set(await asking) == {"hangs.example", "b.example"}


async def test_of_many_urls_each_has_its_answer_in_its_place(server: NameServer) -> None:
    urls = [f"https://h{number}.example/v" for number in range(50)]
    urls[7:7] = ["ftp://h.example/", "not a url", "https://private7.example/", "http://127.1/", urls[3]]
    found = await admit_all(urls, allow_private=False)
    reasons = {7: UrlScheme, 8: UrlInvalid, 9: UrlPrivateAddress, 10: UrlPrivateAddress}
    for at, (url, one) in enumerate(zip(urls, found, strict=True)):
        if at in reasons:
            assert isinstance(one, reasons[at])
        else:
            assert isinstance(one, Admitted)
            assert one.url == url
    assert server.asked["h3.example"] == 1
    assert all(isinstance(one, Admitted) for one in await admit_all(["https://private.example"], allow_private=True))
    assert server.asked["private.example"] == 0
