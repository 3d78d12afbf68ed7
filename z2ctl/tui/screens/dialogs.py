"""Small questions over a screen: confirm, choose, type a line, read a text. Each gives its answer by `dismiss`.

A dialog knows nothing of jobs or of the daemon; words come in as plain text and are never read as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.screen import ModalScreen, ScreenResultType
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Button, Input, Static

from z2ctl.tui.paint import Painted, Span, between, fit
from z2ctl.tui.screens.resizing import overtaken

Check = Callable[[str], str]
"""What is wrong with a line that was typed, as a sentence; empty when nothing is."""


def all_right(text: str) -> str:
    """Any line will do."""
    return ""


class Dialog(ModalScreen[ScreenResultType]):
    """A box over the screen below; escape closes it without an answer."""

    BINDINGS = [Binding("escape", "leave", "Close", id="dialog.close")]

    _answered = False

    def box(self, title: str) -> Vertical:
        """The box, with its title."""
        box = Vertical(classes="box")
        box.border_title = Content(title)
        return box

    def answer(self, result: ScreenResultType | None) -> None:
        """Close with an answer, once: a fast hand may have sent a second enter before the dialog was gone."""
        if self.is_current and not self._answered:
            self._answered = True
            self.dismiss(result)

    def on_resize(self, event: events.Resize) -> None:
        """Laid out for the size that the terminal has now, and for no other."""
        overtaken(self, event)

    def action_leave(self) -> None:
        """Close without an answer."""
        self.answer(None)


def note(text: str) -> Static:
    """Some words in a dialog."""
    return Static(Content(text), classes="note", markup=False)


def hint(text: str) -> Static:
    """Which keys work in a dialog."""
    return Static(Content(text), classes="note hint", markup=False)


class Words(Static):
    """Words that change. The same again costs nothing: a layout takes milliseconds, and each key that is typed asks."""

    def __init__(self, node_id: str | None = None, classes: str | None = None) -> None:
        super().__init__("", id=node_id, classes=classes, markup=False)
        self._now = Content()

    def say(self, content: Content) -> None:
        """Show these words."""
        if not content.is_same(self._now):
            self._now = content
            self.update(content)


class Confirm(Dialog[str]):
    """A question whose safe answer has the focus: enter does nothing bad, y does it. Answers "yes", or "also" for the
    further thing that `also` offers.
    """

    BINDINGS = [
        Binding("y", "yes", "Yes"),
        Binding("f", "also", show=False),
        Binding("n", "leave", "No"),
        Binding("right", "other(1)", show=False),
        Binding("left", "other(-1)", show=False),
    ]

    def __init__(self, title: str, lines: Sequence[str], yes: str, no: str, *, also: str = "") -> None:
        super().__init__()
        self._title, self._lines, self._yes, self._no, self._also = title, lines, yes, no, also

    def compose(self) -> ComposeResult:
        """Words, then the two answers."""
        with self.box(self._title):
            for line in self._lines:
                yield note(line)
            with Horizontal(classes="buttons"):
                yield Button(Content(self._no), id="no", variant="primary", compact=True)
                yield Button(Content(f"{self._yes} (y)"), id="yes", variant="error", compact=True)
                if self._also:
                    yield Button(Content(f"{self._also} (f)"), id="also", variant="error", compact=True)

    def on_mount(self) -> None:
        """The safe answer has the focus."""
        self.set_focus(self.query_one("#no", Button))

    def action_yes(self) -> None:
        """Do it."""
        self.answer("yes")

    def action_also(self) -> None:
        """Do it, and the further thing too."""
        if self._also:
            self.answer("also")

    def action_other(self, by: int) -> None:
        """The next button."""
        if by > 0:
            self.focus_next(Button)
        else:
            self.focus_previous(Button)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.answer(None if event.button.id == "no" else event.button.id)


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of a menu: what it gives back, its words, a hint on the right, why it cannot be chosen."""

    value: Any
    words: str
    hint: str = ""
    off: str = ""


