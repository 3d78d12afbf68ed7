"""The library folder: `<library>/<Channel>/<YYYY-MM-DD> <Title> [<id>]/`, made for people and media servers.

An entry appears whole: it is built in a hidden folder beside its place and renamed. A later version of it replaces
only files z2 wrote itself (see `manifest`). Nothing is ever deleted or overwritten that somebody else made or changed.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from z2d.publish import exports, manifest, names
from z2d.publish.manifest import Manifest, Written
from z2d.publish.nfo import nfo
from z2d.publish.note import note
from z2d.wire import uploads
from z2d.wire.library import Analysis, Metadata, Publication, PublishStatus, Transcript

LAYOUT = 1
"""Raised when the files of an entry change in kind, so that old entries are written anew."""

UPLOADS = "Uploads"
_CHUNK = 4 << 20
_ENDING = re.compile(r"^\.[a-z0-9]{1,8}$")
# a link may be refused for these reasons; then the file is copied
_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}

ProgressCallback = Callable[[int, int], None]
"""(bytes done, bytes in all) while files are copied; an exception raised by it ends the publication cleanly."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A finished file of the job, and the hash it is known by."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """All that goes into one entry. `transcripts`: the analysed one first, one per language."""

    metadata: Metadata
    url: str
    media: SourceFile | None = None
    thumbnail: SourceFile | None = None
    info_json: SourceFile | None = None
    transcripts: tuple[Transcript, ...] = ()
    analysis: Analysis | None = None
    tags: tuple[str, ...] = ()

    def content_hash(self) -> str:
        """What is published, as one hash; equal content is not published twice."""
        analysis = self.analysis
        body = {
            "layout": LAYOUT,
            "url": self.url,
            "metadata": self.metadata.model_dump(mode="json"),
            "files": [file.sha256 if file else None for file in (self.media, self.thumbnail, self.info_json)],
            # how a transcript or an analysis came about is no part of what it says
            "transcripts": [one.model_dump(mode="json", exclude={"provenance"}) for one in self.transcripts],
            "analysis": analysis.model_dump(mode="json", exclude={"duration_ms", "provenance"}) if analysis else None,
            "tags": list(self.tags),
        }
        text = json.dumps(body, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


def publish(library: Path, entry: Entry, *, progress: ProgressCallback | None = None) -> Publication:
    """Write `entry` into the library; blocking, so call it from a thread.

    A publication of unchanged content does nothing. Returns a PUBLISHED publication whose `remote_url` is the entry's
    folder. Raises OSError (disk full, no permission), or BlockingIOError while another process publishes this video.
    """
    shelf = library / shelf_name(entry)
    shelf.mkdir(parents=True, exist_ok=True)
    content_hash = entry.content_hash()
    found = _existing(shelf, entry)
    if found and found[1].content_hash == content_hash and found[1].intact(found[0]):
        return _published(found[0], found[1])
    with _building(shelf, entry.metadata.media_key) as build:
        folder = found[0] if found else _free_place(shelf, entry)
        files = _build(build, folder.name, entry, progress)
        record = Manifest(entry.metadata.media_key, content_hash, datetime.now(UTC))
        if found:
            _merge(build, folder, found[1], record, files)
        else:
            record.files = files
            record.save(build)
            build.rename(folder)
        manifest.sync_folder(shelf)
    return _published(folder, record)


def shelf_name(entry: Entry) -> str:
    """The folder above the entry: the channel, or the site where there is none; an uploaded file has neither."""
    metadata = entry.metadata
    return names.file_name(
        metadata.channel or metadata.uploader or _site(entry.url) or metadata.extractor, max_bytes=200
    )


def _site(url: str) -> str | None:
    if uploads.parse(url):
        return UPLOADS
    try:
        return urlsplit(url).hostname
    except ValueError:  # an address such as http://[/ ; admission does not let it in
        return None


def _published(folder: Path, record: Manifest) -> Publication:
    return Publication(
        target="library",
        kind="library",
        status=PublishStatus.PUBLISHED,
        attempt=1,
        content_hash=record.content_hash,
        remote_id=folder.name,
        remote_url=str(folder),
        published_at=record.published_at,
    )


def _existing(shelf: Path, entry: Entry) -> tuple[Path, Manifest] | None:
    """The entry of this very video, whatever date and title it was published under before."""
    mark = f" [{names.id_name(entry.metadata.source_id)}"
    for folder in sorted(path for path in shelf.iterdir() if mark in path.name and path.is_dir()):
        record = None if folder.is_symlink() else manifest.load(folder)
        if record and record.media_key == entry.metadata.media_key:
            return folder, record
    return None


def _free_place(shelf: Path, entry: Entry) -> Path:
    """A folder name nobody uses. Pages on different hosts may share title and id: then a hash tells them apart."""
    metadata = entry.metadata
    date = metadata.published_at.date().isoformat() if metadata.published_at else None
    name = names.entry_name(date=date, title=metadata.title, source_id=metadata.source_id)
    if not os.path.lexists(shelf / name):
        return shelf / name
    digest = hashlib.sha256(metadata.media_key.encode(errors="surrogatepass")).hexdigest()
    for length in (6, 12, 24):
        path = shelf / f"{name[:-1]}-{digest[:length]}]"
        if not os.path.lexists(path):
            return path
    raise FileExistsError(
        errno.EEXIST, "every name for this entry is taken by folders z2 did not write", str(shelf / name)
    )


@contextmanager
def _building(shelf: Path, media_key: str) -> Iterator[Path]:
    """A hidden folder beside the entry's place. Its name is the video's, so what a crash left is cleared next time."""
    digest = hashlib.sha256(media_key.encode(errors="surrogatepass")).hexdigest()[:16]
    build = shelf / f".z2-{digest}.part"
    build.mkdir(exist_ok=True)
    lock = os.open(build, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_at(build, lock):
            raise BlockingIOError(errno.EAGAIN, "another process publishes this video", str(build))
        try:
            for leftover in build.iterdir():
                leftover.unlink()
            yield build
        finally:
            if _is_at(build, lock):
                shutil.rmtree(build, ignore_errors=True)
    finally:
        os.close(lock)


def _is_at(path: Path, handle: int) -> bool:
    """Whether the open folder is the one at `path`: after a rename the name may be another process's already."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _build(build: Path, stem: str, entry: Entry, progress: ProgressCallback | None) -> dict[str, Written]:
    """Write every file of the entry into `build`, the large ones first; their names and what they are."""
    copies: dict[str, SourceFile] = {}
    if entry.media:
        copies[stem + extension(entry.media.path, ".bin")] = entry.media
    if entry.thumbnail:
        copies[f"{stem}-thumb{extension(entry.thumbnail.path, '.jpg')}"] = entry.thumbnail
    if entry.info_json:
        copies[f"{stem}.info.json"] = entry.info_json
    files = {}
    total, done = sum(_plain_size(source.path) for source in copies.values()), 0
    for name, source in copies.items():
        start = done

        def report(count: int, start: int = start) -> None:
            if progress:
                progress(start + count, total)

        _take(source.path, build / name, report)
        size = (build / name).stat().st_size
        files[name] = Written(source.sha256, size, (build / name).stat().st_mtime_ns)
        done += size
        report(size)
    for name, text in _texts(stem, entry).items():
        manifest.write_text(build / name, text)
        data = text.encode()
        files[name] = Written(hashlib.sha256(data).hexdigest(), len(data), (build / name).stat().st_mtime_ns)
    return files


def _texts(stem: str, entry: Entry) -> dict[str, str]:
    texts = {}
    for transcript in reversed(entry.transcripts):  # the first of a language wins
        texts[f"{stem}.{names.file_name(transcript.language, fallback='und', max_bytes=20)}.vtt"] = exports.vtt(
            transcript
        )
    texts[f"{stem}.nfo"] = nfo(entry.metadata, analysis=entry.analysis, tags=entry.tags)
    texts[f"{stem}.md"] = note(
        entry.metadata,
        url=entry.url,
        transcript=entry.transcripts[0] if entry.transcripts else None,
        analysis=entry.analysis,
        tags=entry.tags,
    )
    return texts


def extension(path: Path, fallback: str) -> str:
    """The ending of a file's name with its dot, where it is a plain one."""
    suffix = path.suffix.lower()
    return suffix if _ENDING.match(suffix) else fallback


def _plain_size(path: Path) -> int:
    """The size of a plain file; a link or a device in a job's folder is no artefact of z2's."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a plain file", str(path))
    return found.st_size


def _take(source: Path, target: Path, report: Callable[[int], None]) -> None:
    """Hard-link `source` where the file system can, else copy it."""
    try:
        os.link(source, target, follow_symlinks=False)
        return
    except OSError as why:
        if why.errno not in _NO_LINK:
            raise
    handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(handle, "rb") as reading, target.open("xb") as writing:
        while piece := reading.read(_CHUNK):
            writing.write(piece)
            report(writing.tell())
        writing.flush()
        os.fsync(writing.fileno())


def _merge(build: Path, folder: Path, old: Manifest, new: Manifest, files: dict[str, Written]) -> None:
    """Move the built files into an existing entry, beside what others put there, and take back our own old ones."""
    places = {_place(folder, name, old): name for name in files}
    before = {**old.files, **old.incoming}
    # first say what is coming: after a crash in the middle these files are still known as ours
    old.files, old.incoming = before, {place: files[name] for place, name in places.items()}
    stale = [name for name in before if name not in places and old.owns(folder, name)]
    old.save(folder)
    for place, name in places.items():
        (build / name).replace(folder / place)
    for name in stale:
        (folder / name).unlink(missing_ok=True)
    new.files = old.incoming
    new.save(folder)


def _place(folder: Path, name: str, old: Manifest) -> str:
    """`name`, or 'name (2)' and so on, where somebody else's file has the name or somebody changed ours."""
    stem, dot, suffix = name.partition("].")
    for number in range(1, 1000):
        place = name if number == 1 else f"{stem}{']' if dot else ''} ({number}){'.' if dot else ''}{suffix}"
        if not os.path.lexists(folder / place) or old.owns(folder, place):
            return place
    raise FileExistsError(errno.EEXIST, "every name for this file is taken", str(folder / name))
