"""`z2ctl publish`: bring finished jobs to their targets again; and how publications are shown everywhere."""

from __future__ import annotations

import click

from z2ctl import text
from z2ctl.cli.app import App, complain, leave
from z2ctl.cli.output import Cell, Column, Page
from z2ctl.cli.parameters import JOB_ID, json_option
from z2ctl.client import Json
from z2ctl.text import Look
from z2d.wire import errors

LOOKS: dict[str, Look] = {
    "PENDING": Look("○", ".", "to do", "dim"),
    "RUNNING": Look("●", "*", "being sent", "running"),
    "PUBLISHED": Look("✓", "+", "there", "success"),
    "FAILED": Look("✗", "x", "failed", "error"),
    "SKIPPED": Look("–", "-", "nothing to send", "dim"),
    "CANCELLED": Look("⊘", "-", "called off", "dim"),
    "RETRACTED": Look("⊘", "-", "taken back", "dim"),
}


@click.command("publish")
@click.argument("job_ids", type=JOB_ID, metavar="ID...", nargs=-1, required=True)
@click.option("--target", metavar="NAME", help="To this target alone: 'library', or one of z2.toml.")
@click.option("--force", is_flag=True, help="Send it although nothing has changed since it was sent.")
@json_option
@click.pass_obj
def publish_command(app: App, job_ids: tuple[int, ...], target: str | None, force: bool) -> None:
    """Publish finished jobs again.

    What has not changed since is left as it is; targets that came into z2.toml later get the job now. It goes on in
    the background: 'z2ctl show ID' says how far it is. In a pipe: job, target, event, state, place.
    """
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


def publications(app: App, page: Page, found: list[Json]) -> None:
    """Print what became of each target."""
    columns = [Column("TARGET"), Column("WHAT"), Column("STATE"), Column("TRIES", right=True), Column("", wide=True)]
    page.table(columns, [row(app, one) for one in found])


def row(app: App, one: Json) -> list[Cell]:
    """One publication: target, event, state, tries, and where it is or why not."""
    word = text.safe(one.get("status"))
    look = LOOKS.get(word) or Look("?", "?", word.lower(), "dim")
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
