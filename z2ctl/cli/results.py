"""What a finished job left: `z2ctl transcript`, `z2ctl path`, `z2ctl open`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import click

from z2ctl import text
from z2ctl.cli.app import FAILED, NOT_FOUND, App, leave
from z2ctl.cli.output import say
from z2ctl.cli.parameters import a_job, json_option
from z2ctl.client import Json
from z2ctl.origin import library_folder

FORMATS = ["txt", "vtt", "srt", "md", "json"]
OPEN_TIMEOUT_S = 20


@click.command("transcript")
@click.argument("job_id", type=a_job, metavar="ID")
@click.option("--format", "form", type=click.Choice(FORMATS), default="txt", show_default=True)
@json_option
@click.pass_obj
def transcript_command(app: App, job_id: int, form: str) -> None:
    """Print a job's transcript. --json is --format json on one line."""
    if app.out.as_json:
        app.out.json(json.loads(app.client.transcript(job_id, "json")))
    else:
        app.out.raw(app.client.transcript(job_id, form))


@click.command("path")
@click.argument("job_id", type=a_job, metavar="ID")
@json_option
@click.pass_obj
def path_command(app: App, job_id: int) -> None:
    """Print the library folder of a job."""
    folder = folder_of(app.client.job(job_id))
    if app.out.as_json:
        app.out.json({"id": job_id, "path": folder})
    else:
        app.out.path(folder)


@click.command("open", short_help="Open a job's library folder in the file manager.")
@click.argument("job_id", type=a_job, metavar="ID")
@json_option
@click.pass_obj
def open_command(app: App, job_id: int) -> None:
    """Open the library folder of a job in the desktop's file manager."""
    folder = folder_of(app.client.job(job_id))
    if app.out.as_json:
        app.out.json({"id": job_id, "path": folder})
    else:
        app.out.path(folder)
    opener = shutil.which("xdg-open")
    if opener is None or not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        say("There is no desktop here to open it with.")
        leave(FAILED)
    try:
        ended = subprocess.run([opener, folder], stdin=subprocess.DEVNULL, timeout=OPEN_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        say(f"xdg-open did not work: {error}")
        leave(FAILED)
    if ended.returncode:
        leave(FAILED)


def folder_of(job: Json) -> str:
    """The library folder; without one the verb ends with the reason."""
    folder = library_folder(job)
    if folder is None:
        say(f"Job {job['id']} has nothing in the library: it is {text.look(job.get('display_status')).word}.")
        leave(NOT_FOUND)
    return folder
