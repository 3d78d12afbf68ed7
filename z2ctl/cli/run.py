"""`z2ctl run`: from nothing to a library entry with one command."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import ExitStack
from types import FrameType
from typing import Any

import click

from z2ctl import text
from z2ctl.cli.app import DONE, FAILED, UNREACHABLE, App, complain, leave
from z2ctl.cli.output import say
from z2ctl.cli.own_daemon import NotStarted, answers, own_daemon
from z2ctl.cli.parameters import json_option
from z2ctl.cli.progress import Bars, Lines
from z2ctl.cli.sources import local_file
from z2ctl.cli.wait import goes_on
from z2ctl.client import START_IT, Client, Json
from z2ctl.sample import site
from z2d.wire import errors

PRIVATE = {"Z2_ALLOW_PRIVATE_NETWORKS": "true"}


@click.command("run", short_help="Take one video through every stage and show the result.")
@click.argument("url", required=False)
@json_option
@click.pass_obj
def run_command(app: App, url: str | None) -> None:
    """Take one video through the whole pipeline and show the result.

    Starts z2d if none is running, and stops it again. Without a URL: a sample clip that comes with z2.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)  # a daemon of our own must not stay behind
    with ExitStack() as stack:
        if url is None:
            url = _sample(app, stack)
        started = _ensure_daemon(app, stack, sample=url == site.URL)
        try:
            job = _through(app, url, stays=not started)
        except KeyboardInterrupt:
            if started:
                say("The job stays in the queue and goes on with the next 'z2d serve' or 'z2ctl run'.")
            raise
        code = _result(app, job)
        if started:
            say("Stopping the z2d that was started for this; 'z2d serve' starts one that stays.")
    leave(code)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _sample(app: App, stack: ExitStack) -> str:
    """Serve the sample clip; gives its URL."""
    if app.endpoint.url:
        raise click.UsageError("The sample clip is served from this machine, and z2d is elsewhere: name a URL.")
    try:
        url = stack.enter_context(site.serve())
    except site.PortTaken as taken:
        say(taken)
        leave(FAILED)
    say("No URL given: taking the sample clip (J. F. Kennedy, 1961, public domain).")
    return url


def _ensure_daemon(app: App, stack: ExitStack, *, sample: bool) -> bool:
    """Start z2d where none answers; says whether it did."""
    endpoint = app.endpoint
    if answers(Client(endpoint)):
        return False
    if endpoint.socket is None:
        say(f"z2d does not answer at {endpoint.words()}, and only a daemon of this machine can be started. {START_IT}")
        leave(UNREACHABLE)
    say("Starting z2d; the first start sets up its database ...")
    try:
        stack.enter_context(own_daemon(endpoint, PRIVATE if sample else {}))
    except NotStarted as failed:
        head, *lines = str(failed).splitlines()
        say(head)
        for line in lines:
            say(line, indent=2)
        leave(FAILED)
    return True


def _through(app: App, url: str, *, stays: bool) -> Json:
    """Submit the URL and stay with it to the end; gives the `JobDetail` it ended as.

    `stays`: z2d goes on working when this program is interrupted.
    """
    client = app.client
    if (path := local_file(url)) is not None:
        say(f"Sending {path.name} ...")
        url = client.upload(path)["url"]
    try:
        job = client.submit(url)
    except errors.UrlPrivateAddress as error:
        if url != site.URL:
            raise
        leave(_refused_sample(error))
    name = text.safe(job.get("title")) or url
    if job["deduplicated"] and job["status"] in text.FINISHED:
        say(f"{name}: already in the library (job {job['id']}).")
        return _of_duplicate(client, client.job(job["id"]))
    say(f"{name}: {'already under way' if job['deduplicated'] else 'queued'} (job {job['id']}).")
    try:
        return _of_duplicate(client, _follow(app, client, job["id"]))
    except KeyboardInterrupt:
        if stays:
            goes_on([job["id"]])
        raise


def _refused_sample(error: errors.Z2Error) -> int:
    say("The z2d that runs here refuses addresses of this machine, and the sample clip is served from this machine.")
    say("Stop that z2d and run this again, start it with Z2_ALLOW_PRIVATE_NETWORKS=true, or name a URL.")
    return complain(error)


def _follow(app: App, client: Client, job_id: int) -> Json:
    from z2ctl.cli.follow import follow_job

    with Bars(app.out, app.out.console(stderr=True)) if sys.stderr.isatty() else Lines() as show:
        return asyncio.run(follow_job(app.endpoint, client, job_id, show))


def _of_duplicate(client: Client, job: Json) -> Json:
    """The job that has the result: of a job that proved to be a video already there, the older one."""
    if job.get("outcome") == "DUPLICATE" and job.get("duplicate_of"):
        say(f"This video is already in the library: it is the one of job {job['duplicate_of']}.")
        return client.job(job["duplicate_of"])
    return job


def _result(app: App, job: Json) -> int:
    """Print what the job brought; gives the exit code."""
    if app.out.as_json:
        app.out.json(job)
    else:
        from z2ctl.cli.entry import show_entry

        show_entry(app, app.out.page(), job)
    if job["status"] != "COMPLETED":
        return FAILED
    if job.get("outcome") == "PARTIAL":
        say(f"Not everything could be had: {'; '.join(_missing(job)) or 'the log says what'}.")
    return DONE


def _missing(job: dict[str, Any]) -> list[str]:
    """Why stages of a job brought nothing."""
    return [
        f"{stage['stage']}: {stage.get('skip_reason') or stage.get('error_message') or 'nothing'}"
        for stage in job.get("stages") or []
        if stage.get("status") in ("SKIPPED", "FAILED")
    ]
