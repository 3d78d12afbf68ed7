"""Real speech without captions, from the URL to the library, with a worker and a database; and a kill in the middle."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.site import Site
from tests.site_media import SHORT_TALK, TALK, talk_mp3
from tests.speech import killable
from tests.speech.errors import recall, word_errors
from tests.speech.service import Service
from tests.support import eventually
from tests.worker.rig import Desk, statuses, working
from z2d.pipeline.progress import LISTENING
from z2d.speech.choice import choose
from z2d.speech.engine import Off
from z2d.speech.local import PocketSphinx
from z2d.store import reads, requests
from z2d.store.database import Database
from z2d.wire.jobs import JobStatus, Outcome, StageName, StageStatus
from z2d.wire.library import FileKind, TranscriptSource

CHUNK_MS = 11_000

sphinx = pytest.mark.skipif(
    PocketSphinx().trouble(None) is not None, reason="pocketsphinx is not installed: install the extra [sphinx]"
)


@sphinx
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("path", "talk"),
    [("/short-talk.mp3", SHORT_TALK), pytest.param("/talk.mp3", TALK, marks=pytest.mark.slow)],
    ids=["short", "long"],
)
async def test_real_speech_becomes_a_transcript_with_most_of_its_words(
    dsn: str, desk: Desk, site: Site, db: Database, path: str, talk: tuple[tuple[str, str], ...]
) -> None:
    spoken = " ".join(words for _, words in talk)
    async with working(dsn, desk.state_dir, speech=choose("pocketsphinx")):
        job_id = await desk.submit(site.url(path))

        async def live_text() -> bool:
            return any(line.source == "asr" for line in await desk.log(job_id))

        await eventually(live_text, 200, every=0.2, what="text in the log")
        job = await desk.end_of(job_id, within=300)
    assert (job.status, job.outcome) == (JobStatus.COMPLETED, Outcome.FULL), await desk.story(job_id)
    transcript = await reads.transcript(db, job_id)
    assert (transcript.source, transcript.engine, transcript.model) == (TranscriptSource.ASR, "pocketsphinx", "en-us")
    assert transcript.language == "en"
    assert transcript.provenance is not None
    assert "pocketsphinx" in transcript.provenance.tools
    assert transcript.provenance.machine
    heard = " ".join(cue.text for cue in transcript.cues)
    assert recall(spoken, heard) > 0.7, heard
    wrong, said = word_errors(spoken, heard)
    assert wrong / said < 0.35, heard
    assert transcript.warnings[0].startswith("Recognised by pocketsphinx, a small recogniser of English")
    assert await db.fetchval("SELECT weight FROM job_stages WHERE job_id = $1 AND stage = 'transcript'", job_id) == (
        LISTENING
    )
    assert not [file for file in job.files if file.kind is FileKind.ASR_AUDIO]
    (note,) = list_of(desk.state_dir / "library", "*.md")
    assert "brooklyn bridge" in note.read_text()


async def test_without_an_engine_the_reason_and_the_remedy_are_shown(dsn: str, desk: Desk, site: Site) -> None:
    async with working(dsn, desk.state_dir, speech=Off()):
        job = await desk.end_of(await desk.submit(site.url("/talk.mp3")))
    assert (job.status, job.outcome) == (JobStatus.COMPLETED, Outcome.PARTIAL)
    (stage,) = [stage for stage in job.stages if stage.stage is StageName.TRANSCRIPT]
    assert stage.skip_reason is not None
    assert stage.skip_reason.startswith(
        "The site offers no captions for this video. No speech-to-text engine is set up."
    )
    assert stage.skip_reason.endswith(f"Then: z2ctl retry {job.id}")
    assert stage.skip_reason in await desk.story(job.id)


@pytest.mark.timeout(300)
async def test_killed_after_two_of_four_chunks_they_are_not_recognised_again(
    dsn: str, desk: Desk, site: Site, service: Service, db: Database
) -> None:
    await asyncio.to_thread(talk_mp3)
    job_id = await desk.submit(site.url("/talk.mp3"))
    child = await killable.start(dsn, desk.state_dir, service.url, CHUNK_MS, crash_at="transcript:chunk2")
    async with asyncio.timeout(120):
        assert await child.wait() == -signal.SIGKILL
    assert len(service.asked) == 2
    engine = choose("openai", url=service.url)
    async with working(dsn, desk.state_dir, speech=engine, speech_chunk_ms=CHUNK_MS):
        job = await desk.end_of(job_id, within=120)
    story = await desk.story(job_id)
    assert (job.status, job.outcome) == (JobStatus.COMPLETED, Outcome.FULL), story
    assert len(service.asked) == 4, "each chunk once"
    assert "Going on after chunk 2 of 4" in story
    assert story.count("[0:00] This is answer 1.") == 1
    transcript = await reads.transcript(db, job_id)
    assert [cue.text for cue in transcript.cues][::2] == [f"This is answer {number}." for number in range(1, 5)]
    starts = [cue.start_ms for cue in transcript.cues]
    assert starts == sorted(starts)
    assert not list_of(desk.folder(job_id).root, "speech*"), "what was kept for going on is gone"


async def test_what_was_heard_is_kept_when_the_service_fails_for_good(
    dsn: str, desk: Desk, site: Site, service: Service
) -> None:
    """A key that runs out in the third chunk: the job ends without a transcript, a retry pays for two chunks only."""
    engine = choose("openai", url=service.url)
    service.moods = ["well", "well", "401"]
    async with working(dsn, desk.state_dir, speech=engine, speech_chunk_ms=CHUNK_MS):
        job = await desk.end_of(await desk.submit(site.url("/talk.mp3")))
        assert (job.status, job.outcome) == (JobStatus.COMPLETED, Outcome.PARTIAL)
        assert statuses(job)[StageName.TRANSCRIPT] is StageStatus.SKIPPED
        await requests.retry(desk.db, job.id)
        job = await desk.end_of(job.id)
    assert job.outcome is Outcome.FULL, await desk.story(job.id)
    assert len(service.asked) == 5


def list_of(folder: Path, pattern: str) -> list[Path]:
    return [path for path in folder.rglob(pattern) if path.is_file()]
