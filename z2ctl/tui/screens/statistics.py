"""The statistics: how many, how long, how much each day. Drawn again only when the daemon sends new ones."""

from __future__ import annotations

from textual.app import ComposeResult

from z2ctl.tui import documents, pages
from z2ctl.tui.paint import Span
from z2ctl.tui.screens.base import Z2Screen
from z2ctl.tui.widgets.panes import TextPane


class Statistics(Z2Screen):
    """See the module."""

    AUTO_FOCUS = "DocView"

    def compose(self) -> ComposeResult:
        """One document."""
        yield from self.frame_top()
        self.pane = TextPane(name_of_file="z2-statistics.txt")
        yield self.pane
        yield from self.frame_bottom()

    def on_mount(self) -> None:
        """What is known now."""
        self.refresh_all()

    def refresh_all(self) -> None:
        """Back on top."""
        super().refresh_all()
        self.stats_changed()

    def sizes_changed(self) -> None:
        """The bars are as long as there is room."""
        if self.is_mounted:
            self.stats_changed()

    def stats_changed(self) -> None:
        """New ones came."""
        super().stats_changed()
        pane = self.pane
        stats = self.desk.state.stats
        pane.words = [Span("Statistics", "bold")]
        width = self.app.size.width
        pane.view.show(pages.statistics(stats, width) if stats else [documents.note("Loading…")])
        pane.retitle()
