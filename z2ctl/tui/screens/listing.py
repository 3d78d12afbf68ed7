"""Which jobs the list shows: tabs, order, the search line, and the marks made in it.

The half of the dashboard that asks for another list, apart from the half that tells what is in it; `dashboard` lays
it out and builds on it. A screen of its own kind and not a plain mixin: Textual looks for handlers only in those.
"""

from __future__ import annotations

from dataclasses import replace

from textual import on
from textual.widgets import Input

from z2ctl.tui.jobs import SORTS, TABS, Query
from z2ctl.tui.matching import conditions
from z2ctl.tui.screens.acting import Acting
from z2ctl.tui.screens.dialogs import Choice, Menu
from z2ctl.tui.throttle import Debounce
from z2ctl.tui.widgets.bars import TabsRule
from z2ctl.tui.widgets.job_table import JobTable
from z2ctl.tui.widgets.panes import FindInput
from z2d.wire import errors

SORT_WORDS = {
    "created_at": "created",
    "finished_at": "finished",
    "title": "title",
    "status": "state",
    "priority": "priority",
}


class Listing(Acting):
    """See the module. The screen that builds on it makes these parts."""

    tabs: TabsRule
    table: JobTable
    search: FindInput
    _search_rest: Debounce

    def show(self, query: Query) -> None:
        """Another list; the marks go, for they were made in the old one."""
        state, memory = self.desk.state, self.desk.memory
        if query == state.window.query:
            return
        state.marks.clear()
        self.table.touched = False
        memory.tab, memory.sort, memory.descending = query.tab, query.sort, query.descending
        self.desk.load_list(query)
        self.table.refresh()
        self._retab()

    def _retab(self) -> None:
        self.tabs.marked = len(self.desk.state.marks)
        self.tabs.changed(lit=self.table.has_focus)

    # -- tabs and order ------------------------------------------------------------------------------------------------

    def action_tab(self, tab: str) -> None:
        """One status tab."""
        self.show(replace(self.desk.state.window.query, tab=tab))

    def action_turn_tab(self, by: int) -> None:
        """The next or previous status tab."""
        names = [name for name, _ in TABS]
        here = names.index(self.desk.state.window.query.tab)
        self.action_tab(names[(here + by) % len(names)])

    @on(TabsRule.Chosen)
    def _tab_clicked(self, event: TabsRule.Chosen) -> None:
        self.action_tab(event.tab)

    def action_sort(self) -> None:
        """Ask for the order."""
        query = self.desk.state.window.query
        choices = [
            Choice(sort, SORT_WORDS[sort], ("▼" if query.descending else "▲") if sort == query.sort else "")
            for sort in SORTS
        ]

        def answered(sort: str | None) -> None:
            if sort:
                self._sort_by(sort)

        self.app.push_screen(Menu("Sort by", choices), answered)

    def _sort_by(self, sort: str) -> None:
        query = self.desk.state.window.query
        if sort == query.sort:
            self.action_reverse()
        else:
            self.show(replace(query, sort=sort, descending=sort not in ("title", "status")))

    def action_reverse(self) -> None:
        """The other way round."""
        query = self.desk.state.window.query
        self.show(replace(query, descending=not query.descending))

    @on(JobTable.HeaderClicked)
    def _header_clicked(self, event: JobTable.HeaderClicked) -> None:
        sort = {"AGE": "created_at", "TOOK": "finished_at", "TITLE": "title", "STATE": "status"}.get(event.column)
        if sort:
            self._sort_by(sort)

    # -- marks ---------------------------------------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark the selected job, or take its mark away; then the next one."""
        state = self.desk.state
        if state.selected is None:
            return
        state.marks.symmetric_difference_update({state.selected})
        self.table.row_changed(state.selected)
        self.table.step(1)
        self._retab()

    def action_mark_all(self) -> None:
        """Mark everything that is loaded."""
        self.desk.state.marks.update(job.id for job in self.desk.state.window.rows)
        self.table.refresh()
        self._retab()

    def action_mark_none(self) -> None:
        """No marks."""
        self.desk.state.marks.clear()
        self.table.refresh()
        self._retab()

    # -- searching -------------------------------------------------------------------------------------------------

    def action_search(self) -> None:
        """Open the search line."""
        field = self.search
        field.value = self.desk.state.window.query.words
        field.open()

    @on(Input.Changed, "#search")
    def _typed(self) -> None:
        if self.search.display:
            self._search_rest.ask()

    def _search(self) -> bool:
        """Show what fits the line; whether it could be read. A line that cannot leaves the list as it is."""
        line = self.search.value.strip()
        try:
            conditions(line)
        except errors.FilterInvalid as error:
            self.tabs.trouble = error.detail.removeprefix("The filter, ")
            self._retab()
            return False
        self.tabs.trouble = ""
        self.show(replace(self.desk.state.window.query, words=line))
        self._retab()
        return True

    @on(Input.Submitted, "#search")
    def _entered(self) -> None:
        self._search_rest.cancel()
        if not self._search():
            self.desk.say(self.tabs.trouble, "warning")
            return
        self.search.display = False
        self.set_focus(self.table, scroll_visible=False)

    @on(FindInput.Left, "#search")
    def _left(self) -> None:
        self._search_rest.cancel()
        self.search.display = False
        self.tabs.trouble = ""
        self.set_focus(self.table, scroll_visible=False)
        self.show(replace(self.desk.state.window.query, words=""))
        self._retab()
