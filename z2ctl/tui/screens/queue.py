"""The queue on the full screen: how it stands, what holds it up, who is next; and what can be done to it."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.app import ComposeResult

from z2ctl.tui import documents, keymap, pages, work
from z2ctl.tui.jobs import Change, Job
from z2ctl.tui.paint import Span
from z2ctl.tui.screens.acting import Acting
from z2ctl.tui.throttle import Throttle
from z2ctl.tui.widgets.doc_view import Doc, OpenJob
from z2ctl.tui.widgets.lines import LineView
from z2ctl.tui.widgets.panes import TextPane
from z2d.wire import errors

READ_AGAIN_S = 1.0
NEXT = 500
"""Jobs that are shown in the order in which they start: the most the API tells."""


class Queue(Acting):
    """See the module. It is read again only when something happened."""

    BINDINGS = keymap.bindings("queue")
    AUTO_FOCUS = "DocView"

    def __init__(self) -> None:
        super().__init__()
        self._state: dict[str, Any] | None = None
        self._again: Throttle

    def compose(self) -> ComposeResult:
        """One document."""
        yield from self.frame_top()
        self.pane = TextPane(name_of_file="z2-queue.txt", placeholder="Loading…")
        yield self.pane
        yield from self.frame_bottom()

    def on_mount(self) -> None:
        """Ask."""
        self._again = Throttle(self, self._ask, READ_AGAIN_S)
        self.pane.words = [Span("Queue", "bold")]
        self.pane.retitle()
        self.refresh_all()

    # -- told by the app -------------------------------------------------------------------------------------------

    def refresh_all(self) -> None:
        """Back on top."""
        super().refresh_all()
        self._again.ask()

    def stats_changed(self) -> None:
        """Counts or mode changed."""
        super().stats_changed()
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
        work.start(self, self._read, "queue")

    async def _read(self) -> None:
        try:
            state = await self.desk.feed.call(lambda client: client.queue(limit=NEXT))
        except errors.Z2Error as error:
            if self.is_attached and self._state is None:
                self.pane.view.show([documents.note(error.detail)])
            return
        if self.is_attached:
            fresh, self._state = self._state is None, state
            view = self.pane.view
            view.show(pages.queue(state))
            if fresh:  # the first of the jobs, for it is they that are moved and opened
                view.move_cursor(next((i for i, doc in enumerate(view.items) if isinstance(doc.target, OpenJob)), 0))

    def _changed(self, state: dict[str, Any]) -> None:
        """The answer to a change: the queue as it stands now, but without the jobs."""
        self._state = {**(self._state or {}), **{name: value for name, value in state.items() if name != "next"}}
        if self.is_attached:
            self.pane.view.show(pages.queue(self._state))
            self._again.ask()

    # -- keys ------------------------------------------------------------------------------------------------------

    def targets(self) -> list[Job]:
        """The job under the cursor."""
        target = self.pane.view.target()
        listed = (self._state or {}).get("next") or ()
        return [Job.from_wire(job) for job in listed if isinstance(target, OpenJob) and job["id"] == target.job_id]

    def action_pause_queue(self) -> None:
        """Pause, or let it go on."""
        self.desk.pause_queue(str((self._state or {}).get("mode") or "ACTIVE"), self._changed)

    def action_drain_queue(self) -> None:
        """Start nothing more."""
        self.desk.drain_queue(self._changed)

    def action_slots(self, name: str) -> None:
        """How many at once, of all or of one site."""
        now = (self._state or {}).get("slots_per_worker" if name == "slots" else name)
        self.desk.ask_slots(name, now, self._changed)

    def action_lanes(self) -> None:
        """How many do the same kind of work at once."""
        self.desk.ask_lanes((self._state or {}).get("lanes") or [], self._changed)

    @on(LineView.Chosen)
    def _chosen(self, event: LineView.Chosen) -> None:
        item = event.view.items[event.index]
        if isinstance(item, Doc) and isinstance(item.target, OpenJob):
            self.desk.open_job(item.target.job_id)
