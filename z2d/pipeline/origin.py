"""How results came about: enough to say why two of them differ."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from z2d.wire.jobs import StageName
from z2d.wire.library import Provenance

PROGRAMS: Mapping[StageName, Sequence[str]] = {
    StageName.METADATA: ("z2", "yt-dlp"),
    StageName.DOWNLOAD: ("z2", "yt-dlp", "ffmpeg"),
    StageName.AUDIO: ("z2", "ffmpeg"),
    StageName.TRANSCRIPT: ("z2",),
    StageName.ANALYSIS: ("z2",),
    StageName.PUBLISHING: ("z2",),
}
"""Which programs take part in a stage. What else made a transcript or an analysis stands in its own provenance."""


def provenance(
    packages: Sequence[str], *, endpoint: str | None = None, options: Mapping[str, Any] | None = None
) -> Provenance:
    """Of the running process; `packages` are those that took part. Reads the disk."""
    return Provenance(
        z2=metadata.version("z2"),
        python=platform.python_version(),
        tools={name: found for name in packages if (found := _version(name))},
        machine=f"{platform.node()} ({platform.system()} {platform.machine()})",
        endpoint=endpoint,
        options=dict(options or {}),
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
