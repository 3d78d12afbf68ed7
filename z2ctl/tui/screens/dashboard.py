"""The first screen: running jobs, the list, and beside or below it the preview and the log of the selected job."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from z2ctl.tui import documents, keymap, work
from z2ctl.tui.empty import why_empty
from z2ctl.tui.job import Job
from z2ctl.tui.jobs import Change
from z2ctl.tui.paint import Kept, Span
from z2ctl.tui.screens.listing import Listing
from z2ctl.tui.throttle import Debounce, Throttle
from z2ctl.tui.widgets.bars import ActiveJobs, Rule, TabsRule
from z2ctl.tui.widgets.doc_view import DocView
from z2ctl.tui.widgets.job_table import JobTable
from z2ctl.tui.widgets.panes import FindInput, LogPane
from z2d.wire import errors


class Part(Kept, Vertical):
    """Some parts of the screen together."""


class ListBox(Part):
    """The tabs, the search line and the list: what zooms as one."""

    ALLOW_MAXIMIZE = True


class Dashboard(Listing):
    """See the module."""

    BINDINGS = keymap.bindings("list")
    AUTO_FOCUS = "JobTable"
    DEFAULT_CSS = """
    Dashboard #main { height: 1fr; layout: vertical; }
    Dashboard #list { height: 1fr; }
    Dashboard > Rule.-none { display: none; }
    Dashboard #side { height: 11; layout: vertical; }
    Dashboard #about { display: none; height: 1fr; }
    Dashboard #side > LogPane { height: 1fr; }
    Dashboard.-tall #side { height: 17; }
    Dashboard.-narrow #side, Dashboard.-short #side, Dashboard.-no-log #side { display: none; }
    Dashboard.-log-only #side { display: block; height: 1fr; }
    Dashboard.-log-only #list { display: none; }
    Dashboard.-wide #main { layout: horizontal; }
    Dashboard.-wide #list { width: 3fr; }
    Dashboard.-wide #side { display: block; width: 2fr; height: 1fr; border-left: vkey $foreground 25%; }
    Dashboard.-wide #about { display: block; }
    Dashboard.-wide.-no-log #side > LogPane, Dashboard.-wide.-no-preview #about { display: none; }
    Dashboard.-wide.-no-log.-no-preview #side { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._bars: Throttle
        self._log_rest: Debounce
        self._preview_rest: Debounce
        self._detail: dict[str, Any] | None = None

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        state, clock = self.desk.state, self.desk.clock
        yield from self.frame_top()
        self.active_rule, self.active = Rule(node_id="active-rule"), ActiveJobs(state, clock)
        self.tabs, self.table = TabsRule(state), JobTable(state, clock)
        self.search = FindInput('title, URL, or status:failed channel:"X Y" age<7d duration>30m', node_id="search")
        self.about_rule, self.about = Rule(), DocView(node_id="preview")
        self.log_pane = LogPane()
        yield self.active_rule
        yield self.active
        with Part(id="main"):
            with ListBox(id="list"):
                yield self.tabs
                yield self.search
                yield self.table
            with Part(id="side"):
                with Part(id="about"):
                    yield self.about_rule
                    yield self.about
                yield self.log_pane
        yield from self.frame_bottom()

    def on_mount(self) -> None:
        """Remembered panes; timers that run only when asked."""
        memory = self.desk.memory
        self.set_class(not memory.log_pane, "-no-log")
        self.set_class(not memory.preview, "-no-preview")
        self._bars = Throttle(self, self._paint_bars, self.desk.paint_every_s)
        self._log_rest = Debounce(self, self._follow_selected, 0.15)
        self._preview_rest = Debounce(self, self._load_preview, 0.3)
        self._search_rest = Debounce(self, self._search, 0.25)
        self.table.show_notice("")
        self.set_timer(0.15, self._explain)
        self.log_pane.view.set_wrap(memory.wrap)
        self.refresh_all()

    # -- told by the app -------------------------------------------------------------------------------------------

    def refresh_all(self) -> None:
        """Everything anew: this screen is on top again."""
        super().refresh_all()
        self._paint_bars()
        self.table.rows_changed(first=self.table.first_visible())
        self._retab()
        self._explain()
        self._selection_changed()

    def sizes_changed(self) -> None:
        """The log may have come or gone with the size."""
        if self.is_mounted:
            self.set_class(self.has_class("-log-only") and self.size.width < 160, "-log-only")
            self.call_after_refresh(self._selection_changed)

    def list_changed(self, change: Change, job: Job | None = None) -> None:
        """Rows changed, or one row."""
        if change is Change.ROW and job is not None:
            self.table.row_changed(job.id)
        elif change is Change.ROWS:
            self.table.rows_changed()
        self._retab()
        self._explain()

    def moved(self, job_id: int) -> None:
        """A running job moved on: its bar, when the time has come; its row with the next tick."""
        self._bars.ask()

    def job_changed(self, job: Job) -> None:
        """Running ones may have come or gone; the selected one is read again."""
        self._bars.ask()
        if job.id == self.desk.state.selected:
            self._preview_rest.ask()
            self._log_rest.ask()
            self.key_bar.changed()

    def stats_changed(self) -> None:
        """Counts in the top bar and on the tabs."""
        super().stats_changed()
        self._bars.ask()  # slots, or all that ran has gone
        self._retab()

    def line_changed(self) -> None:
        """Bars freeze and go dim without a line; an empty list says why."""
        super().line_changed()
        self._paint_bars()
        if self.table.faded != (not self.desk.state.line.live):
            self.table.faded = not self.table.faded
            self.table.refresh()
        self._explain()

    def tick(self) -> None:
        """Ages and percents that read differently."""
        super().tick()
        self.active.tick()
        self.table.tick()
        job = self.desk.state.find(self.desk.state.selected)
        if job is not None and job.next_try(self.desk.clock()):
            self._show_preview()

    def _paint_bars(self) -> None:
        if not self.is_active:
            return  # a timer from before another screen came on top
        self.active.changed()
        number = len(self.desk.state.active)
        slots = self.desk.state.stats.get("slots")
        self.active_rule.set_class(not self.active.shown, "-none")  # a style of its own would outdo a tiny screen's
        self.active_rule.say([Span(f"Active {number}" + (f"/{slots}" if slots else ""), "primary bold")])

    def _explain(self) -> None:
        """Why the list is empty, in the list."""
        if not self.desk.state.window.rows:
            self.table.show_notice(why_empty(self.desk.state, self.desk.feed.place()))

    # -- the selected job ------------------------------------------------------------------------------------------

    @on(JobTable.Selected)
    def _selection_changed(self) -> None:
        self._detail = None
        self._show_preview()
        self._preview_rest.ask()
        self._log_rest.ask()
        self.key_bar.changed()

    def log_shown(self) -> bool:
        """Whether the log is on the screen."""
        side = self.query_one("#side")
        return side.display and self.log_pane.display

    def _follow_selected(self) -> None:
        if not self.is_active:
            return  # another screen is on top: the live lines are for that one
        pane = self.log_pane
        job = self.desk.state.find(self.desk.state.selected)
        if not self.log_shown():
            self.desk.unwatch_log()
            return
        if job is None:
            pane.view.clear(None)
            self.desk.unwatch_log()
        else:
            if pane.view.job_id != job.id:
                pane.trouble = ""
                pane.view.clear(job.id, job.started)
            self.desk.watch_log(pane.view)
        pane.retitle()

    def _preview_shown(self) -> bool:
        return self.has_class("-wide") and not self.has_class("-no-preview")

    def _show_preview(self) -> None:
        if not self._preview_shown():
            return
        job = self.desk.state.find(self.desk.state.selected)
        self.about_rule.say([Span(f"Job {job.id}" if job else "Job", "bold")])
        self.about.show(documents.preview(job, self._detail, self.desk.clock()) if job else [])

    def _load_preview(self) -> None:
        job_id = self.desk.state.selected
        if self.is_active and job_id is not None and self._preview_shown() and self.desk.state.line.live:
            work.start(self, partial(self._read_detail, job_id), "preview")

    async def _read_detail(self, job_id: int) -> None:
        try:
            detail = await self.desk.feed.call(lambda client: client.job(job_id))
        except errors.Z2Error:
            return  # the preview is a courtesy: the line's own state says what is wrong
        if self.is_attached and self.desk.state.selected == job_id:
            self._detail = detail
            self._show_preview()

    # -- keys of the list ------------------------------------------------------------------------------------------

    def action_new(self) -> None:
        """Submit a URL."""
        self.desk.ask_new()

    def action_many(self) -> None:
        """Submit many."""
        self.desk.ask_many()

    def action_probe(self) -> None:
        """Look at a URL."""
        self.desk.ask_probe()

    def action_open(self) -> None:
        """The selected job on its screen."""
        if self.desk.state.selected is not None:
            self.desk.open_job(self.desk.state.selected)

    def action_step(self, by: int) -> None:
        """Rows up or down."""
        self.table.step(by)

    def action_page(self, by: int) -> None:
        """Pages up or down."""
        self.table.page(by)

    def action_top(self) -> None:
        """To the top: new jobs show themselves, those that no longer belong here go."""
        window = self.desk.state.window
        if window.waiting and not window.query.live:
            self.desk.load_list()
        window.surface()
        window.prune()
        self.desk.state.select(0)
        self.table.home()
        self.table.rows_changed()
        self._retab()
        self._selection_changed()

    def action_bottom(self) -> None:
        """To the end of what is loaded; the next page comes."""
        self.table.end()

    def targets(self) -> list[Job]:
        """The marked jobs, else the selected one."""
        return self.desk.state.targets()

    def one(self) -> Job | None:
        """The selected job."""
        return self.desk.state.find(self.desk.state.selected)

    def action_log_pane(self) -> None:
        """The log on or off; on a small terminal it takes the place of the list."""
        if not self.has_class("-wide") and (self.has_class("-narrow") or self.has_class("-short")):
            self.toggle_class("-log-only")
            if self.has_class("-log-only"):
                self.log_pane.focus_view()
            else:
                self.set_focus(self.table, scroll_visible=False)
        else:
            self.toggle_class("-no-log")
            self.desk.memory.log_pane = not self.has_class("-no-log")
            if self.has_class("-no-log"):
                self.set_focus(self.table, scroll_visible=False)
        self._log_rest.ask()

    def action_preview(self) -> None:
        """The preview on or off."""
        self.toggle_class("-no-preview")
        self.desk.memory.preview = not self.has_class("-no-preview")
        if not self.has_class("-wide"):
            self.desk.say("The preview is there from 160 columns on")
        self._selection_changed()

    def action_zoom(self) -> None:
        """The focused pane alone, or all of them again."""
        if self.maximized is not None:
            self.minimize()
        elif self.focused is not None:
            pane = next((node for node in self.focused.ancestors_with_self if isinstance(node, LogPane)), None)
            self.maximize(pane or self.query_one("#list"), container=False)

    def action_stats(self) -> None:
        """The statistics screen."""
        from z2ctl.tui.screens.statistics import Statistics

        self.app.push_screen(Statistics())

    def action_queue(self) -> None:
        """The queue as a whole."""
        from z2ctl.tui.screens.queue import Queue

        self.app.push_screen(Queue())

    def action_targets(self) -> None:
        """The publishing targets."""
        from z2ctl.tui.screens.targets import Targets

        self.app.push_screen(Targets())

    # -- leaving -------------------------------------------------------------------------------------------------------

    def go_back(self) -> None:
        """Escape: from the log to the list, marks away, search away; it never leaves."""
        pane = self.log_pane
        if self.maximized is not None:
            self.minimize()
        elif pane.has_focus_within:
            if pane.clear_find():
                return
            if self.has_class("-log-only"):
                self.action_log_pane()
            self.set_focus(self.table, scroll_visible=False)
        elif self.desk.state.marks:
            self.action_mark_none()
        elif self.desk.state.window.query.words:
            self.show(replace(self.desk.state.window.query, words=""))

    # -- the mouse -------------------------------------------------------------------------------------------------

    @on(ActiveJobs.Clicked)
    def _active_clicked(self, event: ActiveJobs.Clicked) -> None:
        self.desk.open_job(event.job_id)

    @on(JobTable.Opened)
    def _opened(self, event: JobTable.Opened) -> None:
        self.desk.open_job(event.job_id)

    @on(JobTable.MoreWanted)
    def _more(self) -> None:
        self.desk.load_more()

    def on_descendant_focus(self) -> None:
        """The title of the part that has the keys is lit."""
        self._retab()
        self.table.refresh()

    def on_descendant_blur(self) -> None:
        """Likewise."""
        self._retab()
        self.table.refresh()
