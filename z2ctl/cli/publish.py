"""`z2ctl targets` and `z2ctl publish`: where finished jobs go; and how publications are shown everywhere."""

from __future__ import annotations

from typing import Any

import click

from z2ctl import text
from z2ctl.cli import many
from z2ctl.cli.app import App, complain, leave
from z2ctl.cli.output import Cell, Column, Page
from z2ctl.cli.parameters import a_job, filter_option, json_option
from z2ctl.client import Json
from z2d.wire import errors


@click.command("publish")
@click.argument("job_ids", type=a_job, metavar="[ID...]", nargs=-1)
@filter_option
@click.option("--failed", is_flag=True, help="Only jobs that could not be sent to the target, or to any.")
@click.option("--target", metavar="NAME", help="To this target alone: 'library', or one of z2.toml.")
@click.option("--force", is_flag=True, help="Send it although nothing has changed since it was sent.")
@click.option("--dry-run", is_flag=True, help="With --filter or --failed: only say which jobs it would be.")
@json_option
@click.pass_obj
def publish_command(
    app: App,
    job_ids: tuple[int, ...],
    condition: str | None,
    failed: bool,
    target: str | None,
    force: bool,
    dry_run: bool,
) -> None:
    """Publish finished jobs again.

    What has not changed since is left as it is; targets that came into z2.toml later get the job now. It goes on in
    the background: 'z2ctl show ID' and 'z2ctl targets' say how far it is. In a pipe: job, target, event, state, place;
    by filter: job.
    """
    by_filter = condition is not None or failed
    if bool(job_ids) == by_filter:
        raise click.UsageError("Give either ids or --filter (or --failed).")
    if dry_run and not by_filter:
        raise click.UsageError("--dry-run goes with --filter or --failed.")
    if by_filter:
        asked: dict[str, Any] = {"filter": condition or "", "failed": failed, "force": force, "dry_run": dry_run}
        asked |= {"target": target} if target is not None else {}
        many.by_pages(app, app.client.publish_many, asked, "published again")
    else:
        _each(app, job_ids, target, force)


def _each(app: App, job_ids: tuple[int, ...], target: str | None, force: bool) -> None:
    client, failed = app.client, 0
    for job_id in dict.fromkeys(job_ids):
        try:
            answer = client.publish(job_id, target=target, force=force)
        except errors.DaemonUnreachable:
            raise
        except errors.Z2Error as error:
            failed = failed or complain(error, about=f"Job {job_id}")
            continue
        if app.out.as_json:
            app.out.json(answer)
        elif app.out.terminal:
            page = app.out.page()
            page.heading(f"Job {job_id}")
            publications(app, page, answer["publishing"])
        else:
            for one in answer["publishing"]:
                app.out.fields([job_id, *(one.get(name) for name in ("target", "event", "status", "remote_url"))])
    if failed:
        leave(failed)


@click.command("targets")
@json_option
@click.pass_obj
def targets_command(app: App) -> None:
    """List the publishing targets, and how many jobs each has.

    They stand in z2.toml, as tables [targets.NAME]; the library is always there. In a pipe: name, kind, there, to do,
    failed, when the last was published, why it is off.
    """
    found = app.client.targets()
    if app.out.as_json:
        for one in found:
            app.out.json(one)
        return
    if not app.out.terminal:
        for one in found:
            counts = [_count(one, *states) for states in (("PUBLISHED",), ("PENDING", "RUNNING"), ("FAILED",))]
            fields = [one["name"], one["kind"], *counts, one.get("last_published_at"), one.get("disabled_why")]
            app.out.fields(fields)
        return
    columns = [
        Column("TARGET"),
        Column("KIND"),
        Column("THERE", right=True),
        Column("TO DO", right=True),
        Column("FAILED", right=True),
        Column("LAST"),
        Column("", wide=True),
    ]
    app.out.page().table(columns, [_target_row(one) for one in found])


def _target_row(one: Json) -> list[Cell]:
    """One target: name, kind, counts, when the last was published, and which jobs it wants, or what is wrong."""
    failed, last = _count(one, "FAILED"), one.get("last_published_at")
    if one.get("disabled_at"):
        remark = Cell(f"off: {one.get('disabled_why')}", "error")
    elif not one.get("configured"):
        remark = Cell("no longer in z2.toml", "dim")
    elif one.get("last_error"):
        remark = Cell(one["last_error"], "error" if failed else "warning")
    else:
        remark = Cell(one.get("filter") or "", "dim")
    return [
        Cell(one.get("name")),
        Cell(one.get("kind"), "dim"),
        Cell(_count(one, "PUBLISHED")),
        Cell(_count(one, "PENDING", "RUNNING") or ""),
        Cell(failed or "", "error"),
        Cell(text.day_and_time(last) if last else "", "dim"),
        remark,
    ]


def _count(one: Json, *states: str) -> int:
    counts = one.get("counts") or {}
    return sum(int(counts.get(state) or 0) for state in states)


def publications(app: App, page: Page, found: list[Json]) -> None:
    """Print what became of each target."""
    columns = [Column("TARGET"), Column("WHAT"), Column("STATE"), Column("TRIES", right=True), Column("", wide=True)]
    page.table(columns, [row(app, one) for one in found])


def row(app: App, one: Json) -> list[Cell]:
    """One publication: target, event, state, tries, and where it is or why not."""
    word = text.safe(one.get("status"))
    look = text.publication_look(word)
    again = ""
    if word == "PENDING" and one.get("attempt"):
        again = f" Tried again {text.day_and_time(one.get('run_after'))}."
    wrong = one.get("error_message")
    return [
        Cell(one.get("target")),
        Cell(one.get("event"), "dim"),
        Cell(f"{app.out.glyph(look)} {look.word}", look.style),
        Cell(one.get("attempt") or "", "dim"),
        Cell(f"{wrong}{again}" if wrong else one.get("remote_url"), "error" if wrong and word != "SKIPPED" else "dim"),
    ]
