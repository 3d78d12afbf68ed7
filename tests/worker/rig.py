"""A worker with everything real around it - PostgreSQL, yt-dlp, ffmpeg - in this process or in one that can be killed.

As a program: `python -m tests.worker.rig DSN STATE_DIR LEASE_S` works on the queue until it is ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from tests.support import ROOT, eventually, session_of
from tests.warm import SharedYtDlp, children
from z2d.analysis.models import LanguageModel
from z2d.bus import Bus
from z2d.media import process
from z2d.media.access import Access
from z2d.media.ffmpeg import Ffmpeg, find_ffmpeg
from z2d.media.ytdlp import FetchLimits, YtDlp
from z2d.pipeline.faultpoints import VARIABLE
from z2d.pipeline.folders import JobFolder, job_folder
from z2d.pipeline.policy import Policy
from z2d.speech.engine import CHUNK_MS, Engine
from z2d.store import logs, reads, requests, submission
from z2d.store.database import Database
from z2d.store.listen import Listener
from z2d.store.logs import LogWriter
from z2d.wire.jobs import FINISHED, JobDetail, LogLine, NewJobFields, StageName, StageStatus
from z2d.worker import Worker

FAST = 0.002
"""Scale of the retry waits: a minute becomes an eighth of a second."""
VERSIONS = {"z2": "0.1.0", "yt-dlp": "2026.7.4", "ffmpeg": "7.1"}
LIMITS = FetchLimits(disk_reserve_bytes=1 << 20, stall_window_s=5, socket_timeout_s=5)


def installation_of(state_dir: Path) -> str:
    """Of the whole path: two test processes have folders of the same last name, and a worker that starts ends what
    is left of its installation.
    """
    return f"test-{crc32(str(state_dir).encode()):08x}"


@asynccontextmanager
async def working(
    dsn: str,
    state_dir: Path,
    *,
    slots: int = 2,
    lease_s: float = 30.0,
    poll_s: float = 1.0,
    scale: float = FAST,
    limits: FetchLimits = LIMITS,
    listen: bool = True,
    access: Callable[[str | None, str], Access] | None = None,
    allow_private: bool = True,
    llm: LanguageModel | None = None,
    speech: Engine | None = None,
    speech_chunk_ms: int = CHUNK_MS,
    ytdlp_of: Callable[..., YtDlp] = SharedYtDlp,
) -> AsyncIterator[tuple[Worker, asyncio.Task[None]]]:
    """A worker at work, and its task."""
    installation = installation_of(state_dir)
    found = find_ffmpeg()
    assert found is not None
    ffmpeg = Ffmpeg(found, installation)
    await process.sweep(installation)
    bus = Bus()
    async with (
        Database.open(dsn) as db,
        LogWriter(db, bus=bus) as log_writer,
        ytdlp_of(installation=installation, ffmpeg=ffmpeg, allow_private=allow_private, limits=limits) as ytdlp,
    ):
        worker = Worker(
            db,
            bus,
            log_writer,
            installation=installation,
            slots=slots,
            state_dir=state_dir,
            library_dir=state_dir / "library",
            ytdlp=ytdlp,
            ffmpeg=ffmpeg,
            lease_s=lease_s,
            poll_s=poll_s,
            policy=Policy(scale=scale),
            access=access,
            llm=llm,
            speech=speech,
            speech_chunk_ms=speech_chunk_ms,
            versions=VERSIONS,
        )
        running = asyncio.create_task(worker.run(), name="worker")
        tasks = [running]
        if listen:
            tasks.append(asyncio.create_task(Listener(dsn).run(bus), name="listener"))
        try:
            yield worker, running
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=15)
            for task in tasks:
                if not task.cancelled() and (error := task.exception()):
                    raise error


@dataclass
class Desk:
    """What a person does and sees, straight at the store."""

    db: Database
    state_dir: Path

    async def submit(self, url: str, *, site: str = "Generic", **fields: Any) -> int:
        job = NewJobFields(**fields)
        summary, _ = await submission.submit(
            self.db, url=url, site=site, dedup_key=None if fields.get("force") else f"url:{url}", job=job
        )
        return summary.id

    async def detail(self, job_id: int) -> JobDetail:
        return await reads.detail(self.db, job_id)

    async def end_of(self, job_id: int, within: float = 60) -> JobDetail:
        async def finished() -> JobDetail | None:
            detail = await self.detail(job_id)
            return detail if detail.status in FINISHED else None

        found = await eventually(finished, within, every=0.1, what=f"the end of job {job_id}")
        assert found is not None
        return found

    async def in_stage(self, job_id: int, stage: StageName, within: float = 30) -> None:
        async def there() -> bool:
            detail = await self.detail(job_id)
            return any(s.stage is stage and s.status is StageStatus.RUNNING for s in detail.stages)

        await eventually(there, within, what=f"job {job_id} in {stage.value}")

    async def cancel(self, job_id: int) -> None:
        await requests.ask_cancel(self.db, job_id)

    async def log(self, job_id: int) -> list[LogLine]:
        page = await logs.page(self.db, job_id, after=0, before=None, limit=1000, level=None, stage=None, q=None)
        return page.items

    async def story(self, job_id: int) -> str:
        return "\n".join(f"{line.level} {line.stage}: {line.message}" for line in await self.log(job_id))

    def folder(self, job_id: int) -> JobFolder:
        return JobFolder(job_folder(self.state_dir / "jobs", job_id))


def statuses(detail: JobDetail) -> dict[StageName, StageStatus]:
    return {stage.stage: stage.status for stage in detail.stages}


async def start_worker_process(
    dsn: str, state_dir: Path, *, crash_at: str = "", lease_s: float = 30
) -> asyncio.subprocess.Process:
    """The worker as a process of its own; with `crash_at` it kills itself there."""
    environment = os.environ | ({VARIABLE: crash_at} if crash_at else {})
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.worker.rig", dsn, str(state_dir), str(lease_s), cwd=ROOT, env=environment
    )


async def killed(child: asyncio.subprocess.Process) -> None:
    """Wait until it has killed itself."""
    async with asyncio.timeout(60):
        assert await child.wait() == -signal.SIGKILL


def leftovers(state_dir: Path) -> list[int]:
    """Processes that a job of this installation has left running (what forks yt-dlp's children counts too)."""
    return process.marked(installation_of(state_dir)) + children()


def at_work(state_dir: Path) -> list[int]:
    """What runs for jobs of this installation: all but the programs that fork yt-dlp's children, and their leashes."""
    found = leftovers(state_dir)
    forks = {pid for pid in found if {b"-m z2d.media.ytdlp_child", b"leash.py"} <= _words_of(pid)}
    return [pid for pid in found if session_of(pid) not in forks | {None}]


def _words_of(pid: int) -> set[bytes]:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return set()
    return {word for word in (b"-m z2d.media.ytdlp_child", b"leash.py") if word in words}


async def _main(dsn: str, state_dir: Path, lease_s: float) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    async with working(dsn, state_dir, lease_s=lease_s, ytdlp_of=YtDlp) as (_, running):
        await running


if __name__ == "__main__":
    try:
        asyncio.run(_main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))
    except asyncio.CancelledError:
        sys.exit(0)
