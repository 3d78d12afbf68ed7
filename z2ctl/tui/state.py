"""All that the dashboard knows: the window of jobs, the running ones, the counts, and how fresh it is.

Pure data, no Textual. The app owns one `State`, puts what the feed says into it and tells the screen on top what
changed; two screens never hold two truths.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from z2ctl.tui.job import Job
from z2ctl.tui.jobs import TABS, Change, Window

SILENT_S = 12.0
"""How long nothing at all may come before the top bar says so; while nothing happens the feed asks more often."""


class Phase(Enum):
    """How the line to the daemon stands."""

    STARTING = "starting"
    LIVE = "live"
    OFFLINE = "offline"
    REFUSED = "refused"  # a wrong or missing token: trying again soon does not help


@dataclass(slots=True)
class Line:
    """The connection as the top bar shows it. Times are seconds of the app's clock."""

    phase: Phase = Phase.STARTING
    reason: str = ""
    tries: int = 0
    retry_at: float = 0.0
    lost_at: float = 0.0
    heard_at: float = 0.0
    version: str = ""
    api: int | None = None
    ever: bool = False

    @property
    def live(self) -> bool:
        """Whether what is shown is how things are."""
        return self.phase is Phase.LIVE

    def silent(self, now: float) -> float:
        """For how many seconds nothing came although the line stands; 0 while that is normal."""
        quiet = now - self.heard_at
        return quiet if self.live and quiet >= SILENT_S else 0.0


@dataclass(slots=True)
class State:
    """The one truth of the dashboard."""

    line: Line = field(default_factory=Line)
    window: Window = field(default_factory=Window)
    active: dict[int, Job] = field(default_factory=dict)
    retrying: dict[int, Job] = field(default_factory=dict)
    """Those that wait for a further attempt."""
    stats: Mapping[str, Any] = field(default_factory=dict)
    selected: int | None = None
    marks: set[int] = field(default_factory=set)

    # -- what the feed says ----------------------------------------------------------------------------------------

    def snapshot(self, jobs: Iterable[Job], stats: Mapping[str, Any], *, at_top: bool) -> Change:
        """The active jobs and the counts, as the daemon has them now."""
        jobs = list(jobs)
        self.stats = stats
        self.active = {job.id: job for job in sorted(jobs, key=_order) if job.running}
        self.retrying = {job.id: job for job in jobs if job.retrying}
        worst = Change.NOTHING
        for job in jobs:
            worst = _worse(worst, self.window.put(job, at_top=at_top))
        return worst

    def job(self, job: Job, *, at_top: bool) -> Change:
        """A job was added or changed."""
        old = self.active.get(job.id) or self.retrying.get(job.id) or self.window.get(job.id)
        if old and job.rev < old.rev:
            return Change.NOTHING
        for those, among in ((self.active, job.running), (self.retrying, job.retrying)):
            if among:
                those[job.id] = job
            else:
                those.pop(job.id, None)
        self._count(old, job)
        return self.window.put(job, at_top=at_top)

    def progress(self, job_id: int, stage: str | None, progress: float, speed: int | None, eta: int | None) -> bool:
        """A running job moved on: whether anything that is shown did."""
        row = self.window.move(job_id, stage, progress, speed, eta)
        job = self.active.get(job_id)
        if job is None:
            return row is not None
        self.active[job_id] = job.moved(stage, progress, speed, eta)
        return True

    def deleted(self, job_id: int) -> bool:
        """A job is gone: whether a row went with it."""
        self.active.pop(job_id, None)
        self.retrying.pop(job_id, None)
        self.marks.discard(job_id)
        return self.window.remove(job_id)

    # -- what a person looks at ------------------------------------------------------------------------------------

    def find(self, job_id: int | None) -> Job | None:
        """What is known of a job, from the list or from the running ones."""
        if job_id is None:
            return None
        return (
            self.window.get(job_id)
            or self.active.get(job_id)
            or self.window.waiting.get(job_id)
            or self.retrying.get(job_id)
        )

    def targets(self) -> list[Job]:
        """What an action is about: the marked jobs, else the selected one."""
        ids = sorted(self.marks) if self.marks else [self.selected]
        return [job for job in map(self.find, ids) if job is not None]

    def select(self, index: int) -> Job | None:
        """Put the cursor on a row (clamped); the job under it."""
        rows = self.window.rows
        if not rows:
            self.selected = None
            return None
        job = rows[min(max(0, index), len(rows) - 1)]
        self.selected = job.id
        return job

    @property
    def selected_index(self) -> int | None:
        """The row of the selected job."""
        return self.window.index_of(self.selected)

    def counted(self, tab: str) -> int | None:
        """How many jobs a tab has; None while nobody said."""
        counts = self.stats.get("counts")
        if not isinstance(counts, Mapping):
            return None
        if tab == "all":
            return sum(map(int, counts.values()))  # not `total`, which is not kept between two statistics
        return sum(int(counts.get(status, 0)) for status in dict(TABS)[tab])

    def _count(self, old: Job | None, new: Job) -> None:
        """Keep the counts right between two statistics, so that tabs are live."""
        counts = self.stats.get("counts")
        if old is None or old.status == new.status or not isinstance(counts, Mapping):
            return
        moved = dict(counts)
        moved[old.status] = max(0, int(moved.get(old.status, 0)) - 1)
        moved[new.status] = int(moved.get(new.status, 0)) + 1
        self.stats = {**self.stats, "counts": moved}


def _order(job: Job) -> tuple[float, int]:
    return (job.started or job.created, job.id)


def _worse(one: Change, other: Change) -> Change:
    ranks = list(Change)
    return max(one, other, key=ranks.index)
