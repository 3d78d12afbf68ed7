"""Jobs in every state, made through the store as worker and API make them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from z2d.api.examples import OTHER, URL
from z2d.store import claims, logs, stages, submission, workers
from z2d.store.claims import Claim
from z2d.store.database import Database
from z2d.wire.jobs import LogLevel, NewJobFields, Outcome, StageName
from z2d.wire.library import Artefact, FileKind, Metadata, Segment, Transcript, TranscriptSource
from z2d.wire.reasons import ErrorClass

WORKER = "test-worker"
MEDIA = bytes(range(256)) * 16
TRANSCRIPT = Transcript(
    language="en",
    source=TranscriptSource.MANUAL_SUBS,
    format="vtt",
    segments=2,
    words=6,
    cues=[
        Segment(start_ms=0, end_ms=1500, text="Owls fly without"),
        Segment(start_ms=1500, end_ms=3000, text="a sound <b>"),
    ],
)


def metadata(title: str) -> Metadata:
    return Metadata(
        extractor="generic",
        source_id=title,
        media_key=f"url:{title}",
        webpage_url=URL,
        title=title,
        channel="Night school",
        duration_ms=3000,
    )


async def queue(db: Database, url: str, *, force: bool = False) -> int:
    key = "url:" + hashlib.sha256(url.encode()).hexdigest()
    job, _ = await submission.submit(
        db, url=url, site="media.example", dedup_key=key, job=NewJobFields(force=force, tags=["talks"])
    )
    return job.id


async def hire(db: Database, name: str = WORKER) -> None:
    await workers.register_worker(db, name, hostname="here", pid=1, version="0.1.0", capacity=2, installation="test")


async def take(db: Database, job_id: int, name: str = WORKER) -> Claim:
    claim = await claims.claim(db, name)
    assert claim is not None
    assert claim.job_id == job_id
    return claim


async def seed(db: Database, jobs_dir: Path) -> None:
    """Job 1 completed (file 1 is its media), 2 running, 3 queued, 4 failed."""
    await hire(db)
    first = await queue(db, URL)
    claim = await take(db, first)
    folder = jobs_dir / "0" / "1"
    (folder / "media").mkdir(parents=True)
    (folder / "media" / "owls.mp4").write_bytes(MEDIA)
    media = Artefact(
        kind=FileKind.MEDIA,
        path="media/owls.mp4",
        size_bytes=len(MEDIA),
        sha256=hashlib.sha256(MEDIA).hexdigest(),
        mime="video/mp4",
    )
    await stages.start_stage(db, claim, StageName.METADATA, "m", 1.0)
    await stages.finish_stage(
        db, claim, StageName.METADATA, input_hash="m", artefacts=[], metadata=metadata("How owls hunt")
    )
    await stages.start_stage(db, claim, StageName.DOWNLOAD, "d", 1.0)
    await stages.finish_stage(db, claim, StageName.DOWNLOAD, input_hash="d", artefacts=[media])
    await stages.start_stage(db, claim, StageName.TRANSCRIPT, "t", 1.0)
    await stages.finish_stage(db, claim, StageName.TRANSCRIPT, input_hash="t", artefacts=[], transcript=TRANSCRIPT)
    await say(db, first, 3)
    await logs.append(db, first, [logs.line(LogLevel.WARNING, "download", "yt-dlp", "slow server")])
    await claims.finish(db, claim, Outcome.PARTIAL)
    assert await queue(db, OTHER) == 2
    await take(db, 2)
    assert await queue(db, OTHER + "?3") == 3
    # the failed one is claimed before the queued one because it is wanted more
    job, _ = await submission.submit(
        db, url=OTHER + "?4", site="media.example", dedup_key="url:4", job=NewJobFields(priority=5)
    )
    assert job.id == 4
    await claims.fail(db, await take(db, 4), ErrorClass.NOT_FOUND, "HTTP Error 404", StageName.METADATA)


async def say(db: Database, job_id: int, count: int, *, text: str = "line") -> int:
    """Append `count` lines in one go; gives the last seq."""
    return await logs.append(
        db, job_id, [logs.line(LogLevel.INFO, "download", "z2", f"{text} {index}") for index in range(count)]
    )
