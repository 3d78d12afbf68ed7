"""The publishing targets on the full screen: how each stands, what it has, what waits, what could not be sent."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.app import ComposeResult

from z2ctl import text as words
from z2ctl.tui import documents, pages, work
from z2ctl.tui.jobs import Change, Job
from z2ctl.tui.paint import Span
from z2ctl.tui.screens.base import Z2Screen
from z2ctl.tui.throttle import Throttle
from z2ctl.tui.widgets.doc_view import Doc, Take
from z2ctl.tui.widgets.lines import LineView
from z2ctl.tui.widgets.panes import TextPane
from z2d.wire import errors

READ_AGAIN_S = 3.0
"""The daemon counts all publications for an answer."""


class Targets(Z2Screen):
    """See the module. It is read again when a job changed: finished ones are what is sent."""

    AUTO_FOCUS = "DocView"

    def __init__(self) -> None:
        super().__init__()
        self._found: list[dict[str, Any]] | None = None
        self._again: Throttle

    def compose(self) -> ComposeResult:
        """One document."""
        yield from self.frame_top()
        self.pane = TextPane(name_of_file="z2-targets.txt", placeholder="Loading…")
        yield self.pane
        yield from self.frame_bottom()

    def on_mount(self) -> None:
        """Ask."""
        self._again = Throttle(self, self._ask, READ_AGAIN_S)
        self._say()
        self.refresh_all()

    # -- told by the app -------------------------------------------------------------------------------------------

    def refresh_all(self) -> None:
        """Back on top, or asked for."""
        super().refresh_all()
        self._again.ask()

    def list_changed(self, change: Change, job: Job | None = None) -> None:
        """A job came, changed or went."""
        self._again.ask()

    def line_changed(self) -> None:
        """Back again."""
        super().line_changed()
        if self.desk.state.line.live:
            self._again.ask()

    # -- reading ---------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        work.start(self, self._read, "targets")

    async def _read(self) -> None:
        try:
            found = await self.desk.feed.call(lambda client: client.targets())
        except errors.Z2Error as error:
            if self.is_attached and self._found is None:
                self.pane.view.show([documents.note(error.detail)])
            elif self.is_attached and self.desk.state.line.live:
                self.desk.say(error.detail, "error")
            return
        if self.is_attached:
            self._found = found
            self.pane.view.show(pages.targets(found))
            self._say()

    def _say(self) -> None:
        number = "" if self._found is None else f" · {words.plural(len(self._found), 'target')}"
        self.pane.words = [Span("Publishing", "bold"), Span(number, "dim")]
        self.pane.retitle()

    @on(LineView.Chosen)
    def _chosen(self, event: LineView.Chosen) -> None:
        item = event.view.items[event.index]
        if isinstance(item, Doc) and isinstance(item.target, Take):
            self.desk.copy(item.target.text, f"the {item.target.what}")
