"""`z2ctl import`: the JSON job files of the program before z2.

The work is done by `z2d import`, in a process of its own, directly on the database: over the API a folder's name would
mean a folder of the daemon's machine, which no caller should be able to make it read.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from z2ctl import text
from z2ctl.cli.app import FAILED, App, leave
from z2ctl.cli.output import Cell, Page, say
from z2ctl.cli.parameters import json_option
from z2ctl.cli.z2d_command import daemon_answers, z2d
from z2ctl.client import Json
from z2d.wire.import_flags import import_flags, passed_on

STYLES = {"imported": "success", "duplicate": "dim", "rejected": "error"}


@click.command("import", short_help="Bring in the job files of the program before z2.")
@import_flags
@json_option
@click.pass_obj
def import_command(app: App, folder: Path, apply: bool, copy_files: bool, files_from: tuple[Path, ...]) -> None:
    """Bring in the JSON job files of the program before z2 (storage/data).

    A dry run, unless --apply is given; doing it again adds nothing. It works on this machine's files and database, so
    it is for the account that runs z2d; z2d itself may run meanwhile or not.

    In a pipe: one record per line, fields apart by tabs: result, source, old id, job id, state, reason.
    """
    if app.endpoint.url:
        raise click.UsageError("import works on the files of z2d's machine: run it there, without --url.")
    words = passed_on(apply=apply, copy_files=copy_files, files_from=files_from)
    if daemon_answers(app):
        words.append("--beside")
    totals: Json | None = None
    trouble: list[str] = []
    with z2d("import", "--json", "--log-level", "warning", *words, "--", str(folder.absolute())) as (lines, complaints):
        for line in lines:
            found = json.loads(line)
            if found["type"] == "totals":
                totals = found
            if app.out.as_json:
                app.out.json(found)
            elif found["type"] == "record":
                show_record(app, found)
        trouble = complaints()
    if totals is None:
        for complaint in trouble or ["z2d import ended without a word."]:
            say(complaint)
        leave(FAILED)
    if not app.out.as_json:
        show_totals(app.out.page() if app.out.terminal else None, totals)
    if totals["rejected"] or totals["mismatches"]:
        leave(FAILED)


def show_record(app: App, record: Json) -> None:
    """A record as a line of fields in a pipe; on a terminal only one that needs attention."""
    said = "; ".join([*filter(None, [record["detail"]]), *record["warnings"]])
    if not app.out.terminal:
        names = ("result", "source", "legacy_id", "job_id", "status")
        app.out.fields([*(record[name] for name in names), said])
    elif record["result"] == "rejected" or record["warnings"]:
        page = app.out.page()
        page.write(Cell(record["result"], STYLES[record["result"]], 9), Cell(f"{record['source']}: {said}"))


def show_totals(page: Page | None, totals: Json) -> None:
    """The sums for a person: as data on a terminal, as a message beside a pipe."""
    verb = "imported" if totals["applied"] else "to import"
    parts = [
        f"{text.plural(totals['records'], 'record')}: {text.count(totals['imported'])} {verb}",
        f"{text.count(totals['duplicate'])} there already",
        f"{text.count(totals['rejected'])} rejected",
    ]
    say(", ".join(parts))
    counts = {**{name.lower(): n for name, n in totals["statuses"].items()}, **totals["tables"]}
    if page is not None and any(counts.values()):
        page.pairs([(name, Cell(text.count(number))) for name, number in counts.items() if number])
    if totals["files_copied"] or totals["files_missing"]:
        say(f"{totals['files_copied']} files copied, {totals['files_missing']} named but not found.")
    for mismatch in totals["mismatches"]:
        say(f"Not as it was put in: {mismatch}")
    if not totals["applied"]:
        say("Nothing was written: this was a dry run. Add --apply to do it.")
    elif totals["imported"] and not totals["mismatches"]:
        say(f"Verified: {text.plural(totals['verified'], 'original')} and all counts read back as they were put in.")
