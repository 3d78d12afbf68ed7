"""What the tests of the store make all the time: workers, jobs, claims, results."""

from __future__ import annotations

import itertools
from typing import Any

from z2d.store import claims, workers
from z2d.store.claims import Claim
from z2d.store.database import Database
from z2d.store.submission import submit
from z2d.wire.jobs import JobSummary, NewJobFields
from z2d.wire.library import (
    Analysis,
    Artefact,
    Chapter,
    FileKind,
    Insight,
    Keyword,
    Metadata,
    Publication,
    PublishStatus,
    Segment,
    Topic,
    Transcript,
    TranscriptSource,
)

numbers = itertools.count(1)


async def worker(db: Database, name: str | None = None, installation: str = "here") -> str:
    worker_id = name or f"worker:{next(numbers)}"
    await workers.register_worker(
        db, worker_id, hostname="host", pid=1, version="0", capacity=2, installation=installation
    )
    return worker_id


async def silence(db: Database, worker_id: str) -> None:
    await db.execute("UPDATE workers SET heartbeat_at = now() - interval '1 hour' WHERE id = $1", worker_id)


async def job(
    db: Database,
    *,
    key: str | None = None,
    site: str | None = "site",
    url: str | None = None,
    client_key: str | None = None,
    **fields: Any,
) -> JobSummary:
    number = next(numbers)
    made, _ = await submit(
        db,
        url=url or f"https://example.org/{number}",
        site=site,
        dedup_key=key or f"url:{number}",
        job=NewJobFields(**fields),
        client_key=client_key,
    )
    return made


async def claimed(db: Database, worker_id: str | None = None, **fields: Any) -> Claim:
    """A new job, held by a new worker unless one is named. No other job may be due."""
    made = await job(db, **fields)
    claim = await claims.claim(db, worker_id or await worker(db))
    assert claim is not None
    assert claim.job_id == made.id
    return claim


def artefact(path: str = "media/a.mp4", text: str = "a", **fields: Any) -> Artefact:
    return Artefact(
        kind=fields.pop("kind", FileKind.MEDIA), path=path, size_bytes=10, sha256=(text * 64)[:64], **fields
    )


def metadata(text: str = "A talk", key: str = "site:1") -> Metadata:
    return Metadata(
        extractor=text,
        source_id=text,
        media_key=key,
        webpage_url=text,
        title=text,
        description=text,
        channel=text,
        channel_id=text,
        channel_url=text,
        uploader=text,
        uploader_id=text,
        duration_ms=60_000,
        availability=text,
        language="en",
        license=text,
        tags=[text],
        categories=[text],
        chapters=[Chapter(start_ms=0, end_ms=1000, title=text, summary=text)],
        thumbnail_url=text,
        view_count=2**80,
        width=2**40,
        fps=float("inf"),
        vcodec=text,
        acodec=text,
        format_id=text,
        extractor_version=text,
    )


def transcript(*texts: str) -> Transcript:
    cues = [
        Segment(start_ms=1000 * number, end_ms=1000 * number + 900, text=text, speaker=text)
        for number, text in enumerate(texts or ("hello world", "and good bye"))
    ]
    words = sum(len(cue.text.split()) for cue in cues)
    return Transcript(
        language="en", source=TranscriptSource.MANUAL_SUBS, segments=len(cues), words=words, cues=cues, warnings=["w"]
    )


def analysis(text: str = "Short.") -> Analysis:
    return Analysis(
        backend="offline",
        input_hash=text,
        language=text,
        summary_short=text,
        summary=text,
        insights=[
            Insight(text=text, quote=text, start_ms=0, end_ms=1, segment_from=0, segment_to=0, score=0.5, verified=True)
        ],
        topics=[Topic(label=text, keywords=[text], weight=1.0, spans=[(0, 1000)])],
        keywords=[Keyword(term=text, weight=1.0)],
        stats={text: [text, float("nan")]},
        warnings=[text],
    )


def publication(text: str = "x") -> Publication:
    return Publication(
        target="library", kind="library", status=PublishStatus.PUBLISHED, content_hash=text, remote_url=text
    )
