"""What downloads cost: the calls beside them (bar 10), and a download itself against yt-dlp alone (bar 11).

python -m bench.downloads       yt-dlp alone: for a line "URL FOLDER" on stdin prints [seconds, seconds of processor]
python -m bench.downloads PERCENT       burns so much of a core
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench.ground import cpu_s, daemon, family, program
from bench.jobs import finished, moment
from bench.rounds import ROUNDS, Row, interleaved
from bench.serving import asked
from tests import site_media
from tests.e2e.harness import Daemon
from tests.site import Site, site_in_thread
from tests.support import eventually_sync
from z2ctl.client import Client

WATCHED_S = 3
CALLS_PER_S = 50
DOWNLOAD_S = 10


async def beside() -> list[Row]:
    """Bar 10."""
    with site_in_thread() as site, daemon(Z2_SLOTS="2") as z2d:
        client = z2d.client()
        client.submit_batch([site.url(f"/file.mp4?{number}") for number in range(25)], hold=True)
        with (
            program("bench.load", "get", z2d.socket, "/api/jobs?limit=25", 2) as caller,
            program("bench.load", "get", z2d.socket, "/healthz", 1) as pulse,
        ):
            work = Work(z2d, site, caller, pulse)
            found = await interleaved({"downloads": work.downloading, "burning": work.burning})
    return [
        Row(10, "a page of the list during two downloads and extractions, p99", found["downloads"], "ms",
            f"beside {work.share:.0%} of a core of other work", found["burning"], most=2, plus=5),
        Row(10, "longest call of /healthz during them, which waits for nothing but the event loop", median(work.pulses),
            "ms", "limit", 25, note="the median of the longest of each round; the call itself is in it",
            why="with fewer cores than work the kernel, too, lets z2d wait its turn"),
    ]  # fmt: skip


class Work:
    """Keeps z2d or the machine at work while somebody calls."""

    def __init__(self, z2d: Daemon, site: Site, caller: subprocess.Popen[str], pulse: subprocess.Popen[str]) -> None:
        self._z2d, self._site, self._caller, self._pulse = z2d, site, caller, pulse
        self._client = z2d.client()
        self._number = 0
        self.share = 0.0
        self.pulses: list[float] = []

    def downloading(self) -> float:
        """The 99th percentile of a call during two slow downloads and one extraction after the other."""
        self._number += 1
        size = site_media.large_mp4().stat().st_size
        slow = f"/slow.mp4?rate={size // 60}&number={self._number}"
        jobs = [self._client.submit(self._site.url(f"{slow}&{which}"))["id"] for which in ("one", "two")]
        for job in jobs:
            eventually_sync(partial(self._has_bytes, job), 30, every=0.1, what="a download")
        assert self._z2d.process is not None
        with self._extracting():
            pids = family(self._z2d.process.pid)
            others, began = cpu_s(pids) - cpu_s(pids[:1]), time.monotonic()
            with ThreadPoolExecutor(1) as beside:
                felt = beside.submit(asked, self._pulse, f"{WATCHED_S} {CALLS_PER_S}")
                figure = self._called()
                self.pulses.append(felt.result(30)[3])
            pids = sorted({*pids, *family(self._z2d.process.pid)})
            self.share = max(0.02, (cpu_s(pids) - cpu_s(pids[:1]) - others) / (time.monotonic() - began))
        for job in jobs:
            self._client.cancel(job)
            eventually_sync(partial(self._is_over, job), 30, every=0.1)
        return figure

    def burning(self) -> float:
        """The same while as much processor goes to something that has nothing to do with z2."""
        half = f"{self.share * 50:.0f}"
        with program("bench.downloads", half), program("bench.downloads", half):
            time.sleep(0.5)
            return self._called()

    def _called(self) -> float:
        figure: float = asked(self._caller, f"{WATCHED_S} {CALLS_PER_S}")[2]
        return figure

    def _is_over(self, job: int) -> bool:
        return bool(self._client.job(job)["finished_at"])

    def _has_bytes(self, job: int) -> bool:
        stages = {one["stage"]: one for one in self._client.job(job)["stages"]}
        return bool(stages["download"]["bytes_done"])

    @contextmanager
    def _extracting(self) -> Iterator[None]:
        over = threading.Event()

        def extract() -> None:
            number = 0
            while not over.is_set():
                number += 1
                self._client.probe(self._site.url(f"/page?{self._number}={number}"))

        thread = threading.Thread(target=extract, name="extractions")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(30)


async def download() -> list[Row]:
    """Bar 11."""
    with tempfile.TemporaryDirectory() as folder, site_in_thread() as site, daemon() as z2d:
        with program("bench.downloads") as bare:
            fetch = Fetch(z2d.client(), site, z2d, bare, Path(folder))
            fetch.small()
            slow = [await fetch.slowly() for _ in range(ROUNDS)]
        ways = {"fetched": fetch.small, "command": fetch.by_command}
        found = await interleaved(ways)
    z2_s, z2_cpu, bare_s, bare_cpu = (median(one) for one in zip(*slow, strict=True))
    whole = median(fetch.whole[1:])
    return [
        Row(11, f"a download that the server makes take {DOWNLOAD_S} s, with the look before it", z2_s, "s",
            "yt-dlp's own API, loaded", bare_s, most=1.03,
            why="z2 looks at the video first and fetches it then, in a child each; yt-dlp alone does both in one"),
        Row(11, "processor for it, z2d and PostgreSQL included", z2_cpu, "s", "yt-dlp's own API, loaded", bare_cpu,
            most=1.25, why="two children are forked, and what they report is stored and told while they work"),
        Row(11, "a clip of 0.8 MiB, submission to the end of the job", whole, "s", "the yt-dlp command",
            found["command"], most=0.6, note="z2 also takes the sound out, reads or makes a transcript, analyses and "
            "publishes; the next row is the video alone. MeTube was not run",
            why="four more stages, two with a program of their own; the analysis alone loads for a third of a second"),
        Row(11, "the same clip, submission to the video on disk", found["fetched"], "s", "the yt-dlp command",
            found["command"], most=0.6, why="the look and the download are a forked child each"),
    ]  # fmt: skip


class Fetch:
    """The same video by z2 and by yt-dlp alone."""

    def __init__(self, client: Client, site: Site, z2d: Daemon, bare: subprocess.Popen[str], folder: Path) -> None:
        self._client, self._site, self._z2d, self._bare, self._folder = client, site, z2d, bare, folder
        self._number = 0
        self.whole: list[float] = []

    async def slowly(self) -> tuple[float, float, float, float]:
        """Seconds and seconds of processor by z2, and by yt-dlp: both at once, for the server's pace sets theirs."""
        self._number += 1
        rate = site_media.large_mp4().stat().st_size // DOWNLOAD_S
        url = self._site.url(f"/slow.mp4?rate={rate}&number={self._number}")
        by_z2 = asyncio.to_thread(self._slowly_by_z2, f"{url}&by=z2")
        by_itself = asyncio.to_thread(asked, self._bare, f"{url}&by=itself {self._new_folder()}")
        (seconds, cpu), alone = await asyncio.gather(by_z2, by_itself)
        return seconds, cpu, alone[0], alone[1]

    def _slowly_by_z2(self, url: str) -> tuple[float, float]:
        assert self._z2d.process is not None
        before = cpu_s(family(self._z2d.process.pid))
        job = self._client.submit(url)["id"]
        time.sleep(DOWNLOAD_S - 1)  # asking costs processor, too
        eventually_sync(lambda: self._fetched(job), 30, every=0.1, what="the download")
        cpu = cpu_s(family(self._z2d.process.pid)) - before
        eventually_sync(partial(finished, self._client, job), 30, every=0.1)
        stages = self._stages(job)
        return moment(stages["download"]["finished_at"]) - moment(stages["metadata"]["started_at"]), cpu

    def small(self) -> float:
        """Seconds from the submission of a clip to the video on disk; those to the end of the job are kept."""
        self._number += 1
        job = self._client.submit(self._site.url(f"/file.mp4?number={self._number}"))["id"]
        eventually_sync(partial(finished, self._client, job), 30, what="the end of the job")
        shown = self._client.job(job)
        self.whole.append(moment(shown["finished_at"]) - moment(shown["created_at"]))
        return moment(self._stages(job)["download"]["finished_at"]) - moment(shown["created_at"])

    def by_command(self) -> float:
        """Seconds of `yt-dlp URL`."""
        command = [
            sys.executable,
            "-m",
            "yt_dlp",
            "--quiet",
            "--no-warnings",
            "--ignore-config",
            "-P",
            str(self._new_folder()),
        ]
        began = time.monotonic()
        subprocess.run([*command, self._site.url("/file.mp4")], check=True, timeout=30)
        return time.monotonic() - began

    def _new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._folder))

    def _fetched(self, job: int) -> bool:
        return bool(self._stages(job)["download"]["status"] == "DONE")

    def _stages(self, job: int) -> dict[str, Any]:
        return {one["stage"]: one for one in self._client.job(job)["stages"]}


def _alone() -> None:
    import yt_dlp

    for line in sys.stdin:
        url, folder = line.split()
        began, cpu = time.monotonic(), time.process_time()
        with yt_dlp.YoutubeDL(
            {"quiet": True, "no_warnings": True, "noprogress": True, "paths": {"home": folder}}
        ) as ytdlp:
            assert ytdlp.download([url]) == 0
        print(json.dumps([time.monotonic() - began, time.process_time() - cpu]), flush=True)


def _burn(share: float) -> None:
    """Keep a core busy for this share of each 20 ms."""
    end = time.monotonic() + 60
    while (began := time.monotonic()) < end:
        while time.monotonic() < began + 0.02 * min(share, 1.0):
            pass
        time.sleep(max(0.0, began + 0.02 - time.monotonic()))


if __name__ == "__main__":
    if sys.argv[1:]:
        _burn(float(sys.argv[1]) / 100)
    else:
        _alone()
