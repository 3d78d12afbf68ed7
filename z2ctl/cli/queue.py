"""`z2ctl queue` and `z2ctl why`: the queue as a whole, and why a job is where it is."""

from __future__ import annotations

import click

from z2ctl import lanes, text
from z2ctl.cli.app import App, complain, leave
from z2ctl.cli.output import Cell, Column, Page, say
from z2ctl.cli.parameters import a_job, json_option
from z2ctl.client import Json
from z2d.wire import errors

MODES = {
    "ACTIVE": Cell("active", "success"),
    "DRAINING": Cell("draining: nothing starts", "warning"),
    "PAUSED": Cell("paused", "warning"),
}
HELP = {"help_option_names": ["-h", "--help"]}


@click.group("queue", invoke_without_command=True, context_settings=HELP)
@click.option("--limit", type=click.IntRange(0, 500), default=20, show_default=True, help="At most so many jobs.")
@json_option
@click.pass_context
def queue_command(ctx: click.Context, limit: int) -> None:
    """Show the queue: how it stands, and which jobs start next. Or change it as a whole.

    In a pipe: one job per line, in the order in which they start, fields apart by tabs: position, id, priority,
    created, title, url.
    """
    if ctx.invoked_subcommand is None:
        tell(ctx.obj, ctx.obj.client.queue(limit=limit))


@queue_command.command("pause")
@json_option
@click.pass_obj
def queue_pause(app: App) -> None:
    """Put every running job down, and start nothing. What ran goes on where it was when the queue is resumed."""
    said(app, app.client.pause_queue())


@queue_command.command("drain")
@json_option
@click.pass_obj
def queue_drain(app: App) -> None:
    """Let running jobs finish, and start nothing."""
    said(app, app.client.pause_queue(drain=True))


@queue_command.command("resume")
@json_option
@click.pass_obj
def queue_resume(app: App) -> None:
    """Let the queue go on."""
    said(app, app.client.resume_queue())


@queue_command.command("slots", short_help="Set how many jobs run at once.")
@click.argument("number", metavar="N|default")
@json_option
@click.pass_obj
def queue_slots(app: App, number: str) -> None:
    """Set how many jobs run at once, now and after every restart; 'default': as z2d was started.

    Fewer slots end no job: a slot goes when its job is done. With several workers this is the number of each.
    """
    said(app, app.client.set_queue(slots=_number(number, "default")))


@queue_command.command("site-slots", short_help="Set how many jobs of one site run at once.")
@click.argument("number", metavar="N|any")
@json_option
@click.pass_obj
def queue_site_slots(app: App, number: str) -> None:
    """Set how many jobs of one site run at once, all workers together; 'any': as many as there are slots.

    Jobs beyond that wait, and those of other sites go before them. Running jobs stay.
    """
    said(app, app.client.set_queue(site_slots=_number(number, "any")))


@queue_command.command("lanes", short_help="Set how many jobs do the same kind of work at once.")
@click.argument("places", metavar="[LANE=N|0|closed|default]...", nargs=-1)
@json_option
@click.pass_obj
def queue_lanes(app: App, places: tuple[str, ...]) -> None:
    """Set how many jobs do the same kind of work at once, now and after every restart; or show it.

    The lanes: download, transcript (listening, where there are no captions), analysis, publishing. As long as nobody
    set anything one job listens at a time, and the others are bounded by the slots only. Who finds a lane full stands
    in line and keeps its slot. Before a closed lane jobs wait without one, and others go on; who is inside stays, and
    closed publishing sends nothing to other targets either. With several workers the number is that of each.

    In a pipe: one lane per line, fields apart by tabs: stage, limit (0: closed), busy, waiting, parked.
    """
    try:
        wanted = lanes.parse(places)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    queue = app.client.set_queue(lanes=wanted) if wanted else app.client.queue(limit=0)
    if app.out.as_json:
        app.out.json(queue)
    elif app.out.terminal:
        rows = [[Cell(lane["stage"]), Cell(lanes.state(lane))] for lane in queue["lanes"]]
        app.out.page().table([Column("LANE"), Column("JOBS")], rows)
    else:
        for lane in queue["lanes"]:
            app.out.fields([lane[name] for name in ("stage", "limit", "busy", "waiting", "parked")])


