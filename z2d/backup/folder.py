"""The folder of backups: names, what is there, what goes.

z2-20261122T031500Z.dump    the database, 0600
z2-20261122T031500Z.json    its manifest, 0600; written last: a backup is there when its manifest is
media/ab/ab12...            contents of files by their sha256, shared by all backups that keep files
.z2-...                     unfinished
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from z2d.backup import manifest
from z2d.backup.faults import BackupTrouble, Busy, DumpMissing, ManifestDamaged, NotFound
from z2d.backup.manifest import Manifest

MEDIA = "media"


@dataclass(frozen=True)
class Listed:
    """A backup in the folder; one whose manifest cannot be used, or whose dump is missing, comes with the reason."""

    name: str
    manifest: Manifest | None
    trouble: BackupTrouble | None


@dataclass(frozen=True)
class Keep:
    """What stays: the newest `count`, and besides them all that are younger than `days` (None: no more)."""

    count: int
    days: float | None = None


class BackupFolder:
    """One folder of backups; it need not be there yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one who changes the folder, which is made if needed. Raises Busy, or BackupTrouble."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise BackupTrouble(f"cannot use the backup folder {self.path}: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"another z2 works on the backup folder {self.path}") from None
        else:
            self._clear()
            try:
                yield
            finally:
                self._clear()
        finally:
            os.close(lock)

    def _clear(self) -> None:
        """Remove what is unfinished, of a killed process too."""
        for left in self.path.glob(".z2-*"):
            left.unlink()

    def new_name(self) -> str:
        """A name for a backup made now."""
        name = f"z2-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        taken = {path.name.split(".")[0] for path in self.path.glob(f"{name}*")}
        return next(free for free in (name, *(f"{name}-{n}" for n in range(2, 1000))) if free not in taken)

    def listed(self) -> list[Listed]:
        """All backups, the newest first. Raises BackupTrouble where the folder is none, or may not be read."""
        try:
            there = list(self.path.iterdir())  # a glob would find nothing in what is no folder
        except FileNotFoundError:
            return []
        except OSError as error:
            raise BackupTrouble(f"cannot use the backup folder {self.path}: {error.strerror}") from None
        names = {path.stem for path in there if path.suffix in (".json", ".dump")}
        return [self._look(name) for name in sorted(names, key=_age, reverse=True) if manifest.NAME.fullmatch(name)]

    def _look(self, name: str) -> Listed:
        try:
            found = self.manifest(name)
        except BackupTrouble as trouble:
            return Listed(name, None, trouble)
        there = (self.path / found.dump_name).exists()
        return Listed(name, found, None if there else DumpMissing(f"{name} has no dump: {found.dump_name} is missing"))

    def manifest(self, name: str) -> Manifest:
        """The manifest of a backup. Raises NotFound, ManifestDamaged, TooNew or BackupTrouble."""
        try:
            data = (self.path / f"{name}.json").read_bytes()
        except FileNotFoundError:
            if (self.path / f"{name}.dump").exists():
                raise ManifestDamaged(f"{name} has no manifest: {name}.json is missing") from None
            raise NotFound(f"there is no backup {name} in {self.path}") from None
        except OSError as error:
            raise BackupTrouble(f"cannot read {error.filename}: {error.strerror}") from None
        return manifest.read(data, name)

    def newest(self) -> str:
        """The name of the newest backup that has a manifest. Raises NotFound, or BackupTrouble."""
        for one in self.listed():
            if one.trouble is None:
                return one.name
        raise NotFound(f"there is no backup in {self.path}")

    def finish(self, part: Path, made: Manifest) -> None:
        """Give dump and manifest their names: from then on the backup is there, and survives a power cut."""
        written = self.path / f".{made.name}.json"
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as sink:
            sink.write(made.write())
            sink.flush()
            os.fsync(sink.fileno())
        part.rename(self.path / made.dump_name)
        written.rename(self.path / f"{made.name}.json")
        sync(self.path)

    def thin_out(self, keep: Keep, *, made: str | None = None) -> list[str]:
        """Remove what need not be kept, and contents of files nobody names any more; the names of what went.

        A backup that cannot be read is never removed, and then no content either. Nor is the one just `made`: its name
        is not the newest where the clock was wrong when others were made.
        """
        listed = self.listed()
        whole = [one.manifest for one in listed if one.manifest and not one.trouble]
        edge = datetime.now(UTC) - timedelta(days=keep.days or 0)
        going = [one for one in whole[keep.count :] if one.created_at < edge and one.name != made]
        for one in going:
            (self.path / one.dump_name).unlink()
            (self.path / f"{one.name}.json").unlink()
        if len(whole) == len(listed):
            named = {file.sha256 for one in whole if one not in going for file in one.media if file.kept}
            for content in (self.path / MEDIA).glob("??/*"):
                if content.name not in named:
                    content.unlink()
        return [one.name for one in going]

    def content(self, sha256: str) -> Path:
        """Where the content of this hash is kept."""
        return self.path / MEDIA / sha256[:2] / sha256


def _age(name: str) -> tuple[str, int]:
    when, _, number = name.removeprefix("z2-").partition("-")
    return when, int(number) if number.isdigit() else 1


def sync(folder: Path) -> None:
    """See the names in a folder onto the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # some network file systems cannot
            os.fsync(handle)
    finally:
        os.close(handle)
