"""`z2ctl list` and `z2ctl show`."""

from __future__ import annotations

from typing import Any

import click

from z2ctl import text
from z2ctl.cli.analysis import pairs, show_analyses
from z2ctl.cli.app import App
from z2ctl.cli.output import Cell, Column, Page, say
from z2ctl.cli.parameters import a_job, filter_of, json_option, past
from z2ctl.cli.publish import publications
from z2ctl.client import Client, Json
from z2ctl.origin import analysis_origin, transcript_origin

LARGEST_PAGE = 500
LAST_LINES = 20
NO_LINE = 10**17  # beyond every line's number
SORTS = ["created_at", "finished_at", "title", "status", "priority"]
# columns leave in this order when the terminal is narrow: (name, width from which it is shown)
SHOWN_FROM = {"LENGTH": 112, "CHANNEL": 104, "TOOK": 72, "ID": 40}


@click.command("list")
@click.argument("conditions", nargs=-1, metavar="[FILTER]...")
@click.option(
    "--status",
    multiple=True,
    type=click.Choice(text.STATUSES, case_sensitive=False),
    help="Only jobs in this state; may be repeated.",
)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many jobs.")
@click.option("--since", callback=past, metavar="TIME", help="Submitted since: 2h, 7d, 2026-11-22, RFC 3339.")
@click.option("--q", "-q", "words", metavar="TEXT", help="Title or URL contains this text.")
@click.option("--site", metavar="SITE", help="Only jobs of this site.")
@click.option("--sort", type=click.Choice(SORTS), default="created_at", show_default=True)
@click.option("--order", type=click.Choice(["asc", "desc"]), help="Direction (default: desc, titles asc).")
@json_option
@click.pass_obj
def list_command(
    app: App,
    conditions: tuple[str, ...],
    status: tuple[str, ...],
    limit: int,
    since: str | None,
    words: str | None,
    site: str | None,
    sort: str,
    order: str | None,
) -> None:
    """List jobs, the newest first.

    \b
    FILTER:  status:failed site:youtube channel:"X Y" tag:talk age<7d duration>30m
             since:2026-01-01 error:rate_limited "two words"
    A comma means any of them, a minus in front turns a condition around (put -- before it).
    In most shells < and > need quotes: z2ctl list 'status:failed age<7d'

    In a pipe: one job per line, fields apart by tabs: id, state, stage, progress, site, duration in ms, created,
    title, url.
    """
    query = {
        "filter": filter_of(conditions),
        "status": list(status),
        "since": since,
        "q": words,
        "site": site,
        "sort": sort,
        "order": order or ("asc" if sort == "title" else "desc"),
    }
    jobs, total = fetch(app.client, limit, query)
    if app.out.as_json:
        for job in jobs:
            app.out.json(job)
    elif not app.out.terminal:
        for job in jobs:
            app.out.fields(record(job))
    elif jobs:
        columns, rows = table(app, jobs, app.out.width())
        app.out.page().table(columns, rows)
        if total > len(jobs):
            say(f"{len(jobs)} of {text.plural(total, 'job')}; --limit shows more.")
    else:
        say(
            "No jobs match."
            if conditions or status or since or words or site
            else "No jobs yet: z2ctl submit URL, or z2ctl run."
        )


def fetch(client: Client, limit: int, query: dict[str, Any]) -> tuple[list[Json], int]:
    """Up to `limit` jobs by as many pages as that takes, and how many there are in all."""
    jobs: list[Json] = []
    cursor: str | None = None
    while True:
        page = client.jobs(**query, limit=min(limit - len(jobs), LARGEST_PAGE), cursor=cursor)
        jobs += page["items"]
        cursor = page["next_cursor"]
        if cursor is None or len(jobs) >= limit or not page["items"]:
            return jobs, int(page["total"])


def record(job: Json) -> list[object]:
    """A job as the fields of the piped list."""
    names = ("id", "display_status", "stage", "progress", "site", "duration_ms", "created_at", "title", "url")
    return [job.get(name) for name in names]


