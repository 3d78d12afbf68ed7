"""A worker with a transcription service, as a program that can be killed: DSN STATE_DIR SERVICE_URL CHUNK_MS."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tests.support import ROOT
from tests.worker.rig import working
from z2d.media.ytdlp import YtDlp
from z2d.pipeline.faultpoints import VARIABLE
from z2d.speech.endpoint import Endpoint


async def start(
    dsn: str, state_dir: Path, service_url: str, chunk_ms: int, *, crash_at: str
) -> asyncio.subprocess.Process:
    """The worker as a process of its own, which kills itself at `crash_at`."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.speech.killable", dsn, str(state_dir), service_url, str(chunk_ms)),
        cwd=ROOT,
        env=os.environ | {VARIABLE: crash_at},
    )


async def _main(dsn: str, state_dir: Path, service_url: str, chunk_ms: int) -> None:
    engine = Endpoint(service_url, "whisper-1")
    async with working(dsn, state_dir, speech=engine, speech_chunk_ms=chunk_ms, ytdlp_of=YtDlp) as (_, running):
        await running


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
