"""A document that the API is asked for: when its screen comes to the top, and again when something happened."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

from textual.app import ComposeResult

from z2ctl.client import Client
from z2ctl.tui import documents, work
from z2ctl.tui.job import Job
from z2ctl.tui.jobs import Change
from z2ctl.tui.screens.base import Z2Screen
from z2ctl.tui.throttle import Throttle
from z2ctl.tui.widgets.panes import TextPane
from z2d.wire import errors

Answer = TypeVar("Answer")


class Asked(Z2Screen, Generic[Answer]):
    """See the module. A subclass says what it asks for, and shows the answer."""

    AUTO_FOCUS = "DocView"
    NAME: ClassVar[str]
    """In the name of the file that the page may be saved to."""
    AGAIN_S: ClassVar[float]
    """At most so often it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: Answer | None = None
        self._again: Throttle

    def compose(self) -> ComposeResult:
        """One document."""
        yield from self.frame_top()
        self.pane = TextPane(name_of_file=f"z2-{self.NAME}.txt", placeholder="Loading…")
        yield self.pane
        yield from self.frame_bottom()

    def on_mount(self) -> None:
        """Ask."""
        self._again = Throttle(self, self._ask, self.AGAIN_S)
        self.entitle()
        self.refresh_all()

    # -- asked of subclasses ---------------------------------------------------------------------------------------

    def ask(self, client: Client) -> Any:
        """The call; runs in a thread."""
        raise NotImplementedError

    def show(self, answer: Answer, *, first: bool) -> None:
        """Put an answer on the screen; `first`: there was none before."""
        raise NotImplementedError

    def entitle(self) -> None:
        """Say in the title what this is, before the first answer too."""
        raise NotImplementedError

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
        work.start(self, self._read, self.NAME)

    async def _read(self) -> None:
        try:
            answer = await self.desk.feed.call(self.ask)
        except errors.Z2Error as error:
            if self.is_attached and self.answer is None:
                self.pane.view.show([documents.note(error.detail)])
            elif self.is_attached and self.desk.state.line.live:
                self.desk.say(error.detail, "error")
            return
        if self.is_attached:
            first, self.answer = self.answer is None, answer
            self.show(answer, first=first)
