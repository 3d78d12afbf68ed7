"""The files that old records name, copied into the folders of their jobs.

A record may name any path. Only regular files below the folders that the person named are taken, wherever symbolic
links lead, and only with the ending of something that this program makes: an import must not publish /etc/shadow.
"""

from __future__ import annotations

import mimetypes
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from z2d.pipeline.folders import JobFolder
from z2d.pipeline.threads import in_thread
from z2d.publish.names import file_name
from z2d.wire.library import Artefact, FileKind

_KINDS = {
    FileKind.MEDIA: ".mp4 .mkv .webm .mov .m4v .avi .flv .ts .mpg .mpeg .3gp",
    FileKind.AUDIO: ".m4a .mp3 .opus .ogg .oga .wav .flac .aac",
    FileKind.THUMBNAIL: ".jpg .jpeg .png .webp",
    FileKind.SUBTITLE: ".vtt .srt .ttml .json3",
    FileKind.TRANSCRIPT_TXT: ".txt",
    FileKind.NOTE: ".md",
}
_KIND_OF = {ending: kind for kind, endings in _KINDS.items() for ending in endings.split()}
_PLACES = {FileKind.MEDIA: "media", FileKind.AUDIO: "audio"}
RESERVE = 1 << 30  # bytes that stay free on the disk


def locate(named: str, roots: Sequence[Path]) -> Path | None:
    """The file that a record means, where it lies below one of `roots` (absolute and resolved); else None.

    A relative path is tried below each root, then without its first folders: the old program named its own place.
    """
    parts = Path(named.replace("\\", "/")).parts
    if named.startswith("/"):
        tries: Iterable[Path] = [
            Path(named),
            *(root.joinpath(*parts[at:]) for root in roots for at in range(1, len(parts))),
        ]
    else:
        tries = [root.joinpath(*parts[at:]) for root in roots for at in range(len(parts))]
    for path in tries:
        try:
            real = path.resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            continue
        if real.is_file() and real.suffix.lower() in _KIND_OF and any(real.is_relative_to(root) for root in roots):
            return real
    return None


async def copy_files(folder: JobFolder, paths: Sequence[Path]) -> list[Artefact]:
    """Copy files into a job's folder. Raises OSError when that cannot be done, also for lack of room."""
    size = sum(path.stat().st_size for path in paths)
    folder.create()
    if shutil.disk_usage(folder.root).free < size + RESERVE:
        raise OSError(f"{size} bytes do not fit on the disk")
    found: list[Artefact] = []
    taken: set[str] = set()
    for path in paths:
        kind = _KIND_OF[path.suffix.lower()]
        name = f"{file_name(path.stem, max_bytes=160)}{path.suffix.lower()}"
        while (relative := f"{_PLACES.get(kind, 'source')}/{name}") in taken:
            name = f"{len(taken)}-{name}"
        taken.add(relative)
        part = folder.work / f"import-{len(taken)}"
        await in_thread(lambda wanted, path=path, part=part: shutil.copyfile(path, part))  # type: ignore[misc]
        placed = folder.place(part, relative)
        found.append(await folder.artefact(kind, placed, mime=mimetypes.guess_type(name)[0]))
    return found
