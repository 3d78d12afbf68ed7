"""A view with its title and its find line: the log pane and the text pane, the same in every place they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.events import DescendantBlur, DescendantFocus
from textual.message import Message
from textual.widgets import Input

from z2ctl.tui import keymap
from z2ctl.tui.paint import Kept, Span
from z2ctl.tui.widgets.bars import Rule
from z2ctl.tui.widgets.doc_view import DocView
from z2ctl.tui.widgets.lines import LineView
from z2ctl.tui.widgets.log_view import LEVELS, LogView


class FindInput(Input):
    """A line to type words into; escape leaves it."""

    BINDINGS = [Binding("escape", "leave", "Leave", show=False), Binding("down", "accept", show=False)]

    @dataclass
    class Left(Message):
        """Escape was pressed."""

        field: FindInput

        @property
        def control(self) -> FindInput:
            """The line that was left."""
            return self.field

    def __init__(self, placeholder: str, *, node_id: str | None = None) -> None:
        super().__init__(placeholder=placeholder, id=node_id, classes="find", select_on_focus=False)
        self.cursor_blink = False
        self.display = False

    def open(self) -> None:
        """Show it and give it the keys now: what is typed next is meant for it, however fast it comes."""
        self.display = True
        self.screen.set_focus(self, scroll_visible=False)

    def action_leave(self) -> None:
        """Tell the owner."""
        self.post_message(self.Left(self))

    def action_accept(self) -> None:
        """Down from here is back to the list."""
        self.post_message(self.Submitted(self, self.value))


@dataclass
class CopyWanted(Message):
    """Text for the clipboard, and what it is."""

    text: str
    what: str


@dataclass
class SaveWanted(Message):
    """Text for a file, and a name for it."""

    text: str
    name: str


@dataclass
class SaveLogWanted(Message):
    """The whole log of a job for a file; about so many lines."""

    job_id: int
    lines: int


class ViewPane(Kept, Vertical):
    """Title, view, find line, and the keys both kinds of view share."""

    DEFAULT_CSS = "ViewPane { height: 1fr; }"
    ALLOW_MAXIMIZE = True

    def __init__(self, view: LineView[Any], *, node_id: str | None = None) -> None:
        super().__init__(id=node_id)
        self.view = view
        self.rule = Rule()
        self.finder = FindInput("find")

    def compose(self) -> ComposeResult:
        """Title above, find line below."""
        yield self.rule
        yield self.view
        yield self.finder

    def title(self) -> list[Span]:
        """What the title says."""
        return []

    def retitle(self) -> None:
        """Say it; a pane with nothing to say has no title."""
        title = self.title()
        self.rule.display = bool(title)
        self.rule.say(title, lit=self.view.has_focus)

    @on(LineView.Moved)
    def _moved(self) -> None:
        self.retitle()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """The rule is lit while the view has the keys."""
        self.retitle()
        self.view.refresh()

    def on_descendant_blur(self, event: DescendantBlur) -> None:
        """Likewise."""
        self.retitle()
        self.view.refresh()

    def focus_view(self) -> None:
        """Give the keys to the view."""
        self.screen.set_focus(self.view, scroll_visible=False)

    # -- keys ------------------------------------------------------------------------------------------------------

    def action_step(self, by: int) -> None:
        """A line up or down."""
        self.view.step(by)

    def action_page(self, by: int) -> None:
        """A page up or down."""
        self.view.page(by)

    def action_top(self) -> None:
        """To the beginning."""
        self.view.move_cursor(0)

    def action_end(self) -> None:
        """To the end."""
        if self.view.follows_end:
            self.view.follow()
        else:
            self.view.move_cursor(len(self.view.items) - 1)

    def action_sideways(self, by: int) -> None:
        """To the left or right."""
        self.view.sideways(by)

    def action_find(self) -> None:
        """Open the find line."""
        self.finder.value = self.view.needle
        self.finder.open()

    def action_match(self, by: int) -> None:
        """Next or previous match."""
        if not self.view.next_match(by):
            self.notify("Nothing to find: press / first" if not self.view.needle else "No match", markup=False)

    def action_copy_line(self) -> None:
        """The line under the cursor."""
        self.post_message(CopyWanted(self.view.line_text(), "the line"))

    def action_copy_visible(self) -> None:
        """The screen's lines."""
        self.post_message(CopyWanted(self.view.visible_text(), "what is on the screen"))

    def clear_find(self) -> bool:
        """Forget the words: whether there were any."""
        had = bool(self.view.needle) or self.finder.display
        self.finder.display = False
        self.view.find("")
        return had

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.finder.display:
            self.view.find(event.value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.finder.display = False
        self.view.find(event.value)
        self.focus_view()
        if event.value and not self.view.next_match(-1 if self.view.follows_end else 1):
            self.notify(f"No match for “{event.value}”", markup=False)

    @on(FindInput.Left)
    def _left(self, event: FindInput.Left) -> None:
        event.stop()
        self.clear_find()
        self.focus_view()


class LogPane(ViewPane):
    """A job's log with its keys."""

    BINDINGS = keymap.bindings("log")

    view: LogView

    def __init__(self, *, node_id: str | None = None) -> None:
        super().__init__(LogView(), node_id=node_id)
        self.trouble = ""

    def title(self) -> list[Span]:
        """Which job, and the state of the view."""
        if self.view.job_id is None:
            return [Span("Log", "dim")]
        head = [Span(f"Log {self.view.job_id} ", "bold" if self.view.has_focus else "plain"), Span("· ", "dim")]
        if self.trouble:
            return [*head, Span(self.trouble, "warning")]
        return [*head, *self.view.words()]

    def action_follow(self) -> None:
        """Follow, or pause."""
        if self.view.following:
            self.view.pause()
        else:
            self.view.follow()

    def action_only(self) -> None:
        """Matches only, or everything again."""
        if not self.view.needle:
            self.notify("Find something first: press /", markup=False)
            return
        self.view.set_filter(only=not self.view.only_matches)

    def action_level(self, level: str) -> None:
        """This level and worse."""
        if level in LEVELS:
            self.view.set_filter(level=level)

    def action_stage(self) -> None:
        """One stage after the other, then all again."""
        stages = ["", *self.view.stages()]
        here = stages.index(self.view.stage) if self.view.stage in stages else 0
        self.view.set_filter(stage=stages[(here + 1) % len(stages)])

    def action_error(self) -> None:
        """To the next error."""
        if not self.view.next_error():
            self.notify("No error in the lines that are here", markup=False)

    def action_wrap(self) -> None:
        """Wrap, or let run out."""
        self.view.set_wrap(not self.view.wrapping)

    def action_stamp(self) -> None:
        """The next way to show times."""
        self.view.turn_stamp()

    def action_save(self) -> None:
        """Offer the whole log for a file, loaded or not."""
        view = self.view
        if view.job_id is not None:
            self.post_message(SaveLogWanted(view.job_id, view.last_seq - max(1, view.first_seq) + 1))


class TextPane(ViewPane):
    """A document with its keys."""

    BINDINGS = keymap.bindings("text")

    view: DocView

    @dataclass
    class JumpWanted(Message):
        """A person wants to say a time to go to."""

        pane: TextPane

    def __init__(self, *, node_id: str | None = None, placeholder: str = "", name_of_file: str = "z2.txt") -> None:
        super().__init__(DocView(placeholder=placeholder), node_id=node_id)
        self.words: list[Span] = []
        self.name_of_file = name_of_file

    def title(self) -> list[Span]:
        """The words given, and where in the matches one is."""
        found = self.view.match_words()
        between = " · " if self.words else ""
        return [*self.words, Span(f"{between}“{self.view.needle}” {found}", "dim")] if found else self.words

    def action_choose(self) -> None:
        """Follow the line under the cursor; a sentence that stands alone needs none."""
        at = 0 if len(self.view.items) == 1 else self.view.cursor
        if at is not None:
            self.view.post_message(LineView.Chosen(self.view, at))

    def action_jump(self) -> None:
        """Ask for a time."""
        self.post_message(self.JumpWanted(self))

    def action_save(self) -> None:
        """Offer the whole text for a file."""
        text = "\n".join(self.view.text_of(item) for item in self.view.items)
        self.post_message(SaveWanted(text + "\n", self.name_of_file))
