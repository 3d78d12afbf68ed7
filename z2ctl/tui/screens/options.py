"""The options of a submission, by the names of z2ctl's flags: a line for each, all of it by keys alone.

Over the form and not in it: at 60x15 there is room for one of the two, and most submissions need no options. There the
lines scroll, and the one that has the keys is in sight.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, Static

from z2ctl import text as words
from z2ctl.moments import in_utc
from z2ctl.tui import work
from z2ctl.tui.options import (
    DEFAULT,
    MOST_ENTRIES,
    NAMED_OPTIONS,
    PRIORITIES,
    TIMES,
    YES,
    Options,
    faults_of,
    moment_of,
    priority_of,
)
from z2ctl.tui.paint import Painted, Span, between
from z2ctl.tui.screens.dialogs import Dialog, Words, hint
from z2d.wire import errors

Profiles = Callable[[], Awaitable[list[dict[str, Any]]]]
SAID = {
    "profile": "",
    "priority": PRIORITIES,
    "at": TIMES,
    "hold": "queue it paused",
    "force": "a new job in any case",
    "tags": "apart by commas",
    "options": NAMED_OPTIONS[0].lower() + NAMED_OPTIONS[1:],
    "playlist": "all of the list that the URL names",
    "limit": f"of a list: 1 to {MOST_ENTRIES}, the newest",
    "after": "of a list: this day and later",
    "match": "of a list: a regular expression for titles",
}
"""The rows, and what stands beside each while there is nothing else to say."""
LONG = ("tags", "options", "match")
"""Rows whose text may be long: what is said of them stands below."""
FRAME = 3
"""Lines of the box that are no rows: its borders and the keys."""
NO_YES = ("no", YES)


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


class Rows(VerticalScroll, can_focus=False):
    """The lines of the form."""


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
        self._beside = {name: Words(classes="about") for name in SAID}

    def compose(self) -> ComposeResult:
        """The rows."""
        given = self._options
        self.profile = Picker(list(dict.fromkeys((DEFAULT, given.profile))), given.profile, node_id="profile")
        self.priority = Input(str(given.priority), id="priority", max_length=4, select_on_focus=True)
        self.at = Input(given.at, id="at", max_length=40, select_on_focus=False)
        self.hold = Picker(NO_YES, NO_YES[given.hold], node_id="hold")
        self.force = Picker(NO_YES, NO_YES[given.force], node_id="force")
        self.playlist = Picker(NO_YES, NO_YES[given.playlist], node_id="playlist")
        self._fields: dict[str, Picker | Input] = {
            **{name: self._line(name, getattr(given, name)) for name in ("tags", "limit", "after", "match")},
            "options": self._line("options", given.named),
            **{each.id or "": each for each in (self.profile, self.priority, self.at)},
            **{each.id or "": each for each in (self.hold, self.force, self.playlist)},
        }
        with self.box("Options"):
            with Rows() as self._rows:
                for name in SAID:
                    yield from self._row(name)
            yield hint("arrows move and choose · enter accepts · esc drops")

    def _line(self, name: str, value: str) -> Input:
        return Input(value, id=name, max_length=500 if name in LONG else 20, select_on_focus=False)

    def _row(self, name: str) -> Iterator[Widget]:
        field = self._fields[name]
        if isinstance(field, Input):
            field.cursor_blink = False
        with Horizontal(classes="row long" if name in LONG else "row"):
            yield Static(Content(name), classes="label", markup=False)
            yield field
            if name not in LONG:
                yield self._beside[name]
        if name in LONG:
            self._beside[name].add_class("below")
            yield self._beside[name]

    def on_resize(self, event: events.Resize) -> None:
        """The keys stay visible."""
        self._rows.styles.max_height = max(3, self.size.height * 9 // 10 - FRAME)
        self.call_after_refresh(self._keep_in_sight)

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
        self.call_after_refresh(self._keep_in_sight)

    def _keep_in_sight(self) -> None:
        """Other heights, of the rows or of the terminal, can have moved the field that has the keys out of it."""
        if self.focused is not None:
            self.focused.scroll_visible(animate=False)

    # -- what is said beside the fields ----------------------------------------------------------------------------

    def _typed(self) -> dict[str, str]:
        return {name: words.safe(field.value).strip() for name, field in self._fields.items()}

    def _faults(self) -> dict[str, str]:
        """What is wrong, by the field it stands in."""
        return faults_of(self._typed(), self._clock())

    def _look(self) -> None:
        """Say beside each field what there is to say."""
        faults = self._faults()
        said = {**SAID, "profile": self._about.get(self.profile.value, "")}
        if moment := moment_of(self.at.value, self._clock()):
            said["at"] = f"not before {words.day_and_time(in_utc(moment))}"
        for name, about in said.items():
            wrong = faults.get(name)
            shown = Content.styled(f"✗ {wrong}", "$text-error") if wrong else Content.styled(about, "dim")
            self._beside[name].say(shown)

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
        typed = self._typed()
        self.answer(
            Options(
                profile=self.profile.value,
                priority=priority_of(typed["priority"]) or 0,
                at=typed["at"],
                hold=typed["hold"] == YES,
                force=typed["force"] == YES,
                tags=typed["tags"],
                named=typed["options"],
                playlist=typed["playlist"] == YES,
                limit=typed["limit"],
                after=typed["after"],
                match=typed["match"],
            )
        )