def table(app: App, jobs: list[Json], width: int) -> tuple[list[Column], list[list[Cell]]]:
    """The jobs as a table that fits `width`; the title gets what the others leave."""
    columns = [
        Column("STATE"),
        Column("ID", right=True),
        Column("TITLE", wide=True),
        Column("CHANNEL"),
        Column("LENGTH", right=True),
        Column("TOOK", right=True),
        Column("AGE", right=True),
    ]
    kept = [at for at, column in enumerate(columns) if width >= SHOWN_FROM.get(column.name, 0)]
    rows = [cells(app, job) for job in jobs]
    return [columns[at] for at in kept], [[row[at] for at in kept] for row in rows]


def cells(app: App, job: Json) -> list[Cell]:
    """The cells of one row."""
    channel = text.safe(job.get("channel") or job.get("site"))
    return [
        state_cell(app, job),
        Cell(job.get("id"), "dim"),
        title_cell(job),
        Cell(channel if len(channel) <= 24 else channel[:23] + "…", "dim"),
        Cell(text.duration(job.get("duration_ms")), "dim"),
        Cell(text.took(job), "dim"),
        Cell(text.age(job.get("created_at")), "dim"),
    ]


def state_cell(app: App, job: Json) -> Cell:
    """Glyph and word; a running job says its stage and how far it is, one that is tried again when, and one before a
    closed lane which.
    """
    look = text.look(job.get("display_status"))
    lane = text.at_lane(job.get("status"), job.get("wait_reason"), job.get("stage"))
    word = text.next_try_of(job) or lane or look.word
    if job.get("display_status") == "WAITING":
        word = f"{look.word} {text.percent(job.get('progress'))}"
    if job.get("display_status") == "RUNNING" and job.get("stage"):
        word = f"{job['stage']} {lane or text.percent(job.get('progress'))}"
    return Cell(f"{app.out.glyph(look)} {word}", look.style)


def title_cell(job: Json) -> Cell:
    """Title, or the URL until it is known; for a failed job the reason, for a held one the time that it keeps."""
    title = text.safe(job.get("title")) or text.safe(job.get("url"))
    error = job.get("error")
    if not error:
        resumed = text.when_resumed_of(job)
        return Cell(f"{title} - {resumed}" if resumed else title)
    return Cell(f"{title} - {error.get('stage') or 'job'}: {error.get('message')}", "error")


@click.command("show")
@click.argument("job_id", type=a_job, metavar="ID")
@click.option("--analyses", is_flag=True, help="Only its analyses, also former ones, and how each came about.")
@click.option("--diff", is_flag=True, help="Only what the last analysis says otherwise than the one before it.")
@click.option("--with", "other", type=click.IntRange(1), metavar="N", help="With --diff: than analysis N.")
@json_option
@click.pass_obj
def show_command(app: App, job_id: int, analyses: bool, diff: bool, other: int | None) -> None:
    """Show all that is known of a job."""
    if (diff and analyses) or (other is not None and not diff):
        raise click.UsageError("--with goes with --diff, and --diff not with --analyses.")
    if diff:
        from z2ctl.cli.comparing import show_difference  # late: few want it

        show_difference(app, app.client.analyses(job_id), other)
        return
    if analyses:
        show_analyses(app, app.client.analyses(job_id))
        return
    job = app.client.job(job_id)
    if app.out.as_json:
        app.out.json(job)
    else:
        page = app.out.page()
        show(app, page, job)
        last_words(app, page, job)


def last_words(app: App, page: Page, job: Json) -> None:
    """The last lines of a failed job's log."""
    from z2ctl.cli.progress import log_cells  # late: a list of jobs needs no bars

    if job.get("status") == "FAILED":
        page.heading("The last lines of its log")
        for line in app.client.logs(job["id"], before=NO_LINE, limit=LAST_LINES)["items"]:
            page.write(*log_cells(line))


