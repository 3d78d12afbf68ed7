"""The address of an uploaded file: `upload://SHA256/NAME`. Standard library only.

The content names the file, so one that is uploaded twice is one file and one job; the name is for people.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

_ADDRESS = re.compile(r"upload://([0-9a-f]{64})/([^/?#]{1,1000})")


class Upload(NamedTuple):
    """What an address says."""

    sha256: str
    name: str

    @property
    def url(self) -> str:
        """The address."""
        return f"upload://{self.sha256}/{quote(self.name, safe='')}"

    @property
    def key(self) -> str:
        """What makes two uploads the same video."""
        return f"upload:{self.sha256}"

    def path(self, folder: Path) -> Path:
        """Where the file lies in the folder of uploads."""
        return folder / self.sha256[:2] / self.sha256


def parse(url: str) -> Upload | None:
    """What an address of an uploaded file says; None for every other URL."""
    found = _ADDRESS.fullmatch(url)
    return Upload(found[1], unquote(found[2], errors="replace")) if found else None
