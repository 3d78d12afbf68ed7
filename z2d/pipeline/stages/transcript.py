"""Stage 4: who says what, when. Leaves `transcript/transcript.json`, and the caption file if it was read from one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import ClassVar

from z2d.media import captions, tracks
from z2d.media.faults import MediaFault
from z2d.media.tracks import Track
from z2d.pipeline import wording
from z2d.pipeline.listening import listen, spoken_language
from z2d.pipeline.origin import provenance
from z2d.pipeline.policy import RULES
from z2d.pipeline.progress import Report
from z2d.pipeline.stage import Done, Retry, Skipped, Work
from z2d.speech.engine import Engine, Hearing, SpeechFault
from z2d.wire.jobs import LogLevel, StageName
from z2d.wire.library import Artefact, FileKind, Provenance, Segment, Transcript, TranscriptSource
from z2d.wire.reasons import ErrorClass

THIN_COVERAGE = 0.3
OVERRUN_MS = 5000
NO_SOUND = "there is no sound to listen to."
NO_SPEECH = "no speech was recognised in the sound."


class TranscriptStage:
    """Takes the best there is: captions people made, captions of what is said, z2's own hearing, other captions.

    A track that cannot be had or holds nothing makes room for the next, and so does an engine that fails.
    """

    name: ClassVar[StageName] = StageName.TRANSCRIPT
    version: ClassVar[int] = 1
    optional: ClassVar[bool] = True
    deadline_s: ClassVar[float] = 48 * 3600
    """Listening may be slower than speaking. Fetching captions and each chunk of speech have limits of their own."""

    def input_hash(self, work: Work) -> str:
        """Which video, what the site offers for it, and which languages are wanted; the sound, if z2 is to listen."""
        metadata = work.metadata()
        options = {
            "media_key": metadata.media_key,
            "duration_ms": metadata.duration_ms,
            "offered": metadata.subtitles.model_dump(),
            "languages": work.job.options.languages,
        }
        if not will_listen(work):
            return work.digest(self, options=options)
        engine = work.tools.speech.identity
        return work.digest(self, options=options | {"engine": engine}, kinds=[FileKind.AUDIO])

    async def verify(self, work: Work, artefacts: Sequence[Artefact]) -> bool:
        """Unchanged."""
        return await work.folder.verify(artefacts)

    async def run(self, work: Work) -> Done | Skipped:
        """Try what there is, best first."""
        tracks_there, problems = candidates(work), _Problems(work)
        better = [track for track in tracks_there if not track.fallback]
        if done := await self._captions(work, better, problems):
            return done
        if done := await self._listen(work, problems):
            return done
        if done := await self._captions(work, [track for track in tracks_there if track.fallback], problems):
            return done
        return Skipped(problems.reason(bool(tracks_there)))

    async def _captions(self, work: Work, choice: Sequence[Track], problems: _Problems) -> Done | None:
        """The first of these tracks that holds text."""
        for number, track in enumerate(choice):
            work.progress(Report(share=number / len(choice), detail=describe(track)))
            cues, problem = await self._read(work, track)
            if cues:
                return await self._keep_captions(work, track, cues)
            problems.add(describe(track), problem)
        return None

    async def _listen(self, work: Work, problems: _Problems) -> Done | None:
        """What the engine hears. A fault that may pass is waited out, because what comes after this is worse."""
        engine = work.tools.speech
        if trouble := engine.trouble(spoken_language(work)):
            problems.no_engine = trouble
            return None
        if work.artefact(FileKind.AUDIO) is None:
            problems.add("speech to text", NO_SOUND)
            return None
        try:
            async with work.place():
                work.say(f"Listening with {engine.name}{f' ({engine.model})' if engine.model else ''}.")
                hearing = await listen(work, engine)
        except SpeechFault as fault:
            message = wording.sentence(fault.message)
            if fault.passing and work.job.attempt < work.job.max_attempts:
                raise Retry(fault.error_class, message, fault.after) from fault
            problems.add("speech to text", message)
            return None
        except MediaFault as fault:
            if worth_waiting(fault.error_class, work.job.attempt):
                raise
            problems.add("speech to text", wording.sentence(fault.message))
            return None
        if not hearing.cues:
            problems.add("speech to text", NO_SPEECH)
            return None
        return await self._store(work, transcript_heard(engine, hearing, work.metadata().duration_ms), [])

    async def _read(self, work: Work, track: Track) -> tuple[list[Segment], str]:
        """The cues of a track; or none, and what is wrong with it. Its file is left in `work/`."""
        target = work.folder.work / _file_name(track)
        try:
            if track.url is None:  # the description holds the captions themselves
                target.write_bytes((track.data or "").encode("utf-8", "replace"))
            else:
                await work.tools.ytdlp.fetch(
                    work.info_json(),
                    track.url,
                    target,
                    max_bytes=captions.MAX_BYTES,
                    job_id=work.job.id,
                    log=work.log,
                    options=work.job.options,
                    access=work.access(),
                )
        except MediaFault as fault:
            if worth_waiting(fault.error_class, work.job.attempt):
                raise
            return [], wording.sentence(fault.message)
        data = await asyncio.to_thread(target.read_bytes)
        if await asyncio.to_thread(captions.is_too_much, data):
            return [], "it is larger than what anybody can have said."
        return await asyncio.to_thread(captions.read, data, track.format), "it holds no text."

    async def _keep_captions(self, work: Work, track: Track, cues: list[Segment]) -> Done:
        transcript = transcript_of(track, cues, work.metadata().duration_ms)
        name = _file_name(track)
        original = work.folder.place(work.folder.work / name, f"transcript/{name}")
        described = await work.folder.artefact(FileKind.SUBTITLE, original, language=transcript.language)
        return await self._store(work, transcript, [described])

    async def _store(self, work: Work, transcript: Transcript, originals: Sequence[Artefact]) -> Done:
        transcript = transcript.model_copy(update={"provenance": await asyncio.to_thread(origin_of, work, transcript)})
        data = transcript.model_dump_json(indent=1).encode()
        written = await asyncio.to_thread(work.folder.write, "transcript/transcript.json", data)
        share = f", {transcript.coverage:.0%} of the video" if transcript.coverage is not None else ""
        words, cues = wording.plural(transcript.words, "word"), wording.plural(transcript.segments, "cue")
        work.say(
            f"Transcript: {_origin(transcript)}, {words} in {cues}{share}.",
            language=transcript.language,
            source=transcript.source.value,
        )
        for warning in transcript.warnings:
            work.say(warning, level=LogLevel.WARNING)
        described = await work.folder.artefact(
            FileKind.TRANSCRIPT_JSON, written, mime="application/json", language=transcript.language
        )
        return Done(artefacts=[described, *originals], transcript=transcript)


class _Problems:
    """Why what was tried could not be used: said in the log at once, and in the reason when nothing is left."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._found: list[str] = []
        self.no_engine: str | None = None

    def add(self, what: str, problem: str) -> None:
        """This was tried in vain."""
        self._found.append(f"{what}: {problem}")
        self._work.say(f"Not usable: {self._found[-1]}", level=LogLevel.WARNING)

    def reason(self, offered: bool) -> str:
        """Why there is no transcript, and what a person can do about it."""
        if not offered:
            parts = ["The site offers no captions for this video."]
        else:
            parts = ["None of the caption tracks could be used."]
        parts += [wording.sentence(problem) for problem in self._found[:3]]
        if self.no_engine:
            parts += [self.no_engine, f"Then: z2ctl retry {self._work.job.id}"]
        return " ".join(parts)