def _number(text: str, none: str) -> int | None:
    if text == none:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 64):
        raise click.UsageError(f"{text!r} is no number of slots: give 1 to 64, or {none!r}.")
    return int(text)


def said(app: App, queue: Json) -> None:
    """How the queue stands after a change."""
    if app.out.as_json:
        app.out.json(queue)
    elif app.out.terminal:
        say(f"The queue is {MODES.get(queue['mode'], Cell(queue['mode'])).text}; {slots(queue)}.")
    else:
        app.out.fields([queue["mode"], queue["slots_per_worker"]])


def slots(queue: Json) -> str:
    """How many slots there are and how many of them work. What was just set takes a moment to reach the workers."""
    wanted = queue["slots_per_worker"]
    each = f", {wanted} set for {'each' if queue['workers'] > 1 else 'it'}" if wanted else ""
    site = f", at most {queue['site_slots']} of one site" if queue["site_slots"] else ""
    return f"{queue['busy']} of {text.plural(queue['slots'], 'slot')} busy{each}{site}"


def tell(app: App, queue: Json) -> None:
    """Print `QueueState`."""
    if app.out.as_json:
        app.out.json(queue)
    elif app.out.terminal:
        show(app.out.page(), queue)
    else:
        for position, job in enumerate(queue["next"], 1):
            names = ("id", "priority", "created_at", "title", "url")
            app.out.fields([position, *[job.get(name) for name in names]])


def show(page: Page, queue: Json) -> None:
    """Print `QueueState` for a person."""
    page.pairs(
        [
            ("queue", MODES.get(queue["mode"], Cell(queue["mode"]))),
            ("slots", Cell(slots(queue))),
            ("lanes", Cell(lanes.say(queue))),
            ("workers", Cell(queue["workers"], "" if queue["workers"] else "error")),
            ("ready", Cell(text.count(queue["ready"]))),
            ("scheduled", Cell(text.count(queue["scheduled"]))),
            ("paused", Cell(text.count(queue["paused"]))),
            ("wait for others", Cell(text.count(queue["waiting"]) if queue["waiting"] else "")),
        ]
    )
    for gate in queue["gates"]:
        reason = f"left alone until {text.clock(gate['until'])}: {gate['reason']}"
        page.write(Cell(gate["site"], "warning"), Cell(reason))
    if queue["next"]:
        page.heading("Next")
        page.table(
            [
                Column("#", right=True),
                Column("ID", right=True),
                Column("PRIORITY", right=True),
                Column("TITLE", wide=True),
            ],
            [
                [Cell(at, "dim"), Cell(job["id"]), Cell(job["priority"] or "", "dim"), Cell(job["title"] or job["url"])]
                for at, job in enumerate(queue["next"], 1)
            ],
        )


@click.command("why")
@click.argument("job_ids", type=a_job, metavar="ID...", nargs=-1, required=True)
@json_option
@click.pass_obj
def why_command(app: App, job_ids: tuple[int, ...]) -> None:
    """Say in one line why a job waits, runs or has ended. Of several jobs each line begins with the id."""
    failed = 0
    for job_id in dict.fromkeys(job_ids):
        try:
            why = app.client.why(job_id)
        except errors.JobNotFound as error:
            failed = complain(error, about=f"Job {job_id}")
            continue
        if app.out.as_json:
            app.out.json(why)
        else:
            app.out.line(f"{job_id}: {why['sentence']}" if len(job_ids) > 1 else why["sentence"])
    if failed:
        leave(failed)
