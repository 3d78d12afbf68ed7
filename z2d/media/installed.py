"""The yt-dlp that is installed now. It may be updated while the daemon runs: what is asked here is the disk."""

from __future__ import annotations

import os
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

Stamp = tuple[int, int, int]


def ytdlp_version() -> str:
    """Its version, such as '2026.07.04'; '0' where it is missing, as in the moment of an update."""
    try:
        return metadata.version("yt-dlp")
    except metadata.PackageNotFoundError:
        return "0"


def ytdlp_stamp() -> Stamp | None:
    """What changes whenever another yt-dlp is put in the place of this one; None in the moment between."""
    try:
        found = os.stat(_version_file())  # noqa: PTH116 - asked before each job step: kept cheap
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


@cache
def _version_file() -> Path:
    spec = find_spec("yt_dlp")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("version.py")
