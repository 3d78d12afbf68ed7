"""Who the server process runs as. PostgreSQL refuses to run as root, so root lends it an unprivileged account."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from z2d.postgres.faults import PostgresTrouble

# in this order: an account made for z2, the one distributions make for PostgreSQL, the one that owns nothing
CANDIDATES = ("z2", "postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """An account of this machine; `switch` is True where the server must be started under another uid than ours."""

    name: str
    uid: int
    gid: int
    switch: bool

    def popen(self) -> dict[str, Any]:
        """The arguments that make subprocess start a program as this account, without our groups."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}

    def own(self, path: Path) -> None:
        """Hand a file or folder over to this account."""
        if self.switch:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def closed_folder(self, path: Path) -> Path | None:
        """The first folder on the way to `path` that this account may not pass, or None."""
        path = path.resolve()
        for folder in reversed([path, *path.parents]):
            found = folder.stat()
            bit = stat.S_IXOTH
            if found.st_uid == self.uid:
                bit = stat.S_IXUSR
            elif found.st_gid == self.gid:
                bit = stat.S_IXGRP
            if not found.st_mode & bit:
                return folder
        return None


def choose(data: Path) -> Account:
    """The account for the server whose data folder is (or will be) `data`: ourselves, or for root its present owner."""
    if os.geteuid() != 0:
        return Account(_name(os.geteuid()), os.geteuid(), os.getegid(), switch=False)
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(_name(owner.st_uid), owner.st_uid, owner.st_gid, switch=True)
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=True)
    raise PostgresTrouble(
        "PostgreSQL does not run as root, and this machine has none of the accounts "
        f"{', '.join(CANDIDATES)}: make one, run z2d as an ordinary user, or set Z2_DATABASE_URL"
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise PostgresTrouble(
            f"user id {uid} has no name on this machine, which PostgreSQL needs: "
            "add it to /etc/passwd (or install libnss-systemd for DynamicUser), or set Z2_DATABASE_URL"
        ) from None
