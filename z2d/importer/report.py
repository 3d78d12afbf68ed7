"""What became of an import: one entry for each record, and the sums."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Result = Literal["imported", "rejected", "duplicate"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one record. `detail` is why it was rejected, or of what it is a duplicate."""

    source: str
    result: Result
    legacy_id: str | None = None
    job_id: int | None = None
    status: str | None = None
    detail: str | None = None
    warnings: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


@dataclass(slots=True)
class Totals:
    """The sums. `records` is always imported + rejected + duplicate.

    `applied` is false for a dry run, whose "imported" means "would be". `mismatches` are sentences on what does not
    read back as it was put in; `verified` is how many records were read back.
    """

    applied: bool
    records: int = 0
    imported: int = 0
    rejected: int = 0
    duplicate: int = 0
    warnings: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    tables: dict[str, int] = field(default_factory=dict)
    files_copied: int = 0
    files_missing: int = 0
    verified: int = 0
    mismatches: list[str] = field(default_factory=list)

    def count(self, entry: Entry) -> None:
        """Add one record."""
        self.records += 1
        match entry.result:
            case "imported":
                self.imported += 1
            case "rejected":
                self.rejected += 1
            case "duplicate":
                self.duplicate += 1
        self.warnings += len(entry.warnings)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)
