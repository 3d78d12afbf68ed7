"""Uploaded files go when nobody needs them: unused for a day, or held by no job that could want them again."""

from __future__ import annotations

import asyncio
import logging
import math
import stat
import time
from contextlib import suppress
from pathlib import Path

from z2d.store.database import Database
from z2d.store.known import uses
from z2d.wire.errors import DatabaseUnavailable
from z2d.wire.uploads import Upload

EVERY_S = 3600.0
UNWANTED_S = 24 * 3600.0
AT_ONCE = 1000

log = logging.getLogger(__name__)


async def keep_uploads(db: Database, folder: Path) -> None:
    """Look once an hour, for ever. An hour without the database is made up for later."""
    while True:
        with suppress(DatabaseUnavailable):
            await remove_unwanted(db, folder)
        await asyncio.sleep(EVERY_S)


async def remove_unwanted(db: Database, folder: Path, *, older_than_s: float = UNWANTED_S) -> list[Path]:
    """Remove uploads that came more than so many seconds ago and that no job needs; gives what was removed.

    A job that has completed has the file under a name of its own. The upload stays as a second name of it, for a
    re-run; it goes when that was removed, else it would keep the bytes on the disk.
    """
    old = await asyncio.to_thread(_older, folder, time.time() - older_than_s)
    removed = []
    for start in range(0, len(old), AT_ONCE):
        some = {Upload(path.name, "").key: path for path in old[start : start + AT_ONCE]}
        needed = await uses(db, some)
        for key, path in some.items():
            try:
                if needed.get(key) or (key in needed and path.stat().st_nlink > 1):
                    continue
                path.unlink(missing_ok=True)
            except FileNotFoundError:  # somebody else removed it meanwhile
                continue
            except OSError as error:  # a disk that fails is no reason to end the daemon
                log.warning("an uploaded file that nobody needs could not be removed: %s", error)
                continue
            removed.append(path)
    if removed:
        log.info("removed %d uploaded files that nobody needs", len(removed))
    return removed


def _older(folder: Path, before: float) -> list[Path]:
    """Files that came before that time; what an interrupted upload left counts among them."""
    return [path for path in folder.rglob("*") if _came(path) < before]


def _came(path: Path) -> float:
    """When a file came. What is none, or has gone since it was listed (an upload that is done), came never."""
    try:
        found = path.lstat()
    except OSError:
        return math.inf
    return found.st_mtime if stat.S_ISREG(found.st_mode) else math.inf
