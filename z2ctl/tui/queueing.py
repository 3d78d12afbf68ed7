"""What a person does to the queue as a whole: pause, drain, resume, slots."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from z2ctl import lanes
from z2ctl import text as words
from z2ctl.client import Client
from z2ctl.tui.feed import Json
from z2ctl.tui.ground import Ground
from z2ctl.tui.screens.dialogs import Confirm, Prompt
from z2d.wire import errors

MOST_SLOTS = 64
SLOTS = {
    "slots": (
        "Slots",
        "Jobs at once, of each worker; “default”: as z2d was started. Fewer end no job.",
        "default",
    ),
    "site_slots": ("Slots of one site", "Jobs of one site at once; “any”: as many as there are slots.", "any"),
}
"""Title, words, and what is typed for no number, of each of the queue's limits."""


class Queueing(Ground):
    """See the module. `then` gets the queue as it stands after the change (`QueueState`)."""

    def pause_queue(self, mode: str, then: Callable[[Json], object]) -> None:
        """Put everything down, or let it go on; pausing asks first when something runs."""
        if not self.allowed("pause_queue"):
            return
        if mode != "ACTIVE":
            self._change(lambda client: client.resume_queue(), "The queue goes on", then)
            return

        def answered(yes: str | None) -> None:
            if yes:
                self._change(lambda client: client.pause_queue(), "The queue is paused", then)

        running = len(self.state.active)
        if not running:
            answered("yes")
            return
        lines = [f"{words.plural(running, 'running job')} would be put down, and go on there when it is resumed."]
        self.push_screen(Confirm("Pause the whole queue?", lines, "Pause it", "Keep running"), answered)

    def drain_queue(self, then: Callable[[Json], object]) -> None:
        """Let finish what runs, and start nothing."""
        if self.allowed("drain_queue"):
            said = "Draining: what runs is finished, nothing starts"
            self._change(lambda client: client.pause_queue(drain=True), said, then)

    def ask_slots(self, name: str, now: object, then: Callable[[Json], object]) -> None:
        """Ask how many jobs may run at once (`slots`), or how many of one site (`site_slots`)."""
        if not self.allowed("slots"):
            return
        title, said, without = SLOTS[name]

        def check(text: str) -> str:
            number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
            fits = text == without or 1 <= number <= MOST_SLOTS
            return "" if fits else f"“{text}” is no number of slots: 1 to {MOST_SLOTS}, or {without}"

        def answered(text: str | None) -> None:
            if text is not None:
                change = {name: None if text == without else int(text)}
                self._change(lambda client: client.set_queue(**change), f"{title}: {text}", then)

        self.push_screen(Prompt(title, said, str(now or ""), check=check), answered)

    def ask_lanes(self, now: Sequence[Json], then: Callable[[Json], object]) -> None:
        """Ask how many jobs may do the same kind of work at once; `now`: the lanes of the `QueueState`."""
        if not self.allowed("lanes"):
            return

        def check(text: str) -> str:
            try:
                lanes.parse(text.split())
            except ValueError as error:
                return str(error)
            return ""

        def answered(text: str | None) -> None:
            if text is not None:
                wanted = lanes.parse(text.split())
                self._change(lambda client: client.set_queue(lanes=wanted), f"Lanes: {text}", then)

        typed = " ".join(f"{lane['stage']}={lane['limit'] or 'closed'}" for lane in now if lane["limit"] is not None)
        said = f"Jobs at once of each worker: {lanes.HOW}."
        self.push_screen(Prompt("Lanes", said, typed, check=check), answered)

    def _change(self, call: Callable[[Client], Json], said: str, then: Callable[[Json], object]) -> None:
        async def go() -> None:
            try:
                answer = await self.feed.call(call)
            except errors.Z2Error as error:
                self.say(error.detail, "error")
                return
            self.say(said)
            then(answer)

        self.run_worker(go(), group="queue")
