"""`z2ctl wait`."""

from __future__ import annotations

import asyncio
import sys

import click

from z2ctl.cli.app import DONE, FAILED, TIMEOUT, App, leave
from z2ctl.cli.jobs import state_cell, title_cell
from z2ctl.cli.output import Cell, say
from z2ctl.cli.parameters import SECONDS, a_job, json_option
from z2ctl.cli.progress import Bars, Lines
from z2ctl.client import Json
from z2ctl.text import FINISHED, plural


@click.command("wait")
@click.argument("job_ids", type=a_job, metavar="ID...", nargs=-1, required=True)
@click.option("--timeout", type=SECONDS, metavar="SECONDS", help="Give up after so long (exit 124).")
@json_option
@click.pass_obj
def wait_command(app: App, job_ids: tuple[int, ...], timeout: float | None) -> None:
    """Wait until jobs are finished. Exit code 0 when all are completed, 1 when one failed or was cancelled."""
    ended = wait_for(app, list(dict.fromkeys(job_ids)), timeout)
    leave(DONE if all(job["status"] == "COMPLETED" for job in ended) else FAILED)


def wait_for(app: App, job_ids: list[int], timeout: float | None = None) -> list[Json]:
    """Wait for jobs, show how they go, and print each as it ended. The verb ends with 124 after `timeout` seconds."""
    client = app.client
    now = {job_id: client.job(job_id) for job_id in job_ids}
    waiting = [job_id for job_id, job in now.items() if job["status"] not in FINISHED]
    if waiting:
        try:
            now |= _watch(app, now, waiting, timeout)
        except TimeoutError:
            say(f"Not finished after {timeout:g} s: the jobs go on without you.")
            leave(TIMEOUT)
        except KeyboardInterrupt:
            goes_on(waiting)
            raise
    ended = [now[job_id] for job_id in job_ids]
    for job in ended:
        if app.out.as_json:
            app.out.json(job)
        elif app.out.terminal:
            app.out.page().write(state_cell(app, job), Cell(job["id"], "dim"), title_cell(job))
        else:
            app.out.fields([job["id"], job["display_status"]])
    return ended


def goes_on(job_ids: list[int]) -> None:
    """Say that an interrupted wait interrupts no job, and how to come back to it or end it."""
    named = " ".join(str(job_id) for job_id in job_ids) if len(job_ids) <= 5 else "ID..."
    one = len(job_ids) == 1
    say(
        f"{f'Job {named} goes' if one else f'The {len(job_ids)} jobs go'} on: "
        f"'z2ctl wait {named}' waits again, 'z2ctl cancel {named}' ends {'it' if one else 'them'}."
    )


def _watch(app: App, now: dict[int, Json], waiting: list[int], timeout: float | None) -> dict[int, Json]:
    from z2ctl.cli.follow import watch

    endpoint, client = app.endpoint, app.client
    on_terminal = sys.stderr.isatty()
    if on_terminal and len(waiting) > 1:
        say(f"Waiting for {plural(len(waiting), 'job')}; Ctrl-C leaves them running.")

    async def until_done() -> dict[int, Json]:
        with Bars(app.out, app.out.console(stderr=True)) if on_terminal else Lines() as show:
            for job_id in waiting:
                show.job(now[job_id])
            async with asyncio.timeout(timeout):
                return await watch(endpoint, client, waiting, show)

    return asyncio.run(until_done())
