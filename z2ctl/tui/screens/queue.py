"""The queue on the full screen: how it stands, what holds it up, who is next; and what can be done to it."""

from __future__ import annotations

from textual import on

from z2ctl.client import Client, Json
from z2ctl.tui import keymap, pages
from z2ctl.tui.job import Job
from z2ctl.tui.paint import Span
from z2ctl.tui.screens.acting import Acting
from z2ctl.tui.screens.asked import Asked
from z2ctl.tui.widgets.doc_view import Doc, OpenJob
from z2ctl.tui.widgets.lines import LineView

NEXT = 500
"""Jobs that are shown in the order in which they start: the most the API tells."""


class Queue(Asked[Json], Acting):
    """See the module. It is read again only when something happened."""

    BINDINGS = keymap.bindings("queue")
    NAME = "queue"
    AGAIN_S = 1.0

    def ask(self, client: Client) -> Json:
        """The queue with its jobs."""
        return client.queue(limit=NEXT)

    def show(self, answer: Json, *, first: bool) -> None:
        """How it stands; the cursor begins with the jobs, for it is they that are moved and opened."""
        view = self.pane.view
        if first:
            view.show(pages.queue(answer))
            view.move_cursor(next(iter(self._jobs()), 0))
        else:
            self._renew(answer)

    def _renew(self, answer: Json) -> None:
        """Other lines; the cursor stays on its job, wherever that is now; if it has begun, on the next in its place."""
        view = self.pane.view
        held, place = view.target(), len([at for at in self._jobs() if at < (view.cursor or 0)])
        view.show(pages.queue(answer))
        jobs = self._jobs()
        if isinstance(held, OpenJob) and view.target() != held and jobs:
            there = next((at for at in jobs if view.items[at].target == held), None)
            view.move_cursor(jobs[min(place, len(jobs) - 1)] if there is None else there)

    def _jobs(self) -> list[int]:
        """The lines that are jobs."""
        return [at for at, doc in enumerate(self.pane.view.items) if isinstance(doc.target, OpenJob)]

    def entitle(self) -> None:
        """Always the same."""
        self.pane.words = [Span("Queue", "bold")]
        self.pane.retitle()

    def stats_changed(self) -> None:
        """Counts or mode changed."""
        super().stats_changed()
        self._again.ask()

    def _changed(self, state: Json) -> None:
        """The answer to a change: the queue as it stands now, but without the jobs."""
        self.answer = {**(self.answer or {}), **{name: value for name, value in state.items() if name != "next"}}
        if self.is_attached:
            self._renew(self.answer)
            self._again.ask()

    # -- keys ------------------------------------------------------------------------------------------------------

    def targets(self) -> list[Job]:
        """The job under the cursor."""
        target = self.pane.view.target()
        listed = (self.answer or {}).get("next") or ()
        return [Job.from_wire(job) for job in listed if isinstance(target, OpenJob) and job["id"] == target.job_id]

    def action_move(self, to: str) -> None:
        """To another place. Steps are seen, and words about each would lie over them."""
        self.desk.move(self.targets(), to, seen=to in ("up", "down"))

    def action_pause_queue(self) -> None:
        """Pause, or let it go on."""
        self.desk.pause_queue(str((self.answer or {}).get("mode") or "ACTIVE"), self._changed)

    def action_drain_queue(self) -> None:
        """Start nothing more."""
        self.desk.drain_queue(self._changed)

    def action_slots(self, name: str) -> None:
        """How many at once, of all or of one site."""
        now = (self.answer or {}).get("slots_per_worker" if name == "slots" else name)
        self.desk.ask_slots(name, now, self._changed)

    def action_lanes(self) -> None:
        """How many do the same kind of work at once."""
        self.desk.ask_lanes((self.answer or {}).get("lanes") or [], self._changed)

    @on(LineView.Chosen)
    def _chosen(self, event: LineView.Chosen) -> None:
        item = event.view.items[event.index]
        if isinstance(item, Doc) and isinstance(item.target, OpenJob):
            self.desk.open_job(item.target.job_id)
