"""`z2ctl probe`: what is at a URL, before anything is queued."""

from __future__ import annotations

import click

from z2ctl import text
from z2ctl.cli.app import DONE, FAILED, App, leave
from z2ctl.cli.options import read_options
from z2ctl.cli.output import Cell, Column, Page
from z2ctl.cli.parameters import json_option
from z2ctl.cli.playlist import playlist_of, playlist_options
from z2ctl.client import Json


@click.command("probe", short_help="Look at a URL: title, length, captions; queue nothing.")
@click.argument("url")
@click.option("--profile", metavar="NAME", help="With the options of this profile: see 'z2ctl profiles'.")
@click.option(
    "-o", "--option", "options", multiple=True, metavar="NAME=VALUE", help="An option, such as max_height=720."
)
@playlist_options
@json_option
@click.pass_context
def probe_command(ctx: click.Context, url: str, profile: str | None, options: tuple[str, ...]) -> None:
    """Look at a URL: title, length, size, captions, the entries of a list, and what is there already.

    Nothing is queued. Exit code 1 when a job of this URL would fail.
    """
    app: App = ctx.obj
    if not url.strip():
        raise click.UsageError("The URL is empty.")
    chosen = read_options(options)
    if (playlist := playlist_of(ctx)) is not None:
        chosen["playlist"] = playlist
    fields = {"profile": profile, "options": chosen}
    found = app.client.probe(url, **{name: value for name, value in fields.items() if value})
    if app.out.as_json:
        app.out.json(found)
    else:
        show(app.out.page(), found)
    leave(FAILED if found.get("error") else DONE)


def show(page: Page, found: Json) -> None:
    """Print a `ProbeAnswer` for a person."""
    page.heading(found.get("title") or found.get("url"))
    if error := found.get("error"):
        page.write(Cell(f"{error.get('message')} {error.get('hint')} ({error.get('code')})", "error"))
        return
    captions = found.get("subtitles") or {}
    entries = found.get("entries") or []
    page.pairs(
        [
            ("url", Cell(found.get("url"))),
            ("site", Cell(found.get("site"))),
            ("channel", Cell(found.get("channel"))),
            ("published", Cell(str(found.get("published_at") or "")[:10])),
            ("length", Cell(_known(found, text.duration(found["duration_ms"]) if found.get("duration_ms") else ""))),
            (
                "size",
                Cell(_known(found, f"about {text.size(found['size_bytes'])}" if found.get("size_bytes") else "")),
            ),
            ("picture", Cell(f"{found['width']}x{found['height']}" if found.get("height") else "")),
            ("subtitles", Cell(", ".join(captions.get("manual") or []))),
            ("captions", Cell(_automatic(captions.get("auto") or []))),
            ("chapters", Cell(found.get("chapters") or "")),
            ("stream", Cell(found["live_status"] if found.get("live_status") not in (None, "not_live") else "")),
            ("entries", Cell(f"{len(entries)} wanted of {found.get('seen')} looked at" if _is_list(found) else "")),
            ("in library", Cell(f"yes: job {found['duplicate_of']}" if found.get("duplicate_of") else "no")),
        ]
    )
    if entries:
        page.heading("Entries")
        columns = [Column("DAY"), Column("LENGTH", right=True), Column("TITLE", wide=True), Column("")]
        page.table(columns, [entry_row(entry) for entry in entries])


def _is_list(found: Json) -> bool:
    """Whether it is a list, also one of which nothing is wanted."""
    return found.get("kind") == "COLLECTION"


def _known(found: Json, said: str) -> str:
    """What the site says of a single video; many say it only once the file is there."""
    return said or ("" if _is_list(found) else "not said by the site")


def _automatic(languages: list[str]) -> str:
    return f"automatic, in {', '.join(languages[:8])}" if languages else ""


def entry_row(entry: Json) -> list[Cell]:
    """One entry of a list: what it is, and what would become of it."""
    said = f"already there: job {entry['duplicate_of']}" if entry.get("duplicate_of") else ""
    return [
        Cell(str(entry.get("published_at") or "")[:10], "dim"),
        Cell(text.duration(entry["duration_ms"]) if entry.get("duration_ms") else "", "dim"),
        Cell(entry.get("title") or entry.get("url")),
        Cell(entry.get("message") or said, "error" if entry.get("message") else "dim"),
    ]
