"""One job as the dashboard keeps it, and the window of the history that is loaded.

Pure data, no Textual: what happens to the list when jobs arrive, change or leave is decided and tested here. The
list never jumps: a row under a person's eyes stays where it is until that person asks for something else.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from sys import intern
from typing import Any

from z2ctl.text import FINISHED, in_line, next_try
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


def seconds(text: object) -> float | None:
    """An RFC 3339 time as seconds since 1970, parsed once when it arrives; None where there is none."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


@dataclass(slots=True, frozen=True)
class Job:
    """A `JobSummary` with its texts made safe and its times as seconds since 1970."""

    id: int
    url: str
    title: str
    status: str
    display: str
    outcome: str
    stage: str
    progress: float
    speed: int | None
    eta: int | None
    site: str
    channel: str
    length_ms: int | None
    priority: int
    attempt: int
    attempts: int | None
    due: float | None
    tags: tuple[str, ...]
    error_code: str
    error_stage: str
    error: str
    hint: str
    wait: str
    parent: int | None
    kind: str
    created: float
    started: float | None
    finished: float | None
    rev: int

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Job:
        """A job from a `JobSummary` (or `JobDetail`) whose texts have passed `feed.clean`."""
        error = data.get("error") or {}
        return cls(
            id=int(data["id"]),
            url=data.get("url") or "",
            title=data.get("title") or "",
            status=intern(str(data.get("status") or "")),
            display=intern(str(data.get("display_status") or data.get("status") or "")),
            outcome=intern(str(data.get("outcome") or "")),
            stage=intern(str(data.get("stage") or "")),
            progress=float(data.get("progress") or 0.0),
            speed=data.get("speed_bps"),
            eta=data.get("eta_s"),
            site=intern(str(data.get("site") or "")),
            channel=data.get("channel") or "",
            length_ms=data.get("duration_ms"),
            priority=int(data.get("priority") or 0),
            attempt=int(data.get("attempt") or 0),
            attempts=data.get("max_attempts"),
            due=seconds(data.get("run_after")),
            tags=tuple(data.get("tags") or ()),
            error_code=str(error.get("code") or ""),
            error_stage=str(error.get("stage") or ""),
            error=str(error.get("message") or ""),
            hint=str(error.get("hint") or ""),
            wait=str(data.get("wait_reason") or ""),
            parent=data.get("parent_id"),
            kind=intern(str(data.get("kind") or "MEDIA")),
            created=seconds(data.get("created_at")) or 0.0,
            started=seconds(data.get("started_at")),
            finished=seconds(data.get("finished_at")),
            rev=int(data.get("rev") or 0),
        )

    @property
    def name(self) -> str:
        """What a person calls it: the title, or the URL while there is none."""
        return self.title or self.url

    @property
    def over(self) -> bool:
        """Whether it has finished, in whatever way."""
        return self.status in FINISHED

    @property
    def running(self) -> bool:
        """Whether a worker has it."""
        return self.status == "RUNNING"

    @property
    def retrying(self) -> bool:
        """Whether it waits for a further attempt."""
        return self.display == "RETRYING" and self.attempt > 0

    def next_try(self, now: float) -> str:
        """What it says while it waits for its next attempt ("retry 2/3 in 12 s"), else nothing."""
        if not self.retrying:
            return ""
        return next_try(self.attempt, self.attempts, None if self.due is None else self.due - now)

    @property
    def in_line(self) -> str:
        """What it says while it runs and waits for a place in its lane, else nothing."""
        return in_line(self.status, self.wait)

    def moved(self, stage: str | None, progress: float, speed: int | None, eta: int | None) -> Job:
        """The same job a little further on."""
        return replace(self, stage=intern(stage or self.stage), progress=progress, speed=speed, eta=eta)


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
