"""The options of a submission, by the names of z2ctl's flags: a line for each, all of it by keys alone.

Over the form and not in it: at 60x15 there is room for one of the two, and most submissions need no options.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, Static

from z2ctl import text as words
from z2ctl.moments import in_utc
from z2ctl.tui import work
from z2ctl.tui.options import DEFAULT, PRIORITIES, Options, moment_of, priority_of
from z2ctl.tui.paint import Painted, Span, between
from z2ctl.tui.screens.dialogs import Dialog, hint
from z2d.wire import errors

Profiles = Callable[[], Awaitable[list[dict[str, Any]]]]
TIMES = "23:00, 2h, 2026-11-22 23:00"
SAID = {
    "profile": "",
    "priority": PRIORITIES,
    "at": TIMES,
    "hold": "queue it paused",
    "force": "a new job in any case",
}
"""The rows, and what stands beside each while there is nothing else to say."""
NO_YES = ("no", "yes")


class Picker(Painted, can_focus=True, inherit_bindings=False):
    """One of some values on one line: left and right turn it, a sign goes to the next value that begins with it."""

    DEFAULT_CSS = "Picker { height: 1; background: $panel; }"
    BINDINGS = [Binding("right,space", "turn(1)", show=False), Binding("left", "turn(-1)", show=False)]

    @dataclass
    class Turned(Message):
        """Another value was chosen."""

        picker: Picker

    def __init__(self, values: Sequence[str], value: str, *, node_id: str) -> None:
        super().__init__(id=node_id)
        self.values, self.value = list(values), value

    def offer(self, values: Sequence[str]) -> None:
        """Other values; the one that is chosen stays, also where it is none of them."""
        self.values = list(dict.fromkeys([*values, self.value]))
        self.refresh()

    def choose(self, value: str) -> None:
        """Take this value."""
        if value != self.value:
            self.value = value
            self.refresh()
            self.post_message(self.Turned(self))

    def action_turn(self, by: int) -> None:
        """The next or previous value, around the end."""
        self.choose(self.values[(self.values.index(self.value) + by) % len(self.values)])

    def on_key(self, event: events.Key) -> None:
        """A sign chooses."""
        here = self.values.index(self.value) + 1
        order = [*self.values[here:], *self.values[:here]]
        if event.character and (found := [each for each in order if each.casefold().startswith(event.character)]):
            self.choose(found[0])
            event.stop()

    def on_click(self, event: events.Click) -> None:
        """The next one."""
        self.action_turn(1)

    def render_line(self, y: int) -> Strip:
        """The value, and that there are others."""
        width = self.size.width
        left = [Span(" < ", "dim"), Span(self.value or " ")]
        return self.strip(between(left, [Span("> ", "dim")], width), width, "cursor" if self.has_focus else "")


class OptionsForm(Dialog[Options]):
    """See the module. `profiles` reads them from the daemon, once, when the form opens."""

    BINDINGS = [
        Binding("down", "turn(1)", show=False, priority=True),
        Binding("up", "turn(-1)", show=False, priority=True),
        Binding("enter", "accept", "Accept", show=False),  # not before what was typed on the way to it
    ]

    def __init__(self, profiles: Profiles, options: Options, clock: Callable[[], float]) -> None:
        super().__init__()
        self._profiles, self._options, self._clock = profiles, options, clock
        self._about: dict[str, str] = {}
        # kept and not looked up: the profiles may come while the form goes
        self._beside = {name: Static("", classes="about", markup=False) for name in SAID}

    def compose(self) -> ComposeResult:
        """The rows."""
        given = self._options
        self.profile = Picker(list(dict.fromkeys((DEFAULT, given.profile))), given.profile, node_id="profile")
        self.priority = Input(str(given.priority), id="priority", max_length=4, select_on_focus=True)
        self.at = Input(given.at, id="at", max_length=40, select_on_focus=False)
        self.hold = Picker(NO_YES, NO_YES[given.hold], node_id="hold")
        self.force = Picker(NO_YES, NO_YES[given.force], node_id="force")
        with self.box("Options"):
            for field in (self.profile, self.priority, self.at, self.hold, self.force):
                if isinstance(field, Input):
                    field.cursor_blink = False
                yield from self._row(field)
            yield hint("arrows move and choose · enter accepts · esc drops")

    def _row(self, field: Widget) -> Iterator[Widget]:
        with Horizontal(classes="row"):
            yield Static(Content(field.id or ""), classes="label", markup=False)
            yield field
            yield self._beside[field.id or ""]

    def on_mount(self) -> None:
        """The profile has the keys, and the others come."""
        self.set_focus(self.profile)
        self._about[DEFAULT] = "reading the profiles…"
        self._look()
        work.start(self, self._read, "profiles")

    async def _read(self) -> None:
        try:
            found = await self._profiles()
        except errors.Z2Error as error:
            self._about = dict.fromkeys(self.profile.values, f"the others cannot be read: {error.detail}")
        else:
            self._about = {str(each.get("name")): str(each.get("description") or "") for each in found}
            self.profile.offer(list(self._about))
        self._look()

    # -- what is said beside the fields ----------------------------------------------------------------------------

    def _faults(self) -> dict[str, str]:
        """What is wrong, by the field it stands in."""
        faults = {}
        if priority_of(self.priority.value) is None:
            faults["priority"] = f"no number from {PRIORITIES.partition(',')[0]}"
        at, now = self.at.value.strip(), self._clock()
        moment = moment_of(at, now)
        if at and moment is None:
            faults["at"] = f"no time: {TIMES}"
        elif at and self.hold.value == "yes":
            faults["at"] = "hold has no time: resume starts it"
        elif moment and moment.timestamp() <= now:
            faults["at"] = "has passed"
        return faults

    def _look(self) -> None:
        """Say beside each field what there is to say."""
        faults = self._faults()
        said = {**SAID, "profile": self._about.get(self.profile.value, "")}
        if moment := moment_of(self.at.value, self._clock()):
            said["at"] = f"not before {words.day_and_time(in_utc(moment))}"
        for name, about in said.items():
            wrong = faults.get(name)
            shown = Content.styled(f"✗ {wrong}", "$text-error") if wrong else Content.styled(about, "dim")
            self._beside[name].update(shown)

    @on(Input.Changed)
    @on(Picker.Turned)
    def _changed(self) -> None:
        self._look()

    # -- keys ------------------------------------------------------------------------------------------------------

    def action_turn(self, by: int) -> None:
        """The next or previous field."""
        if by > 0:
            self.focus_next()
        else:
            self.focus_previous()

    @on(Input.Submitted)
    def action_accept(self) -> None:
        """Take them, unless something is wrong: then its field gets the keys."""
        if wrong := next(iter(self._faults()), ""):
            self._look()
            self.set_focus(self.query_one(f"#{wrong}"))
            return
        self.answer(
            Options(
                profile=self.profile.value,
                priority=priority_of(self.priority.value) or 0,
                at=self.at.value.strip(),
                hold=self.hold.value == "yes",
                force=self.force.value == "yes",
            )
        )
