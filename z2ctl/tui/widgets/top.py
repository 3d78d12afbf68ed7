"""The line at the top: name, connection, counts; and the banner below it while something is wrong with the line."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from textual.strip import Strip

from z2ctl import text as words
from z2ctl.tui.paint import Painted, Span, between
from z2ctl.tui.state import Phase, State

QUEUE_WORDS = {"PAUSED": "paused", "DRAINING": "draining"}


@cache
def own_version() -> str:
    """The version of this z2ctl; empty where it is not installed as a package."""
    try:
        return version("z2")
    except PackageNotFoundError:
        return ""


def other_version(theirs: str) -> bool:
    """Whether a daemon is of another release than this client; what comes after a "+" (a build) does not count."""
    return bool(own_version()) and bool(theirs) and theirs.split("+")[0] != own_version().split("+")[0]


class TopBar(Painted):
    """Name, connection, counts. `line` may be clicked for the reason when it is not live."""

    DEFAULT_CSS = "TopBar { height: 1; dock: top; background: $panel; }"

    def __init__(self, state: State, clock: Callable[[], float], place: str) -> None:
        super().__init__()
        self.state, self.clock, self.place = state, clock, place
        self._shown: tuple[object, ...] = ()

    def tick(self) -> None:
        """Paint again if anything reads differently."""
        shown = (tuple(self._left()), tuple(self._right()))
        if shown != self._shown:
            self._shown = shown
            self.refresh()

    def _left(self) -> list[Span]:
        spans = [Span(" z2 ", "badge"), Span(" ")]
        spans.extend(connection(self.state, self.clock()))
        if self.size.width >= 100 and self.state.line.live:
            spans.append(Span(f"  {self.place}", "dim"))
        if getattr(self.app, "read_only", False):
            spans.append(Span("  read-only", "warning"))
        if (mode := self.state.stats.get("queue")) in QUEUE_WORDS:
            spans.append(Span(f"  queue {QUEUE_WORDS[str(mode)]}", "warning"))
        if self.state.line.live and other_version(self.state.line.version):
            spans.append(Span(f"  ▲ z2d {self.state.line.version} ≠ {own_version()}", "warning"))
        return spans

    def _right(self) -> list[Span]:
        width = self.size.width
        spans: list[Span] = []
        for tab, status in (("running", "RUNNING"), ("queued", "QUEUED"), ("done", "COMPLETED"), ("failed", "FAILED")):
            number = self.state.counted(tab)
            if number is None:
                continue
            look = words.LOOKS[status]
            role = "primary" if look.style == "running" else look.style
            if tab == "failed" and not number:
                role = "dim"
            spans.append(Span(f"{look.glyph} ", role))
            spans.append(Span(words.count(number), "bold"))
            spans.append(Span(f" {tab}  " if width >= 100 else "  ", "dim"))
        if width >= 160:
            spans.extend(self._more())
        return spans or [Span("")]

    def _more(self) -> list[Span]:
        spans: list[Span] = []
        duration = self.state.stats.get("duration") or {}
        if duration.get("avg_ms") is not None:
            spans.append(Span(f" avg {words.duration(duration['avg_ms'])}  ", "dim"))
        if (free := self.state.stats.get("disk_free_bytes")) is not None:
            role = "error" if free < 2 * 2**30 else "dim"
            spans.append(Span(f" disk {words.size(free)} free ", role))
        return spans

    def render_line(self, y: int) -> Strip:
        """The one line."""
        self._shown = (tuple(self._left()), tuple(self._right()))
        return self.strip(between(self._left(), self._right(), self.size.width), self.size.width)


def connection(state: State, now: float) -> list[Span]:
    """How the line stands, as glyph and words."""
    line = state.line
    if line.phase is Phase.LIVE:
        if silent := line.silent(now):
            return [Span("◌", "warning"), Span(f" silent {int(silent)} s", "warning")]
        return [Span("●", "success"), Span(" live", "success")]
    if line.phase is Phase.STARTING:
        return [Span("◌", "dim"), Span(" connecting", "dim")]
    wait = max(0, int(line.retry_at - now + 0.99))
    if line.phase is Phase.REFUSED:
        return [Span("▲", "error"), Span(" refused", "error bold")]
    return [
        Span("▲", "warning"),
        Span(f" offline, retry in {wait} s (try {line.tries})", "warning bold"),
    ]


class Banner(Painted):
    """One line that is there only while something is wrong with the line to the daemon."""

    DEFAULT_CSS = "Banner { height: 1; background: $warning 20%; display: none; } Banner.-shown { display: block; }"

    def __init__(self, state: State, clock: Callable[[], float]) -> None:
        super().__init__()
        self.state, self.clock = state, clock
        self._words = ""

    def tick(self) -> None:
        """Show, change or hide the line."""
        text = self._text()
        if text != self._words:
            self._words = text
            self.set_class(bool(text), "-shown")
            self.refresh()

    def _text(self) -> str:
        line = self.state.line
        if line.phase is Phase.REFUSED:
            return f" {line.reason}"
        if line.phase is Phase.OFFLINE and line.ever:
            ago = max(0, int(self.clock() - line.lost_at))
            return f" Connection to z2d lost {ago} s ago - showing the last known state. R retries now."
        if line.live and line.api is not None and line.api != 1:
            return f" This dashboard speaks API 1, z2d {line.version} speaks {line.api}: reading only."
        return ""

    def render_line(self, y: int) -> Strip:
        """The one line."""
        return self.strip([Span(self._words, "warning")], self.size.width)
