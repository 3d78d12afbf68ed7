"""A site, a yt-dlp, an ffmpeg and a job's folder for the tests of this room."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest
import pytest_asyncio

from tests import site_media
from tests.site import Site
from tests.support import eventually, session_of
from z2d.media.ffmpeg import Ffmpeg
from z2d.media.process import marked
from z2d.media.ytdlp import FetchLimits, Progress, YtDlp
from z2d.wire.jobs import JobOptions, LogLevel
from z2d.wire.lists import Listing

LIMITS = FetchLimits(disk_reserve_bytes=1 << 20, stall_window_s=20, socket_timeout_s=10, memory_bytes=1 << 30)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of this folder share an event loop, and with it the programs that take long to load."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="package"), append=False)


def new_ffmpeg() -> Ffmpeg:
    """An ffmpeg whose processes, and those of its yt-dlp, are told from all others."""
    return Ffmpeg(site_media.ffmpeg(), f"test-{uuid4().hex}")


def new_ytdlp(ffmpeg: Ffmpeg, *, kind: type[YtDlp] = YtDlp, allow_private: bool = False) -> YtDlp:
    """A yt-dlp that is loaded when it is first needed."""
    return kind(
        installation=ffmpeg.installation, ffmpeg=ffmpeg, allow_private=allow_private, limits=LIMITS, ahead=False
    )


@pytest.fixture
def ffmpeg() -> Ffmpeg:
    return new_ffmpeg()


@pytest_asyncio.fixture(loop_scope="package")
async def site() -> AsyncIterator[Site]:
    async with Site() as site:
        yield site


@dataclass
class Job:
    """A job's calls into the room, with everything it was told."""

    yt: YtDlp
    folder: Path
    options: JobOptions = field(default_factory=JobOptions)
    id: int = 7
    lines: list[tuple[LogLevel, str]] = field(default_factory=list)
    steps: list[Progress] = field(default_factory=list)

    def log(self, level: LogLevel, source: str, text: str) -> None:
        assert source in ("yt-dlp", "ffmpeg")
        self.lines.append((level, text))

    @property
    def info_json(self) -> Path:
        return self.folder / "source" / "info.json"

    async def extract(self, url: str) -> dict[str, Any]:
        return await self.yt.extract(url, folder=self.folder, options=self.options, job_id=self.id, log=self.log)

    async def look(self, url: str) -> dict[str, Any] | Listing:
        return await self.yt.look(url, folder=self.folder, options=self.options, job_id=self.id, log=self.log)

    async def download(self) -> Path:
        return await self.yt.download(
            self.info_json, self.folder, options=self.options, job_id=self.id, log=self.log, progress=self.steps.append
        )

    async def fetch(self, url: str, *, max_bytes: int = 1 << 20) -> bytes:
        target = self.folder / "fetched"
        await self.yt.fetch(self.info_json, url, target, max_bytes=max_bytes, job_id=self.id, log=self.log)
        return target.read_bytes()

    def processes(self) -> list[int]:
        """What runs for jobs: all but the program that forks them, and its leash."""
        forks, all_of_them = self.yt._children.session, marked(self.yt._children._installation)
        return [pid for pid in all_of_them if session_of(pid) not in (None, forks)]

    def files(self) -> list[str]:
        """Every file in the job's folder."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if not path.is_dir())


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def yt() -> AsyncIterator[YtDlp]:
    """A yt-dlp that may use loopback; one for many tests, because it takes most of a second to load."""
    async with new_ytdlp(new_ffmpeg(), allow_private=True) as yt:
        yield yt


@pytest_asyncio.fixture(loop_scope="package")
async def job(yt: YtDlp, tmp_path: Path) -> AsyncIterator[Job]:
    """A job that may use loopback; nothing of it runs any more when the test has ended."""
    job = Job(yt, tmp_path)
    yield job
    yt.limits = LIMITS
    await eventually(lambda: job.processes() == [], within=5, what="the end of what ran for the job")


class PublicLoopback(YtDlp):
    """yt-dlp for which 127.0.0.1 is a public address: the guard's rules with a site to try them on."""

    child_arguments: ClassVar = (
        "-c",
        "import z2d.media.guard as guard; rule = guard.forbidden\n"
        "guard.forbidden = lambda address: address != '127.0.0.1' and rule(address)\n"
        "from z2d.media.ytdlp_child import main; main()",
    )


@pytest_asyncio.fixture(loop_scope="package")
async def lonely(ffmpeg: Ffmpeg, tmp_path: Path) -> AsyncIterator[Job]:
    """A job with a yt-dlp of its own, which may use loopback too."""
    async with new_ytdlp(ffmpeg, allow_private=True) as yt:
        yield Job(yt, tmp_path)
    assert marked(ffmpeg.installation) == []


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def guarded_yt() -> AsyncIterator[YtDlp]:
    """The yt-dlp of `guarded`."""
    async with new_ytdlp(new_ffmpeg(), kind=PublicLoopback) as yt:
        yield yt


@pytest.fixture
def guarded(guarded_yt: YtDlp, tmp_path: Path) -> Job:
    """A job that may not use private networks, except that 127.0.0.1 counts as public."""
    return Job(guarded_yt, tmp_path)
