"""How many jobs listen at once on this machine: as many as the transcript lane has places."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.site import Site
from tests.support import eventually
from tests.worker.rig import Desk, working
from z2d.speech.engine import Hearing, OnCue, Spawn
from z2d.speech.local import PocketSphinx
from z2d.store import queue
from z2d.store.why import why
from z2d.wire.control import WhyCode
from z2d.wire.jobs import JobStatus, StageName

HEARD = '{"language": "en", "cues": [{"start_ms": 0, "end_ms": 900, "text": "one two"}]}'


class Held(PocketSphinx):
    """A local engine whose children are no programs: each hears something as soon as it may end."""

    def __init__(self) -> None:
        self.listening = self.most = 0
        self.may_end = asyncio.Event()

    def trouble(self, language: str | None) -> str | None:
        return None  # also where its package is missing

    async def hear(self, wav: Path, *, language: str | None, spawn: Spawn, on_cue: OnCue) -> Hearing:
        return await super().hear(wav, language=language, spawn=self._spawn, on_cue=on_cue)

    async def _spawn(
        self,
        argv: Sequence[str],
        *,
        memory_bytes: int,
        deadline_s: float,
        on_stdout: Callable[[str], None],
        on_stderr: Callable[[str], None],
    ) -> int:
        self.listening += 1
        self.most = max(self.most, self.listening)
        try:
            await self.may_end.wait()
            await asyncio.to_thread(Path(argv[-1]).write_text, HEARD)
        finally:
            self.listening -= 1
        return 0


async def two_jobs(desk: Desk, site: Site) -> list[int]:
    return [await desk.submit(site.url(f"/short-talk.mp3?{number}")) for number in range(2)]


async def both_end(desk: Desk, jobs: list[int]) -> None:
    for job_id in jobs:
        assert (await desk.end_of(job_id)).status is JobStatus.COMPLETED, await desk.story(job_id)


async def test_with_two_places_two_jobs_listen_at_once(dsn: str, desk: Desk, site: Site) -> None:
    engine = Held()
    await queue.set_lanes(desk.db, {"transcript": 2})
    async with working(dsn, desk.state_dir, slots=2, speech=engine):
        jobs = await two_jobs(desk, site)
        await eventually(lambda: engine.listening == 2, 60, what="two that listen")
        engine.may_end.set()
        await both_end(desk, jobs)


async def test_with_one_place_the_second_stands_in_line(dsn: str, desk: Desk, site: Site) -> None:
    """And one place is what there is as long as nobody set anything."""
    engine = Held()

    async def one_waits() -> bool:
        codes = [(await why(desk.db, job_id)).code for job_id in jobs]
        return codes.count(WhyCode.LANE) == 1

    async with working(dsn, desk.state_dir, slots=2, speech=engine):
        jobs = await two_jobs(desk, site)
        await eventually(one_waits, 60, what="one in line")
        lane = next(one for one in (await queue.state(desk.db)).lanes if one.stage is StageName.TRANSCRIPT)
        assert (lane.busy, lane.waiting) == (1, 1)
        engine.may_end.set()
        await both_end(desk, jobs)
    assert engine.most == 1