def show(app: App, page: Page, job: Json) -> None:
    """Print a `JobDetail` for a person."""
    metadata = job.get("metadata") or {}
    page.heading(job.get("title") or job.get("url"))
    page.pairs(
        [
            ("state", state_cell(app, job)),
            ("why it waits", Cell(text.waits_for(job.get("wait_reason"), job.get("stage")))),
            ("not before", Cell(text.day_and_time(job["run_after"]) if job.get("run_after") and _waits(job) else "")),
            ("once resumed", Cell(text.once_resumed(job))),
            ("place in queue", Cell(job.get("queue_position") or "")),
            ("id", Cell(job.get("id"))),
            ("url", Cell(job.get("url"))),
            ("channel", Cell(job.get("channel"))),
            ("published", Cell(str(metadata.get("published_at") or "")[:10])),
            ("length", Cell(text.duration(job.get("duration_ms")) if job.get("duration_ms") else "")),
            ("tags", Cell(", ".join(job.get("tags") or []))),
            ("priority", Cell(job.get("priority") or "")),
            ("attempt", Cell(f"{job.get('attempt')} of {job.get('max_attempts')}")),
            ("submitted", Cell(text.day_and_time(job.get("created_at")))),
            ("took", Cell(text.span(text.took_ms(job)))),
            ("same as job", Cell(job.get("duplicate_of") or "")),
        ]
    )
    failure(page, job)
    if job.get("kind") == "COLLECTION":
        children(app, page, job)
        published(app, page, job)
        return
    page.heading("Stages")
    page.table(
        [Column("STAGE"), Column("STATE"), Column("TOOK", right=True), Column("", wide=True)],
        [stage_row(app, stage) for stage in job.get("stages") or []],
    )
    published(app, page, job)
    if transcript := job.get("transcript"):
        page.heading("Transcript")
        page.pairs(pairs(transcript_origin(transcript)))
    if analysis := job.get("analysis"):
        page.heading("Analysis")
        page.paragraph(analysis.get("summary_short"))
        page.pairs(pairs(analysis_origin(analysis)))
    if files := job.get("files"):
        page.heading("Files")
        page.table(
            [Column("ID", right=True), Column("KIND"), Column("SIZE", right=True), Column("PATH", wide=True)],
            [
                [Cell(file["id"], "dim"), Cell(file["kind"]), Cell(text.size(file["size_bytes"])), Cell(file["path"])]
                for file in files
            ],
        )


def published(app: App, page: Page, job: Json) -> None:
    """What became of each target."""
    if found := job.get("publishing"):
        page.heading("Publishing")
        publications(app, page, found)


def children(app: App, page: Page, job: Json) -> None:
    """The entries of a collection, in the order of its list."""
    entries = job.get("children") or []
    page.heading(f"{text.plural(len(entries), 'entry', 'entries')}")
    page.table(
        [Column("ID", right=True), Column("STATE"), Column("TITLE", wide=True), Column("SAME AS", right=True)],
        [
            [Cell(one["id"], "dim"), state_cell(app, one), title_cell(one), Cell(one.get("duplicate_of") or "", "dim")]
            for one in entries
        ],
    )


def _waits(job: Json) -> bool:
    """Whether a job waits for its time."""
    return job.get("display_status") in ("SCHEDULED", "RETRYING", "PAUSED")


def failure(page: Page, job: Json) -> None:
    """Why a job failed, and what a person can do about it."""
    if error := job.get("error"):
        page.heading(f"{error.get('stage') or 'job'}: {error.get('message')}", "error")
        page.write(Cell(f"{error.get('hint')} ({error.get('code')})"))


def stage_row(app: App, stage: Json) -> list[Cell]:
    """One stage as a row: name, state, time, and what there is to say."""
    look = text.stage_look(stage.get("status"))
    said = stage.get("error_message") or stage.get("skip_reason") or stage.get("detail")
    if not said and stage.get("bytes_done"):
        said = text.size(stage["bytes_done"])
        if stage.get("status") != "DONE":
            said += f" of {text.size(stage.get('bytes_total'))}"
    used = [f"{name} {version}" for name, version in (stage.get("tools") or {}).items() if name != "z2"]
    if used and not stage.get("error_message"):
        said = ", ".join([*([said] if said else []), *used])
    return [
        Cell(stage.get("stage")),
        Cell(f"{app.out.glyph(look)} {look.word}", look.style),
        Cell(text.span(text.took_ms(stage)), "dim"),
        Cell(said, "error" if stage.get("error_message") else "dim"),
    ]
