"""`z2ctl search`: where something is said, with links that open the video at that second."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from z2ctl import text
from z2ctl.cli.app import App
from z2ctl.cli.output import Cell, Page, say
from z2ctl.cli.parameters import json_option
from z2ctl.client import Client, Json

LARGEST_PAGE = 100
WIDTH = 8  # of a time in front of a text


@click.command("search")
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many jobs.")
@click.option(
    "--moments", type=click.IntRange(1, 100), default=3, show_default=True, help="At most so many moments of each."
)
@click.option("--filter", "-f", "line", metavar="FILTER", help="Only jobs that fit, as in z2ctl list.")
@json_option
@click.pass_obj
def search_command(app: App, words: tuple[str, ...], limit: int, moments: int, line: str | None) -> None:
    """Search in titles, descriptions, transcripts and summaries.

    \b
    z2ctl search neural network         both words in one place
    z2ctl search "neural network"       one after the other
    z2ctl search cat or dog             either
    z2ctl search -- jaguar -car         put -- before a word that must not be there

    In a pipe: one moment per line, fields apart by tabs: id, start in ms, link, title, text. What was found in a
    title, a description or a summary has no start.
    """
    if not any(word.strip() for word in words):
        raise click.UsageError("Say what to search for.")
    query = {"q": asked(words), "moments": moments, "filter": line}
    shown, complete = 0, True
    page = None if app.out.as_json or not app.out.terminal else app.out.page()
    for hit, whole in found(app.client, limit, query):
        shown, complete = shown + 1, whole
        if app.out.as_json:
            app.out.json(hit)
        elif page is None:
            for fields in records(hit):
                app.out.fields(fields)
        else:
            show(page, hit)
    if not shown:
        say("Nothing found.")
    elif not complete:
        say("These words are so frequent that not every place was looked at; more words tell more.")


def asked(words: tuple[str, ...]) -> str:
    """The arguments as one search line: of one that holds blanks the shell took the quotes, it gets them back."""
    return " ".join(f'"{word}"' if " " in word.strip() and '"' not in word else word for word in words)


def found(client: Client, limit: int, query: dict[str, Any]) -> Iterator[tuple[Json, bool]]:
    """Up to `limit` hits, by as many pages as that takes, each with whether every place was looked at."""
    cursor, left = None, limit
    while left > 0:
        page = client.search(**query, limit=min(left, LARGEST_PAGE), cursor=cursor)
        yield from ((hit, page["complete"]) for hit in page["items"])
        left -= len(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            return


def records(hit: Json) -> list[list[object]]:
    """A hit as lines for a pipe: one for each moment, or one where it was found elsewhere."""
    job = hit["job"]
    title = job.get("title") or job.get("url")
    if not hit["moments"]:
        return [[job["id"], None, job.get("url"), title, hit["snippet"]]]
    return [[job["id"], one["start_ms"], one["link"], title, one["snippet"]] for one in hit["moments"]]


def show(page: Page, hit: Json) -> None:
    """A hit for a person: the job, then its moments with their links."""
    job = hit["job"]
    page.heading(job.get("title") or job.get("url"))
    about = (f"job {job['id']}", job.get("channel") or job.get("site"), str(job.get("created_at") or "")[:10])
    page.write(Cell(", ".join(text.safe(one) for one in about if one), "dim"))
    for one in hit["moments"]:
        page.passage(Cell(text.duration(one["start_ms"]), "accent", -WIDTH), one["snippet"], one["marks"])
        if one["link"]:
            page.place("", one["link"], width=WIDTH)
    if not hit["moments"]:
        page.passage(Cell(hit["field"], "accent", WIDTH), hit["snippet"], hit["marks"])
    elif hit["more_moments"]:
        page.write(Cell("", "", WIDTH), Cell(f"more: --moments 100 -f id:{job['id']}", "dim"))
