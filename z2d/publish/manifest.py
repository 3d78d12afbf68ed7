"""The memory of a library entry: `.z2.json` says which files z2 wrote, so that it never touches another one.

A file is z2's own when the manifest names it and its content is what the manifest says. A file somebody edited is
theirs from then on.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

NAME = ".z2.json"
_FORMAT = 1
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Written:
    """One file as z2 left it. `mtime_ns` spares reading gigabytes again to see that nothing changed."""

    sha256: str
    size: int
    mtime_ns: int

    def matches(self, path: Path) -> bool:
        """Whether `path` is a plain file that still has this content."""
        try:
            now = path.lstat()
        except OSError:
            return False
        if not stat.S_ISREG(now.st_mode) or now.st_size != self.size:
            return False
        return now.st_mtime_ns == self.mtime_ns or sha256_of(path) == self.sha256


@dataclass(slots=True)
class Manifest:
    """The manifest of one entry. `incoming` are files of an update under way: they count as ours after a crash."""

    media_key: str
    content_hash: str
    published_at: datetime
    files: dict[str, Written] = field(default_factory=dict)
    incoming: dict[str, Written] = field(default_factory=dict)

    def owns(self, folder: Path, name: str) -> bool:
        """Whether `name` in `folder` is a file z2 wrote and nobody changed since."""
        return any(name in of and of[name].matches(folder / name) for of in (self.files, self.incoming))

    def intact(self, folder: Path) -> bool:
        """Whether every file is still there (with whatever content: an edited note is no reason to write again)."""
        return not self.incoming and all((folder / name).is_file() for name in self.files)

    def save(self, folder: Path) -> None:
        """Write it whole or not at all."""
        body = {
            "format": _FORMAT,
            "media_key": self.media_key,
            "content_hash": self.content_hash,
            "published_at": self.published_at.isoformat(),
            "files": {name: _plain(written) for name, written in sorted(self.files.items())},
        }
        if self.incoming:
            body["incoming"] = {name: _plain(written) for name, written in sorted(self.incoming.items())}
        temporary = folder / (NAME + ".new")
        write_text(temporary, json.dumps(body, indent=1) + "\n")
        temporary.replace(folder / NAME)
        sync_folder(folder)


def load(folder: Path) -> Manifest | None:
    """The manifest of `folder`; None when it has none, or one that cannot be read (then nothing in it is ours)."""
    try:
        body = json.loads((folder / NAME).read_text("utf-8"))
        return Manifest(
            media_key=str(body["media_key"]),
            content_hash=str(body["content_hash"]),
            published_at=datetime.fromisoformat(body["published_at"]),
            files=_files(body["files"]),
            incoming=_files(body.get("incoming", {})),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _plain(written: Written) -> dict[str, str | int]:
    return {"sha256": written.sha256, "size": written.size, "mtime_ns": written.mtime_ns}


def _files(body: dict[str, Any]) -> dict[str, Written]:
    """The files of a manifest read back; a name that leaves the folder is no name z2 wrote.

    Raises ValueError for what z2 cannot have written of a file.
    """
    found = {
        name: Written(str(of["sha256"]), int(of["size"]), int(of["mtime_ns"]))
        for name, of in body.items()
        if name == Path(name).name and name not in (".", "..")
    }
    if not all(_SHA256.fullmatch(one.sha256) and one.size >= 0 for one in found.values()):
        raise ValueError("a size or a hash that is none")
    return found


def sha256_of(path: Path) -> str:
    """The hash of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a new file and see it onto the disk."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """See the names in a folder onto the disk: without this a rename may not survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
