"""Verbs that change jobs: each takes ids or a filter, and each job is answered for itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from z2ctl import text
from z2ctl.cli.app import App, complain, leave
from z2ctl.cli.options import read_options
from z2ctl.cli.output import say
from z2ctl.cli.parameters import a_job, filter_option, json_option
from z2ctl.client import Client, Json
from z2d.wire import errors

F = TypeVar("F", bound=Callable[..., Any])
MANY_S = 180.0  # a thousand jobs take their time


def chosen(*, everything: str = "") -> Callable[[F], F]:
    """Give a verb `ID...`, `--filter`, `--dry-run`, and `--all` where `everything` says what that is."""

    def decorate(command: F) -> F:
        command = click.option("--dry-run", is_flag=True, help="Only say which jobs it would be.")(command)
        if everything:
            command = click.option("--all", "every", is_flag=True, help=everything)(command)
        return click.argument("job_ids", type=a_job, metavar="[ID...]", nargs=-1)(filter_option(command))

    return decorate


@click.command("cancel")
@chosen()
@json_option
@click.pass_obj
def cancel_command(app: App, job_ids: tuple[int, ...], condition: str | None, dry_run: bool) -> None:
    """Cancel jobs. A running one ends within seconds; what it has finished is kept for a retry."""
    act(app, "cancel", app.client.cancel, job_ids, condition, dry_run=dry_run)


@click.command("retry")
@chosen()
@click.option("--failed", is_flag=True, help="Everything that failed.")
@click.option("--from", "from_stage", type=click.Choice(text.STAGES), help="Run again from this stage on.")
@json_option
@click.pass_obj
def retry_command(
    app: App, job_ids: tuple[int, ...], condition: str | None, failed: bool, from_stage: str | None, dry_run: bool
) -> None:
    """Queue finished jobs again. Stages that are done are kept, unless --from says otherwise.

    By filter this means failed and cancelled jobs; with --from completed ones too.
    """
    if failed:
        condition = "status:failed" if condition is None else f"status:failed {condition}"
    client = app.client
    more = {"from_stage": from_stage} if from_stage else {}
    act(app, "retry", lambda job_id: client.retry(job_id, from_stage), job_ids, condition, dry_run=dry_run, **more)


@click.command("pause")
@chosen(everything="Every job that runs or waits.")
@json_option
@click.pass_obj
def pause_command(app: App, job_ids: tuple[int, ...], condition: str | None, every: bool, dry_run: bool) -> None:
    """Put jobs down. Their slots are free at once; finished stages and what has arrived of a download are kept."""
    act(app, "pause", app.client.pause, job_ids, _all(condition, every), dry_run=dry_run)


@click.command("resume", short_help="Let paused jobs go on, and start those that are held.")
@chosen(everything="Every job that was paused; not those submitted with --hold.")
@json_option
@click.pass_obj
def resume_command(app: App, job_ids: tuple[int, ...], condition: str | None, every: bool, dry_run: bool) -> None:
    """Let paused jobs go on where they were, and start those submitted with --hold. A time to wait for holds."""
    act(app, "resume", app.client.resume, job_ids, _all(condition, every), dry_run=dry_run)


def _all(condition: str | None, every: bool) -> str | None:
    if every and condition is not None:
        raise click.UsageError("--all and --filter say different things: give one of them.")
    return "" if every else condition


@click.command("delete")
@chosen()
@click.option("--files", is_flag=True, help="Their files go too, some days later.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def delete_command(
    app: App, job_ids: tuple[int, ...], condition: str | None, files: bool, yes: bool, dry_run: bool
) -> None:
    """Take finished jobs out of every list. For some days 'z2ctl restore' brings them back."""
    client = app.client
    if condition is not None and app.out.terminal and not (yes or dry_run):
        many = sum(len(answer["done"]) for answer in by_filter(app, "delete", condition, dry_run=True))
        click.confirm(f"Delete {text.plural(many, 'job')}{' with files' if files else ''}?", abort=True, err=True)
    more = {"files": True} if files else {}
    act(app, "delete", lambda job_id: client.delete(job_id, files=files), job_ids, condition, dry_run=dry_run, **more)


@click.command("restore", short_help="Bring deleted jobs back.")
@click.argument("job_ids", type=a_job, metavar="ID...", nargs=-1, required=True)
@json_option
@click.pass_obj
def restore_command(app: App, job_ids: tuple[int, ...]) -> None:
    """Bring deleted jobs back, as long as they are not gone for good."""
    for_each(app, job_ids, app.client.restore)


@click.command("move", short_help="Move jobs in the queue: to the front, the end, by one.")
@click.argument("job_ids", type=a_job, metavar="ID...", nargs=-1, required=True)
@click.option("--first", "to", flag_value="first", help="Before all others, whatever their priority.")
@click.option("--last", "to", flag_value="last", help="Behind all others.")
@click.option("--up", "to", flag_value="up", help="Before the one that is before it.")
@click.option("--down", "to", flag_value="down", help="Behind the one that is behind it.")
@json_option
@click.pass_obj
def move_command(app: App, job_ids: tuple[int, ...], to: str | None) -> None:
    """Move jobs to the front or the end of the queue, or past their neighbours, in the order given."""
    if to is None:
        raise click.UsageError("Say where to: --first, --last, --up or --down.")
    client = app.client
    order = tuple(dict.fromkeys(job_ids))
    for_each(app, order[::-1] if to in ("first", "down") else order, lambda job_id: client.move(job_id, to))


@click.command("edit", short_help="Change priority, tags and options of jobs.")
@click.argument("job_ids", type=a_job, metavar="ID...", nargs=-1, required=True)
@click.option("--priority", type=click.IntRange(-100, 100), help="Higher runs first.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="The new tags, all of them; may be repeated.")
@click.option("--no-tags", is_flag=True, help="Take all tags away.")
@click.option("-o", "--option", "options", multiple=True, metavar="NAME=VALUE", help="As of 'z2ctl submit'.")
@click.option("--rev", type=click.IntRange(min=0), help="Only if this is still the job's rev.")
@json_option
@click.pass_obj
def edit_command(
    app: App,
    job_ids: tuple[int, ...],
    priority: int | None,
    tags: tuple[str, ...],
    no_tags: bool,
    options: tuple[str, ...],
    rev: int | None,
) -> None:
    """Change jobs: the priority until one is finished, options while it waits, tags always."""
    changes: Json = {"priority": priority, "tags": list(tags) or None, "options": read_options(options) or None}
    changes = {name: value for name, value in changes.items() if value is not None} | ({"tags": []} if no_tags else {})
    if not changes:
        raise click.UsageError("Say what to change: --priority, --tag, --no-tags or -o NAME=VALUE.")
    if tags and no_tags:
        raise click.UsageError("--tag and --no-tags say different things: give one of them.")
    client = app.client
    for_each(app, job_ids, lambda job_id: client.change(job_id, **changes, **({} if rev is None else {"rev": rev})))


def act(
    app: App,
    action: str,
    one: Callable[[int], Json],
    job_ids: tuple[int, ...],
    condition: str | None,
    *,
    dry_run: bool,
    **more: Any,
) -> None:
    """Do it to the jobs named, or to those that the filter finds."""
    if bool(job_ids) == (condition is not None):
        raise click.UsageError("Give job ids or a filter." if job_ids else "Which jobs? Give their ids, or a --filter.")
    if condition is None and not dry_run:
        for_each(app, job_ids, one)
    elif condition is None:
        _report(app, {"done": list(job_ids), "refused": []})
    else:
        answers = [_report(app, answer) for answer in by_filter(app, action, condition, dry_run=dry_run, **more)]
        done, refused = (sum(len(answer[name]) for answer in answers) for name in ("done", "refused"))
        if app.out.terminal and not app.out.as_json:
            say(f"{text.plural(done, 'job')}{' would be meant' if dry_run else ''}.")
        if refused:
            leave(5)


def by_filter(app: App, action: str, condition: str, **more: Any) -> list[Json]:
    """`POST /api/jobs/actions`, as often as it takes."""
    client = Client(app.endpoint, timeout=MANY_S)
    answers = [client.act(action, filter=condition, **more)]
    while (after := answers[-1]["next_after"]) is not None:
        answers.append(client.act(action, filter=condition, after=after, **more))
    return answers


def _report(app: App, answer: Json) -> Json:
    if app.out.as_json:
        app.out.json(answer)
        return answer
    for job_id in answer["done"]:
        app.out.line(job_id)
    for job in answer["refused"]:
        say(f"Job {job['id']}: {job['detail']}")
    return answer


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
