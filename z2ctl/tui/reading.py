"""What the app asks the daemon for on behalf of its screens: pages of the list, and the lines of a log.

Apart from the app because these are answers to a question of ours, which may come late or for a list that is no
longer shown; what the feed says unasked is the app's.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from z2ctl.tui import work
from z2ctl.tui.desk import Desk
from z2ctl.tui.job import Job
from z2ctl.tui.jobs import Change, Query
from z2ctl.tui.messages import LogCame, LogEnded
from z2ctl.tui.screens.base import Z2Screen
from z2ctl.tui.screens.dashboard import Dashboard
from z2ctl.tui.widgets.job_table import JobTable
from z2ctl.tui.widgets.log_view import Entry, LogView
from z2d.wire import errors

PAGE = 100
MOST_AGAIN = 500
"""Rows that are read again after the line was lost; older history does not change."""


class Reading(Desk):
    """See the module."""

    _following: LogView | None = None
    """The view that gets the live lines."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._held: list[LogCame] = []

    @property
    def _top(self) -> Z2Screen | None:
        """The screen to tell; a dialog on top stops the telling, and with it every repaint below."""
        return self.screen if self._screen_is_ready else None  # type: ignore[return-value]

    @property
    def _screen_is_ready(self) -> bool:
        return bool(self.screen_stack) and isinstance(self.screen, Z2Screen) and self.screen.is_mounted

    # -- the list --------------------------------------------------------------------------------------------------

    @property
    def _table(self) -> JobTable | None:
        """The list, once it is there and as long as it is: answers may come while the app opens or closes."""
        base = self.screen_stack[0] if self.screen_stack else None
        return next(iter(base.query(JobTable)), None) if isinstance(base, Dashboard) and base.is_mounted else None

    @property
    def _at_top(self) -> bool:
        return self._table is None or self._table.at_top

    def load_list(self, query: Query | None = None) -> None:
        """Read the list, or another one; the answer to an older question is dropped."""
        window = self.state.window
        fresh = query is not None or not window.rows
        number = window.ask(query)
        limit = PAGE if fresh else min(MOST_AGAIN, max(PAGE, len(window.rows)))
        work.start(self, partial(self._read_page, number, limit, None, fresh=fresh), "list")

    def load_more(self) -> None:
        """Read the next page."""
        window = self.state.window
        if window.cursor is not None and not window.loading:
            window.loading = True
            read = partial(self._read_page, window.generation, PAGE, window.cursor, fresh=False)
            work.start(self, read, "list")

    async def _read_page(self, number: int, limit: int, cursor: str | None, *, fresh: bool) -> None:
        window = self.state.window
        query: dict[str, Any] = {"limit": limit, **window.query.params()}
        if cursor:
            query["cursor"] = cursor
        try:
            page = await self.feed.call(lambda client: client.jobs(**query))
            jobs = [Job.from_wire(item) for item in page["items"]]
        except errors.Z2Error as error:
            window.loading = False
            if self.state.line.live:
                self.say(error.detail, "error")
            return
        if number != window.generation:
            return
        first = self._table.first_visible() if self._table else None
        if cursor:
            window.append(jobs, page["total"], page["next_cursor"])
        elif fresh:
            window.fill(jobs, page["total"], page["next_cursor"])
        else:
            window.renew(jobs, page["total"], page["next_cursor"])
        if self._table and isinstance(self.screen, Dashboard):
            self._table.rows_changed(first=first)
            self.screen.list_changed(Change.WAITING)
            if fresh:
                self.screen.post_message(JobTable.Selected(self.state.selected or 0))

    def select_job(self, job_id: int) -> None:
        """Put the list's cursor on a job; it is brought in if it waits."""
        window = self.state.window
        if job_id in window.waiting and window.query.live:
            window.surface()
        if self._table is None:
            return
        self._table.rows_changed()
        self._table.reveal(job_id)
        if isinstance(self.screen, Dashboard):
            self.screen.list_changed(Change.WAITING)

    # -- logs ------------------------------------------------------------------------------------------------------

    def watch_log(self, view: LogView) -> None:
        """Live lines for a view, from its last one on."""
        if view.job_id is None:
            return
        worker = self.log_worker
        name = f"log {view.job_id}"
        if self._following is view and worker is not None and worker.is_running and worker.name == name:
            return
        self._following = view
        self.log_worker = work.start(self, partial(self.feed.watch_log, view.job_id, view.last_seq), "log", name)

    def unwatch_log(self) -> None:
        """No log is on the screen."""
        self._following = None
        if self.log_worker is not None:
            self.log_worker.cancel()
            self.log_worker = None

    def on_log_came(self, event: LogCame) -> None:
        """Lines for the view that is on the screen."""
        if self._top is None:
            self._held.append(event)  # a dialog is open: what is below it stays still
            return
        view = self._following
        if view is None or view.job_id != event.job_id or not view.is_attached:
            return
        if event.first_seq is not None:
            view.first_seq = event.first_seq
        view.add(event.entries)

    def on_log_ended(self, event: LogEnded) -> None:
        """Nothing more will come; a reason is said."""
        if event.reason and self.state.line.live:
            self.say(f"Log of job {event.job_id}: {event.reason}", "warning")

    def on_log_view_older_wanted(self, event: LogView.OlderWanted) -> None:
        """Lines before the oldest one that is here."""
        work.start(self, partial(self._read_older, event.view, event.before), "older")

    async def _read_older(self, view: LogView, before: int) -> None:
        job_id = view.job_id
        try:
            page = await self.feed.call(lambda client: client.logs(int(job_id or 0), before=before, limit=500))
        except errors.Z2Error as error:
            view.asking = False
            self.say(error.detail, "error")
            return
        if view.is_attached and view.job_id == job_id:
            view.add_older([Entry.from_wire(line) for line in page["items"]], int(page["first_seq"]))
