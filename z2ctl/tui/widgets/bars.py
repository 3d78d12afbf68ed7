"""The narrow parts of the dashboard: the running jobs, the titled rules, the tabs, and the bar of keys."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from textual import events
from textual.binding import Binding
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from z2ctl import text as words
from z2ctl.tui.job import Job
from z2ctl.tui.jobs import TABS
from z2ctl.tui.paint import Painted, Span, bar, between, clip_spans, fit, width_of
from z2ctl.tui.state import State

MOST_BARS = 4
"""Running jobs shown with a bar; more are named by their number."""


class ActiveJobs(Painted):
    """The running jobs, each with its stage and bar, and where there is room those that are tried again: all in one
    widget, because twenty widgets cost four times more.
    """

    DEFAULT_CSS = "ActiveJobs { height: auto; } ActiveJobs.-none { display: none; }"

    @dataclass
    class Clicked(Message):
        """A click on one of them."""

        job_id: int

    def __init__(self, state: State, clock: Callable[[], float]) -> None:
        super().__init__()
        self.state, self.clock = state, clock
        self._count = -1
        self._retries: list[Job] = []
        self._said: list[str] = []

    @property
    def shown(self) -> bool:
        """Whether there is anything in it."""
        return self._count > 0

    def changed(self) -> None:
        """Running jobs came, went or moved."""
        running, before = min(len(self.state.active), MOST_BARS), self._retries
        self._retries = self._to_come()
        lines = running + (len(self.state.active) > MOST_BARS) + len(self._retries)
        if lines != self._count or self._retries != before:
            self._count = lines
            self.set_class(not lines, "-none")
            self.styles.height = lines
            self._said = self._countdown()
            self.refresh()
        elif running:
            self.refresh(Region(0, 0, self.size.width, lines - len(before)))

    def tick(self) -> None:
        """Once a second: the countdowns that read differently now, and no bar."""
        said, first = self._countdown(), self._count - len(self._retries)
        fresh = [Region(0, first + at, self.size.width, 1) for at, text in enumerate(said) if text != self._said[at]]
        if fresh:
            self._said = said
            self.refresh(*fresh)

    def _to_come(self) -> list[Job]:
        """The next ones that wait for a further attempt, for places that no running job has: so the box is never higher
        than when all slots are busy, and does not shrink and grow when an attempt fails and the next begins.
        """
        room = min(int(self.state.stats.get("slots") or 0), MOST_BARS) - len(self.state.active)
        waiting = self.state.retrying.values() if room > 0 else ()
        return heapq.nsmallest(room, waiting, key=lambda job: (job.due or inf, job.id))

    def _countdown(self) -> list[str]:
        now = self.clock()
        return [job.next_try(now) for job in self._retries]

    def _jobs(self) -> list[Job]:
        """The jobs that are shown, from top to bottom."""
        return [*list(self.state.active.values())[:MOST_BARS], *self._retries]

    def _digits(self) -> int:
        """The width of their ids: titles and bars begin in one column."""
        return max(len(str(job.id)) for job in self._jobs())

    def render_line(self, y: int) -> Strip:
        """One job, or how many more run."""
        width, jobs = self.size.width, self._jobs()
        if y >= len(jobs):
            more = len(self.state.active) - MOST_BARS
            return self.strip([Span(f"   +{more} more running", "dim")] if more > 0 and y == MOST_BARS else (), width)
        job = jobs[y]
        return self.strip(self._retry(job, width) if job.retrying else self._job(job, width), width)

    def _retry(self, job: Job, width: int) -> list[Span]:
        """One that waits for a further attempt."""
        head = f" {words.look(job.display).glyph} {job.id:<{self._digits()}} "
        tail = f" {job.next_try(self.clock())} "
        return [Span(head + fit(job.name, max(8, width - len(head) - len(tail))) + tail, "dim")]

    def _job(self, job: Job, width: int) -> list[Span]:
        stale = not self.state.line.live
        look = words.look(job.display)
        head = [
            Span(f" {look.glyph}", "dim" if stale else "primary"),
            Span(f" {job.id:<{self._digits()}} ", "dim"),
        ]
        stage = fit(words.look(job.display).word if job.display != "RUNNING" else job.stage, 11)
        tail = [Span(f" {words.percent(job.progress):>4} ", "bold")]
        if width >= 100:
            tail.append(Span(f"{words.speed(job.speed):>11} ", "dim"))
        eta = job.at_lane or ("" if job.eta is None else f"-{words.duration(job.eta * 1000)}")
        tail.append(Span(f"{eta:>7} ", "plain"))
        room = width - width_of(head) - width_of(tail) - 13
        title = min(max(12, room * 45 // 100), room - 8)
        head.append(Span(fit(job.name, title), "bold"))
        head.append(Span(f" {stage} ", "accent"))
        return [*head, *bar(job.progress, max(4, room - title), ascii_only=self.ascii_only, stale=stale), *tail]

    def on_click(self, event: events.Click) -> None:
        """Go to that job."""
        jobs = self._jobs()
        if event.y < len(jobs):
            self.post_message(self.Clicked(jobs[event.y].id))


class Rule(Painted):
    """A line across with a title: the only frame panels have, so that copied text is clean."""

    DEFAULT_CSS = "Rule { height: 1; }"

    def __init__(self, *, node_id: str | None = None) -> None:
        super().__init__(id=node_id)
        self.left: list[Span] = []
        self.right: list[Span] = []
        self.lit = False

    def say(self, left: Sequence[Span], right: Sequence[Span] = (), *, lit: bool = False) -> None:
        """Other words; nothing is painted when they are the same."""
        fresh = (list(left), list(right), lit)
        if fresh != (self.left, self.right, self.lit):
            self.left, self.right, self.lit = fresh
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The one line."""
        width = self.size.width
        role = "bar" if self.lit else "rail"
        left = [Span("─ ", role), *self.left, Span(" ")] if self.left else []
        right = [Span(" "), *self.right, Span(" ─", role)] if self.right else []
        return self.strip(between(left, right, width, Span("─", role)), width)


