"""The list of jobs: one line each, drawn from the loaded window, with the cursor on a job and not on a row number.

It shows what `Window` holds and changes nothing itself: keys and clicks become messages. Only lines that changed are
painted again, so a running job costs a few hundred bytes per second on a slow line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from z2ctl import text as words
from z2ctl.tui.job import Job
from z2ctl.tui.paint import Painted, Span, cells, clip, fit, highlight, width_of, wrap_words
from z2ctl.tui.state import State

NEAR_END = 30
"""Rows from the end at which the next page is asked for."""


class Column(NamedTuple):
    """A column and its width in cells; the title takes what is left."""

    name: str
    width: int
    right: bool = False


def columns(width: int, id_width: int) -> list[Column]:
    """The columns that fit: LENGTH goes first, then CHANNEL, percent, TOOK, ID; state and title always stay."""
    state = 18 if width >= 96 else 13
    found = [Column("STATE", state)]
    if width >= 56:
        found.append(Column("ID", id_width))
    found.append(Column("TITLE", 0))
    if width >= 104:
        found.append(Column("CHANNEL", 20))
    if width >= 112:
        found.append(Column("LENGTH", 7, right=True))
    if width >= 64:
        found.append(Column("TOOK", 7, right=True))
    found.append(Column("AGE", 4, right=True))
    used = sum(column.width + 2 for column in found) - 2 + 3  # gaps of two between, a margin left, two to the right
    return [column._replace(width=max(8, width - used)) if column.name == "TITLE" else column for column in found]


class JobTable(Painted, ScrollView, can_focus=True, inherit_bindings=False):
    """See the module."""

    DEFAULT_CSS = "JobTable { height: 1fr; overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; }"

    @dataclass
    class Selected(Message):
        """The cursor came to another job."""

        job_id: int

    @dataclass
    class Opened(Message):
        """Enter or a double click on a job."""

        job_id: int

    @dataclass
    class HeaderClicked(Message):
        """A click on a column's name."""

        column: str

    class MoreWanted(Message):
        """The cursor or the view came near the end of what is loaded."""

    def __init__(self, state: State, clock: Callable[[], float], *, node_id: str | None = None) -> None:
        super().__init__(id=node_id)
        self.state = state
        self.clock = clock
        self.touched = False
        self.faded = False
        self.notice = "Loading jobs…"
        self._painted: object = None
        self._drawn: dict[int, tuple[str, ...]] = {}
        self._columns: list[Column] = []

    # -- data changed ----------------------------------------------------------------------------------------------

    @property
    def at_top(self) -> bool:
        """Whether new jobs may show themselves: the person has not moved away from the top."""
        return not self.touched and self.scroll_offset.y == 0

    def rows_changed(self, *, first: Job | None = None) -> None:
        """Rows came or went. `first` is the job that stood on the first visible line: it stays there."""
        window = self.state.window
        self._set_height()
        if self.state.selected is None or window.index_of(self.state.selected) is None:
            self._reselect()
        place = window.index_of(first.id) if first and not self.at_top else None
        if place is not None:
            self._scroll(place)
        elif self.at_top:
            self._keep_in_view()
        drawn = (self.state.selected, window.rows[self.scroll_offset.y : self.scroll_offset.y + self.size.height])
        if drawn != self._painted:
            self._painted = drawn
            self.refresh()

    def first_visible(self) -> Job | None:
        """The job on the first visible line; ask before the rows change."""
        rows = self.state.window.rows
        return rows[self.scroll_offset.y] if self.scroll_offset.y < len(rows) else None

    def row_changed(self, job_id: int) -> None:
        """One job looks different."""
        index = self.state.window.index_of(job_id)
        if index is not None:
            self._repaint(index)

    def tick(self) -> None:
        """Paint the rows that read differently now: age, elapsed time, percent. Called once a second."""
        rows, top = self.state.window.rows, self.scroll_offset.y
        for index in range(top, min(len(rows), top + self.size.height)):
            job = rows[index]
            if self._drawn.get(job.id) != self._reading(job):
                self._repaint(index)

    def show_notice(self, notice: str) -> None:
        """What stands in an empty list, and why it is empty."""
        if notice != self.notice:
            self.notice = notice
            self.refresh()

    def _reselect(self) -> None:
        """The selected job is gone: its place goes to the one that stands there now."""
        if job := self.state.select(self._last_index):
            self.post_message(self.Selected(job.id))

    _last_index = 0

    def _set_height(self) -> None:
        self.virtual_size = Size(0, len(self.state.window.rows) + 1)

    def _repaint(self, index: int) -> None:
        line = index - self.scroll_offset.y + 1
        if 1 <= line < self.size.height:
            self.refresh_lines(line + self.scroll_offset.y)

    # -- moving ----------------------------------------------------------------------------------------------------

    def move_to(self, index: int, *, touched: bool = True) -> None:
        """Put the cursor on a row."""
        old = self.state.selected_index
        job = self.state.select(index)
        if job is None:
            return
        new = self.state.selected_index or 0
        self._last_index = new
        self.touched = touched
        if self._keep_in_view():
            self.refresh()
        elif old != new:
            if old is not None:
                self._repaint(old)
            self._repaint(new)
        if old != new:
            self.post_message(self.Selected(job.id))
        self._near_end(new)

    def step(self, by: int) -> None:
        """Move the cursor by rows."""
        self.move_to((self.state.selected_index or 0) + by)

    def page(self, by: int) -> None:
        """Move the cursor by screens."""
        self.step(by * max(1, self.size.height - 2))

    def home(self) -> None:
        """To the newest job; from now on new ones show themselves."""
        self.move_to(0, touched=False)
        self._scroll(0)

    def end(self) -> None:
        """To the last row that is loaded."""
        self.move_to(len(self.state.window.rows) - 1)

    def reveal(self, job_id: int) -> None:
        """Put the cursor on a job, if it is loaded."""
        index = self.state.window.index_of(job_id)
        if index is not None:
            self.move_to(index, touched=index > 0)

    def _near_end(self, index: int) -> None:
        window = self.state.window
        if window.cursor is not None and not window.loading and index >= len(window.rows) - NEAR_END:
            self.post_message(self.MoreWanted())

    def _keep_in_view(self) -> bool:
        index = self.state.selected_index
        if index is None:
            return False
        top, lines = self.scroll_offset.y, max(1, self.size.height - 1)
        if index < top:
            self._scroll(index)
        elif index >= top + lines:
            self._scroll(index - lines + 1)
        else:
            return False
        return True

    def _scroll(self, row: int) -> None:
        self.scroll_to(None, row, animate=False, force=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The wheel moves the view and leaves the cursor on its job."""
        super().watch_scroll_y(old_value, new_value)
        self._near_end(round(new_value) + self.size.height)

    # -- drawing ---------------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """Other columns may fit now, and the cursor stays visible."""
        self._columns = []
        self._set_height()
        self._keep_in_view()

    def render_line(self, y: int) -> Strip:
        """The header, a job, or nothing."""
        width = self.size.width
        rows = self.state.window.rows
        if y == 0 or not self._columns:
            newest = max((job.id for job in rows[:1]), default=0)
            self._columns = columns(width, max(4, len(str(newest))))
        if y == 0:
            return self.strip(self._header(), width, "header")
        index = y - 1 + self.scroll_offset.y
        if index >= len(rows):
            said = self.notice.split("\n") if not rows else []
            lines = [part for line in said for part in wrap_words(line, max(10, width - 4))]
            return self.strip([Span("  " + lines[y - 3], "dim")] if 3 <= y < 3 + len(lines) else (), width)
        job = rows[index]
        over = ""
        if job.id == self.state.selected:
            over = "cursor" if self.has_focus else "cursor-away"
        return self.strip(self._row(job), width, over)

    def _header(self) -> list[Span]:
        query = self.state.window.query
        sorted_by = {"created_at": "AGE", "finished_at": "AGE", "title": "TITLE", "status": "STATE"}.get(query.sort)
        spans = [Span(" ")]
        for column in self._columns:
            name = column.name
            if name == sorted_by and (query.sort, query.descending) != ("created_at", True):
                arrow = "▼" if query.descending else "▲"
                name = f"{arrow}{name}" if column.right else f"{name} {arrow}"
            spans.append(Span(fit(name, column.width, right=column.right) + "  ", "header dim"))
        return spans

    def _row(self, job: Job) -> list[Span]:
        took_words, age_words, *_ = self._drawn[job.id] = self._reading(job)
        belongs = self.state.window.query.admits(job) if self.state.window.query.statuses else True
        dim = "" if belongs and not self.faded else " dim"
        spans = [Span("▌", "warning") if job.id in self.state.marks else Span(" ")]
        for column in self._columns:
            match column.name:
                case "STATE":
                    cell = state_cell(job, self.clock(), column.width, percent=column.width >= 18)
                case "ID":
                    cell = [Span(fit(str(job.id), column.width), "dim")]
                case "TITLE":
                    cell = self._title(job, column.width, f"plain{dim}")
                case "CHANNEL":
                    cell = [Span(fit(job.channel, column.width), "dim")]
                case "LENGTH":
                    length = words.duration(job.length_ms) if job.length_ms is not None else ""
                    cell = [Span(fit(length, column.width, right=True), "dim")]
                case "TOOK":
                    cell = [Span(fit(took_words, column.width, right=True), "plain" if not dim else "dim")]
                case _:
                    cell = [Span(fit(age_words, column.width, right=True), "dim")]
            spans.extend(cell)
            spans.append(Span("  "))
        return spans

    def _title(self, job: Job, width: int, role: str) -> list[Span]:
        """The title, and behind it what one looks for in the list: why a job failed, when one is tried again."""
        now = self.clock()
        reason, reason_role = job.next_try(now) or job.at_lane or job.when_resumed(now), "warning"
        if job.status == "FAILED" and job.error:
            reason, reason_role = f"{job.error_stage}: {job.error}" if job.error_stage else job.error, "error"
            if cells(reason) > max(width // 2, width - cells(job.name) - 2):
                reason = job.error  # the reason is worth more than the stage in which it came about
        room = width
        if reason:
            least = width // 2 if reason_role == "error" else min(cells(reason), width - 4)
            reason = clip(reason, max(least, width - cells(job.name) - 2))
            room = width - cells(reason) - 2
        name = clip(job.name, room)
        found = places_of(self.state.window.query.sought, name)
        spans = highlight(name, role, found) if found else [Span(name, role)]
        pad = width - width_of(spans) - cells(reason)
        return [*spans, Span(" " * pad), Span(reason, reason_role)]

    def _reading(self, job: Job) -> tuple[str, ...]:
        """What changes on a row without an event."""
        now = self.clock()
        waits = job.next_try(now) or job.when_resumed(now)
        return (took(job, now), age(job.created, now), job.stage, words.percent(job.progress), waits)

    # -- the mouse -------------------------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """Select; a double click opens; the header sorts."""
        if event.y == 0:
            at = 1
            for column in self._columns:
                if at <= event.x < at + column.width + 2:
                    self.post_message(self.HeaderClicked(column.name))
                at += column.width + 2
            return
        index = event.y - 1 + self.scroll_offset.y
        if index < len(self.state.window.rows):
            self.move_to(index)
            if event.chain == 2 and self.state.selected is not None:
                self.post_message(self.Opened(self.state.selected))


def places_of(sought: Sequence[str], name: str) -> list[tuple[int, int]]:
    """Where the words stand in a name: rising, not touching."""
    if not sought:
        return []
    folded, found = name.casefold(), []
    for word in sought:
        at = folded.find(word.casefold())
        if at >= 0 and len(folded) == len(name):
            found.append((at, at + len(word)))
    found.sort()
    return [place for number, place in enumerate(found) if number == 0 or place[0] >= found[number - 1][1]]


def age(created: float, now: float) -> str:
    """How long ago; below a minute it says so without counting, so that an idle list stays still."""
    past = max(0.0, now - created)
    if past < 60:
        return "now"
    for unit, size, until in (("m", 60, 3600), ("h", 3600, 86_400), ("d", 86_400, 30 * 86_400)):
        if past < until:
            return f"{int(past // size)}{unit}"
    return f"{int(past // (7 * 86_400))}w"


def took(job: Job, now: float) -> str:
    """How long it ran, or has been running."""
    if job.started is None or (job.finished is None and not job.running):
        return "–"
    if job.finished is None:
        return words.duration(max(0.0, now - job.started) * 1000)
    return words.duration(max(0.0, job.finished - job.started) * 1000)


def state_cell(job: Job, now: float, width: int, *, percent: bool) -> list[Span]:
    """Glyph and word of a job's state in exactly `width` cells."""
    look = words.look(job.display)
    role = "primary" if look.style == "running" else look.style
    word = look.word
    if job.display == "RUNNING" and job.stage:
        word = f"{job.stage} {words.percent(job.progress)}" if percent else job.stage
    elif job.display == "COMPLETED_PARTIAL":
        word = "done, in part" if percent else "partial"
    elif job.display == "WAITING" and job.kind == "COLLECTION":
        word = f"list {words.percent(job.progress)}"
    elif job.outcome == "DUPLICATE":
        word = "duplicate"
    quiet = look.style in ("success", "dim")
    return [Span(look.glyph, role), Span(fit(f" {word}", width - cells(look.glyph)), "dim" if quiet else role)]
