"""`z2ctl cancel` and `z2ctl retry`: one or many jobs, each answered for itself."""

from __future__ import annotations

from collections.abc import Callable

import click

from z2ctl import text
from z2ctl.cli.app import App, complain, leave
from z2ctl.cli.output import say
from z2ctl.cli.parameters import JOB_ID, json_option
from z2ctl.client import Json
from z2d.wire import errors


@click.command("cancel")
@click.argument("job_ids", type=JOB_ID, metavar="ID...", nargs=-1, required=True)
@json_option
@click.pass_obj
def cancel_command(app: App, job_ids: tuple[int, ...]) -> None:
    """Cancel jobs. A running one ends within seconds; what it has finished is kept for a retry."""
    client = app.client
    for_each(app, job_ids, client.cancel)


@click.command("retry")
@click.argument("job_ids", type=JOB_ID, metavar="ID...", nargs=-1, required=True)
@click.option("--from", "from_stage", type=click.Choice(text.STAGES), help="Run again from this stage on.")
@json_option
@click.pass_obj
def retry_command(app: App, job_ids: tuple[int, ...], from_stage: str | None) -> None:
    """Queue finished jobs again. Stages that are done are kept, unless --from says otherwise."""
    client = app.client
    for_each(app, job_ids, lambda job_id: client.retry(job_id, from_stage))


def for_each(app: App, job_ids: tuple[int, ...], act: Callable[[int], Json]) -> None:
    """Do it to each job; a refusal of one does not stop the others. The first refusal gives the exit code."""
    failed = 0
    for job_id in dict.fromkeys(job_ids):
        try:
            job = act(job_id)
        except errors.DaemonUnreachable:
            raise
        except errors.Z2Error as error:
            code = complain(error, about=f"Job {job_id}")
            failed = failed or code
            continue
        if app.out.as_json:
            app.out.json(job)
        elif app.out.terminal:
            say(f"Job {job_id}: {text.look(job.get('display_status')).word}")
        else:
            app.out.fields([job.get("id"), job.get("display_status")])
    if failed:
        leave(failed)
