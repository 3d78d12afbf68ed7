"""Speech to text for one job: chunk by chunk, keeping what was heard, telling it while it comes.

Each recognised chunk is a file in `work/`, and the stage's checkpoint names them: a job that was interrupted goes on
with the first chunk that is missing. The samples themselves are not kept; making them again takes seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from pydantic import ValidationError

from z2d.media import process
from z2d.pipeline import faultpoints, wording
from z2d.pipeline.progress import Report
from z2d.pipeline.stage import Work
from z2d.speech import sound
from z2d.speech.cues import placed
from z2d.speech.engine import Engine, Hearing, Spawn
from z2d.speech.languages import code_of
from z2d.speech.sound import Span
from z2d.wire.base import Wire
from z2d.wire.jobs import LogLevel
from z2d.wire.library import Artefact, FileKind, Segment

SAMPLES_SHARE = 0.02
"""What making the samples counts in the stage's progress."""
LINE_LETTERS, LINE_MS = 160, 20_000
"""The log gets the text in lines of this size: one per utterance would be thousands in an hour."""


class Notes(Wire):
    """The stage's checkpoint: how the recording was cut, and what of it is done.

    `keep` is the runner's word for files that are left alone; chunk number i of `spans` is in `keep[i]`.
    """

    key: str
    spans: list[tuple[int, int]]
    keep: list[str] = []
    sha256: list[str] = []


def spoken_language(work: Work) -> str | None:
    """The language that the description says is spoken, as a code like `en`."""
    return code_of(work.metadata().language)


async def listen(work: Work, engine: Engine) -> Hearing:
    """What is said in the job's recording, all chunks together; times are those of the media.

    Raises SpeechFault, or MediaFault where ffmpeg or a child process fails; finished chunks are kept then.
    """
    audio = work.artefact(FileKind.AUDIO)
    if audio is None:
        raise LookupError("there is no sound to listen to")
    samples, wav = work.folder.work / "speech.pcm", work.folder.work / "speech.wav"
    language = spoken_language(work)
    key = sha256(f"{engine.identity} {language} {work.tools.speech_chunk_ms} {audio.sha256}".encode()).hexdigest()
    notes, hearings = await asyncio.to_thread(_kept, work, key)
    try:
        if notes is None or len(hearings) < len(notes.spans):
            await _make_samples(work, audio, samples)
            if notes is None:
                spans = await asyncio.to_thread(sound.plan, samples, work.tools.speech_chunk_ms)
                notes = Notes(key=key, spans=[(span.start_ms, span.end_ms) for span in spans])
            if hearings:
                work.say(f"Going on after chunk {len(hearings)} of {len(notes.spans)}: those before it are kept.")
        clock = _Clock(work, notes.spans)
        for number in range(len(hearings), len(notes.spans)):
            span = Span(*notes.spans[number])
            await asyncio.to_thread(sound.write_wav, samples, span, wav)
            hearing = await _hear(work, engine, wav, span, language or _language_of(hearings), clock)
            hearings.append(hearing)
            notes = await _keep(work, notes, hearing)
            faultpoints.reached(work.stage, f"chunk{number + 1}")
    finally:
        samples.unlink(missing_ok=True)
        wav.unlink(missing_ok=True)
    return Hearing(
        language=_language_of(hearings),
        cues=[cue for hearing in hearings for cue in hearing.cues],
        warnings=list(dict.fromkeys(warning for hearing in hearings for warning in hearing.warnings)),
    )


def _kept(work: Work, key: str) -> tuple[Notes | None, list[Hearing]]:
    """The notes of an interrupted run that fit, and the chunks of it that are whole."""
    try:
        notes = Notes.model_validate(dict(work.saved))
    except ValidationError:
        return None, []
    if notes.key != key:
        return None, []
    hearings = []
    for path, digest in zip(notes.keep, notes.sha256, strict=False):
        try:
            data = work.folder.path(path).read_bytes()
            if sha256(data).hexdigest() != digest:
                break
            hearings.append(Hearing.model_validate_json(data))
        except (OSError, ValueError):  # gone, or not what was written; the rest is recognised again
            break
    count = len(hearings)
    return notes.model_copy(update={"keep": notes.keep[:count], "sha256": notes.sha256[:count]}), hearings


