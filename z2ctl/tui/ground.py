"""The app as its screens see it, before it can do anything: what is known, what may be done, and saying so.

`Ground` is the lowest of the app's layers. What a person can do stands on it, one file each (`submitting`, `deeds`,
`queueing`, `taking`); `desk` is all of them together, and what screens are given.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable

from textual.binding import Binding
from textual.worker import Worker

from z2ctl.tui import keymap
from z2ctl.tui.feed import Feed
from z2ctl.tui.job import Job
from z2ctl.tui.jobs import Query
from z2ctl.tui.paint import Palette
from z2ctl.tui.settings import Memory, Settings
from z2ctl.tui.state import Phase, State
from z2ctl.tui.widgets.log_view import LogView

API = 1
TOAST_S = 4.0
"""How long a toast is shown; one that tells of an error half as long again."""
CHANGING = {
    "new": "submit",
    "many": "submit",
    "cancel": "cancel",
    "retry": "retry",
    "retry_from": "retry",
    "pause": "pause",
    "delete": "delete",
    "restore": "restore",
    "edit": "edit",
    "move": "move",
    "publish": "publish",
    "pause_queue": "pause the queue",
    "drain_queue": "drain the queue",
    "slots": "set the slots",
    "lanes": "set the lanes",
}
"""Actions that change something at the daemon, as the verbs that z2ctl has for them."""


class Ground(Palette[int]):
    """See the module."""

    def __init__(self, *, settings: Settings, memory: Memory, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.settings = settings
        self.memory = memory
        self.clock = clock
        self.state = State()
        self.feed: Feed
        self.ascii_only = settings.ascii
        self.read_only = settings.read_only
        self.paint_every_s = 0.5
        self.log_worker: Worker[None] | None = None

    # -- asked of the wiring ---------------------------------------------------------------------------------------

    @abstractmethod
    def load_list(self, query: Query | None = None) -> None:
        """Read the list, or another one."""

    @abstractmethod
    def load_more(self) -> None:
        """Read the next page."""

    @abstractmethod
    def open_job(self, job_id: int, *, at_ms: int | None = None) -> None:
        """Show one job on its screen; with `at_ms` its transcript at that moment."""

    @abstractmethod
    def open_log(self, job_id: int) -> None:
        """Show one log on the full screen."""

    @abstractmethod
    def watch_log(self, view: LogView) -> None:
        """Bring the live lines of a view's job to it; the view before gets no more."""

    @abstractmethod
    def unwatch_log(self) -> None:
        """No log is on the screen."""

    @abstractmethod
    def job_came(self, job: Job) -> None:
        """A job as the daemon just answered it, before the socket says so too."""

    @abstractmethod
    def select_job(self, job_id: int) -> None:
        """Put the list's cursor on a job."""

    def get_key_display(self, binding: Binding) -> str:
        """A key as it is shown; with `--ascii` without arrows and signs for keys."""
        return keymap.shown(binding.key) if self.ascii_only else super().get_key_display(binding)

    # -- saying ----------------------------------------------------------------------------------------------------

    def say(self, text: str, kind: str = "information") -> None:
        """A toast. The text is never read as markup."""
        severity = {"warning": "warning", "error": "error"}.get(kind, "information")
        self.notify(text, severity=severity, markup=False, timeout=TOAST_S * (1.5 if severity == "error" else 1))  # type: ignore[arg-type]

    # -- may it be -------------------------------------------------------------------------------------------------

    def why_not(self, action: str) -> str:
        """Why an action is not possible now; empty when it is. `action` may be written as in a binding."""
        name = action.split("(", 1)[0].rsplit(".", 1)[-1]
        if name not in CHANGING:
            return ""
        if self.read_only:
            return f"read-only: cannot {CHANGING[name]}"
        line = self.state.line
        if line.api not in (None, API):
            return f"z2d {line.version} speaks another API ({line.api}): cannot {CHANGING[name]}"
        if not line.live:
            where = "not connected" if line.phase is Phase.STARTING else "offline"
            return f"{where}: cannot {CHANGING[name]}"
        return ""

    def allowed(self, action: str) -> bool:
        """Whether an action is possible; if not, the reason is said."""
        if reason := self.why_not(action):
            self.say(reason, "warning")
        return not reason
