"""What can be done to the jobs a screen is about, by the same names wherever one stands: list, job, queue, search."""

from __future__ import annotations

from z2ctl.tui.job import Job
from z2ctl.tui.screens.base import Z2Screen


class Acting(Z2Screen):
    """See the module. A screen says which jobs are meant."""

    def targets(self) -> list[Job]:
        """The jobs that an action is about."""
        return []

    def one(self) -> Job | None:
        """The one job that is looked at."""
        return next(iter(self.targets()), None)

    def action_cancel(self) -> None:
        """Cancel them."""
        self.desk.ask_cancel(self.targets())

    def action_retry(self) -> None:
        """Retry them."""
        self.desk.ask_retry(self.targets())

    def action_retry_from(self) -> None:
        """Retry them from a stage."""
        self.desk.ask_stage(self.targets())

    def action_pause(self) -> None:
        """Put them down, or take them up again."""
        self.desk.pause_or_resume(self.targets())

    def action_delete(self) -> None:
        """Delete them."""
        self.desk.ask_delete(self.targets())

    def action_restore(self) -> None:
        """Bring back what was deleted last."""
        self.desk.restore()

    def action_edit(self) -> None:
        """Change their priority, tags or place."""
        self.desk.ask_edit(self.targets())

    def action_move(self, to: str) -> None:
        """To the front or the end of the queue."""
        self.desk.move(self.targets(), to)

    def action_why(self) -> None:
        """Why the one is where it is."""
        self.desk.ask_why(self.one())

    def action_copy(self, what: str) -> None:
        """Copy something of the one."""
        self.desk.copy_of(self.one(), what)

    def action_show_url(self) -> None:
        """Its URL as text."""
        self.desk.show_url(self.one())

    def action_log_full(self) -> None:
        """Its log on the full screen."""
        if job := self.one():
            self.desk.open_log(job.id)
