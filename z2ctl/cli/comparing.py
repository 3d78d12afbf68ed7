"""`z2ctl show ID --diff`: what two analyses of one job say differently, and in what they came about differently."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import click

from z2ctl import text
from z2ctl.cli.app import NOT_FOUND, App, leave
from z2ctl.cli.output import Cell, say
from z2ctl.client import Json
from z2ctl.origin import analysis_origin

STYLES = {"+": "success", "-": "error", "@": "dim"}
FIRST_LINES = 2  # of a unified diff: the names of the two


def show_difference(app: App, analyses: list[Json], other: int | None) -> None:
    """Print how the current analysis differs from the one with id `other`, or from the one made before it."""
    current = next((one for one in analyses if one["is_current"]), None)
    if current is None or len(analyses) < 2:
        say("There is only one analysis of it." if analyses else "It has not been analysed yet.")
        leave(NOT_FOUND)
    if other is None:
        former = next((one for one in analyses if one["id"] < current["id"]), None)
    else:
        former = next((one for one in analyses if one["id"] == other), None)
    if former is None:
        raise click.UsageError(f"Its analyses are {', '.join(str(one['id']) for one in analyses)}.")
    lines = list(difference(former, current))
    if app.out.as_json:
        app.out.json({"before": former["id"], "after": current["id"], "lines": lines})
        return
    page = app.out.page()
    page.heading(f"Analysis {former['id']} (-) and {current['id']} (+)")
    for line in lines:
        page.write(Cell(line, STYLES.get(line[0], "")))
    if not lines:
        page.write(Cell("They say the same and came about the same way."))


def difference(before: Json, after: Json) -> Iterator[str]:
    """The lines of a unified diff of two analyses, one line of context."""
    made = difflib.unified_diff(list(lines_of(before)), list(lines_of(after)), lineterm="", n=1)
    for number, line in enumerate(made):
        if number >= FIRST_LINES:
            yield line if not line.startswith("@@") else "@@"


def lines_of(analysis: Json) -> Iterator[str]:
    """An analysis as plain lines: how it came about, and all that it says with its times."""
    for name, value in analysis_origin(analysis):
        if name != "took":
            yield f"{name}: {text.safe(value)}"
    yield f"summary: {analysis.get('summary_short')}"
    for kind, said in (("passage", "insights"), ("chapter", "chapters")):
        for one in analysis.get(said) or []:
            yield f"{kind} {text.duration(one.get('start_ms'))}: {one.get('text') or one.get('title')}"
    for topic in analysis.get("topics") or []:
        yield f"topic: {', '.join(topic.get('keywords') or [topic.get('label')])}"
