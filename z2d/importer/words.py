"""The report for people. Old records are not to be trusted: of theirs, only ASCII reaches a terminal from here."""

from __future__ import annotations

from z2d.importer.report import Entry, Totals


def plain(text: str) -> str:
    """A text from a record, with everything that is not ASCII, or acts on a terminal, as an escape."""
    return ascii(text)[1:-1]


def entry_words(entry: Entry) -> str:
    """One line for a record that needs attention; empty for one that was simply imported."""
    if entry.result == "imported" and not entry.warnings:
        return ""
    said = "; ".join([*filter(None, [entry.detail]), *entry.warnings])
    return f"{entry.result:9}  {plain(entry.source)}: {plain(said)}"


def totals_words(totals: Totals) -> str:
    """The sums, and how to go on."""
    lines = [
        f"{totals.records} records: {totals.imported} {'imported' if totals.applied else 'to import'}, "
        f"{totals.duplicate} there already, {totals.rejected} rejected"
    ]
    if totals.statuses:
        lines.append("  " + ", ".join(f"{count} {name.lower()}" for name, count in sorted(totals.statuses.items())))
    if any(totals.tables.values()):
        lines.append("  " + ", ".join(f"{count} {name}" for name, count in totals.tables.items() if count))
    if totals.files_copied or totals.files_missing:
        lines.append(f"  {totals.files_copied} files copied, {totals.files_missing} named but not found")
    if not totals.applied:
        lines.append("Nothing was written: this was a dry run. Add --apply to do it.")
    elif totals.mismatches:
        lines += ["It does not all read back as it was put in:", *(f"  {plain(one)}" for one in totals.mismatches)]
    elif totals.imported:
        lines.append(f"Verified: all {totals.verified} originals and all counts read back as they were put in.")
    return "\n".join(lines)
