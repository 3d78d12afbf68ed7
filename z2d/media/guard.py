"""The connect guard inside the yt-dlp child: no connection to a private address, whoever asks for it.

Checking a URL before it is fetched is not enough: a redirect, a `<video src>`, an HLS segment, a caption address or
a name server that changes its mind leads elsewhere. So the check stands where every connection passes: name lookup
and `connect`. It cannot see programs that yt-dlp starts; those get no network work (see `ytdlp_child`).

A configured proxy is the one exception, host and port exactly. As it then connects in our place, what it is asked for
is judged too: the target of every request, by number or by what its name means here. A name that means nothing here
(many networks know only the proxy's names) is left to the proxy.
"""

from __future__ import annotations

import http.client
import socket
from typing import Any
from urllib.parse import urlsplit

from z2d.media.addresses import forbidden

_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}


class BlockedAddress(OSError):
    """A connection to an address that is off limits was refused."""


class ConnectGuard:
    """Refuses forbidden addresses for this whole process once installed. `blocked` lists what was refused."""

    def __init__(self) -> None:
        self.blocked: list[str] = []
        self._proxy: tuple[str, int] | None = None
        self._proxy_addresses: frozenset[tuple[str, int]] = frozenset()
        self._judged: set[str] = set()
        self._getaddrinfo = socket.getaddrinfo
        self._connect = socket.socket.connect
        self._connect_ex = socket.socket.connect_ex
        self._sendto = socket.socket.sendto

    def install(self, proxy: str | None = None) -> None:
        """Put the guard in place; before any code that may use the network runs. `proxy`: its URL, if there is one."""
        guard = self
        if proxy is not None:
            self._let_through(proxy)

        def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
            found = guard._getaddrinfo(host, port, *args, **kwargs)
            if (str(host).lower(), port) != guard._proxy:
                for *_, address in found:
                    guard.check(str(host), address)
            return found

        def connect(self: socket.socket, address: Any) -> None:
            guard.check_socket(self, address)
            guard._connect(self, address)

        def connect_ex(self: socket.socket, address: Any) -> int:
            guard.check_socket(self, address)
            return guard._connect_ex(self, address)

        def sendto(self: socket.socket, data: Any, *rest: Any) -> int:
            guard.check_socket(self, rest[-1])
            return guard._sendto(self, data, *rest)

        socket.getaddrinfo = getaddrinfo
        socket.socket.connect = connect  # type: ignore[method-assign, assignment]
        socket.socket.connect_ex = connect_ex  # type: ignore[method-assign, assignment]
        socket.socket.sendto = sendto  # type: ignore[method-assign, assignment]

    def check_socket(self, sock: socket.socket, address: Any) -> None:
        """Judge a connection of any kind: only TCP/UDP over IPv4 and IPv6 to public addresses passes."""
        if sock.family not in (socket.AF_INET, socket.AF_INET6):
            self._refuse(f"a socket of family {sock.family}")
        self.check("", address)

    def check(self, host: str, address: Any) -> None:
        """Judge a socket address. A host name instead of a number is looked up and judged by what it means."""
        number = str(address[0])
        if (number, address[1]) in self._proxy_addresses:
            return
        try:
            socket.inet_pton(socket.AF_INET6 if ":" in number else socket.AF_INET, number.partition("%")[0])
        except OSError:
            socket.getaddrinfo(number, address[1])
            return
        if forbidden(number):
            self._refuse(f"{host} ({number})" if host and host != number else number)

    def check_target(self, host: str) -> None:
        """Judge what a proxy is asked for: the proxy itself is no exception here."""
        host = host.strip("[]").rstrip(".").lower()
        if host in self._judged:
            return
        try:
            found = [str(address[0]) for *_, address in self._getaddrinfo(host, None)]
        except OSError:  # only the proxy may know this name
            found = []
        for number in found:
            if forbidden(number):
                self._refuse(f"{host} ({number})" if host != number else number)
        self._judged.add(host)

    def _let_through(self, proxy: str) -> None:
        """Except this proxy's own addresses from the rules, and judge what it is asked for instead."""
        parts = urlsplit(proxy)
        host, port = str(parts.hostname).lower(), parts.port or _PORTS[parts.scheme]
        self._proxy = host, port
        try:
            found = self._getaddrinfo(host, port)
        except OSError:  # it cannot be reached now; connecting will say so
            found = []
        self._proxy_addresses = frozenset((str(address[0]), port) for *_, address in found)
        self._watch_requests()

    def _watch_requests(self) -> None:
        """Both HTTP libraries of yt-dlp write requests to proxies through these two methods; SOCKS through a third."""
        from yt_dlp.socks import sockssocket

        guard = self
        set_tunnel, putrequest = http.client.HTTPConnection.set_tunnel, http.client.HTTPConnection.putrequest
        connect = sockssocket.connect

        def judged_tunnel(self: Any, host: str, *args: Any, **kwargs: Any) -> None:
            guard.check_target(urlsplit(f"//{host}").hostname or host)
            set_tunnel(self, host, *args, **kwargs)

        def judged_request(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> None:
            if "://" in url.partition("?")[0]:  # only a proxy is sent whole addresses
                guard.check_target(urlsplit(url).hostname or "")
            putrequest(self, method, url, *args, **kwargs)

        def judged_connect(self: Any, address: Any) -> None:
            guard.check_target(str(address[0]))
            connect(self, address)

        http.client.HTTPConnection.set_tunnel = judged_tunnel  # type: ignore[method-assign]
        http.client.HTTPConnection.putrequest = judged_request  # type: ignore[method-assign]
        sockssocket.connect = judged_connect

    def _refuse(self, what: str) -> None:
        self.blocked.append(what)
        raise BlockedAddress(f"{what} lies in a private network")
