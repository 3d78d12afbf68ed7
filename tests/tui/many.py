"""A list of very many jobs and a log of very many lines, each with one thing to do: for a test and for the bench."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from textual.app import ComposeResult
from textual.widget import Widget

from tests.tui.fake_api import EPOCH, FakeApi
from z2ctl.tui.job import Job
from z2ctl.tui.paint import Palette
from z2ctl.tui.state import State
from z2ctl.tui.widgets.job_table import JobTable
from z2ctl.tui.widgets.log_view import Entry, LogView

Do = Callable[[], object]


class Shell(Palette[None]):
    """One widget and nothing else."""

    CSS_PATH = "../../z2ctl/tui/app.tcss"

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.widget = widget

    def compose(self) -> ComposeResult:
        """It."""
        yield self.widget


def table_of(count: int) -> JobTable:
    """A list with so many jobs loaded."""
    first = Job.from_wire(FakeApi().add())
    state = State()
    state.window.fill((replace(first, id=count - n, created=first.created - n) for n in range(count)), count, None)
    return JobTable(state, EPOCH.timestamp)


def log_of(count: int) -> LogView:
    """A log with so many lines."""
    view = LogView()
    view.entries = [Entry(n, 1000.0 + n, "INFO", "download", "yt-dlp", f"line {n}") for n in range(1, count + 1)]
    return view


def paint(widget: Widget) -> None:
    """Every visible line."""
    for y in range(widget.size.height):
        widget.render_line(y)


def _move(table: JobTable) -> Do:
    def do() -> None:
        table.step(1)
        paint(table)

    return do


def _scroll(view: LogView) -> Do:
    def do() -> None:
        view.step(-1)
        paint(view)

    return do


def _grow(view: LogView) -> Do:
    def do() -> None:
        view.add([Entry(view.last_seq + 1, 1.0, "INFO", "download", "yt-dlp", "one more")])
        paint(view)

    return do


def moving(count: int) -> tuple[Widget, Do]:
    """The cursor goes down in a list."""
    table = table_of(count)
    return table, _move(table)


def scrolling(count: int) -> tuple[Widget, Do]:
    """A person goes up in a log."""
    view = log_of(count)
    return view, _scroll(view)


def growing(count: int) -> tuple[Widget, Do]:
    """A line comes into a log that is followed."""
    view = log_of(count)
    return view, _grow(view)


# name, how it is made, few rows, very many
MANY = (
    ("the cursor down among jobs", moving, 200, 100_000),
    ("up among log lines", scrolling, 500, 200_000),
    ("a new line, followed", growing, 500, 9_000),
)


@asynccontextmanager
async def at_work(what: tuple[Widget, Do]) -> AsyncIterator[Do]:
    """The widget on a terminal, and what is done to it."""
    widget, do = what
    async with Shell(widget).run_test(size=(120, 40)) as pilot:
        if isinstance(widget, JobTable):
            widget.rows_changed()
        elif isinstance(widget, LogView):
            widget.set_filter()
        await pilot.pause()
        yield do
