"""What is at a URL, looked at before anything is queued: it takes as long as the site does, and escape gives it up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from z2ctl.tui import pages, work
from z2ctl.tui.documents import note
from z2ctl.tui.screens.dialogs import Dialog, hint
from z2ctl.tui.widgets.doc_view import DocView
from z2d.wire import errors

FRAME = 5
"""Lines of the box that are not the view: its borders, the URL, the keys."""
HIGHEST = 12


class Probing(Dialog[bool]):
    """See the module. `look` asks the daemon for a `ProbeAnswer`; the dialog answers True for enter. `enter` says what
    that does.
    """

    BINDINGS = [
        Binding("enter", "accept", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("pagedown,space", "turn(1)", show=False),
        Binding("pageup", "turn(-1)", show=False),
    ]

    def __init__(self, url: str, look: Callable[[], Awaitable[dict[str, Any]]], enter: str) -> None:
        super().__init__()
        self._url, self._look, self._enter = url, look, enter
        self._view = DocView(placeholder="Looking… this takes as long as the site does; esc gives it up.")

    def compose(self) -> ComposeResult:
        """The URL, what is there, the keys."""
        with self.box("What is there"):
            yield Static(Content(self._url), classes="note url", markup=False)
            yield self._view
            yield hint(f"{self._enter} · esc closes")

    def on_mount(self) -> None:
        """Look."""
        self.set_focus(self._view)
        work.start(self, self._read, "probe")

    def on_resize(self, event: events.Resize) -> None:
        """As high as there is room: the box does not change its size when the answer comes."""
        self._view.styles.height = max(3, min(HIGHEST, self.size.height * 9 // 10 - FRAME))

    async def _read(self) -> None:
        try:
            found = await self._look()
        except errors.Z2Error as error:
            self._view.show([note(f"✗ {error.detail}")])
        else:
            self._view.show(pages.probed(found))

    def action_move(self, by: int) -> None:
        """Up or down."""
        self._view.step(by)

    def action_turn(self, by: int) -> None:
        """A page."""
        self._view.page(by)

    def action_accept(self) -> None:
        """Enter."""
        self.answer(True)
