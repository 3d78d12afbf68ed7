"""`z2d import`: what a person and `z2ctl import` call. Words and records go to stdout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from z2d.commands.shared import common_flags, live, show
from z2d.wire.import_flags import import_flags


@click.command("import", short_help="Bring in the job files of the program before z2.")
@import_flags
@click.option("--beside", is_flag=True, help="Only where the daemon of this state folder runs; else refuse.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per record and one with the sums, for programs.")
@common_flags
def import_(
    folder: Path,
    apply: bool,
    copy_files: bool,
    files_from: tuple[Path, ...],
    beside: bool,
    as_json: bool,
    config: Path | None,
    **flags: Any,
) -> None:
    """Bring in the JSON job files of the program before z2 (storage/data). Doing it again adds nothing.

    The daemon may run meanwhile. Exit code 1: a record was rejected, or something does not read back as it was put in.
    """
    from z2d.daemon.importing import import_records
    from z2d.importer.words import entry_words, totals_words

    def say(entry: Any) -> None:
        if as_json:
            show(json.dumps({"type": "record", **entry.as_json()}))
        elif words := entry_words(entry):
            show(words)

    roots = tuple(files_from or [folder.absolute().parent]) if copy_files else ()

    async def work(settings: Any, notifier: Any) -> None:
        totals = await import_records(settings, notifier, folder, apply=apply, files_from=roots, beside=beside, say=say)
        show(json.dumps({"type": "totals", **totals.as_json()}) if as_json else totals_words(totals))
        if totals.rejected or totals.mismatches:
            raise DaemonTrouble("not everything could be imported; the reasons stand above")

    from z2d.daemon.trouble import DaemonTrouble

    live(config, flags, lambda: work)
