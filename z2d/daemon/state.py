"""The state folder: its modes, the lock that makes one daemon of two, the mark of this installation, the token."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from z2d.daemon.trouble import EXIT_CONFIG, EXIT_TAKEN, DaemonTrouble
from z2d.wire.places import lock_file


def prepare(state_dir: Path) -> None:
    """Make the folder if it is missing, and close it to others.

    Under root others may pass it (not list it): the database runs as an unprivileged account and lives below. Elsewhere
    the group may, if whoever made the folder said so: that is how a service's group gets at the library in it.
    Raises DaemonTrouble when it cannot be made or written.
    """
    root = os.geteuid() == 0
    try:
        state_dir.mkdir(mode=0o711 if root else 0o700, parents=True, exist_ok=True)
        found = state_dir.stat()
        if found.st_uid == os.geteuid():
            state_dir.chmod(0o711 if root else 0o700 | found.st_mode & 0o010)
        jobs = state_dir / "jobs"
        jobs.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise DaemonTrouble(
            f"cannot use the state folder {state_dir}: {error.strerror}; choose another with Z2_STATE_DIR", EXIT_CONFIG
        ) from None


@contextmanager
def locked(state_dir: Path) -> Iterator[None]:
    """Hold the folder's lock for the time of the block. The kernel lets it go when this process ends, however.

    Raises DaemonTrouble with exit code 75 when another daemon holds it.
    """
    handle = os.open(lock_file(state_dir), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 32).decode(errors="replace").strip()
            raise DaemonTrouble(
                f"another z2d (pid {holder or 'unknown'}) is at work in {state_dir}", EXIT_TAKEN
            ) from None
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)


def installation(state_dir: Path) -> str:
    """The name of this installation, made once: children carry it, so that a later start knows whose they are.

    Random, because machines that share a database have equal folders; with the folder, for people who meet it.
    """
    path = state_dir / "installation"
    with contextlib.suppress(FileExistsError):
        _write_new(path, uuid.uuid4().hex)
    return f"{path.read_text().strip()}@{state_dir}"


def token(path: Path, *, given: str | None, make: bool) -> str | None:
    """The bearer token: `given`, else what is in the file; with `make`, a new one is written where there is none.

    The file is made with mode 0600. Raises DaemonTrouble when it is empty, unreadable, or open to others.
    """
    if given:
        return given
    try:
        if make:
            with contextlib.suppress(FileExistsError):
                _write_new(path, secrets.token_urlsafe(32))
        if not path.exists():
            return None
        if path.stat().st_mode & 0o077:
            raise DaemonTrouble(f"the token file {path} is open to other accounts: chmod 600 it", EXIT_CONFIG)
        found = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise DaemonTrouble(f"cannot use the token file {path}: {error.strerror}", EXIT_CONFIG) from None
    except UnicodeDecodeError:
        raise DaemonTrouble(f"cannot use the token file {path}: it is not text in UTF-8", EXIT_CONFIG) from None
    if not found:
        raise DaemonTrouble(f"the token file {path} is empty: remove it, or write a token into it", EXIT_CONFIG)
    return found


def _write_new(path: Path, text: str) -> None:
    """Write a file that must not exist, whole or not at all: it is filled under another name and then linked."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as sink:
        sink.write(text + "\n")
    try:
        path.hardlink_to(part)
    finally:
        part.unlink()