class TabsRule(Rule):
    """The rule over the list: the tabs with their counts, clickable."""

    @dataclass
    class Chosen(Message):
        """A click on a tab."""

        tab: str

    def __init__(self, state: State, *, node_id: str | None = None) -> None:
        super().__init__(node_id=node_id)
        self.state = state
        self.marked = 0
        self.trouble = ""
        self._places: list[tuple[int, int, str]] = []

    def changed(self, *, lit: bool) -> None:
        """Counts, tab or window changed."""
        window = self.state.window
        spans = [Span("Jobs ", "bold" if lit else "plain")]
        at = 2 + width_of(spans)
        self._places = []
        for tab, _ in TABS:
            number = self.state.counted(tab)
            label = f" {tab} {words.count(number)} " if number is not None else f" {tab} "
            if tab == window.query.tab:
                spans.append(Span(label, "chip"))
            elif number == 0 or (tab == "cancelled" and self.size.width < 100):
                continue
            else:
                spans.append(Span(label, "dim"))
            self._places.append((at, at + len(label), tab))
            at += len(label)
        right: list[Span] = []
        if self.trouble:
            right.append(Span(f"✗ {self.trouble} ", "error"))
        if self.marked:
            right.append(Span(f"{self.marked} marked ", "warning"))
        if window.waiting:
            right.append(Span(f"▲ {len(window.waiting)} new (g) ", "warning bold"))
        if window.query.words:
            right.append(Span(f"/{window.query.words} ", "accent"))
        if window.rows and window.total is not None and window.total > len(window.rows):
            right.append(Span(f"1–{words.count(len(window.rows))} of {words.count(window.total)}", "dim"))
        elif window.query.words and window.total is not None:
            right.append(Span(f"{words.count(window.total)} found", "dim"))
        self.say(clip_spans(spans, max(0, self.size.width - 4)), right, lit=lit)

    def on_resize(self, event: events.Resize) -> None:
        """Other tabs may fit now."""
        self.changed(lit=self.lit)

    def on_click(self, event: events.Click) -> None:
        """Choose the tab under the mouse."""
        for start, end, tab in self._places:
            if start <= event.x < end:
                self.post_message(self.Chosen(tab))