class Choices(Painted, ScrollView, can_focus=True, inherit_bindings=False):
    """The lines of a menu."""

    DEFAULT_CSS = "Choices { height: auto; scrollbar-size-vertical: 1; }"

    @dataclass
    class Picked(Message):
        """A line was chosen."""

        choice: Choice

    def __init__(self, choices: Sequence[Choice]) -> None:
        super().__init__()
        self.choices = list(choices)
        self.at = 0
        self.virtual_size = Size(0, len(self.choices))

    def show(self, choices: Sequence[Choice]) -> None:
        """Other lines."""
        self.choices, self.at = list(choices), 0
        self.virtual_size = Size(0, len(self.choices))
        self.scroll_to(0, 0, animate=False, force=True)
        self.refresh(layout=True)

    def move(self, by: int) -> None:
        """Up or down, around the end."""
        if not self.choices:
            return
        self.at = (self.at + by) % len(self.choices)
        top, height = self.scroll_offset.y, max(1, self.size.height)
        if self.at < top:
            self.scroll_to(None, self.at, animate=False, force=True)
        elif self.at >= top + height:
            self.scroll_to(None, self.at - height + 1, animate=False, force=True)
        self.refresh()

    def pick(self) -> None:
        """Choose the line under the cursor."""
        if self.choices:
            self.post_message(self.Picked(self.choices[self.at]))

    def render_line(self, y: int) -> Strip:
        """One line."""
        width = self.size.width
        index = y + self.scroll_offset.y
        if index >= len(self.choices):
            return self.strip([Span(" nothing fits", "dim")] if not self.choices and y == 0 else (), width)
        choice = self.choices[index]
        left = [Span(f" {choice.words}", "dim" if choice.off else "plain")]
        right = [Span(f"{choice.off or choice.hint} ", "dim")]
        return self.strip(between(left, right, width), width, "cursor" if index == self.at else "")

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As high as there are lines."""
        return max(1, len(self.choices))

    def on_click(self, event: events.Click) -> None:
        """Choose the line under the mouse."""
        index = event.y + self.scroll_offset.y
        if index < len(self.choices):
            self.at = index
            self.pick()


class Menu(Dialog[Any]):
    """Choose one of some lines; with `search` one types to find it (the command palette)."""

    BINDINGS = [
        Binding("down,ctrl+n", "move(1)", show=False, priority=True),
        Binding("up,ctrl+p", "move(-1)", show=False, priority=True),
        Binding("enter", "pick", "Choose", show=False, priority=True),
    ]

    def __init__(self, title: str, choices: Sequence[Choice], *, search: str = "") -> None:
        super().__init__()
        self._title, self._all, self._search = title, list(choices), search
        self.lines = Choices(self._all)

    def compose(self) -> ComposeResult:
        """The words to find by, then the lines."""
        with self.box(self._title):
            if self._search:
                field = Input(placeholder=self._search, select_on_focus=False)
                field.cursor_blink = False
                yield field
            yield self.lines

    def on_mount(self) -> None:
        """Keys go to the words if there are any."""
        self.set_focus(self.query_one(Input) if self._search else self.lines)

    def action_move(self, by: int) -> None:
        """Up or down."""
        self.lines.move(by)

    def action_pick(self) -> None:
        """Choose."""
        self.lines.pick()

    def on_key(self, event: events.Key) -> None:
        """Without a search line, j and k move, and a sign chooses the first line that begins with it."""
        if self._search or event.character is None:
            return
        if event.character in "jk":
            self.lines.move(1 if event.character == "j" else -1)
        else:
            found = [i for i, c in enumerate(self.lines.choices) if c.words.casefold().startswith(event.character)]
            if found:
                self.lines.move(found[0] - self.lines.at)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        wanted = event.value.casefold().split()
        found = [each for each in self._all if all(word in f"{each.words} {each.hint}".casefold() for word in wanted)]
        number = event.value.strip().lstrip("#")
        if number.isdecimal() and len(number) < 19 and self._search:
            found.insert(0, Choice(("open", int(number)), f"Open job {int(number)}"))
        self.lines.show(found)

    @on(Choices.Picked)
    def _picked(self, event: Choices.Picked) -> None:
        if event.choice.off:
            self.notify(event.choice.off, severity="warning", markup=False)
        else:
            self.answer(event.choice.value)


class Prompt(Dialog[str]):
    """One line to type. `check` says what is wrong with it, or nothing: then the dialog stays, and what was typed.
    `trouble` is what was wrong when it was typed before.
    """

    def __init__(self, title: str, words: str, value: str = "", *, check: Check = all_right, trouble: str = "") -> None:
        super().__init__()
        self._title, self._words, self._check, self._trouble = title, words, check, trouble
        self._about = value
        self._field = Input(value=value, select_on_focus=False)
        self._field.cursor_blink = False
        self._wrong = Words(classes="note")

    def compose(self) -> ComposeResult:
        """Words, the line, what is wrong with it."""
        with self.box(self._title):
            yield note(self._words)
            yield self._field
            yield self._wrong

    def on_mount(self) -> None:
        """Ready to type, at the end of what is there."""
        self.set_focus(self._field)
        self._field.cursor_position = len(self._field.value)
        self._say(self._trouble)

    def _say(self, trouble: str) -> None:
        self._trouble, self._about = trouble, self._field.value
        self._wrong.say(Content.styled(f"✗ {trouble}", "$text-error"))
        self._wrong.display = bool(trouble)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        """What was said was said of other words; it goes when these are right."""
        if self._trouble and event.value != self._about and not self._check(event.value.strip()):
            self._say("")

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        if text and (trouble := self._check(text)):
            self._say(trouble)
        else:
            self.answer(text or None)


class Reader(Dialog[None]):
    """A text to read or to select with the terminal's own mouse; any of enter, q, escape closes it."""

    BINDINGS = [Binding("enter,q", "leave", "Close", show=False)]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        """The text."""
        with self.box(self._title):
            yield note(self._text)
            yield hint("esc closes")


