"""`z2ctl logs`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import click

from z2ctl import text
from z2ctl.cli.app import App
from z2ctl.cli.output import line_of, say
from z2ctl.cli.parameters import a_job, json_option
from z2ctl.cli.progress import Bars, log_cells, log_text, lost
from z2ctl.client import Client, Json

LINES_PER_PAGE = 500
LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


@click.command("logs")
@click.argument("job_id", type=a_job, metavar="ID")
@click.option("-f", "--follow", is_flag=True, help="Stay, and print lines as they come, until the job is finished.")
@click.option("--level", type=click.Choice(LEVELS, case_sensitive=False), help="Lines of this level and above.")
@click.option("--stage", type=click.Choice(text.STAGES), help="Lines of this stage.")
@click.option("--grep", metavar="TEXT", help="Lines whose message contains this text, in any case.")
@click.option("--tail", type=click.IntRange(0, 100_000), metavar="N", help="Begin with the last N lines.")
@json_option
@click.pass_obj
def logs_command(
    app: App, job_id: int, follow: bool, level: str | None, stage: str | None, grep: str | None, tail: int | None
) -> None:
    """Print the log of a job, one record per line.

    In a pipe: time, level, stage, message.
    """
    if follow:
        app.client.logs(job_id, limit=1)  # an unknown job or an absent daemon ends it here, with its reason
        _follow(app, job_id, level, stage, grep, tail)
        return
    put = _printer(app)
    query = {"level": level, "stage": stage, "q": grep}
    for line in _last(app.client, job_id, tail, query) if tail is not None else _all(app.client, job_id, query):
        put(line)


def _all(client: Client, job_id: int, query: dict[str, str | None]) -> Iterator[Json]:
    """Every line that fits, page by page."""
    after = 0
    while lines := client.logs(job_id, after=after, limit=LINES_PER_PAGE, **query)["items"]:
        yield from lines
        after = lines[-1]["seq"]


def _last(client: Client, job_id: int, tail: int, query: dict[str, str | None]) -> list[Json]:
    """The last `tail` lines that fit, read backwards page by page."""
    before = client.logs(job_id, limit=1)["last_seq"] + 1
    found: list[Json] = []
    while len(found) < tail:
        lines = client.logs(job_id, before=before, limit=min(LINES_PER_PAGE, tail - len(found)), **query)["items"]
        if not lines:
            break
        found = lines + found
        before = lines[0]["seq"]
    return found


def _printer(app: App) -> Callable[[Json], None]:
    """Prints one line of a log in the form that fits who reads it."""
    if app.out.as_json:
        return app.out.json
    if not app.out.terminal:
        return lambda line: app.out.line(log_text(line))
    console = app.out.console()
    return lambda line: console.print(line_of(log_cells(line)), soft_wrap=True)


def _follow(app: App, job_id: int, level: str | None, stage: str | None, grep: str | None, tail: int | None) -> None:
    """Print lines as they come; on a terminal a bar below them says how far the job is."""
    import asyncio
    from contextlib import aclosing, nullcontext

    from z2ctl.cli.follow import with_company
    from z2ctl.feeds import log_feed, status_feed

    endpoint = app.endpoint
    bars = Bars(app.out, app.out.console()) if _has_screen(app) else None
    put = _printer(app) if bars is None else lambda line: bars.lines([line])
    wanted = grep.casefold() if grep else ""

    async def lines() -> str:
        async with aclosing(log_feed(endpoint, job_id, tail=tail, level=level, stage=stage)) as feed:
            async for message in feed:
                for line in message["lines"] if message["type"] == "lines" else ():
                    if wanted in str(line["message"]).casefold():
                        put(line)
                if message["type"] == "offline" and message["tries"] == 1:
                    say(lost(message)) if bars is None else bars.offline(message)
                if message["type"] == "end":
                    return str(message["status"])
                sys.stdout.flush()
        raise AssertionError("a log feed ends with 'end'")

    async def bar() -> None:
        if bars is not None:
            bars.job(await asyncio.to_thread(app.client.job, job_id))
            async with aclosing(status_feed(endpoint)) as feed:
                async for message in feed:
                    if message["type"] == "job" and message["job"]["id"] == job_id:
                        bars.job(message["job"])
                    elif message["type"] == "progress" and message["id"] == job_id:
                        bars.progress(message)

    with bars or nullcontext():
        status = asyncio.run(with_company(lines(), bar()))
    say(f"Job {job_id}: {text.look(status).word}.")


def _has_screen(app: App) -> bool:
    return app.out.terminal and sys.stderr.isatty() and not app.out.as_json
