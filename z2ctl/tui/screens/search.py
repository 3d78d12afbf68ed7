"""Search over the whole library: words in, jobs and the seconds at which they are said out; enter goes there."""

from __future__ import annotations

from functools import partial
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from z2ctl import text as words
from z2ctl.tui import documents, pages, work
from z2ctl.tui.paint import Span
from z2ctl.tui.screens.base import Z2Screen
from z2ctl.tui.throttle import Debounce
from z2ctl.tui.widgets.doc_view import Doc, OpenJob
from z2ctl.tui.widgets.lines import LineView
from z2ctl.tui.widgets.panes import FindInput, TextPane
from z2d.wire import errors

PAGE = 20
MOMENTS = 5
NEAR_END = 20
"""Lines from the end at which the next page is asked for."""
HELP = (
    "Words are looked for in titles, descriptions, transcripts and summaries.",
    "neural network                    both in one place",
    '"neural network"                  one after the other',
    "cat or dog                        either",
    "jaguar -car                       without",
    'owls | channel:"X Y" age<30d      only in jobs that fit the filter',
)


class Search(Z2Screen):
    """See the module."""

    AUTO_FOCUS = "#words"

    def __init__(self) -> None:
        super().__init__()
        self._hits: list[dict[str, Any]] = []
        self._asked = ""
        self._cursor: str | None = None
        self._complete = True
        self._loading = False
        self._rest: Debounce

    def compose(self) -> ComposeResult:
        """The line and what was found."""
        yield from self.frame_top()
        self.field = FindInput('search what was said; after | a filter: owls | channel:"Night school"', node_id="words")
        self.pane = TextPane(name_of_file="z2-search.txt")
        yield self.field
        yield self.pane
        yield from self.frame_bottom()

    def on_mount(self) -> None:
        """Ready to type."""
        self._rest = Debounce(self, self._ask, 0.3)
        self.field.open()
        self.pane.view.show([documents.note(line) for line in HELP])
        self._say([Span("Search", "bold")])
        self.refresh_all()

    def _say(self, spans: list[Span]) -> None:
        self.pane.words = spans
        self.pane.retitle()

    # -- asking ----------------------------------------------------------------------------------------------------

    @on(Input.Changed, "#words")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._rest.ask()

    @on(Input.Submitted, "#words")
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._rest.cancel()
        self._ask()
        self.pane.focus_view()

    @on(FindInput.Left, "#words")
    def _left(self, event: FindInput.Left) -> None:
        event.stop()
        if self.is_current:  # and not gone by an escape before
            self.app.pop_screen()

    def _ask(self) -> None:
        asked = self.field.value.strip()
        if asked == self._asked:
            return
        self._asked = asked
        if not asked.partition("|")[0].strip():
            self.pane.view.show([documents.note(line) for line in HELP])
            self._say([Span("Search", "bold")])
            return
        self._loading = True
        work.start(self, partial(self._read, asked, None), "search")

    async def _read(self, asked: str, cursor: str | None) -> None:
        sought, _, line = asked.partition("|")
        query = {"q": sought.strip(), "filter": line.strip(), "moments": MOMENTS, "limit": PAGE, "cursor": cursor}
        try:
            page = await self.desk.feed.call(lambda client: client.search(**query))
        except errors.Z2Error as error:
            if self.is_attached and asked == self._asked:
                self._say([Span(f"✗ {error.detail}", "error")])
                self._loading = False
            return
        if not self.is_attached or asked != self._asked:
            return
        self._hits = [*(self._hits if cursor else ()), *page["items"]]
        self._cursor, self._complete, self._loading = page["next_cursor"], bool(page["complete"]), False
        self._show(fresh=cursor is None)

    def _show(self, *, fresh: bool) -> None:
        view = self.pane.view
        docs = list(pages.found(self._hits)) or [documents.note("Nothing found.")]
        if fresh:
            view.show(docs)
        else:
            view.append(docs[len(view.items) :])
        more = "+" if self._cursor else ""
        said = f"{words.count(len(self._hits))}{more} found" if self._hits else "nothing found"
        note = "" if self._complete else "  very frequent words: not every place was looked at"
        self._say([Span("Search ", "bold"), Span(said, "accent"), Span(note, "dim")])

    @on(LineView.Moved)
    def _moved(self, event: LineView.Moved) -> None:
        """The cursor came near the end: the next page."""
        view = self.pane.view
        near = (view.cursor or 0) >= len(view.items) - NEAR_END
        if self._cursor is not None and near and not self._loading and view.has_focus:
            self._loading = True
            work.start(self, partial(self._read, self._asked, self._cursor), "search")

    # -- going there -----------------------------------------------------------------------------------------------

    @on(LineView.Chosen)
    def _chosen(self, event: LineView.Chosen) -> None:
        item = event.view.items[event.index]
        if isinstance(item, Doc) and isinstance(item.target, OpenJob):
            self.desk.open_job(item.target.job_id, at_ms=item.target.at_ms)

    def go_back(self) -> None:
        """Escape: from what was found to the line, from the line away."""
        if self.pane.clear_find():
            return
        if self.pane.has_focus_within:
            self.set_focus(self.field, scroll_visible=False)
        else:
            self.app.pop_screen()
