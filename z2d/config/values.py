"""What single settings may be: each reader turns what a person wrote into a value, or says what is needed instead."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr, StringConstraints
from pydantic_settings import NoDecode

PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


class Address(NamedTuple):
    """Where to listen. An empty host is never made: `:8642` means this machine only."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _address(value: object) -> object:
    if not isinstance(value, str):
        return value
    host, _, port = value.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError("an address like 127.0.0.1:8642 is needed")
    return Address(host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port))


def _words(value: object) -> object:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _origins(value: object) -> object:
    found = _words(value)
    for word in found if isinstance(found, tuple | list) else ():
        parts = urlsplit(str(word))
        if parts.scheme not in ("http", "https") or not parts.hostname or word != f"{parts.scheme}://{parts.netloc}":
            raise ValueError("origins like https://z2.example are needed, without a path or a slash at the end")
    return found


def _database(value: object) -> object:
    """A database's address; it may hold a password, so no message repeats it. It may name several hosts."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    try:
        parts = urlsplit(text.strip()) if isinstance(text, str) else None
        hosts = parts.netloc.rpartition("@")[2].split(",") if parts else []
        # the driver takes a port modulo 65536: it would call at another door
        usable = parts is not None and parts.scheme in {"postgresql", "postgres"} and all(map(_is_place, hosts))
    except ValueError:  # a bracket that is not closed
        usable = False
    if not usable:
        raise ValueError("an address like postgresql://user@host:5432/database is needed")
    return text.strip() if isinstance(text, str) else text


def _is_place(host: str) -> bool:
    """Whether a host of a database's address has no port, or one that there is. A folder of sockets is written %2F."""
    port = host.rpartition("]")[2].rpartition(":")[2] if ":" in host.rpartition("]")[2] else ""
    return port == "" or (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536)


def _secret(value: object) -> object:
    """A secret read from a file usually ends with a newline, which is no part of it."""
    text = value.strip() if isinstance(value, str) else value
    if text == "":
        raise ValueError("it is empty")
    return text


def _is_host(host: str | None) -> bool:
    """Whether there is a host, and a machine can have that name. Raises UnicodeError, a ValueError, where none can."""
    return bool(host and host.encode("idna"))


def _proxy(value: object) -> object:
    """A proxy's address; it may hold a password, so no message repeats it."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    try:
        parts = urlsplit(text.strip()) if isinstance(text, str) else None
        usable = parts is not None and parts.scheme in PROXY_SCHEMES and _is_host(parts.hostname) and parts.port
    except ValueError:  # a port that is none
        usable = False
    if not usable:
        raise ValueError(f"an address like http://proxy.example:3128 is needed ({', '.join(PROXY_SCHEMES)})")
    return text.strip() if isinstance(text, str) else text


def _service(value: object) -> object:
    """The address of a service. A password does not belong into it, and no message repeats one."""
    try:
        parts = urlsplit(value.strip()) if isinstance(value, str) else None
        usable = (
            parts is not None and parts.scheme in ("http", "https") and _is_host(parts.hostname) and parts.port != 0
        )
    except ValueError:  # a port that is none
        usable = False
    if not usable or parts is None or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("an address like http://127.0.0.1:8000/v1 is needed; a key belongs into a file of its own")
    return value.strip() if isinstance(value, str) else value


def _absolute(value: object) -> object:
    """An empty text is what a script's unset variable leaves; as a path it would mean the current folder."""
    if value == "":
        raise ValueError("a path is needed")
    try:
        return Path(value).expanduser().absolute() if isinstance(value, str | Path) else value
    except RuntimeError:
        raise ValueError("there is no account whose home this could be") from None


Folder = Annotated[Path, BeforeValidator(_absolute)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)]
ListenAddress = Annotated[Address, BeforeValidator(_address)]
DatabaseUrl = Annotated[SecretStr, BeforeValidator(_database)]
Secret = Annotated[SecretStr, BeforeValidator(_secret)]
ServiceUrl = Annotated[str, BeforeValidator(_service)]
Proxy = Annotated[SecretStr, BeforeValidator(_proxy)]
ProfileName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
