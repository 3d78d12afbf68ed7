"""The listening sockets: bound first of all, so that a place which is taken is said before anything else starts."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from z2d.daemon.trouble import EXIT_CONFIG, EXIT_TAKEN, DaemonTrouble

LONGEST_PATH = 107  # bytes; what the kernel takes as a socket's address


@contextmanager
def unix_socket(path: Path) -> Iterator[socket.socket]:
    """A socket bound at `path` with mode 0660, not listening yet; the path is removed with the block.

    What a dead daemon left there is replaced. Raises DaemonTrouble where a living one answers, and where the path
    cannot be used.
    """
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise DaemonTrouble(f"{path} is too long for a socket ({LONGEST_PATH} bytes): set Z2_SOCKET", EXIT_CONFIG)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _clear(path)
        sock.bind(os.fspath(path))
        path.chmod(0o660)  # nobody could connect before: it does not listen yet
        made = path.stat().st_ino
    except OSError as error:
        sock.close()
        raise DaemonTrouble(f"cannot use the socket {path}: {error.strerror}; set Z2_SOCKET", EXIT_CONFIG) from None
    except DaemonTrouble:
        sock.close()
        raise
    try:
        yield sock
    finally:
        sock.close()
        if path.exists() and path.stat().st_ino == made:
            path.unlink()


def _clear(path: Path) -> None:
    if not path.exists():
        return
    if not path.is_socket():
        raise DaemonTrouble(f"{path} is there and is no socket: remove it, or set Z2_SOCKET", EXIT_CONFIG)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except TimeoutError:
            pass  # a full backlog is a sign of life too
    raise DaemonTrouble(f"another z2d answers at {path}: stop it, or set Z2_SOCKET", EXIT_TAKEN)


@contextmanager
def tcp_socket(host: str, port: int) -> Iterator[socket.socket]:
    """A TCP socket bound to the first address of `host`, not listening yet. Port 0 takes a free one."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, where = found[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise DaemonTrouble(f"cannot listen on {host}: {error.strerror}; set Z2_LISTEN", EXIT_CONFIG) from None
    except UnicodeError:  # an empty label, or one that is too long
        raise DaemonTrouble(
            f"cannot listen on {host}: no machine can be called so; set Z2_LISTEN", EXIT_CONFIG
        ) from None
    with sock:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(where)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise DaemonTrouble(f"port {port} of {host} is in use by another program: set Z2_LISTEN") from None
            raise DaemonTrouble(f"cannot listen on {host}, port {port}: {error.strerror}", EXIT_CONFIG) from None
        yield sock


def is_loopback(host: str) -> bool:
    """Does this address reach this machine alone? Names count as open unless it is `localhost`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def host_names(host: str, port: int, further: tuple[str, ...]) -> frozenset[str]:
    """What requests over TCP may put into their Host header, exactly.

    The address itself; the usual names of loopback where that is reached; the names a person configured, which stand
    as they are (a proxy's name has no port of ours).
    """
    names = {host}
    if is_loopback(host) or host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        names |= {"localhost", "127.0.0.1", "::1"}
    with_port = {f"[{name}]:{port}" if ":" in name else f"{name}:{port}" for name in names}
    return frozenset(name.lower() for name in with_port | set(further))
