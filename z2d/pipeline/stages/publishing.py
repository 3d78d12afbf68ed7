"""Stage 6: put everything into the library, where people and media servers find it."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Sequence
from typing import ClassVar

from z2d.pipeline.progress import Report
from z2d.pipeline.stage import Done, Retry, Skipped, Work
from z2d.pipeline.threads import Wanted, in_thread
from z2d.publish.library import Entry, SourceFile, publish
from z2d.wire.jobs import StageName
from z2d.wire.library import Analysis, Artefact, FileKind, Publication, Transcript
from z2d.wire.reasons import ErrorClass


class PublishingStage:
    """Writes the library entry. Publishing the same content twice changes nothing, so this always may run."""

    name: ClassVar[StageName] = StageName.PUBLISHING
    version: ClassVar[int] = 1
    optional: ClassVar[bool] = True
    deadline_s: ClassVar[float] = 3600

    def input_hash(self, work: Work) -> str:
        """All that goes into the entry, and where it goes."""
        kinds = [FileKind.METADATA_JSON, FileKind.MEDIA, FileKind.TRANSCRIPT_JSON, FileKind.ANALYSIS_JSON]
        return work.digest(self, options={"library": str(work.tools.library_dir)}, kinds=kinds)

    async def verify(self, work: Work, artefacts: Sequence[Artefact]) -> bool:
        """Never: only the library itself knows whether the entry is whole, and asking it is publishing again."""
        return False

    async def run(self, work: Work) -> Done | Skipped:
        """Build the entry and publish it."""
        library = work.tools.library_dir
        loop = asyncio.get_running_loop()
        work.progress(Report())

        def write(wanted: Wanted) -> Publication:
            def copied(done: int, total: int) -> None:
                wanted.check()
                report = Report(share=done / total if total else 0.0, bytes_done=done, bytes_total=total)
                loop.call_soon_threadsafe(work.progress, report)

            return publish(library, entry_of(work), progress=copied)

        try:
            publication = await in_thread(write)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            reason = error.strerror or str(error)
            raise Retry(ErrorClass.UNKNOWN, f"The library at {library} cannot be written: {reason}.") from error
        work.say(f"In the library: {publication.remote_url}", folder=publication.remote_url)
        return Done(publications=[publication])


def entry_of(work: Work) -> Entry:
    """Everything that was found, as one entry; what is missing is left out."""
    transcript = analysis = None
    if found := work.artefact(FileKind.TRANSCRIPT_JSON):
        transcript = Transcript.model_validate_json(work.folder.path(found.path).read_bytes())
    if found := work.artefact(FileKind.ANALYSIS_JSON):
        analysis = Analysis.model_validate_json(work.folder.path(found.path).read_bytes())
    return Entry(
        metadata=work.metadata(),
        url=work.job.url,
        media=_source(work, FileKind.MEDIA),
        thumbnail=_source(work, FileKind.THUMBNAIL),
        info_json=_source(work, FileKind.INFO_JSON),
        transcripts=(transcript,) if transcript else (),
        analysis=analysis,
        tags=work.job.tags,
    )


def _source(work: Work, kind: FileKind) -> SourceFile | None:
    found = work.artefact(kind)
    return SourceFile(work.folder.path(found.path), found.sha256) if found else None