def candidates(work: Work) -> list[Track]:
    """The caption tracks that the site offers, best first."""
    info = json.loads(work.info_json().read_bytes())
    return tracks.candidates(info, work.job.options.languages)


def will_listen(work: Work) -> bool:
    """Whether an engine is to hear what is said, as far as it is known before the captions are tried."""
    if work.tools.speech.trouble(spoken_language(work)):
        return False
    return all(track.fallback for track in candidates(work))


def _file_name(track: Track) -> str:
    """The caption file's name here; what the site calls it is no name for a file."""
    return f"captions.{track.format if track.format in captions.FORMATS else 'txt'}"


def worth_waiting(error_class: ErrorClass, attempt: int) -> bool:
    """Whether to come back for this track rather than take a lesser one: once, or while the site is closed anyway."""
    rule = RULES[error_class]
    return not rule.counts or (rule.retries != 0 and attempt == 1)


def transcript_of(track: Track, cues: list[Segment], duration_ms: int | None) -> Transcript:
    """The transcript of captions, with warnings where they do not seem to fit the video."""
    coverage, last_ms = captions.coverage(cues, duration_ms), max(cue.end_ms for cue in cues)
    warnings = []
    if coverage is not None and coverage < THIN_COVERAGE:
        warnings.append(f"The captions cover only {coverage:.0%} of the video.")
    if duration_ms and last_ms > duration_ms + OVERRUN_MS:
        over = wording.duration((last_ms - duration_ms) / 1000)
        warnings.append(f"The captions run {over} past the end of the video; they may belong to another cut.")
    if track.translated:
        warnings.append("The captions are a machine's translation.")
    return Transcript(
        language=track.language,
        source=track.source,
        format=track.format,
        segments=len(cues),
        words=sum(len(cue.text.split()) for cue in cues),
        coverage=coverage,
        translated=track.translated,
        warnings=warnings,
        cues=cues,
    )


def transcript_heard(engine: Engine, hearing: Hearing, duration_ms: int | None) -> Transcript:
    """The transcript of what an engine heard."""
    return Transcript(
        language=hearing.language or "und",
        source=TranscriptSource.ASR,
        engine=engine.name,
        model=engine.model,
        segments=len(hearing.cues),
        words=sum(len(cue.text.split()) for cue in hearing.cues),
        coverage=captions.coverage(hearing.cues, duration_ms),
        warnings=[*([engine.caution] if engine.caution else []), *hearing.warnings],
        cues=hearing.cues,
    )


def origin_of(work: Work, transcript: Transcript) -> Provenance:
    """What took part in making a transcript."""
    engine = work.tools.speech
    if transcript.source is not TranscriptSource.ASR:
        return provenance(["yt-dlp"], options={"languages": work.job.options.languages})
    options = {"language": spoken_language(work), "chunk_ms": work.tools.speech_chunk_ms}
    return provenance(engine.packages, endpoint=engine.endpoint, options=options)


def _origin(transcript: Transcript) -> str:
    """Where a transcript comes from, in words."""
    if transcript.source is TranscriptSource.ASR:
        return f"heard by {transcript.engine} in {transcript.language}"
    return _kind(transcript.source, transcript.translated, transcript.language, transcript.format)


def describe(track: Track) -> str:
    """The track in words."""
    return _kind(track.source, track.translated, track.language, track.format)


def _kind(source: TranscriptSource, translated: bool, language: str, form: str | None) -> str:
    kind = {TranscriptSource.MANUAL_SUBS: "subtitles"}.get(source, "automatic captions")
    return f"{'translated ' if translated else ''}{kind} in {language} ({form})"
