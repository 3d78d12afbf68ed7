"""The connect guard inside the yt-dlp child: no connection to a private address, whoever asks for it.

Checking a URL before it is fetched is not enough: a redirect, a `<video src>`, an HLS segment, a caption address or
a name server that changes its mind leads elsewhere. So the check stands where every connection passes: name lookup
and `connect`. It cannot see programs that yt-dlp starts; those get no network work (see `ytdlp_child`).
"""

from __future__ import annotations

import socket
from typing import Any

from z2d.media.addresses import forbidden


class BlockedAddress(OSError):
    """A connection to an address that is off limits was refused."""


class ConnectGuard:
    """Refuses forbidden addresses for this whole process once installed. `blocked` lists what was refused."""

    def __init__(self) -> None:
        self.blocked: list[str] = []
        self._getaddrinfo = socket.getaddrinfo
        self._connect = socket.socket.connect
        self._connect_ex = socket.socket.connect_ex
        self._sendto = socket.socket.sendto

    def install(self) -> None:
        """Put the guard in place; before any code that may use the network runs."""
        guard = self

        def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
            found = guard._getaddrinfo(host, *args, **kwargs)
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
        try:
            socket.inet_pton(socket.AF_INET6 if ":" in number else socket.AF_INET, number.partition("%")[0])
        except OSError:
            socket.getaddrinfo(number, None)
            return
        if forbidden(number):
            self._refuse(f"{host} ({number})" if host and host != number else number)

    def _refuse(self, what: str) -> None:
        self.blocked.append(what)
        raise BlockedAddress(f"{what} lies in a private network")
