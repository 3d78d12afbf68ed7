"""What the full screens share: the size classes, the note on a tiny terminal, and the ways the app reaches them.

Only the screen on top is told what changed; one that comes back to the top reads everything anew. That is why a
hidden list costs no byte.
"""

from __future__ import annotations

from typing import cast

from textual import events, on
from textual.app import ComposeResult
from textual.screen import Screen
from textual.strip import Strip

from z2ctl.tui.desk import Desk
from z2ctl.tui.job import Job
from z2ctl.tui.jobs import Change
from z2ctl.tui.paint import Painted, Span
from z2ctl.tui.screens.resizing import overtaken
from z2ctl.tui.widgets.bars import KeyBar
from z2ctl.tui.widgets.panes import CopyWanted, SaveLogWanted, SaveWanted
from z2ctl.tui.widgets.top import Banner, TopBar, connection

SMALLEST = (50, 10)


class TinyNote(Painted):
    """What is shown when there is no room for anything else."""

    DEFAULT_CSS = "TinyNote { height: 1fr; display: none; }"

    _shown: tuple[list[Span], ...] = ()

    def tick(self) -> None:
        """Paint again if anything reads differently: nothing else here does."""
        if self.display and self._lines() != self._shown:
            self.refresh()

    def _lines(self) -> tuple[list[Span], ...]:
        """The counts, what to do, and how the line to the daemon stands where it is not live."""
        desk = cast(Desk, self.app)
        said = [f"{desk.state.counted(tab) or 0} {tab}" for tab in ("running", "queued", "failed")]
        line = [] if desk.state.line.live else connection(desk.state, desk.clock())
        return [Span("z2: " + " ".join(said))], [Span(f"enlarge to {SMALLEST[0]}x{SMALLEST[1]}", "dim")], line

    def render_line(self, y: int) -> Strip:
        """A line, or nothing below them."""
        if y == 0:
            self._shown = self._lines()
        return self.strip(self._shown[y] if y < len(self._shown) else (), self.size.width)


class Z2Screen(Screen[None]):
    """See the module."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-medium"), (45, "-tall")]
    DEFAULT_CSS = """
    Z2Screen.-tiny > * { display: none; }
    Z2Screen.-tiny > TinyNote { display: block; }
    """

    @property
    def desk(self) -> Desk:
        """The app."""
        return cast(Desk, self.app)

    def frame_top(self) -> ComposeResult:
        """What every full screen begins with."""
        desk = self.desk
        self.tiny = TinyNote()
        yield self.tiny
        self.top_bar = TopBar(desk.state, desk.clock, desk.feed.place())
        self.banner = Banner(desk.state, desk.clock)
        self.key_bar = KeyBar(desk.why_not)
        yield self.top_bar
        yield self.banner

    def frame_bottom(self) -> ComposeResult:
        """What every full screen ends with."""
        yield self.key_bar

    def on_resize(self, event: events.Resize) -> None:
        """A terminal below the smallest size gets one line instead of ruins."""
        if overtaken(self, event):
            return
        self.set_class(event.size.width < SMALLEST[0] or event.size.height < SMALLEST[1], "-tiny")
        self.sizes_changed()

    def on_screen_resume(self) -> None:
        """Back on top: everything may have changed."""
        if self.is_mounted:
            self.refresh_all()

    # -- told by the app, only while on top ------------------------------------------------------------------------

    def refresh_all(self) -> None:
        """Read everything anew."""
        self.tick()

    def sizes_changed(self) -> None:
        """Other parts fit now."""

    def list_changed(self, change: Change, job: Job | None = None) -> None:
        """The loaded jobs changed."""

    def moved(self, job_id: int) -> None:
        """A running job moved on."""

    def stats_changed(self) -> None:
        """The counts changed."""
        self.tick()

    def job_changed(self, job: Job) -> None:
        """One job changed, whether it is loaded in the list or not."""

    def line_changed(self) -> None:
        """The connection changed."""
        self.tick()
        self.key_bar.changed()

    def tick(self) -> None:
        """Once a second: paint what reads differently now, and nothing else."""
        self.tiny.tick()
        self.top_bar.tick()
        self.banner.tick()

    def go_back(self) -> None:
        """Escape."""
        self.app.pop_screen()

    # -- asked by the panes ----------------------------------------------------------------------------------------

    @on(CopyWanted)
    def _copy(self, event: CopyWanted) -> None:
        event.stop()
        self.desk.copy(event.text, event.what)

    @on(SaveWanted)
    def _save(self, event: SaveWanted) -> None:
        event.stop()
        self.desk.ask_save(event.text, event.name)

    @on(SaveLogWanted)
    def _save_log(self, event: SaveLogWanted) -> None:
        event.stop()
        self.desk.ask_save_log(event.job_id, event.lines)
