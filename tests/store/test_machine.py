"""The life of jobs under everything that can happen to them, against a small model of what must be true.

Several workers claim, beat, fall silent and come back as zombies; people submit, cancel, pause, resume, move, change,
delete and retry in between, and stop the whole queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from z2d.store import claims, control, queue, reads, removal, requests, rescue, stages, workers
from z2d.store.claims import POISON_AFTER, Claim, LeaseLost
from z2d.store.database import Database
from z2d.store.upkeep import upkeep
from z2d.wire.control import JobChanges, QueueMode
from z2d.wire.errors import AlreadyFinished, Conflict, JobNotFound, PreconditionFailed
from z2d.wire.jobs import FINISHED, JobOptions, JobStatus, Outcome, StageName, WaitReason
from z2d.wire.reasons import ErrorClass

from . import making

T = TypeVar("T")
MAX_ATTEMPTS = 4
REASONS = [reason for reason in WaitReason if reason not in {WaitReason.CHILDREN, WaitReason.USER}]


@dataclass
class Expected:
    """What the model knows of a job."""

    key: str
    status: JobStatus = JobStatus.QUEUED
    due: bool = True
    attempt: int = 0
    crashes: int = 0
    holder: Claim | None = None
    cancel: bool = False
    pause: bool = False
    held: bool = False  # waits for its person
    priority: int = 0
    rank: int = 0

    @property
    def place(self) -> tuple[int, int]:
        """Jobs with a smaller one start earlier."""
        return self.rank, -self.priority


class Jobs(RuleBasedStateMachine):
    dsn = ""
    everybody = Bundle("everybody")
    made = Bundle("made")
    held = Bundle("held")  # every claim ever given out, the void ones too

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.db: Database = self.run(self.stack.enter_async_context(Database.open(self.dsn, size=2)))
        self.run(self.db.execute("TRUNCATE jobs, job_logs, workers, job_counts, site_gates RESTART IDENTITY CASCADE"))
        self.run(queue.set_mode(self.db, QueueMode.ACTIVE))
        self.mode = QueueMode.ACTIVE
        self.jobs: dict[int, Expected] = {}
        self.alive: dict[str, bool] = {}  # worker -> has a fresh heartbeat
        self.gone: set[str] = set()

    def run(self, step: Coroutine[Any, Any, T] | Awaitable[T]) -> T:
        async def one() -> T:
            return await step

        return self.runner.run(one())

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()

    # -- people

    @rule(target=made, key=st.sampled_from("abcd"), force=st.booleans(), hold=st.booleans())
    def submit(self, key: str, force: bool, hold: bool) -> int:
        answering = [
            number
            for number, job in self.jobs.items()
            if job.key == key and (job.status not in FINISHED or (job.status == JobStatus.COMPLETED and not force))
        ]
        found = self.run(making.job(self.db, key=key, url="https://example.org/", force=force, hold=hold))
        if answering:
            assert found.id in answering
        else:
            assert found.id not in self.jobs
            self.jobs[found.id] = Expected(key, due=not hold, held=hold)
            self.run(self.db.execute("UPDATE jobs SET max_attempts = $2 WHERE id = $1", found.id, MAX_ATTEMPTS))
        return found.id

    @rule(number=made)
    def cancel(self, number: int) -> None:
        job = self.jobs[number]
        if job.status in FINISHED and job.status != JobStatus.CANCELLED:
            with pytest.raises(AlreadyFinished):
                self.run(requests.ask_cancel(self.db, number))
            return
        answer = self.run(requests.ask_cancel(self.db, number))
        if job.status == JobStatus.RUNNING:
            job.cancel = True
            assert answer.display_status == "CANCELLING"
        else:
            job.status = JobStatus.CANCELLED
            assert answer.status == JobStatus.CANCELLED

    @rule(number=made)
    def pause(self, number: int) -> None:
        job = self.jobs[number]
        if (refusal := self._refusal(job)) is not None:
            with pytest.raises(refusal):
                self.run(control.pause(self.db, number))
            return
        answer = self.run(control.pause(self.db, number))
        if job.status == JobStatus.RUNNING:
            job.pause = True
            assert answer.display_status == "PAUSING"
        else:
            job.due, job.held = False, True
            assert answer.display_status == "PAUSED"

    @rule(number=made)
    def resume(self, number: int) -> None:
        job = self.jobs[number]
        if (refusal := self._refusal(job)) is not None:
            with pytest.raises(refusal):
                self.run(control.resume(self.db, number))
            return
        answer = self.run(control.resume(self.db, number))
        assert answer.display_status not in {"PAUSED", "PAUSING"}
        job.pause = False
        if job.held:
            job.due, job.held = True, False

    def _refusal(self, job: Expected) -> type[Exception] | None:
        """Why a job can be neither paused nor resumed."""
        if job.status in FINISHED:
            return AlreadyFinished
        return Conflict if job.cancel else None

    @rule(number=made, first=st.booleans())
    def move(self, number: int, first: bool) -> None:
        job = self.jobs[number]
        if job.status != JobStatus.QUEUED:
            with pytest.raises(Conflict):
                self.run(control.move(self.db, number, "first"))
            return
        self.run(control.move(self.db, number, "first" if first else "last"))
        others = [one.rank for one in self.jobs.values() if one is not job and one.status == JobStatus.QUEUED]
        job.rank = min([0, *others]) - 1 if first else max([0, *others]) + 1

    @rule(number=made, priority=st.none() | st.integers(-2, 2), options=st.booleans(), old=st.booleans())
    def change(self, number: int, priority: int | None, options: bool, old: bool) -> None:
        job = self.jobs[number]
        rev = self.run(reads.summary(self.db, number)).rev
        changes = JobChanges(priority=priority, options=JobOptions(audio_only=True) if options else None, tags=["t"])
        refusal: type[Exception] | None = None
        if (options and job.status != JobStatus.QUEUED) or (priority is not None and job.status in FINISHED):
            refusal = Conflict
        if old:
            refusal = PreconditionFailed
        if refusal is not None:
            with pytest.raises(refusal):
                self.run(control.change(self.db, number, changes, rev=rev - old))
            assert self.run(reads.summary(self.db, number)).rev == rev, "all of it, or nothing"
            return
        assert self.run(control.change(self.db, number, changes, rev=rev)).rev > rev
        if priority is not None:
            job.priority, job.rank = priority, 0

    @rule(number=made)
    def delete_and_restore(self, number: int) -> None:
        if self.jobs[number].status not in FINISHED:
            with pytest.raises(Conflict):
                self.run(requests.mark_deleted(self.db, number))
            return
        self.run(requests.mark_deleted(self.db, number, files=True))
        for step in (control.pause, control.resume, requests.retry, requests.ask_cancel, reads.detail):
            with pytest.raises(JobNotFound):
                self.run(step(self.db, number))
        self.run(removal.restore(self.db, number))

    @rule(mode=st.sampled_from(QueueMode))
    def set_the_queue(self, mode: QueueMode) -> None:
        self.run(queue.set_mode(self.db, mode))
        self.mode = mode

    @rule(number=made, stage=st.none() | st.sampled_from(StageName))
    def retry(self, number: int, stage: StageName | None) -> None:
        job = self.jobs[number]
        twin = any(other.key == job.key and other.status not in FINISHED for other in self.jobs.values())
        if job.status not in FINISHED or twin:
            with pytest.raises(Conflict):
                self.run(requests.retry(self.db, number, stage))
            return
        self.run(requests.retry(self.db, number, stage))
        self.jobs[number] = Expected(job.key, priority=job.priority)

    # -- workers

    @rule(target=everybody)
    def hire(self) -> str:
        name = self.run(making.worker(self.db))
        self.alive[name] = True
        return name

    @rule(who=everybody)
    def beat(self, who: str) -> None:
        assert self.run(workers.beat(self.db, who)) == (who not in self.gone)
        self.alive[who] = True

    @rule(who=everybody)
    def fall_silent(self, who: str) -> None:
        age = "UPDATE workers SET heartbeat_at = clock_timestamp() - interval '1 hour' WHERE id = $1"
        self.run(self.db.execute(age, who))
        self.alive[who] = False

    @rule(who=consumes(everybody))
    def retire(self, who: str) -> None:
        self.run(workers.retire_worker(self.db, who))
        self.gone.add(who)

    @rule(target=held, who=everybody)
    def claim(self, who: str) -> Any:
        claim = self.run(claims.claim(self.db, who))
        due = [number for number, job in self.jobs.items() if job.status == JobStatus.QUEUED and job.due]
        if who in self.gone or not due or self.mode != QueueMode.ACTIVE:
            assert claim is None
            return Claim(0, 0, who, 0, 0, "", None, None, None, "", None, False)  # type: ignore[arg-type]
        assert claim is not None
        assert claim.job_id in due
        job = self.jobs[claim.job_id]
        assert job.place == min(self.jobs[number].place for number in due)
        job.status, job.holder, job.attempt = JobStatus.RUNNING, claim, job.attempt + 1
        assert claim.attempt == job.attempt <= claim.max_attempts
        return claim

    @rule()
    def rescue(self) -> None:
        self.gone |= {who for who, fresh in self.alive.items() if not fresh}
        lost = {number: job for number, job in self.jobs.items() if job.holder and job.holder.worker_id in self.gone}
        assert set(self.run(rescue.rescue(self.db, 60))) == set(lost)
        for job in lost.values():
            self._ends(job, JobStatus.QUEUED, used=True, due=True, lost=True)

    def _ends(
        self, job: Expected, wanted: JobStatus, *, used: bool = True, due: bool = True, lost: bool = False
    ) -> JobStatus:
        job.status = wanted
        job.crashes = job.crashes + 1 if lost else 0
        if job.cancel:
            job.status = JobStatus.CANCELLED
        elif wanted == JobStatus.QUEUED and job.pause:
            job.due, job.held, job.attempt = False, True, job.attempt - 1
        elif wanted == JobStatus.QUEUED and ((used and job.attempt >= MAX_ATTEMPTS) or job.crashes >= POISON_AFTER):
            job.status = JobStatus.FAILED
        elif wanted == JobStatus.QUEUED:
            job.due, job.attempt = due, job.attempt - (not used)
        job.holder, job.cancel, job.pause = None, False, False
        return job.status

    def _write(self, claim: Claim, write: Callable[[], Awaitable[Any]]) -> tuple[Expected, Any] | None:
        """Write under a claim: it works exactly as long as the claim is the one that counts."""
        job = self.jobs.get(claim.job_id)
        if job is None or job.holder is not claim:
            with pytest.raises(LeaseLost):
                self.run(write())
            return None
        return job, self.run(write())

    @rule(claim=held, outcome=st.sampled_from([Outcome.FULL, Outcome.PARTIAL]))
    def finish(self, claim: Claim, outcome: Outcome) -> None:
        if answer := self._write(claim, lambda: claims.finish(self.db, claim, outcome)):
            assert answer[1] == self._ends(answer[0], JobStatus.COMPLETED)

    @rule(claim=held)
    def fail(self, claim: Claim) -> None:
        if answer := self._write(claim, lambda: claims.fail(self.db, claim, ErrorClass.GEO, "m", None)):
            assert answer[1] == self._ends(answer[0], JobStatus.FAILED)

    @rule(claim=held)
    def obey_cancel(self, claim: Claim) -> None:
        if answer := self._write(claim, lambda: claims.cancelled(self.db, claim)):
            assert answer[1] == self._ends(answer[0], JobStatus.CANCELLED)

    @rule(claim=held, reason=st.sampled_from(REASONS), later=st.booleans(), used=st.booleans())
    def requeue(self, claim: Claim, reason: WaitReason, later: bool, used: bool) -> None:
        delay = 3600 if later else 0
        if answer := self._write(claim, lambda: claims.requeue(self.db, claim, reason, delay, attempt_used=used)):
            assert answer[1] == self._ends(answer[0], JobStatus.QUEUED, used=used, due=not later)

    @rule(claim=held)
    def obey_pause(self, claim: Claim) -> None:
        """It may have been taken back meanwhile: then the job is due again."""
        if answer := self._write(claim, lambda: claims.requeue(self.db, claim, WaitReason.USER, 0, attempt_used=False)):
            assert answer[1] == self._ends(answer[0], JobStatus.QUEUED, used=False)

    @rule(claim=held, stage=st.sampled_from(StageName))
    def begin_stage(self, claim: Claim, stage: StageName) -> None:
        self._write(claim, lambda: stages.start_stage(self.db, claim, stage, "hash", 1))

    @rule(claim=held, stage=st.sampled_from(StageName))
    def finish_stage(self, claim: Claim, stage: StageName) -> None:
        write = lambda: stages.finish_stage(self.db, claim, stage, input_hash="h", artefacts=[])  # noqa: E731
        if answer := self._write(claim, write):
            answer[0].crashes = 0

    @rule(claim=held, stage=st.sampled_from(StageName), share=st.floats(0, 1))
    def progress(self, claim: Claim, stage: StageName, share: float) -> None:
        self._write(
            claim,
            lambda: stages.save_progress(self.db, claim, stage, stage_progress=share, job_progress=share),
        )

    @rule()
    def fold(self) -> None:
        self.run(upkeep(self.db))

    # -- what is always true

    @invariant()
    def the_database_agrees(self) -> None:
        rows = {row["id"]: row for row in self.run(self.db.fetch(EVERYTHING))}
        assert rows.keys() == self.jobs.keys()
        for number, job in self.jobs.items():
            row = rows[number]
            assert row["status"] == job.status
            assert row["attempt"] == job.attempt <= MAX_ATTEMPTS
            assert row["crashes"] == job.crashes
            assert (row["finished_at"] is not None) == (job.status in FINISHED)
            assert row["worker_id"] == (job.holder and job.holder.worker_id)
            assert row["open_runs"] == (job.status == JobStatus.RUNNING)
            assert row["busy_stages"] == 0 or job.status == JobStatus.RUNNING
            assert (row["wait_reason"] == "USER") == job.held or job.status in FINISHED
            assert row["held"] == job.held or job.status in FINISHED
            assert (row["pause_requested_at"] is not None) == job.pause
            assert (row["rank"], -row["priority"]) == job.place
            if row["cancel_requested_at"] is not None:
                assert row["status"] in {"RUNNING", "CANCELLED"}, "a wish was lost"

    @invariant()
    def the_counts_are_right(self) -> None:
        counted = self.run(self.db.fetch("SELECT status, sum(jobs)::int AS n FROM job_counts GROUP BY 1"))
        real: dict[str, int] = {}
        for job in self.jobs.values():
            real[job.status] = real.get(job.status, 0) + 1
        assert {row["status"]: row["n"] for row in counted if row["n"]} == real


EVERYTHING = """
    SELECT j.*, j.run_after = 'infinity' AS held,
        (SELECT count(*) FROM job_attempts a WHERE a.job_id = j.id AND a.finished_at IS NULL) AS open_runs,
        (SELECT count(*) FROM job_stages s WHERE s.job_id = j.id AND s.status = 'RUNNING') AS busy_stages
    FROM jobs j
"""


def test_the_life_of_jobs(dsn: str) -> None:
    machine = type("Machine", (Jobs,), {"dsn": dsn})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=50,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking real transactions takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