class Help(Dialog[None]):
    """The keys that work here, as they really are bound."""

    BINDINGS = [
        Binding("question_mark,q,enter", "leave", "Close", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("pagedown,space", "move(10)", show=False),
        Binding("pageup", "move(-10)", show=False),
    ]

    def __init__(self, title: str, groups: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> None:
        super().__init__()
        self._title = title
        self.page = Page(_help_lines(groups))

    def compose(self) -> ComposeResult:
        """The groups, one under the other."""
        with self.box(self._title) as box:
            box.border_subtitle = Content("arrows scroll · esc closes")
            yield self.page

    def action_move(self, by: int) -> None:
        """Scroll."""
        self.page.scroll_relative(y=by, animate=False, force=True)


def _help_lines(groups: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> list[list[Span]]:
    lines: list[list[Span]] = []
    for name, keys in groups:
        if lines:
            lines.append([])
        lines.append([Span(f" {name}", "primary bold")])
        lines.extend([Span(f" {fit(key, 20)} ", "key"), Span(words)] for key, words in keys)
    return lines


class Page(Painted, ScrollView, can_focus=True, inherit_bindings=False):
    """Painted lines that scroll."""

    DEFAULT_CSS = "Page { height: auto; max-height: 100%; overflow-y: auto; scrollbar-size-vertical: 1; }"

    def __init__(self, lines: Sequence[Sequence[Span]]) -> None:
        super().__init__()
        self.lines = lines
        self.virtual_size = Size(0, len(lines))

    def render_line(self, y: int) -> Strip:
        """One line."""
        index = y + self.scroll_offset.y
        return self.strip(self.lines[index] if index < len(self.lines) else (), self.size.width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As high as there are lines."""
        return len(self.lines)