class TabBar(Painted):
    """The title of a job and its tabs, on two lines."""

    DEFAULT_CSS = "TabBar { height: 2; background: $surface; }"

    @dataclass
    class Chosen(Message):
        """A click on a tab."""

        tab: str

    def __init__(self, tabs: Sequence[str]) -> None:
        super().__init__()
        self.tabs = tabs
        self._said: tuple[object, ...] = ("", "", "", ())
        self._places: list[tuple[int, int, str]] = []

    def say(self, tab: str, name: str, title: str, counts: Mapping[str, int]) -> None:
        """Which tab, whose, and the numbers on the tabs."""
        said = (tab, name, title, tuple(counts.items()))
        if said != self._said:
            self._said = said
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The title, then the tabs."""
        tab, name, title, counts = self._said
        if y == 0:
            return self.strip([Span(f" {name}  ", "dim"), Span(str(title), "bold")], self.size.width)
        numbers = dict(counts)  # type: ignore[call-overload]
        spans: list[Span] = [Span(" ")]
        self._places = []
        at = 1
        for each in self.tabs:
            label = f" {each} {numbers[each]} " if each in numbers else f" {each} "
            spans.append(Span(label, "chip" if each == tab else "dim"))
            self._places.append((at, at + len(label), each))
            at += len(label)
        return self.strip(clip_spans(spans, self.size.width), self.size.width)

    def on_click(self, event: events.Click) -> None:
        """Choose the tab under the mouse."""
        for start, end, tab in self._places:
            if event.y == 1 and start <= event.x < end:
                self.post_message(self.Chosen(tab))


class KeyBar(Painted):
    """The keys that work here, from the real bindings; each can be clicked. What is not possible now is dim."""

    DEFAULT_CSS = "KeyBar { height: 1; dock: bottom; background: $panel; }"

    def __init__(self, reason: Callable[[str], str] = lambda action: "") -> None:
        super().__init__()
        self.reason = reason
        self._places: list[tuple[int, int, str]] = []
        self._shown: list[Span] = []

    def on_mount(self) -> None:
        """Follow the bindings."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _screen: self.changed())

    def changed(self) -> None:
        """Bindings or reasons may have changed: paint if the line reads differently."""
        if self.is_attached and self._keys() != self._shown:
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The one line."""
        self._shown = self._keys()
        return self.strip(clip_spans(self._shown, self.size.width, ""), self.size.width)

    def _keys(self) -> list[Span]:
        items: list[tuple[Binding, list[Span]]] = []
        seen: set[str] = set()
        actives = self.screen.active_bindings.values()
        # the keys of a text are the same everywhere: those of the screen come before them
        for active in sorted(actives, key=lambda active: (active.binding.id or "").startswith("text.")):
            binding = active.binding
            if binding.show and binding.action not in seen:
                seen.add(binding.action)
                off = bool(self.reason(binding.action))
                key = Span(self.app.get_key_display(binding), "dim" if off else "key")
                items.append((binding, [key, Span(f" {binding.description}  ", "dim" if off else "plain")]))
        while len(items) > 1 and 1 + sum(width_of(spans) for _, spans in items) - 2 > self.size.width:
            # the last one goes that is not the way to all others, or out
            del items[next((at for at in reversed(range(len(items))) if items[at][0].id not in ("help", "quit")), -1)]
        at, out = 1, [Span(" ")]
        self._places = []
        for binding, spans in items:
            self._places.append((at, at + width_of(spans) - 2, binding.key))
            at += width_of(spans)
            out.extend(spans)
        return out

    def on_click(self, event: events.Click) -> None:
        """Press the key under the mouse."""
        for start, end, key in self._places:
            if start <= event.x < end:
                self.app.simulate_key(key)
