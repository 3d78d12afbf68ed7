"""`z2ctl backup`: make, list, prove and restore backups. `z2d backup` does it, in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

import click

from z2ctl import text
from z2ctl.cli.app import FAILED, NOT_FOUND, REFUSED, App, leave
from z2ctl.cli.output import Cell, Column, say
from z2ctl.cli.parameters import json_option
from z2ctl.cli.z2d_command import daemon_answers, z2d
from z2ctl.client import Json

HELP = {"help_option_names": ["-h", "--help"]}
CODES = {
    "backup_not_found": NOT_FOUND,
    "backup_no_database": NOT_FOUND,
    "backup_busy": REFUSED,
    "backup_daemon_running": REFUSED,
    "backup_target_not_empty": REFUSED,
    "backup_too_new": REFUSED,
    "backup_server_too_old": REFUSED,
}

folder_option = click.option(
    "--dir",
    "folder",
    type=click.Path(),
    metavar="DIR",
    help="Where backups lie (default: Z2_BACKUP_DIR).",
)


@click.group("backup", context_settings=HELP, short_help="Make, list, prove and restore backups.")
@click.pass_obj
def backup_command(app: App) -> None:
    """Back up the database and what belongs to it, prove backups, restore them.

    This works on the files of z2d's machine, so it is for the account that runs z2d, there.
    """
    if app.endpoint.url:
        raise click.UsageError("backups lie on z2d's machine: run it there, without --url.")


@backup_command.command("create")
@click.option("--media", type=click.Choice(["list", "copy", "link"]), help="What becomes of files (Z2_BACKUP_MEDIA).")
@click.option("--keep", type=click.IntRange(1), metavar="N", help="The newest N backups stay (Z2_BACKUP_KEEP).")
@folder_option
@json_option
@click.pass_obj
def backup_create(app: App, media: str | None, keep: int | None, folder: str | None) -> None:
    """Make a backup; z2d may run meanwhile or not. Old ones that need not be kept go.

    In a pipe: its name.
    """
    words = [*(["--media", media] if media else []), *(["--keep", str(keep)] if keep else [])]
    done = run(app, "create", folder, *words, *(["--beside"] if daemon_answers(app) else []))
    if app.out.as_json:
        return
    app.out.line(done["name"])
    files = f", {text.plural(done['files'], 'file')} ({text.size(done['file_bytes'])}) {_kept(done)}"
    say(f"{text.count(done['rows'])} rows in {text.size(done['size'])}{files}, in {done['seconds']:.1f} s.")
    for name in done["removed"]:
        say(f"Removed {name}.")


@backup_command.command("list")
@folder_option
@json_option
@click.pass_obj
def backup_list(app: App, folder: str | None) -> None:
    """List the backups, the newest first.

    In a pipe: one per line, fields apart by tabs: name, created, bytes, rows, schema version, version of z2, trouble.
    """
    done = run(app, "list", folder)
    if app.out.as_json:
        return
    if not done["backups"]:
        say(f"There is no backup in {done['folder']}.")
    elif not app.out.terminal:
        for one in done["backups"]:
            names = ("name", "created_at", "size", "rows", "schema_version", "z2")
            trouble = one["trouble"]["message"] if one["trouble"] else ""
            app.out.fields([*(one.get(name, "") for name in names), trouble])
    else:
        columns = [Column("NAME"), Column("AGE", right=True), Column("SIZE", right=True), Column("ROWS", right=True)]
        rows = [_row(one) for one in done["backups"]]
        app.out.page().table([*columns, Column("SCHEMA", right=True), Column("FILES", wide=True)], rows)


def _row(one: Json) -> list[Cell]:
    if one["trouble"]:
        return [Cell(one["name"]), *[Cell("")] * 4, Cell(one["trouble"]["message"], "error")]
    return [
        Cell(one["name"]),
        Cell(text.age(one["created_at"])),
        Cell(text.size(one["size"])),
        Cell(text.count(one["rows"])),
        Cell(one["schema_version"]),
        Cell(f"{text.count(one['files'])} {_kept(one)}", "dim"),
    ]


def _kept(one: Json) -> str:
    return "listed" if one["media"] == "list" else f"of which {one['files_kept']} kept"


@backup_command.command("verify", short_help="Prove a backup: restore it and compare every table.")
@click.argument("name", required=False)
@click.option("--media", is_flag=True, help="Read and compare every file that belongs to it, too.")
@folder_option
@json_option
@click.pass_obj
def backup_verify(app: App, name: str | None, media: bool, folder: str | None) -> None:
    """Prove a backup (the newest, unless named): restore it beside the database, and compare every table.

    Exit code 1: it is not what it was, and the reason is said.
    """
    done = run(app, "verify", folder, *(["--media"] if media else []), *(["--", name] if name else []))
    if not app.out.as_json:
        files = "" if done["media_read"] is None else f" and {text.plural(done['media_read'], 'file')}"
        rows = f"{done['tables']} tables, {text.count(done['rows'])} rows"
        say(f"{done['name']} is whole: {rows}{files} are what they were.")


@backup_command.command("restore")
@click.argument("name")
@folder_option
@json_option
@click.pass_obj
def backup_restore(app: App, name: str, folder: str | None) -> None:
    """Restore a backup into an empty database; z2d must be stopped. Nothing is ever restored over jobs."""
    done = run(app, "restore", folder, "--", name)
    if app.out.as_json:
        return
    say(f"Restored {done['name']} of {done['host']}: {text.count(done['rows'])} rows. Start z2d to go on with it.")
    if done["files_brought"]:
        say(f"{text.plural(done['files_brought'], 'file')} brought back.")
    if done["files_missing"]:
        say(f"{text.plural(done['files_missing'], 'file')} of jobs not on this disk: marked as missing.")


def run(app: App, verb: str, folder: str | None, *words: str) -> Json:
    """Run `z2d backup VERB`, tell its steps to a person, and give its result; leaves with what went wrong."""
    # an empty one stays empty: it is refused there, and does not mean the current folder
    place = [] if folder is None else ["--dir", str(Path(folder).absolute()) if folder else ""]
    done: Json | None = None
    with z2d("backup", verb, "--json", "--log-level", "warning", *place, *words) as (lines, complaints):
        for line in lines:
            found = json.loads(line)
            if app.out.as_json:
                app.out.json(found)
            if found["type"] == "step":
                if not app.out.as_json:
                    say(f"{found['words']} ...")
            else:
                done = found
        trouble = complaints()
    if done is None or done["type"] == "error":
        for complaint in [done["message"]] if done else trouble or [f"z2d backup {verb} ended without a word."]:
            say(complaint)
        leave(CODES.get(done["code"], FAILED) if done else FAILED)
    return done
