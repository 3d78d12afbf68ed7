"""What this process counts for /metrics while it serves: requests, the lag of its event loop, jobs that finished."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from z2d.api.exposition import Histogram, Sample
from z2d.store import metrics
from z2d.store.database import Database
from z2d.store.metrics import Finished, Place
from z2d.wire.jobs import JobStatus, Outcome, StageName
from z2d.wire.reasons import ErrorClass

LOOP_EVERY_S = 0.5
REQUEST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LAG_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
WORK_S = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UPGRADED, HUNG_UP = 101, 499
PAGES_AT_ONCE = 20  # what one scrape catches up with; the rest comes with the next


class Requests:
    """The requests answered, by route of the table and code, and how long they took."""

    def __init__(self) -> None:
        self.answered: Counter[tuple[str, str, int]] = Counter()
        self.seconds = Histogram(REQUEST_S)

    def middleware(self) -> Middleware:
        """The outermost one. A WebSocket counts when it ends, without a time; a caller who left counts as 499."""

        @web.middleware
        async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
            begun, code = time.perf_counter(), HUNG_UP
            try:
                answer = await handler(request)
                code = answer.status
            finally:
                resource = request.match_info.route.resource
                route = resource.canonical if resource is not None else "none"
                method = request.method if request.method in METHODS else "other"
                self.answered[method, route, code] += 1
                if code != UPGRADED:
                    self.seconds.observe(time.perf_counter() - begun)
            return answer

        return count

    def samples(self) -> list[Sample]:
        """A line per method, route and code that was seen."""
        return [
            Sample(count, {"method": method, "route": route, "code": str(code)})
            for (method, route, code), count in sorted(self.answered.items())
        ]


class LoopLag:
    """How late the event loop comes to what is due: what every request and every heartbeat waits besides."""

    def __init__(self) -> None:
        self.seconds = Histogram(LAG_S)

    async def run(self) -> None:
        """Measure for ever."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LOOP_EVERY_S
            await asyncio.sleep(LOOP_EVERY_S)
            self.seconds.observe(max(0.0, loop.time() - due))


class Ledger:
    """Jobs that finished since this process started, on whatever worker, read on from where the last look ended."""

    def __init__(self, db: Database, *, settled_s: float = metrics.SETTLED_S) -> None:
        self._db, self._settled_s = db, settled_s
        self._begun = time.monotonic()
        self._place: Place | None = None
        self.jobs: Counter[tuple[str, str]] = Counter({(outcome, ""): 0 for outcome in (*Outcome, JobStatus.CANCELLED)})
        self.job_seconds = Histogram(WORK_S)
        self.stage_seconds = {stage.value: Histogram(WORK_S) for stage in StageName}

    async def read_on(self) -> None:
        """Count what has finished meanwhile. Raises DatabaseUnavailable."""
        if self._place is None:
            self._place = await metrics.place_before(self._db, time.monotonic() - self._begun)
        for _ in range(PAGES_AT_ONCE):
            page = await metrics.finished_after(self._db, self._place, settled_s=self._settled_s)
            for job in page:
                self._count(job)
                self._place = job.place
            if len(page) < metrics.PAGE:
                return

    def _count(self, job: Finished) -> None:
        because = job.error_class or ""
        if because and because not in set(ErrorClass):
            because = ErrorClass.UNKNOWN.value
        self.jobs[job.outcome or job.status, because] += 1
        if job.took_ms is not None and job.status == JobStatus.COMPLETED:
            self.job_seconds.observe(job.took_ms / 1000)
        for stage, ms in job.stages.items():
            self.stage_seconds[stage].observe(ms / 1000)
