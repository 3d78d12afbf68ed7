"""What `doctor` looks for in z2's own folders, and what `--fix` repairs there: modes, owners, folders, a dead socket.

Nothing here removes anything that holds data, and nothing is guessed: what belongs to another account than the state
folder is given to the owner of that folder, who is the account of z2d.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from z2ctl.cli.check import Check, Fault
from z2d.wire import places

ANSWER_S = 2.0
_CLOSED = "Whoever can read it can do all that z2 can, or is logged in where z2 is."
_AS_ITS_ACCOUNT = "z2ctl doctor --fix, as the account of z2d or as root"


def faults(state_dir: Path, sock: Path, token_file: Path) -> list[Fault]:
    """All that is found. A state folder that is closed to this account, or not made yet, is left alone."""
    found = list(_dead_socket(sock, state_dir))
    if not os.access(state_dir, os.R_OK | os.X_OK):
        return found
    owner = state_dir.stat()
    found += _open(state_dir, 0o711, "state folder", "Others could list jobs and read what is not closed by itself.")
    for secret in (token_file, *sorted((state_dir / "cookies").glob("*.txt"))):
        found += [*_open(secret, 0o600, f"{secret.name}", _CLOSED)]
    found += _open(state_dir / "cookies", 0o700, "cookies", _CLOSED)
    for name in ("jobs", "uploads", "cookies", "token", "lock", "installation"):
        found += _foreign(state_dir / name, owner)
    if (state_dir / "installation").exists():  # else z2d has never been started here
        found += _missing(state_dir / "jobs", owner)
    return found


def mend(fault: Fault) -> Check:
    """Repair it; what is found then."""
    name, _, detail, _, why = fault.check
    try:
        fault.mend()
    except OSError as error:
        return fault.check._replace(remedy=f"Could not be repaired ({error.strerror}): {_AS_ITS_ACCOUNT}.")
    return Check(name, "ok", f"repaired: {detail}", why=why)


def _open(path: Path, allowed: int, name: str, why: str) -> Iterator[Fault]:
    """A mode that lets others do more than `allowed` has. Links are not followed: they are nobody's of ours."""
    try:
        found = path.lstat()
    except OSError:
        return
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISLNK(found.st_mode) or not mode & ~allowed & 0o077:
        return
    detail = f"{path} has mode {mode:04o}"
    check = Check(f"mode of {name}", "wrong", detail, f"chmod {mode & allowed:04o} {path}, or: {_AS_ITS_ACCOUNT}", why)
    yield Fault(check, partial(path.chmod, mode & allowed))


def _foreign(path: Path, owner: os.stat_result) -> Iterator[Fault]:
    """Something in the state folder that belongs to another account, as after a start as root by mistake."""
    try:
        found = path.lstat()
    except OSError:
        return
    if found.st_uid == owner.st_uid:
        return
    check = Check(
        f"owner of {path.name}",
        "wrong",
        f"{path} belongs to account {found.st_uid}, the folder around it to {owner.st_uid}",
        f"chown -R {owner.st_uid}:{owner.st_gid} {path}, or as root: z2ctl doctor --fix",
        "z2d cannot write what it does not own.",
    )
    yield Fault(check, partial(_give, path, owner))


def _give(path: Path, owner: os.stat_result) -> None:
    for folder, names, files in os.walk(path):
        for name in (*names, *files):
            os.chown(Path(folder) / name, owner.st_uid, owner.st_gid, follow_symlinks=False)
    os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _missing(folder: Path, owner: os.stat_result) -> Iterator[Fault]:
    if folder.exists():
        return
    check = Check(
        f"folder {folder.name}",
        "wrong",
        f"there is no {folder}",
        "z2ctl doctor --fix makes it; so does the next start of z2d.",
        "No job can start: this is where their files go.",
    )
    yield Fault(check, partial(_make, folder, owner))


def _make(folder: Path, owner: os.stat_result) -> None:
    folder.mkdir(mode=0o700)
    os.chown(folder, owner.st_uid, owner.st_gid)


def _dead_socket(sock: Path, state_dir: Path) -> Iterator[Fault]:
    """A socket that a killed daemon left: nobody answers on it, and surely nobody holds the lock."""
    if not sock.is_socket() or places.is_locked(state_dir) is not False:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(ANSWER_S)
        try:
            probe.connect(os.fspath(sock))
        except ConnectionRefusedError:
            pass
        except OSError:
            return
        else:
            return
    check = Check(
        "left-over socket",
        "warning",
        f"nobody answers on {sock}",
        "z2ctl doctor --fix removes it; so does the next start of z2d.",
        "Programs that look for it believe that z2d is there.",
    )
    yield Fault(check, sock.unlink)
