"""faster-whisper itself, with a model that the test makes: `make whisper-test` installs it and runs this.

The model knows nothing, so what it hears is nonsense; that it is loaded, heard to the end, placed in time and ended
when it is not wanted any more is no less true.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.site import Site
from tests.speech.making import INSTALLATION, names_in, samples_of, silence, spawn, wav_of
from tests.support import eventually, short_tmp
from tests.worker.rig import Desk, working
from z2d.media import process
from z2d.speech import whisper
from z2d.speech.choice import choose
from z2d.speech.engine import Hearing, SpeechFault
from z2d.speech.local import FasterWhisper
from z2d.store import reads
from z2d.store.database import Database
from z2d.wire.jobs import JobStatus, Outcome
from z2d.wire.library import Segment, TranscriptSource

pytest.importorskip("faster_whisper", reason="faster-whisper is not installed: make whisper-test")

from tests.speech import tiny_whisper

pytestmark = [pytest.mark.xdist_group("whisper"), pytest.mark.timeout(300)]
JFK_MS = 11_000


@pytest.fixture(scope="module")
def model() -> Iterator[Path]:
    """A whole model."""
    with short_tmp() as folder:
        yield tiny_whisper.make(folder / "tiny")


@pytest.fixture
def copy(model: Path, tmp_path: Path) -> Path:
    """One that may be spoilt."""
    return Path(shutil.copytree(model, tmp_path / "model"))


async def hear(folder: Path, wav: Path, language: str | None = None, told: list[Segment] | None = None) -> Hearing:
    on_cue = (told if told is not None else []).append
    return await FasterWhisper(folder).hear(wav, language=language, spawn=spawn, on_cue=on_cue)


async def test_a_recording_is_heard_to_its_end(model: Path, tmp_path: Path) -> None:
    """Thirty-three seconds, which is more than the model hears at once."""
    wav, told = wav_of(samples_of("jfk.flac") * 3, tmp_path), list[Segment]()
    hearing = await hear(model, wav, "en", told)
    assert hearing.language == "en"
    assert [(cue.start_ms, cue.end_ms, cue.text) for cue in told] == [
        (cue.start_ms, cue.end_ms, cue.text) for cue in hearing.cues
    ]
    assert hearing.cues[-1].end_ms > 2 * JFK_MS
    last = 0
    for cue in hearing.cues:
        assert last <= cue.start_ms <= cue.end_ms <= 3 * JFK_MS
        assert set(cue.text.split()) <= {*tiny_whisper.WORDS}
        assert " ".join(word.text for word in cue.words) == cue.text
        times = [word.start_ms for word in cue.words]
        assert times == sorted(times)
        last = cue.start_ms
    assert names_in(tmp_path) == [wav.name]


async def test_silence_is_heard_as_nothing(model: Path, tmp_path: Path) -> None:
    assert (await hear(model, wav_of(silence(3000), tmp_path))).cues == []


@pytest.mark.parametrize("language", ["nb", "tlh", None])
async def test_a_language_it_does_not_know_is_found_out(model: Path, tmp_path: Path, language: str | None) -> None:
    hearing = await hear(model, wav_of(samples_of("jfk.flac"), tmp_path), language)
    assert hearing.language == "no" if language == "nb" else hearing.language in tiny_whisper.LANGUAGES


@pytest.mark.parametrize("name", ["model.bin", "tokenizer.json", "vocabulary.json", "config.json"])
async def test_half_a_file_is_named_for_what_it_is(copy: Path, tmp_path: Path, name: str) -> None:
    whole = (copy / name).read_bytes()
    (copy / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SpeechFault) as raised:
        await hear(copy, wav_of(silence(100), tmp_path))
    assert raised.value.message.startswith(f"faster-whisper failed: the model in {copy} cannot be loaded: ")
    assert raised.value.message.endswith("Is the whole of it there, and memory enough for it?")
    assert not raised.value.passing


async def test_a_missing_file_is_missed_before_anybody_is_asked_for_it(copy: Path, tmp_path: Path) -> None:
    (copy / "tokenizer.json").unlink()  # faster-whisper would fetch another one
    with pytest.raises(SpeechFault, match=r"holds no tokenizer\.json; copy the whole folder"):
        await hear(copy, tmp_path / "never-read.wav")


def test_it_calls_nobody(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def call(*_args: Any, **_kwargs: Any) -> Any:
        pytest.fail("a recogniser spoke to the network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, call)
    monkeypatch.setattr(socket, "getaddrinfo", call)
    hearing = whisper.recognise(wav_of(samples_of("jfk.flac"), tmp_path), model, None, lambda _cue: None)
    assert hearing.cues


async def test_a_cancelled_one_is_gone(model: Path, tmp_path: Path) -> None:
    wav, told = wav_of(samples_of("jfk.flac") * 30, tmp_path), list[Segment]()
    hearing = asyncio.create_task(hear(model, wav, "en", told), name="hearing")
    await eventually(lambda: told, 100, what="the first words")
    assert not hearing.done()
    hearing.cancel()
    await asyncio.wait({hearing}, timeout=10)
    assert hearing.cancelled()
    assert not process.marked(INSTALLATION)
    assert names_in(tmp_path) == [wav.name]


async def test_a_job_is_heard_by_it(dsn: str, desk: Desk, site: Site, db: Database, model: Path) -> None:
    """From the URL to the transcript, with progress on the way."""
    shares: list[float] = []
    async with working(dsn, desk.state_dir, speech=choose("auto", model_dir=model)):
        job_id = await desk.submit(site.url("/short-talk.mp3"))

        async def over() -> bool:
            row = await db.fetchrow(
                "SELECT s.progress, s.detail, j.finished_at FROM jobs j LEFT JOIN job_stages s ON s.job_id = j.id "
                "AND s.stage = 'transcript' AND s.detail LIKE 'chunk %' WHERE j.id = $1",
                job_id,
            )
            assert row is not None
            shares.extend([row["progress"]] if row["detail"] else [])
            return row["finished_at"] is not None

        await eventually(over, 200, what="the end of the job")
        job = await desk.end_of(job_id, within=10)
    assert (job.status, job.outcome) == (JobStatus.COMPLETED, Outcome.FULL), await desk.story(job_id)
    transcript = await reads.transcript(db, job_id)
    assert (transcript.source, transcript.engine, transcript.model) == (
        TranscriptSource.ASR,
        "faster-whisper",
        "tiny",
    )
    assert transcript.provenance is not None
    assert {"faster-whisper", "ctranslate2"} <= transcript.provenance.tools.keys()
    assert shares == sorted(shares)
    assert shares[-1:] and shares[-1] > 0
