"""The window of the history that is loaded.

Pure data, no Textual: what happens to the list when jobs arrive, change or leave is decided and tested here. The
list never jumps: a row under a person's eyes stays where it is until that person asks for something else.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from z2ctl.tui.job import Job
from z2ctl.tui.matching import conditions, fits

TABS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("all", ()),
    ("running", ("RUNNING", "WAITING")),
    ("queued", ("QUEUED",)),
    ("done", ("COMPLETED",)),
    ("failed", ("FAILED",)),
    ("cancelled", ("CANCELLED",)),
)
"""The tabs over the list and the stored states each one shows; no state means every job."""

SORTS = ("created_at", "finished_at", "title", "status", "priority")
"""The orders the API knows."""


@dataclass(slots=True, frozen=True)
class Query:
    """What the list shows: a tab, words (a line of the filter language that can be read), an order."""

    tab: str = "all"
    words: str = ""
    sort: str = "created_at"
    descending: bool = True

    @property
    def statuses(self) -> tuple[str, ...]:
        """The stored states of the tab."""
        return dict(TABS).get(self.tab, ())

    @property
    def live(self) -> bool:
        """Whether a new job belongs at the top of this list."""
        return self.sort == "created_at" and self.descending

    def params(self) -> dict[str, Any]:
        """The query of `GET /api/jobs`, without cursor and limit."""
        out: dict[str, Any] = {"sort": self.sort, "order": "desc" if self.descending else "asc"}
        if self.statuses:
            out["status"] = list(self.statuses)
        if self.words:
            out["filter"] = self.words
        return out

    @property
    def sought(self) -> tuple[str, ...]:
        """The plain words of the filter, to be marked where they stand."""
        terms = conditions(self.words) if self.words else ()
        plain = [term for term in terms if term.key in ("words", "phrase") and not term.negated]
        return tuple(str(word) for term in plain for word in term.values)

    def admits(self, job: Job) -> bool:
        """Whether a job that just arrived belongs in this list."""
        if self.statuses and job.status not in self.statuses:
            return False
        return not self.words or fits(job, conditions(self.words), time.time())


class Change(Enum):
    """What an event did to the list."""

    NOTHING = "nothing"
    ROW = "row"  # one row looks different
    WAITING = "waiting"  # a new job waits behind the "new" chip
    ROWS = "rows"  # rows came or went


@dataclass(slots=True)
class Window:
    """The part of the history that is loaded, in the order of its query."""

    query: Query = field(default_factory=Query)
    rows: list[Job] = field(default_factory=list)
    waiting: dict[int, Job] = field(default_factory=dict)
    total: int | None = None
    cursor: str | None = None
    generation: int = 0
    loading: bool = False
    _at: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Job]:
        return iter(self.rows)

    def index_of(self, job_id: int | None) -> int | None:
        """Where a job stands, or None."""
        return None if job_id is None else self._at.get(job_id)

    def get(self, job_id: int | None) -> Job | None:
        """A loaded job."""
        at = self.index_of(job_id)
        return None if at is None else self.rows[at]

    def ask(self, query: Query | None = None) -> int:
        """The list, or another one, is being read: the old rows stay until the answer is there.

        Returns the number of this question; an answer to an older one is to be dropped.
        """
        self.query = query or self.query
        self.generation += 1
        self.loading = True
        return self.generation

    def fill(self, jobs: Iterable[Job], total: int, cursor: str | None) -> None:
        """The first page of a new list: nothing of the old one stays."""
        self.rows, self._at, self.waiting = [], {}, {}
        self.append(jobs, total, cursor)

    def append(self, jobs: Iterable[Job], total: int, cursor: str | None) -> int:
        """The next page: how many rows came. A job that a shift of the pages sent twice is kept once."""
        before = len(self.rows)
        for job in jobs:
            if job.id in self._at:
                self.rows[self._at[job.id]] = job
            else:
                self.waiting.pop(job.id, None)
                self._at[job.id] = len(self.rows)
                self.rows.append(job)
        self.total, self.cursor, self.loading = total, cursor, False
        return len(self.rows) - before

    def renew(self, jobs: list[Job], total: int, cursor: str | None) -> None:
        """The first pages, read again. Rows that were loaded below them stay: history that old does not change."""
        fresh = {job.id for job in jobs}
        last = next((self._at[job.id] for job in reversed(jobs) if job.id in self._at), None)
        tail = [] if last is None or cursor is None else [job for job in self.rows[last + 1 :] if job.id not in fresh]
        self.rows = [*jobs, *tail]
        self.waiting = {}
        self.total, self.loading = total, False
        if not tail:
            self.cursor = cursor
        self._index()

    def put(self, job: Job, *, at_top: bool) -> Change:
        """A job that was added or changed. New jobs are shown at once only when the person looks at the top."""
        at = self._at.get(job.id)
        if at is not None:
            if job.rev < self.rows[at].rev:
                return Change.NOTHING
            if at_top and not self.query.admits(job):
                self._drop(at)
                return Change.ROWS
            changed = self.rows[at] != job
            self.rows[at] = job
            return Change.ROW if changed else Change.NOTHING
        if not self.query.admits(job):
            return Change.WAITING if self.waiting.pop(job.id, None) else Change.NOTHING
        if self.rows and job.created < self.rows[-1].created and self.query.live and self.cursor is not None:
            return Change.NOTHING  # it belongs to a page that is not loaded yet
        if job.id not in self.waiting and self.total is not None:
            self.total += 1
        self.waiting[job.id] = job
        if at_top and self.query.live:
            self.surface()
            return Change.ROWS
        return Change.WAITING

    def surface(self) -> None:
        """Bring the waiting jobs into the list (only where the query's order puts new jobs first)."""
        if not self.waiting:
            return
        self.rows = sorted([*self.waiting.values(), *self.rows], key=lambda job: (job.created, job.id), reverse=True)
        self.waiting = {}
        self._index()

    def move(self, job_id: int, stage: str | None, progress: float, speed: int | None, eta: int | None) -> Job | None:
        """Progress of a running job: the job as it is now, or None when it is not loaded."""
        at = self._at.get(job_id)
        if at is None:
            return None
        self.rows[at] = job = self.rows[at].moved(stage, progress, speed, eta)
        return job

    def remove(self, job_id: int) -> bool:
        """A job was deleted: whether that changed the rows."""
        self.waiting.pop(job_id, None)
        at = self._at.get(job_id)
        if at is None:
            return False
        self._drop(at)
        return True

    def prune(self) -> bool:
        """Drop the rows that no longer belong here (a job of the tab "running" that is done)."""
        kept = [job for job in self.rows if self.query.admits(job)] if self.query.statuses else self.rows
        if len(kept) == len(self.rows):
            return False
        self.rows = kept
        self._index()
        return True

    def _drop(self, at: int) -> None:
        del self.rows[at]
        if self.total:
            self.total -= 1
        self._index()

    def _index(self) -> None:
        self._at = {job.id: place for place, job in enumerate(self.rows)}
