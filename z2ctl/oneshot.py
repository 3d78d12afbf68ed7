"""One HTTP/1.1 request on a connection of its own.

The standard library's client would do, but it loads the email package and ssl with it: 20 ms, half as much as click,
on every call of `z2ctl`. What is needed here is one request, one answer, and a close.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.parse import SplitResult, urlsplit

from z2d.wire import errors

PIECE = 65_536
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: |$)")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")


class Broken(Exception):
    """The connection ended early, or what came over it is not HTTP."""


class TooLarge(Exception):
    """The answer is larger than it may be."""


class Answer(NamedTuple):
    """An answer: its status, its headers by their names in lower case, its body."""

    status: int
    headers: dict[str, str]
    body: bytes


def check_address(url: str) -> None:
    """Refuse what is no server's address. A password in it would stand in every message, and is never sent; nor is what
    follows a question mark, which may be a token.

    Raises: UrlScheme, UrlInvalid.
    """
    if "@" in re.split("[/?#]", url.partition("//")[2] or url)[0]:
        raise errors.UrlInvalid(
            "The daemon's address holds no name and password: what opens the door is the token, from Z2_TOKEN_FILE or "
            "Z2_TOKEN."
        )
    if mark := re.search("[?#]", url):
        raise errors.UrlInvalid(
            f"The daemon's address ends with its path, like https://z2.example/base: there is a {mark[0]!r} in it."
        )
    try:
        place = urlsplit(url)
        found = place.hostname and place.port != 0
    except ValueError:  # brackets that are not closed, a port that is none
        found = False
    if url.partition(":")[0].lower() not in ("http", "https"):
        raise errors.UrlScheme(f"The daemon's address must start with http:// or https://, not {url!r}.")
    if not found:
        raise errors.UrlInvalid(f"The daemon's address must be like http://127.0.0.1:8642, not {url!r}.")


class Line:
    """The connection of the call that is under way, for another thread to cut: the other side sees it close."""

    def __init__(self) -> None:
        self.is_cut = False
        self._connection: socket.socket | None = None

    def take(self, connection: socket.socket) -> None:
        """This connection is the line from now on."""
        self._connection = connection
        if self.is_cut:  # meanwhile
            self.cut()

    def cut(self) -> None:
        """End the call, whatever it waits for, and every further one. One that is over does not mind."""
        self.is_cut = True
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)


def connect(place: Path | SplitResult, timeout: float) -> socket.socket:
    """A connection to a unix socket or to the server of a URL; each wait on it ends after `timeout` seconds.

    Raises: OSError (TimeoutError among them).
    """
    if isinstance(place, Path):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout)
        try:
            connection.connect(str(place))
        except OSError:
            connection.close()
            raise
        return connection
    encrypted = place.scheme == "https"
    host = place.hostname or "localhost"
    try:
        connection = socket.create_connection((host, place.port or (443 if encrypted else 80)), timeout)
    except UnicodeError:  # an empty label, or one that is too long
        raise OSError(f"no machine can be called {host}") from None
    if not encrypted:
        return connection
    import ssl

    try:
        return ssl.create_default_context().wrap_socket(connection, server_hostname=host)
    except OSError:
        connection.close()
        raise


def exchange(
    connection: socket.socket,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes | BinaryIO | None,
    largest: int,
) -> Answer:
    """Send a request, read its answer, close the connection. A file as body is sent as it is, from disk to network.

    Raises: Broken, TooLarge, OSError (TimeoutError among them).
    """
    fields = dict(headers) | {"Connection": "close"}
    if body is not None:
        length = len(body) if isinstance(body, bytes) else os.fstat(body.fileno()).st_size
        fields["Content-Length"] = str(length)
    lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {value}" for name, value in fields.items()]]
    if not all(line.isprintable() and line.isascii() for line in lines):
        raise Broken("the request holds characters that no header may hold")
    with connection:
        head = "\r\n".join([*lines, "", ""]).encode("ascii")
        if body is None or isinstance(body, bytes):
            connection.sendall(head + (body or b""))
        else:
            connection.sendall(head)
            with suppress(BrokenPipeError, ConnectionResetError):  # it may have been refused before all of it was sent
                connection.sendfile(body)
        received = bytearray()
        while not _complete(received) and (piece := connection.recv(PIECE)):
            received += piece
            if len(received) > largest:
                raise TooLarge
    return _answer(bytes(received))


def _complete(received: bytearray) -> bool:
    """Whether all is there although the other side has not closed, as far as a length was announced."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return False
    length = re.search(rb"\r\nContent-Length:[ \t]*(\d{1,12})[ \t]*\r\n", received[: end + 2], re.IGNORECASE)
    return length is not None and len(received) - end - 4 >= int(length[1])


def _answer(received: bytes) -> Answer:
    head, mark, rest = received.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    status = _STATUS.match(first)
    if not mark or status is None:
        raise Broken("no answer" if not received else "what came is not an answer in HTTP")
    headers = {}
    for line in lines:
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    if "chunked" in headers.get("transfer-encoding", "").lower():
        rest = _joined(rest)
    elif (length := headers.get("content-length", "")).isdecimal():
        if len(rest) < int(length):
            raise Broken(f"{len(rest)} of {length} bytes came")
        rest = rest[: int(length)]
    return Answer(int(status[1]), headers, rest)


def _joined(rest: bytes) -> bytes:
    """The body that came in chunks."""
    body = bytearray()
    at = 0
    while chunk := _CHUNK.match(rest, at):
        size = int(chunk[1], 16)
        if size == 0:
            return bytes(body)
        at = chunk.end() + size + 2
        body += rest[chunk.end() : chunk.end() + size]
    raise Broken("the last piece is missing")