async def _keep(work: Work, notes: Notes, hearing: Hearing) -> Notes:
    path, data = f"work/speech-{len(notes.keep):04}.json", hearing.model_dump_json().encode()
    await asyncio.to_thread(work.folder.write, path, data)
    notes = notes.model_copy(update={"keep": [*notes.keep, path], "sha256": [*notes.sha256, sha256(data).hexdigest()]})
    await work.checkpoint(notes.model_dump())
    return notes


async def _make_samples(work: Work, audio: Artefact, samples: Path) -> None:
    def progress(share: float) -> None:
        work.progress(Report(share=share * SAMPLES_SHARE, detail="preparing the sound"))

    progress(0.0)
    await work.tools.ffmpeg.extract_samples(
        work.folder.path(audio.path), samples, job_id=work.job.id, progress=progress
    )


async def _hear(work: Work, engine: Engine, wav: Path, span: Span, language: str | None, clock: _Clock) -> Hearing:
    """One chunk, its times moved to where it lies in the media."""
    text = _LiveText(work)

    def on_cue(cue: Segment) -> None:
        moved = placed([cue], span.start_ms, span.length_ms)[0]
        text.add(moved)
        clock.reached(span, moved.end_ms)

    clock.reached(span, span.start_ms)
    heard = await engine.hear(wav, language=language, spawn=_spawn_for(work), on_cue=on_cue)
    text.flush()
    clock.reached(span, span.end_ms)
    return heard.model_copy(update={"cues": placed(heard.cues, span.start_ms, span.length_ms)})


def _spawn_for(work: Work) -> Spawn:
    """The media room's runner of child programs, for this job."""

    async def spawn(
        argv: Sequence[str],
        *,
        memory_bytes: int,
        deadline_s: float,
        on_stdout: Callable[[str], None],
        on_stderr: Callable[[str], None],
    ) -> int:
        def complain(line: str) -> None:
            on_stderr(line)
            work.log(LogLevel.DEBUG, "asr", line)

        return await process.run(
            argv,
            installation=work.tools.installation,
            job_id=work.job.id,
            limits=process.Limits(memory_bytes=memory_bytes),
            deadline_s=deadline_s,
            on_stdout=on_stdout,
            on_stderr=complain,
        )

    return spawn


class _LiveText:
    """Puts what is heard into the log, in lines of a readable length."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._cues: list[Segment] = []

    def add(self, cue: Segment) -> None:
        """Something was said."""
        self._cues.append(cue)
        letters = sum(len(one.text) for one in self._cues)
        if letters >= LINE_LETTERS or cue.end_ms - self._cues[0].start_ms >= LINE_MS:
            self.flush()

    def flush(self) -> None:
        """Write what is there."""
        if not self._cues:
            return
        start_ms, text = self._cues[0].start_ms, " ".join(cue.text for cue in self._cues)
        self._work.write_log(LogLevel.INFO, "asr", f"[{wording.clock(start_ms)}] {text}", {"start_ms": start_ms})
        self._cues.clear()


class _Clock:
    """Says how far the listening is, and when it will be done at the speed of this run."""

    def __init__(self, work: Work, spans: Sequence[tuple[int, int]]) -> None:
        self._work = work
        self._starts = [start for start, _ in spans]
        self._total = spans[-1][1] if spans else 0
        self._began: tuple[float, int] | None = None

    def reached(self, span: Span, at_ms: int) -> None:
        """Everything before `at_ms` has been heard."""
        now = time.monotonic()
        self._began = self._began or (now, at_ms)
        took, heard = now - self._began[0], at_ms - self._began[1]
        self._work.progress(
            Report(
                share=SAMPLES_SHARE + (1 - SAMPLES_SHARE) * at_ms / max(self._total, 1),
                eta_s=round((self._total - at_ms) * took / heard) if heard > 0 else None,
                detail=f"chunk {self._starts.index(span.start_ms) + 1}/{len(self._starts)}",
            )
        )


def _language_of(hearings: Sequence[Hearing]) -> str | None:
    """What is spoken, from the first chunk that says so: a recording may begin with music."""
    return next((hearing.language for hearing in hearings if hearing.language and hearing.cues), None)
