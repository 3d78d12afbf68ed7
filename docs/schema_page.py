"""docs/schema.md: every table and column, with the comments that stand beside them in schema.sql."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

SCHEMA = Path(__file__).parent.parent / "schema.sql"
HEAD = """# The database

Version 1 of the schema: PostgreSQL 15 or newer, no extensions. `schema.sql` is the source of this page, and says more:
the life of a job, locks, functions, triggers, indexes. What a person sees of a job is the view `job_list`. Times are
`timestamptz`, media times milliseconds, sizes bytes. The states a job may be in, and how it gets from one to the
other: [states.md](states.md).
"""
_TABLE = re.compile(r"^CREATE TABLE (\w+) \((?:\s*--\s*(.*))?$")
_NO_COLUMN = ("CONSTRAINT", "PRIMARY KEY", "UNIQUE", "CHECK", "FOREIGN KEY")
# the same everywhere, so the schema does not say it each time
_EVERYWHERE = {
    "id": "its number, never used twice",
    "job_id": "the job it belongs to",
    "transcript_id": "the transcript it belongs to",
    "created_at": "when the row was made",
    "updated_at": "when it was last changed",
    "changed_at": "when it was last changed",
    "started_at": "when it began",
    "finished_at": "when it ended",
    "fetched_at": "when it was fetched",
    "applied_at": "when it was applied",
    "imported_at": "when it was imported",
    "error_message": "in the tool's own words, cleaned",
    "pid": "its process",
}
_TYPE = re.compile(r"(double precision|\w+(?:\[\])?)")


@dataclass
class Column:
    """One column as the page shows it."""

    name: str
    rest: str
    comment: str = ""
    values: dict[str, str] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """Its type, and whether it may be null."""
        found = _TYPE.match(self.rest)
        optional = not re.search(r"NOT NULL|PRIMARY KEY|GENERATED ALWAYS AS IDENTITY", self.rest)
        refers = re.search(r"REFERENCES (\w+)", self.rest)
        words = [f"`{found[1]}`" if found else "", "or null" if optional else "", f"of `{refers[1]}`" if refers else ""]
        return " ".join(word for word in words if word)

    @property
    def meaning(self) -> str:
        """Its comment, and those of its values."""
        said = "; ".join(f"`{value}` {words}".rstrip() for value, words in self.values.items())
        words = ": ".join(part for part in (self.comment, said) if part) or _EVERYWHERE.get(self.name, "")
        return words.replace("|", "\\|")


@dataclass
class Table:
    """One table."""

    name: str
    comment: str
    columns: list[Column] = field(default_factory=list)


def tables(text: str) -> list[Table]:
    """The tables of a schema in their order.

    A comment belongs to the column whose line it stands on; behind a value of a CHECK it belongs to the value.
    """
    found: list[Table] = []
    before: list[str] = []  # the comment that stands directly above
    inside = False
    depth = 0
    for line in text.splitlines():
        code, _, comment = line.partition("--")
        comment = comment.strip()
        if opening := _TABLE.match(line):
            found.append(Table(opening[1], " ".join([*before, opening[2] or ""]).strip()))
            inside, depth = True, 0
        elif inside and depth == 0 and line.startswith(")"):
            inside = False
        elif inside:
            _take(found[-1], code, comment, depth)
            depth += code.count("(") - code.count(")")
        before = [*before, comment] if line.startswith("--") and not comment.startswith("---") else []
    return found


def _take(table: Table, code: str, comment: str, depth: int) -> None:
    """One line of a table's inside."""
    if depth:
        last = table.columns[-1]
        if value := re.match(r"\s*(?:'([^']*)'|(\d+))", code):
            last.values[value[1] or value[2]] = comment
        elif comment and not last.comment:
            last.comment = comment
        return
    begun = [part.strip() for part in re.split(r",\s*(?![^(]*\))", code) if part.strip()]
    for part in begun:
        if not part.startswith(_NO_COLUMN) and (split := re.match(r"(\w+)\s+(.+)", part)):
            table.columns.append(Column(split[1], split[2], comment))


def page() -> str:
    """The page, without its first line."""
    parts = [HEAD]
    for table in tables(SCHEMA.read_text(encoding="utf-8")):
        parts.append(f"## {table.name}\n")
        if table.comment:
            parts.append(f"{_sentence(table.comment)}\n")
        rows = "\n".join(f"| `{one.name}` | {one.type} | {one.meaning} |" for one in table.columns)
        parts.append(f"| column | type | meaning |\n|---|---|---|\n{rows}\n")
    return "\n".join(parts)


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:] + ("" if words.endswith((".", ")")) else ".")
