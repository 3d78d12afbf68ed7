"""`z2ctl analyze`, and how analyses are shown."""

from __future__ import annotations

from typing import Any

import click

from z2ctl import text
from z2ctl.cli import many
from z2ctl.cli.app import App
from z2ctl.cli.output import Cell, say
from z2ctl.cli.parameters import a_job, filter_option, json_option
from z2ctl.client import Json
from z2ctl.origin import Facts, analysis_origin


@click.command("analyze")
@click.argument("job_ids", type=a_job, metavar="[ID...]", nargs=-1)
@filter_option
@click.option("--language", metavar="CODE", help="Language in which a language model is to write, like de.")
@click.option(
    "--analysis",
    type=click.Choice(["auto", "offline"]),
    help="Whether a language model may do it; without this, as each job was submitted.",
)
@click.option(
    "--priority",
    type=click.IntRange(-100, 100),
    default=-10,
    show_default=True,
    help="In the queue; higher runs first.",
)
@click.option("--dry-run", is_flag=True, help="Only say which jobs it would be.")
@json_option
@click.pass_obj
def analyze_command(
    app: App,
    job_ids: tuple[int, ...],
    condition: str | None,
    language: str | None,
    analysis: str | None,
    priority: int,
    dry_run: bool,
) -> None:
    """Analyse completed jobs again, by what is configured now. Nothing is fetched again.

    Former analyses are kept: z2ctl show ID --analyses
    """
    if bool(job_ids) == (condition is not None):
        raise click.UsageError("Give either ids or --filter.")
    asked: dict[str, Any] = {"priority": priority, "dry_run": dry_run}
    asked |= {"ids": list(dict.fromkeys(job_ids))} if job_ids else {"filter": condition}
    asked |= {"language": language} if language else {}
    asked |= {"analysis": analysis} if analysis else {}
    many.by_pages(app, app.client.analyze, asked, "analysed again")


def show_analyses(app: App, analyses: list[Json]) -> None:
    """Print the analyses of a job, the newest first."""
    if app.out.as_json:
        for one in analyses:
            app.out.json(one)
        return
    page = app.out.page()
    for one in analyses:
        page.heading(f"Analysis {one['id']}{', the current one' if one['is_current'] else ''}")
        page.pairs([("made", Cell(text.day_and_time(one.get("created_at")))), *pairs(analysis_origin(one))])
        page.paragraph(one.get("summary_short"))
    if not analyses:
        say("It has not been analysed yet.")


def pairs(facts: Facts) -> list[tuple[str, Cell]]:
    """Facts for a page."""
    return [(name, Cell(value)) for name, value in facts]
