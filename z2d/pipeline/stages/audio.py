"""Stage 3: the sound alone, copied where that is possible. Leaves `audio/audio.EXT`."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from typing import ClassVar

from z2d.pipeline import wording
from z2d.pipeline.progress import Report
from z2d.pipeline.stage import Done, Fatal, Skipped, Work
from z2d.wire.jobs import StageName
from z2d.wire.library import Artefact, FileKind
from z2d.wire.reasons import ErrorClass


class AudioStage:
    """Takes the first sound track out of the media file."""

    name: ClassVar[StageName] = StageName.AUDIO
    version: ClassVar[int] = 1
    optional: ClassVar[bool] = False
    deadline_s: ClassVar[float] = 6 * 3600

    def input_hash(self, work: Work) -> str:
        """The media file decides."""
        return work.digest(self, kinds=[FileKind.MEDIA])

    async def verify(self, work: Work, artefacts: Sequence[Artefact]) -> bool:
        """Unchanged."""
        return await work.folder.verify(artefacts)

    async def run(self, work: Work) -> Done | Skipped:
        """Extract, or skip a silent video."""
        media = work.artefact(FileKind.MEDIA)
        if media is None:
            raise Fatal(ErrorClass.CORRUPT, "There is no media file to take the sound from.")
        source, ffmpeg = work.folder.path(media.path), work.tools.ffmpeg
        probe = await ffmpeg.probe(source, job_id=work.job.id)
        if probe.audio is None:
            return Skipped("The video has no sound.")
        work.progress(Report())
        made = await ffmpeg.extract_audio(
            source,
            work.folder.root / "audio",
            probe=probe,
            job_id=work.job.id,
            progress=lambda share: work.progress(Report(share=share)),
        )
        artefact = await work.folder.artefact(
            FileKind.AUDIO, made, mime=mimetypes.guess_type(made.name)[0], duration_ms=probe.duration_ms or None
        )
        work.say(
            f"Sound: {probe.audio.codec} as {made.suffix.lstrip('.')}, {wording.size(artefact.size_bytes)}.",
            size_bytes=artefact.size_bytes,
        )
        return Done(artefacts=[artefact])
