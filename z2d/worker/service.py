"""The worker: slots that claim jobs, as many as are wanted, a heartbeat that keeps them, and ears for people's wishes.

Notifications make it fast and a slow poll makes it sure: every wait here ends by a bell or by the clock.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from z2d.analysis.models import LanguageModel
from z2d.bus import Bus, JobChanged, Lagged, QueueChanged, Resync, Subscription
from z2d.media.access import Access
from z2d.media.ffmpeg import Ffmpeg
from z2d.media.ytdlp import YtDlp
from z2d.pipeline.folders import JobFolder, job_folder
from z2d.pipeline.lanes import Lanes
from z2d.pipeline.policy import Policy
from z2d.pipeline.stage import Tools
from z2d.speech.engine import CHUNK_MS, Engine
from z2d.store import claims, reads, rescue
from z2d.store.claims import Claim, LeaseLost
from z2d.store.database import Database
from z2d.store.logs import LogWriter
from z2d.wire.control import QueueMode
from z2d.wire.errors import DatabaseUnavailable, JobNotFound
from z2d.wire.jobs import FINISHED, JobStatus, WaitReason
from z2d.worker.crew import Crew
from z2d.worker.held import Held
from z2d.worker.lease import Lease
from z2d.worker.patience import Bell, heard, pauses, persist

FAREWELL_S = 1.0
TIDY_S = 600.0
REQUESTS_POLL_S = 1.0
"""How often wishes are looked up while jobs run: the net under the notifications, tight enough for 'within 5 s'."""

log = logging.getLogger(__name__)


class Worker:
    """Works on jobs until `run` is cancelled; then its jobs go back into the queue, attempt not counted.

    `installation` marks what belongs to `state_dir`; `slots`: jobs at once, until a person says otherwise; `lease_s`:
    after this long without a heartbeat others take the jobs; `poll_s`: how often idle slots look unasked; `versions`:
    of "z2", "yt-dlp" and "ffmpeg"; `lanes`: those of this process.
    """

    def __init__(
        self,
        db: Database,
        bus: Bus,
        logs: LogWriter,
        *,
        installation: str,
        slots: int,
        state_dir: Path,
        library_dir: Path,
        ytdlp: YtDlp,
        ffmpeg: Ffmpeg,
        lease_s: float = 30.0,
        poll_s: float = 5.0,
        policy: Policy | None = None,
        access: Callable[[str | None, str], Access] | None = None,
        llm: LanguageModel | None = None,
        speech: Engine | None = None,
        speech_chunk_ms: int = CHUNK_MS,
        versions: Mapping[str, str] | None = None,
        lanes: Lanes | None = None,
    ) -> None:
        self._db, self._bus, self._logs = db, bus, logs
        self._installation = installation
        self._jobs_dir = state_dir / "jobs"
        self._tools = Tools(
            ytdlp=ytdlp,
            ffmpeg=ffmpeg,
            library_dir=library_dir,
            installation=installation,
            uploads_dir=state_dir / "uploads",
            llm=llm,
            versions=versions or {},
            lanes=lanes or Lanes(),
        )
        if access is not None:
            self._tools = replace(self._tools, access=access)
        if speech is not None:
            self._tools = replace(self._tools, speech=speech, speech_chunk_ms=speech_chunk_ms)
        self._lease_s, self._poll_s = lease_s, poll_s
        self._policy = policy or Policy()
        self._lease = Lease(
            db, installation=installation, capacity=slots, version=self._tools.versions.get("z2", ""), lease_s=lease_s
        )
        self._held: dict[int, Held] = {}
        self._bell = Bell()  # there may be something to claim
        self._crew = Crew(db, self._lease, self._bell, slots=slots, poll_s=poll_s, lanes=self._tools.lanes)
        self._wishes = asyncio.Event()  # there may be something a person wants of a running job
        self._untidy = asyncio.Event()  # there may be work of a job that was cancelled while it waited
        self._tidying = asyncio.Lock()  # whoever begins a job waits until its folder is left alone

    @property
    def working_on(self) -> Collection[int]:
        """The ids of the jobs in hand."""
        return list(self._held)

    def adjust(
        self,
        *,
        slots: int,
        policy: Policy,
        access: Callable[[str | None, str], Access],
        llm: LanguageModel | None,
        speech: Engine,
    ) -> None:
        """Go on with other settings. Jobs in hand end as they began; those claimed from now on are worked on so."""
        self._tools = replace(self._tools, access=access, llm=llm, speech=speech)
        self._policy = policy
        self._crew.start_with(slots)

    async def run(self) -> None:
        """Work until cancelled. What a killed predecessor of this installation left is taken up first."""
        self._jobs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        worker_id = await persist(self._lease.worker_id)
        await self._tidy_after(
            await persist(lambda: rescue.rescue_installation(self._db, self._installation, keep=worker_id))
        )
        try:
            with self._bus.subscribe() as events:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._lease.keep(self._ids_in_use, self._drop), name="worker heartbeat")
                    tasks.create_task(self._rescue_others(), name="worker rescue")
                    tasks.create_task(self._listen(events), name="worker ears")
                    tasks.create_task(self._hear_wishes(), name="worker wishes")
                    tasks.create_task(self._tidy_up(), name="worker tidying")
                    following = self._crew.follow(
                        tasks, self._slot, has_room=self._room, on_change=self._heed_the_queue
                    )
                    tasks.create_task(following, name="worker crew")
        finally:
            await self._sign_off()

    async def _slot(self, number: int) -> None:
        """Claim, work, and again; asleep while there is nothing to do. Ends when it is one slot too many."""
        tries = pauses()
        while self._crew.wants(number):
            bell = self._bell.listen()
            if self._crew.mode is not QueueMode.ACTIVE or not self._room():
                await heard(bell, self._poll_s)
                continue
            try:
                claim = await self._claim()
                due = None if claim else await claims.next_due(self._db)
            except DatabaseUnavailable as error:
                log.info("no claim: %s", error)
                await asyncio.sleep(next(tries))
                continue
            tries = pauses()
            if claim is not None:
                await self._work_on(claim)
            else:
                # due now and yet not claimed: it waits behind its site's gate, or another slot was faster
                await heard(bell, self._poll_s if due is None else min(self._poll_s, due or 1.0))

    async def _claim(self) -> Claim | None:
        """Claim a job. Whatever becomes of the answer, no job stays RUNNING in nobody's hands."""
        worker_id = await self._lease.worker_id()
        claiming = asyncio.create_task(claims.claim(self._db, worker_id), name="claim")
        try:
            claim = await asyncio.shield(claiming)
        except DatabaseUnavailable:
            self._lease.forsake(worker_id)
            raise
        except asyncio.CancelledError:
            await asyncio.wait({claiming}, timeout=FAREWELL_S)
            if not claiming.done():
                claiming.cancel()  # if it has worked all the same, the job is found by the next rescue
            elif claiming.exception() is None and (unwanted := claiming.result()) is not None:
                await self._give_back(unwanted)
            raise
        if claim is not None and not self._lease.current(worker_id):
            await self._give_back(claim)
            return None
        return claim

    async def _give_back(self, claim: Claim) -> None:
        try:
            async with asyncio.timeout(FAREWELL_S):
                await claims.requeue(self._db, claim, WaitReason.SHUTDOWN, 0, attempt_used=False)
        except (DatabaseUnavailable, TimeoutError, LeaseLost):
            log.warning("job %d was claimed and could not be given back; it will be rescued", claim.job_id)

    async def _work_on(self, claim: Claim) -> None:
        try:
            while (former := self._held.get(claim.job_id)) is not None:
                # lost a moment ago and claimed anew: the same folder, so its processes have to be gone first
                await former.over.wait()
            async with self._tidying:
                pass
        except asyncio.CancelledError:
            await self._give_back(claim)
            raise
        folder = self._folder(claim.job_id)
        held = Held(claim, folder, db=self._db, logs=self._logs, tools=self._tools, policy=self._policy)
        self._held[claim.job_id] = held
        self._wishes.set()  # one may have come before we were listening for it
        self._heed_the_queue()
        try:
            await held.carry()
        finally:
            del self._held[claim.job_id]
            held.over.set()

    def _heed_the_queue(self) -> None:
        """A paused queue runs nothing."""
        if self._crew.mode is QueueMode.PAUSED:
            for held in list(self._held.values()):
                held.put_back()

    def _room(self) -> bool:
        """Whether there is disk enough to begin something. A disk that is not there has no room."""
        try:
            free = shutil.disk_usage(self._jobs_dir).free
        except FileNotFoundError:  # somebody removed all files of all jobs; the next one makes it again
            free = shutil.disk_usage(self._jobs_dir.parent).free if self._jobs_dir.parent.is_dir() else 0
        except OSError as error:
            log.warning("nothing begins: the folder of the jobs cannot be read: %s", error)
            return False
        return free >= self._tools.ytdlp.limits.disk_reserve_bytes

    def _folder(self, job_id: int) -> JobFolder:
        return JobFolder(job_folder(self._jobs_dir, job_id))

    def _ids_in_use(self) -> set[str]:
        return {held.claim.worker_id for held in self._held.values()}

    def _drop(self, worker_id: str) -> None:
        """This id was declared gone: what is held under it belongs to others now."""
        for held in list(self._held.values()):
            if held.claim.worker_id == worker_id:
                held.lose()
        self._bell.ring()

    async def _listen(self, events: Subscription) -> None:
        """Turn news into bells."""
        while True:
            event = await events.get(timeout=60)
            match event:
                case JobChanged(status=JobStatus.QUEUED):
                    self._bell.ring()
                case JobChanged(id=job_id, status=JobStatus.RUNNING, cancel=cancel, pause=pause):
                    if (cancel or pause) and job_id in self._held:
                        self._held[job_id].obey(cancel=cancel, pause=pause)
                case JobChanged(status=JobStatus.CANCELLED):
                    self._untidy.set()
                case JobChanged(status=JobStatus.COMPLETED):
                    self._bell.ring()  # the first success at a gated site opens its gate
                case QueueChanged():
                    self._crew.look_again()
                case Resync() | Lagged():
                    self._bell.ring()
                    self._wishes.set()
                    self._untidy.set()
                    self._crew.look_again()
                case _:
                    pass  # log lines, other people's jobs, or a minute without news

    async def _hear_wishes(self) -> None:
        """Look up what people want of the running jobs: the net under the notifications. Asleep while none runs."""
        while True:
            await heard(self._wishes, REQUESTS_POLL_S if self._held else 60.0)
            self._wishes.clear()
            if not self._held:
                continue
            try:
                for worker_id in self._ids_in_use():
                    for request in await claims.pending_requests(self._db, worker_id):
                        if request.job_id in self._held:
                            self._held[request.job_id].obey(cancel=request.cancel, pause=request.pause)
            except DatabaseUnavailable:
                continue  # the heartbeat says so; wishes keep

    async def _rescue_others(self) -> None:
        """Take up the jobs of workers that fell silent. Only after an own heartbeat: who was cut off comes last."""
        while True:
            await self._lease.renewed()
            try:
                if await rescue.rescue(self._db, self._lease_s):
                    self._bell.ring()
            except DatabaseUnavailable as error:
                log.info("no rescue: %s", error)

    async def _tidy_after(self, rescued: Collection[int]) -> None:
        """Clear what unfinished work of the killed predecessor is left of jobs that will not go on."""
        for job_id in rescued:
            await persist(partial(self._tidy, job_id))

    async def _tidy_up(self) -> None:
        """Clear the folders of jobs that were cancelled while they waited: there was no run whose end would do it."""
        while True:
            try:
                async for job_id in reads.lately_cancelled(self._db):
                    await self._tidy(job_id)
            except DatabaseUnavailable as error:
                log.info("no tidying: %s", error)
            await heard(self._untidy, TIDY_S)
            self._untidy.clear()

    async def _tidy(self, job_id: int) -> None:
        """Clear the folder of a job that is over. One that makes trouble is left for the next time."""
        if job_id in self._held:  # whoever holds it clears it
            return
        folder = self._folder(job_id)
        try:
            if not await asyncio.to_thread(folder.has_work):
                return
            async with self._tidying:
                if job_id not in self._held and await self._is_over(job_id):
                    await asyncio.to_thread(folder.clear_work)
        except OSError as error:
            log.warning("the folder of job %d could not be tidied: %s", job_id, error)

    async def _is_over(self, job_id: int) -> bool:
        try:
            return (await reads.summary(self._db, job_id)).status in FINISHED
        except JobNotFound:
            return True

    async def _sign_off(self) -> None:
        try:
            async with asyncio.timeout(FAREWELL_S):
                await self._lease.end()
        except (DatabaseUnavailable, TimeoutError):
            log.info("the database does not hear the farewell; it will notice the silence")
