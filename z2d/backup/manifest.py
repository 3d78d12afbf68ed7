"""The manifest of a backup: what was in the database when it was made, and which files belong to it.

It is JSON written in one exact way, with a checksum over all of it: one of which any byte has changed is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from z2d.backup.faults import ManifestDamaged, TooNew

FORMAT = 1
NAME = re.compile(r"z2-\d{8}T\d{6}Z(-\d+)?")
_SHA256 = r"^[0-9a-f]{64}$"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DumpFile(_Part):
    """The dump beside the manifest."""

    size: int = Field(ge=0)
    sha256: str = Field(pattern=_SHA256)


class TableCount(_Part):
    """Rows of a table and the digest over them (see z2d.postgres.contents)."""

    rows: int = Field(ge=0)
    digest: str


class MediaFile(_Part):
    """A file of a job or of the library. `kept`: the backup folder holds its content."""

    root: Literal["jobs", "library"]
    path: str
    size: int = Field(ge=0)
    sha256: str | None = Field(pattern=_SHA256)
    kept: bool

    @field_validator("path")
    @classmethod
    def _inside(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise ValueError("a path below its root is needed")
        return value


class Origin(_Part):
    """Where the backup was made."""

    host: str
    installation: str
    library_dir: str


class Manifest(_Part):
    """All that is known of a backup."""

    format: int = FORMAT
    name: str = Field(pattern=f"^{NAME.pattern}$")
    created_at: datetime
    z2: str
    """Version of the z2 that made the backup."""
    schema_version: int
    schema_by: str
    """Version of the z2 that made the schema: any from it on can use the backup."""
    namespace: str
    postgres: str
    postgres_major: int
    dumped_by: int
    """Major version of pg_dump: it writes for servers of its own version and later ones."""
    database_bytes: int
    dump: DumpFile
    tables: dict[str, TableCount]
    origin: Origin
    media_mode: Literal["list", "copy", "link"]
    media: list[MediaFile]

    @property
    def dump_name(self) -> str:
        """The file name of the dump."""
        return f"{self.name}.dump"

    @property
    def least_server(self) -> int:
        """The oldest major version of a server that can take the backup."""
        return max(self.postgres_major, self.dumped_by)

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables.values())

    def write(self) -> bytes:
        """The content of the manifest's file."""
        body = self.model_dump(mode="json")
        return _render({**body, "checksum": _checksum(body)})


def read(data: bytes, name: str) -> Manifest:
    """The manifest in a file's content. Raises ManifestDamaged, or TooNew for one of a later format."""
    damaged = ManifestDamaged(f"the manifest of {name} is damaged: it is not what z2 wrote")
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise damaged from None
    if not isinstance(body, dict) or body.pop("checksum", None) != _checksum(body):
        raise damaged
    if isinstance(body.get("format"), int) and body["format"] > FORMAT:
        raise TooNew(f"{name} was made by z2 {body.get('z2')}, whose backups this z2 cannot read: use that version")
    try:
        found = Manifest.model_validate(body)
    except ValidationError:
        raise damaged from None
    if found.write() != data or found.name != name:
        raise damaged
    return found


def _render(body: dict[str, Any]) -> bytes:
    return (json.dumps(body, indent=1, sort_keys=True) + "\n").encode()


def _checksum(body: dict[str, Any]) -> str:
    return hashlib.sha256(_render(body)).hexdigest()
