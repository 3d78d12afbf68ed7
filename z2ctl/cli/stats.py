"""`z2ctl stats`."""

from __future__ import annotations

import click

from z2ctl import text
from z2ctl.cli.app import App
from z2ctl.cli.output import Cell, Column, Page
from z2ctl.cli.parameters import json_option
from z2ctl.client import Json


@click.command("stats")
@json_option
@click.pass_obj
def stats_command(app: App) -> None:
    """Show counts, durations and room on disk."""
    stats = app.client.stats()
    if app.out.as_json:
        app.out.json(stats)
    else:
        show(app, app.out.page(), stats)


def show(app: App, page: Page, stats: Json) -> None:
    """Print `Stats` for a person."""
    page.heading(f"{text.plural(stats['total'], 'job')}, {stats['running']} of {stats['slots']} slots busy")
    pairs = []
    for status, number in stats["counts"].items():
        look = text.look(status)
        pairs.append((f"{app.out.glyph(look)} {look.word}", Cell(text.count(number), look.style)))
    page.pairs(pairs)
    page.heading("Last 30 days")
    rate = stats.get("success_rate")
    page.pairs(
        [
            ("success", Cell(text.percent(rate))),
            ("downloaded", Cell(text.size(stats.get("bytes_total")))),
            ("disk free", Cell(f"{text.size(stats['disk_free_bytes'])} of {text.size(stats['disk_total_bytes'])}")),
        ]
    )
    page.heading("How long it takes")
    rows = [("whole job", stats["duration"]), ("waiting in queue", stats["queue_wait"]), *stats["stages"].items()]
    page.table(
        [Column(""), Column("JOBS", right=True), *[Column(name, right=True) for name in ("AVERAGE", "MEDIAN", "95%")]],
        [
            [
                Cell(name),
                Cell(text.count(times["count"]), "dim"),
                *[Cell(text.span(times[key])) for key in ("avg_ms", "p50_ms", "p95_ms")],
            ]
            for name, times in rows
        ],
    )
