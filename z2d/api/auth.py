"""Who may call: the Host and Origin a request names, the peer of a unix socket, the token of a TCP connection.

A daemon on loopback is reachable from every web page its user opens, so nothing is allowed by being local: an exact
list of Host values defeats DNS rebinding, an exact list of origins defeats cross-site requests and sockets, and
both are checked on every route before anything else is read.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import web

from z2d.wire import errors

# What clients of a unix socket call this server: there is no name to reach it by, so these two stand for it.
UNIX_HOSTS = frozenset({"localhost", "z2d"})
# The subprotocol a socket client asks for; a second entry "bearer.TOKEN" carries the token, because browsers let
# a page set no other header on a WebSocket.
SUBPROTOCOL = "z2"
SUBPROTOCOL_TOKEN = "bearer."  # noqa: S105 - the prefix before a token, not a token
_UCRED = struct.Struct("3i")
_SO_PEERGROUPS = 59  # since Linux 4.13; Python has no name for it
_MOST_GROUPS = 256  # Python reads at most 1024 bytes of an option


def hash_token(token: str) -> str:
    """The form in which a token is kept: hexadecimal sha256. Tokens are long and random, so no salt is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Auth:
    """Who may call.

    Args:
        token_hash: `hash_token()` of the bearer token; None refuses everybody who comes over TCP.
        hosts: exact values of the Host header, port included where one is used ("127.0.0.1:8642"). Over a unix
            socket "localhost" and "z2d" are accepted besides.
        origins: exact web origins whose pages may call ("https://z2.example"); none by default.
        group: the members of this group may use the unix socket, besides root and the daemon's own account. The
            mode of the socket's file says the same; asking the kernel holds where a mode was changed by mistake.
    """

    token_hash: str | None = None
    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    group: int | None = None
    own_uid: int = field(default_factory=os.geteuid)

    def check_address(self, request: web.Request) -> None:
        """Refuse a request that names another server, or that a foreign web page has sent.

        Raises: HostNotAllowed, OriginNotAllowed.
        """
        named = request.headers.getall("Host", [])
        allowed = self.hosts | UNIX_HOSTS if is_unix(request) else self.hosts
        if len(named) != 1 or named[0].lower() not in allowed:
            raise errors.HostNotAllowed
        if any(origin not in self.origins for origin in request.headers.getall("Origin", [])):
            raise errors.OriginNotAllowed

    def check_caller(self, request: web.Request) -> str:
        """Who calls: "local" over the unix socket, "token" over TCP.

        Raises: Forbidden for an account that may not use the socket, Unauthorized without the right token.
        """
        if is_unix(request):
            uid, groups = peer(request)
            if uid not in {0, self.own_uid} and self.group not in groups:
                raise errors.Forbidden("this account is not in the group that may use the socket")
            return "local"
        given = bearer_token(request)
        if self.token_hash is None or given is None or not hmac.compare_digest(hash_token(given), self.token_hash):
            raise errors.Unauthorized
        return "token"


def is_unix(request: web.Request) -> bool:
    """Whether the request came over a unix socket."""
    return _socket(request).family == socket.AF_UNIX


def peer(request: web.Request) -> tuple[int, frozenset[int]]:
    """The account at the other end of a unix socket and the groups it is in, as the kernel knows them."""
    sock = _socket(request)
    _, uid, gid = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    groups: tuple[int, ...] = ()
    with suppress(OSError):  # an account in more groups than can be read is known by its first alone
        raw = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 4 * _MOST_GROUPS)
        groups = struct.unpack(f"{len(raw) // 4}I", raw)
    return uid, frozenset({gid, *groups})


def bearer_token(request: web.Request) -> str | None:
    """The token a request carries, in its Authorization header or, for a socket, as a subprotocol."""
    headers = request.headers.getall("Authorization", [])
    if headers:
        scheme, _, token = headers[0].partition(" ")
        return token.strip() if len(headers) == 1 and scheme.lower() == "bearer" else None
    for offered in ",".join(request.headers.getall("Sec-WebSocket-Protocol", [])).split(","):
        if offered.strip().startswith(SUBPROTOCOL_TOKEN):
            return offered.strip().removeprefix(SUBPROTOCOL_TOKEN)
    return None


def _socket(request: web.Request) -> socket.socket:
    transport = request.transport
    if transport is None:  # hung up before the question was read
        raise ConnectionResetError
    found: socket.socket = transport.get_extra_info("socket")
    return found
