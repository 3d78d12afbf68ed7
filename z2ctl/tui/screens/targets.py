"""The publishing targets on the full screen: how each stands, what it has, what waits, what could not be sent."""

from __future__ import annotations

from textual import on

from z2ctl import text as words
from z2ctl.client import Client, Json
from z2ctl.tui import pages
from z2ctl.tui.paint import Span
from z2ctl.tui.screens.asked import Asked
from z2ctl.tui.widgets.doc_view import Doc, Take
from z2ctl.tui.widgets.lines import LineView


class Targets(Asked[list[Json]]):
    """See the module. It is read again when a job changed: finished ones are what is sent."""

    NAME = "targets"
    AGAIN_S = 3.0  # the daemon counts all publications for an answer

    def ask(self, client: Client) -> list[Json]:
        """All of them."""
        return client.targets()

    def show(self, answer: list[Json], *, first: bool) -> None:
        """A paragraph for each."""
        self.pane.view.show(pages.targets(answer))
        self.entitle()

    def entitle(self) -> None:
        """With their number, once it is known."""
        number = "" if self.answer is None else f" · {words.plural(len(self.answer), 'target')}"
        self.pane.words = [Span("Publishing", "bold"), Span(number, "dim")]
        self.pane.retitle()

    @on(LineView.Chosen)
    def _chosen(self, event: LineView.Chosen) -> None:
        item = event.view.items[event.index]
        if isinstance(item, Doc) and isinstance(item.target, Take):
            self.desk.copy(item.target.text, f"the {item.target.what}")
