"""Taking an entry out of the library: z2's own files go, what somebody else put or changed there stays."""

from __future__ import annotations

from pathlib import Path

from z2d.publish import manifest


def withdraw(library: Path, folder: Path, media_key: str) -> bool:
    """Remove the entry of this video at `folder`; whether there was one. Blocking: call it from a thread.

    The folder itself goes when nothing is left in it, and so does the shelf above it. Raises OSError.
    """
    if folder.is_symlink() or library.resolve() not in folder.resolve().parents:
        return False
    record = manifest.load(folder)
    if record is None or record.media_key != media_key:
        return False
    for name in {*record.files, *record.incoming}:
        if record.owns(folder, name):
            (folder / name).unlink(missing_ok=True)
    (folder / manifest.NAME).unlink(missing_ok=True)  # last: until then what is left is known as ours
    for place in (folder, folder.parent):
        if place != library and not any(place.iterdir()):
            place.rmdir()
    return True
