"""`z2d backup`: what a person, z2ctl and the timer's unit call. Words go to stderr, results to stdout."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from z2d.commands.shared import Command, common_flags, live, show

if TYPE_CHECKING:
    from z2d.backup.manifest import Manifest

Json = dict[str, Any]
log = logging.getLogger("z2d.backup")


def backup_flags(command: Command) -> Command:
    """What every command on backups takes."""
    for flag in (
        click.option("--json", "as_json", is_flag=True, help="One JSON object per step and one at the end."),
        click.option("--dir", "backup_dir", type=click.Path(), metavar="DIR", help="Z2_BACKUP_DIR: where they lie."),
    ):
        command = flag(command)
    return common_flags(command)


@click.group(short_help="Make, list, prove and restore backups.")
def backup() -> None:
    """Back up the database and what belongs to it, prove backups, restore them."""


@backup.command()
@click.option("--media", "backup_media", type=click.Choice(["list", "copy", "link"]), help="Z2_BACKUP_MEDIA")
@click.option("--keep", "backup_keep", type=click.IntRange(1), metavar="N", help="Z2_BACKUP_KEEP: the newest N stay.")
@click.option("--beside", is_flag=True, help="Only where the daemon of this state folder runs; else refuse.")
@backup_flags
def create(beside: bool, as_json: bool, config: Path | None, **flags: Any) -> None:
    """Make a backup. The daemon may run or not."""

    async def work(settings: Any, say: Callable[[str], None]) -> Json:
        from z2d.daemon.backups import create_backup

        made = await create_backup(settings, beside=beside, say=say)
        return {**summary(made.manifest), "removed": made.removed, "seconds": round(made.seconds, 3)}

    def words(done: Json) -> str:
        return f"made {done['name']}: {done['rows']} rows, {done['size']} bytes, in {done['seconds']:.1f} s"

    _do("created", work, words, as_json, config, flags)


@backup.command("list")
@backup_flags
def list_(as_json: bool, config: Path | None, **flags: Any) -> None:
    """List the backups, the newest first."""

    async def work(settings: Any, say: Callable[[str], None]) -> Json:
        from z2d.daemon.backups import list_backups

        return {
            "folder": str(settings.backup_dir),
            "backups": [
                {
                    **(summary(one.manifest) if one.manifest else {"name": one.name}),
                    "trouble": {"code": one.trouble.code, "message": str(one.trouble)} if one.trouble else None,
                }
                for one in list_backups(settings)
            ],
        }

    def words(done: Json) -> str:
        return "\n".join(map(line, done["backups"]))

    def line(one: Json) -> str:
        if one["trouble"]:
            return f"{one['name']}\t{one['trouble']['message']}"
        return f"{one['name']}\t{one['size']} bytes\t{one['rows']} rows\tschema {one['schema_version']}\tz2 {one['z2']}"

    _do("list", work, words, as_json, config, flags)


@backup.command()
@click.argument("name", required=False)
@click.option("--media", is_flag=True, help="Read and compare every file that belongs to it, too.")
@backup_flags
def verify(name: str | None, media: bool, as_json: bool, config: Path | None, **flags: Any) -> None:
    """Restore a backup (the newest, unless named) to a scratch database, and compare every table with it."""

    async def work(settings: Any, say: Callable[[str], None]) -> Json:
        from z2d.daemon.backups import verify_backup

        done = await verify_backup(settings, name, media=media, say=say)
        return {**summary(done.manifest), "media_read": done.media, "seconds": round(done.seconds, 3)}

    def words(done: Json) -> str:
        files = "" if done["media_read"] is None else f" and {done['media_read']} files"
        return f"{done['name']} is whole: {done['tables']} tables, {done['rows']} rows{files} are what they were"

    _do("verified", work, words, as_json, config, flags)


@backup.command()
@click.argument("name")
@backup_flags
def restore(name: str, as_json: bool, config: Path | None, **flags: Any) -> None:
    """Restore a backup into the empty database of these settings. The daemon must not run."""

    async def work(settings: Any, say: Callable[[str], None]) -> Json:
        from z2d.daemon.backups import restore_backup

        done = await restore_backup(settings, name, say=say)
        return {
            **summary(done.manifest),
            "restored_schema_version": done.schema_version,
            "files_brought": done.brought,
            "files_missing": done.missing,
            "seconds": round(done.seconds, 3),
        }

    def words(done: Json) -> str:
        missing = f"; {done['files_missing']} files of jobs are not on this disk" if done["files_missing"] else ""
        return f"restored {done['name']}: {done['rows']} rows, {done['files_brought']} files brought back{missing}"

    _do("restored", work, words, as_json, config, flags)


def show_rehearsal(config: Path | None, flags: dict[str, Any]) -> None:
    """`z2d migrate --rehearse`."""

    async def work(settings: Any, say: Callable[[str], None]) -> Json:
        from z2d.daemon.backups import rehearse_migration

        done = await rehearse_migration(settings, None, say=say)
        return {
            **summary(done.manifest),
            "to": done.schema_version,
            "seconds": done.seconds,
            "after": sum(done.rows.values()),
        }

    def words(done: Json) -> str:
        way = f"from schema version {done['schema_version']} to {done['to']}"
        return (
            f"{done['name']} went {way} in {done['seconds']:.1f} s: {done['rows']} rows before, {done['after']} after"
        )

    _do("rehearsed", work, words, False, config, flags)


def summary(manifest: Manifest) -> Json:
    """What a backup is, for programs."""
    return {
        "name": manifest.name,
        "created_at": manifest.created_at.isoformat(),
        "z2": manifest.z2,
        "schema_version": manifest.schema_version,
        "postgres": manifest.postgres,
        "host": manifest.origin.host,
        "size": manifest.dump.size,
        "sha256": manifest.dump.sha256,
        "tables": len(manifest.tables),
        "rows": manifest.rows,
        "media": manifest.media_mode,
        "files": len(manifest.media),
        "file_bytes": sum(file.size for file in manifest.media),
        "files_kept": sum(file.kept for file in manifest.media),
    }


def _do(
    kind: str,
    work: Callable[[Any, Callable[[str], None]], Awaitable[Json]],
    words: Callable[[Json], str],
    as_json: bool,
    config: Path | None,
    flags: dict[str, Any],
) -> None:
    """Run `work` of settings and of a function that tells its steps, and show what it gives."""

    def say(step: str) -> None:
        if as_json:
            show(json.dumps({"type": "step", "words": step}))
        else:
            log.info("%s", step)

    async def run(settings: Any, _notifier: Any) -> None:
        from z2d.daemon.backups import BackupFailed

        try:
            done = await work(settings, say)
        except BackupFailed as failed:
            if as_json:
                show(json.dumps({"type": "error", "code": failed.code, "message": str(failed)}))
            raise
        if as_json:
            show(json.dumps({"type": kind, **done}))
        elif said := words(done):
            show(said)

    live(config, flags, lambda: run)
