"""A publisher over a real database, in this process or in one that can be killed; jobs that are done, with real files.

As a program: `python -m tests.worker.publishing DSN STATE_DIR TARGETS_JSON` publishes until it is ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.store import making
from tests.support import ROOT, eventually
from z2d.bus import Bus
from z2d.pipeline.entry import read_entry
from z2d.pipeline.faultpoints import VARIABLE
from z2d.pipeline.folders import JobFolder, job_folder
from z2d.pipeline.lanes import Lanes
from z2d.publish import manifest
from z2d.publish.settings import read_targets
from z2d.publish.shelf import LibraryTarget
from z2d.store import claims, reads, stages
from z2d.store.claims import Claim
from z2d.store.database import Database
from z2d.store.listen import Listener
from z2d.store.logs import LogWriter
from z2d.store.outbox import TargetRow
from z2d.wire.jobs import JobDetail, Outcome, StageName
from z2d.wire.library import Artefact, FileKind, Metadata, Publication, PublishStatus
from z2d.worker.publisher import Publisher, Served

Tables = Mapping[str, Mapping[str, Any]]


def served(tables: Tables) -> list[Served]:
    return [
        Served(one.target, TargetRow(one.target.name, one.target.kind, one.events, one.settings_hash, one.filter))
        for one in read_targets(tables, forbidden=None)
    ]


@asynccontextmanager
async def publishing(
    dsn: str,
    state_dir: Path,
    tables: Tables,
    *,
    lease_s: float = 30.0,
    scale: float = 0.001,
    lanes: Lanes | None = None,
) -> AsyncIterator[Publisher]:
    """A publisher at work: half a minute becomes a thirtieth of a second."""
    bus = Bus()
    async with Database.open(dsn) as db, LogWriter(db, bus=bus) as logs:
        publisher = Publisher(
            db,
            bus,
            logs,
            installation="here",
            jobs_dir=state_dir / "jobs",
            library=LibraryTarget(state_dir / "library"),
            targets=served(tables),
            lease_s=lease_s,
            poll_s=0.2,
            scale=scale,
            lanes=lanes,
        )
        tasks = [
            asyncio.create_task(publisher.run(), name="publisher"),
            asyncio.create_task(Listener(dsn).run(bus), name="listener"),
        ]
        try:
            await eventually(lambda: declared(db, tables), what="the targets in the database")
            yield publisher
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=15)
            for task in tasks:
                if not task.cancelled() and (error := task.exception()):
                    raise error


async def declared(db: Database, tables: Tables) -> bool:
    rows = await db.fetch("SELECT name FROM publish_targets WHERE installation = 'here'")
    return {row["name"] for row in rows} == set(tables)


async def claim_job(db: Database, *, title: str = "A talk", **fields: Any) -> Claim:
    """A job in the hands of a worker, its title known."""
    claim = await making.claimed(db, **fields)
    await stages.start_stage(db, claim, StageName.METADATA, "m", 1)
    about = making.metadata(title, key=f"url:{claim.url}")
    await stages.finish_stage(db, claim, StageName.METADATA, input_hash="m", artefacts=[], metadata=about)
    return claim


def described(claim: Claim, title: str) -> Metadata:
    return Metadata(
        extractor="generic",
        source_id=f"clip{claim.job_id}",
        media_key=f"url:{claim.url}",
        webpage_url=claim.url,
        title=title,
        channel="Night school",
        published_at=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
        duration_ms=3000,
    )


async def write_files(folder: JobFolder, claim: Claim, title: str) -> list[Artefact]:
    """Media, sound and description of a job, on disk."""
    await asyncio.to_thread(folder.create)
    about = described(claim, title)
    files = [
        (FileKind.MEDIA, folder.write("media/clip.mp4", b"picture and sound" * 100), "video/mp4"),
        (FileKind.AUDIO, folder.write("audio/clip.m4a", bytes(range(256)) * 16), "audio/mp4"),
        (FileKind.METADATA_JSON, folder.write("source/metadata.json", about.model_dump_json().encode()), None),
    ]
    return [await folder.artefact(kind, path, mime=mime) for kind, path, mime in files]


async def finish_job(db: Database, state_dir: Path, claim: Claim, title: str = "A talk") -> None:
    """The stages from the download on, and the end, as a worker writes them. The library gets its entry."""
    folder = JobFolder(job_folder(state_dir / "jobs", claim.job_id))
    artefacts = await write_files(folder, claim, title)
    about = described(claim, title)
    await stages.start_stage(db, claim, StageName.DOWNLOAD, "d", 1)
    await stages.finish_stage(db, claim, StageName.DOWNLOAD, input_hash="d", artefacts=artefacts, metadata=about)
    newest = {one.kind: one for one in artefacts}
    entry = read_entry(folder, newest.get, url=claim.url, tags=claim.tags)
    done = Publication(
        target="library",
        kind="library",
        status=PublishStatus.PUBLISHED,
        content_hash=entry.content_hash(),
        remote_url="/library/entry",
        published_at=datetime.now(UTC),
    )
    await stages.start_stage(db, claim, StageName.PUBLISHING, "p", 1)
    await stages.finish_stage(db, claim, StageName.PUBLISHING, input_hash="p", artefacts=[], publications=[done])
    await claims.finish(db, claim, Outcome.FULL)


async def retitle(db: Database, state_dir: Path, job: JobDetail, title: str) -> None:
    """The description on disk changes after the job has ended, as by a new analysis."""
    path = JobFolder(job_folder(state_dir / "jobs", job.id)).path("source/metadata.json")
    about = Metadata.model_validate_json(path.read_bytes()).model_copy(update={"title": title})
    path.write_text(about.model_dump_json())
    await db.execute("UPDATE job_metadata SET title = $2 WHERE job_id = $1", job.id, title)
    await db.execute(
        "UPDATE job_files SET sha256 = $2 WHERE job_id = $1 AND kind = 'metadata_json'",
        job.id,
        manifest.sha256_of(path),
    )


async def publication(db: Database, job_id: int, target: str, event: str = "publish") -> Publication | None:
    job = await reads.detail(db, job_id)
    return next((one for one in job.publishing if (one.target, one.event) == (target, event)), None)


async def settled(
    db: Database, job_id: int, target: str, event: str = "publish", *, status: str = "PUBLISHED"
) -> Publication:
    """Wait until this publication has `status`."""

    async def there() -> Publication | None:
        found = await publication(db, job_id, target, event)
        return found if found and found.status == status else None

    found = await eventually(there, 15, what=f"{target} of job {job_id} to be {status}")
    assert isinstance(found, Publication)
    return found


async def start_publisher_process(
    dsn: str, state_dir: Path, tables: Tables, *, crash: bool
) -> asyncio.subprocess.Process:
    """A publisher of its own; with `crash` it kills itself after a success at the other side, before it is written."""
    environment = os.environ | ({VARIABLE: "publishing:sent"} if crash else {})
    words = ["-m", "tests.worker.publishing", dsn, str(state_dir), json.dumps(tables)]
    return await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT, env=environment)


async def _main(dsn: str, state_dir: Path, tables: Tables) -> None:
    async with publishing(dsn, state_dir, tables, lease_s=1.0):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])))
