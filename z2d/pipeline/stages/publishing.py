"""Stage 6: put everything into the library, where people and media servers find it.

With its end the outbox is filled for all other targets; those are served in the background. A library that cannot be
written does not stop that: it becomes one more thing that is tried again later, and the job is not whole until then.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Sequence
from typing import ClassVar

from z2d.pipeline.entry import read_entry
from z2d.pipeline.progress import Report
from z2d.pipeline.stage import Done, Skipped, Work
from z2d.pipeline.threads import Wanted, in_thread
from z2d.publish.library import publish
from z2d.wire.jobs import LogLevel, StageName
from z2d.wire.library import Artefact, FileKind, Publication, PublishStatus
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
        async with work.place():
            return await self._publish(work)

    async def _publish(self, work: Work) -> Done:
        library = work.tools.library_dir
        loop = asyncio.get_running_loop()
        work.progress(Report())
        entry = await asyncio.to_thread(read_entry, work.folder, work.artefact, url=work.job.url, tags=work.job.tags)

        def write(wanted: Wanted) -> Publication:
            def copied(done: int, total: int) -> None:
                wanted.check()
                report = Report(share=done / total if total else 0.0, bytes_done=done, bytes_total=total)
                loop.call_soon_threadsafe(work.progress, report)

            return publish(library, entry, progress=copied)

        try:
            publication = await in_thread(write)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            message = f"The library at {library} cannot be written: {error.strerror or error}."
            work.say(f"{message} It is tried again in the background.", level=LogLevel.WARNING)
            late = Publication(
                target="library",
                kind="library",
                status=PublishStatus.PENDING,
                attempt=1,
                content_hash=entry.content_hash(),
                error_class=ErrorClass.UNKNOWN,
                error_message=message,
            )
            return Done(publications=[late], gaps=[f"No library entry yet: {message}"])
        work.say(f"In the library: {publication.remote_url}", folder=publication.remote_url)
        return Done(publications=[publication])
