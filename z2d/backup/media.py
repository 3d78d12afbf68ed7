"""The files that belong to a backup: those of the jobs, as the database knows them, and z2's own in the library."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeVar

from z2d.backup.faults import BackupTrouble
from z2d.backup.folder import BackupFolder
from z2d.backup.manifest import MediaFile
from z2d.pipeline.folders import job_folder
from z2d.pipeline.wording import plural
from z2d.publish import manifest as library_manifest
from z2d.store.backups import KnownFile

Mode = Literal["list", "copy", "link"]
T = TypeVar("T")
Say = Callable[[str], None]
"""Takes a step, in words for a person."""
TELL_S = 10.0
_BLOCK = 4 << 20


@dataclass(frozen=True)
class Roots:
    """The folders of this machine that hold files: of the jobs, and the library."""

    jobs: Path
    library: Path

    def path(self, file: MediaFile) -> Path:
        """Where a file of a manifest has its place here."""
        return (self.jobs if file.root == "jobs" else self.library) / file.path


State = Literal["same", "missing", "changed"]


def belonging(known: Iterable[KnownFile], roots: Roots) -> Iterator[MediaFile]:
    """Everything that belongs to the database's rows. Hashes are those z2 took when it wrote the files."""
    for one in known:
        path = job_folder(roots.jobs, one.job_id).relative_to(roots.jobs) / one.path
        yield MediaFile(root="jobs", path=path.as_posix(), size=one.size_bytes, sha256=one.sha256, kept=False)
    for record in sorted(roots.library.glob(f"*/*/{library_manifest.NAME}")):
        entry = library_manifest.load(record.parent)
        for name, written in [*sorted(entry.files.items()), (record.name, None)] if entry else ():
            if found := _library_file(record.parent / name, roots, written):
                yield found


def _library_file(path: Path, roots: Roots, written: library_manifest.Written | None) -> MediaFile | None:
    """A file of the library as it is; None for one that has gone: z2 works on while contents are kept."""
    try:
        if not path.is_file():
            return None
        now = path.stat()
        # what a person has written into it since belongs to it as well
        same = written is not None and (now.st_mtime_ns, now.st_size) == (written.mtime_ns, written.size)
        digest = written.sha256 if written is not None and same else library_manifest.sha256_of(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    relative = path.relative_to(roots.library).as_posix()
    return MediaFile(root="library", path=relative, size=now.st_size, sha256=digest, kept=False)


def keep(files: Iterable[MediaFile], roots: Roots, folder: BackupFolder, mode: Mode, say: Say) -> Iterator[MediaFile]:
    """Put the contents of files into the backup folder; one that is not here, or not what it was, is only listed.

    `link` shares the disk space with the file, `copy` does not. Raises BackupTrouble.
    """
    for file in files:
        source = roots.path(file)
        try:
            digest = file.sha256 or library_manifest.sha256_of(source)
            kept = _take(source, folder.content(digest), digest, mode)
        except FileNotFoundError:
            kept = False
        except OSError as error:
            if error.errno == errno.EXDEV:
                raise BackupTrouble(
                    f"{folder.path} lies on another file system than {source}: files can be copied there, not linked"
                ) from None
            raise BackupTrouble(f"cannot keep {source}: {error.strerror}") from None
        if kept:
            yield file.model_copy(update={"sha256": digest, "kept": True})
        else:
            say(f"not kept, because it is missing or not what it was: {file.root}/{file.path}")
            yield file


def _take(source: Path, target: Path, digest: str, mode: Mode) -> bool:
    """Whether `target` holds the content of this hash now."""
    if target.exists():
        return True
    source.stat()  # before a folder is made for nothing
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(f".{digest}.part")
    part.unlink(missing_ok=True)
    if mode == "link":
        part.hardlink_to(source)
    elif copy(source, part) != digest:
        part.unlink()
        return False
    part.rename(target)
    return True


def copy(source: Path, target: Path) -> str:
    """Copy a file and see it onto the disk; the hash of what was copied."""
    found = sha256()
    with source.open("rb") as reading, target.open("xb") as writing:
        while block := reading.read(_BLOCK):
            found.update(block)
            writing.write(block)
        writing.flush()
        os.fsync(writing.fileno())
    shutil.copystat(source, target)  # the library knows its files by their times
    return found.hexdigest()


def compare(files: Iterable[MediaFile], roots: Roots, folder: BackupFolder) -> Iterator[tuple[MediaFile, State]]:
    """Read every file: the kept content where there is one, else the file in its place."""
    for file in files:
        path = folder.content(file.sha256) if file.kept and file.sha256 else roots.path(file)
        try:
            same = path.stat().st_size == file.size
            if same and file.sha256:
                same = library_manifest.sha256_of(path) == file.sha256
        except OSError:
            yield file, "missing"
        else:
            yield file, "same" if same else "changed"


def bring_back(files: Iterable[MediaFile], roots: Roots, folder: BackupFolder, say: Say) -> Iterator[MediaFile]:
    """Copy kept contents to the places where no file is; those that were brought. Raises OSError.

    A content that has changed in the backup folder is told, and not passed off as the file that it was.
    """
    for file in files:
        target = roots.path(file)
        content = folder.content(file.sha256) if file.kept and file.sha256 else None
        if content is None or os.path.lexists(target) or not content.exists():
            continue
        # the library is for others too
        target.parent.mkdir(mode=0o700 if file.root == "jobs" else 0o777, parents=True, exist_ok=True)
        part = target.with_name(f".{file.sha256}.part")
        part.unlink(missing_ok=True)
        if copy(content, part) != file.sha256:
            part.unlink()
            say(f"not brought back, because {content} has changed since it was kept: {file.root}/{file.path}")
            continue
        part.rename(target)
        yield file


async def in_threads(items: Iterator[T], say: Say) -> AsyncIterator[T]:
    """What an iterator gives that reads files: each step in a thread, so that a stop waits for one file at most.

    Now and then it is told how many there were.
    """
    count, told = 0, time.monotonic()
    while (item := await asyncio.to_thread(next, items, None)) is not None:
        yield item
        count += 1
        if time.monotonic() - told > TELL_S:
            say(plural(count, "file"))
            told = time.monotonic()


def absent(known: Iterable[KnownFile], jobs: Path) -> list[KnownFile]:
    """The files of the jobs that are not on this disk with their size."""
    return [one for one in known if not _has_size(job_folder(jobs, one.job_id) / one.path, one.size_bytes)]


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False
