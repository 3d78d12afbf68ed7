"""Stage 4: who says what, when. Leaves `transcript/transcript.json` and the caption file it was read from."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import ClassVar

from z2d.media import captions, tracks
from z2d.media.faults import MediaFault
from z2d.media.tracks import Track
from z2d.pipeline import wording
from z2d.pipeline.policy import RULES
from z2d.pipeline.progress import Report
from z2d.pipeline.stage import Done, Skipped, Work
from z2d.wire.jobs import LogLevel, StageName
from z2d.wire.library import Artefact, FileKind, Segment, Transcript, TranscriptSource
from z2d.wire.reasons import ErrorClass

THIN_COVERAGE = 0.3
OVERRUN_MS = 5000
NONE_OFFERED = "The site offers no captions for this video, and no speech-to-text engine is set up."


class TranscriptStage:
    """Takes the best captions the site has; a track that cannot be had or holds nothing makes room for the next."""

    name: ClassVar[StageName] = StageName.TRANSCRIPT
    version: ClassVar[int] = 1
    optional: ClassVar[bool] = True
    deadline_s: ClassVar[float] = 1800

    def input_hash(self, work: Work) -> str:
        """Which video, what the site offers for it, and which languages are wanted."""
        metadata = work.metadata()
        return work.digest(
            self,
            options={
                "media_key": metadata.media_key,
                "duration_ms": metadata.duration_ms,
                "offered": metadata.subtitles.model_dump(),
                "languages": work.job.options.languages,
            },
        )

    async def verify(self, work: Work, artefacts: Sequence[Artefact]) -> bool:
        """Unchanged."""
        return await work.folder.verify(artefacts)

    async def run(self, work: Work) -> Done | Skipped:
        """Try the candidates, best first."""
        info = json.loads(work.info_json().read_bytes())
        candidates = tracks.candidates(info, work.job.options.languages)
        if not candidates:
            return Skipped(NONE_OFFERED)
        problems = []
        for number, track in enumerate(candidates):
            work.progress(Report(share=number / len(candidates), detail=describe(track)))
            cues, problem = await self._read(work, track)
            if cues:
                return await self._keep(work, track, cues)
            problems.append(f"{describe(track)}: {problem}")
            work.say(f"Not usable: {problems[-1]}", level=LogLevel.WARNING)
        return Skipped(f"None of the caption tracks could be used. {problems[0]}")

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
        cues = await asyncio.to_thread(captions.read, target.read_bytes(), track.format)
        return cues, "it holds no text."

    async def _keep(self, work: Work, track: Track, cues: list[Segment]) -> Done:
        transcript = transcript_of(track, cues, work.metadata().duration_ms)
        name = _file_name(track)
        original = work.folder.place(work.folder.work / name, f"transcript/{name}")
        data = transcript.model_dump_json(indent=1).encode()
        written = await asyncio.to_thread(work.folder.write, "transcript/transcript.json", data)
        share = f", {transcript.coverage:.0%} of the video" if transcript.coverage is not None else ""
        work.say(
            f"Transcript: {describe(track)}, {transcript.words} words in {transcript.segments} cues{share}.",
            language=transcript.language,
            source=transcript.source.value,
        )
        for warning in transcript.warnings:
            work.say(warning, level=LogLevel.WARNING)
        language = transcript.language
        return Done(
            artefacts=[
                await work.folder.artefact(
                    FileKind.TRANSCRIPT_JSON, written, mime="application/json", language=language
                ),
                await work.folder.artefact(FileKind.SUBTITLE, original, language=language),
            ],
            transcript=transcript,
        )


def _file_name(track: Track) -> str:
    """The caption file's name here; what the site calls it is no name for a file."""
    return f"captions.{track.format if track.format in captions.FORMATS else 'txt'}"


def worth_waiting(error_class: ErrorClass, attempt: int) -> bool:
    """Whether to come back for this track rather than take a lesser one: once, or while the site is closed anyway."""
    rule = RULES[error_class]
    return not rule.counts or (rule.retries != 0 and attempt == 1)


def transcript_of(track: Track, cues: list[Segment], duration_ms: int | None) -> Transcript:
    """The transcript, with warnings where the captions do not seem to fit the video."""
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


def describe(track: Track) -> str:
    """The track in words."""
    kind = {TranscriptSource.MANUAL_SUBS: "subtitles"}.get(track.source, "automatic captions")
    return f"{'translated ' if track.translated else ''}{kind} in {track.language} ({track.format})"
