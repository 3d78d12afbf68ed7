"""One log on the full screen."""

from __future__ import annotations

from textual.app import ComposeResult

from z2ctl.tui.job import Job
from z2ctl.tui.screens.base import Z2Screen
from z2ctl.tui.widgets.panes import LogPane


class LogScreen(Z2Screen):
    """See the module."""

    AUTO_FOCUS = "LogView"

    def __init__(self, job_id: int) -> None:
        super().__init__()
        self.job_id = job_id

    def compose(self) -> ComposeResult:
        """Nothing but the log."""
        yield from self.frame_top()
        self.log_pane = LogPane()
        yield self.log_pane
        yield from self.frame_bottom()

    def on_mount(self) -> None:
        """From the last lines on."""
        view = self.log_pane.view
        view.set_wrap(self.desk.memory.wrap)
        job = self.desk.state.find(self.job_id)
        view.clear(self.job_id, job.started if job else None)
        self.refresh_all()

    def refresh_all(self) -> None:
        """Back on top: the lines that came meanwhile."""
        super().refresh_all()
        self.desk.watch_log(self.log_pane.view)

    def job_changed(self, job: Job) -> None:
        """A retry gives more lines."""
        if job.id == self.job_id:
            self.desk.watch_log(self.log_pane.view)

    def go_back(self) -> None:
        """Escape: forget the words that are looked for, then close."""
        pane = self.log_pane
        self.desk.memory.wrap = pane.view.wrapping
        if not pane.clear_find():
            self.app.pop_screen()
