"""Stage 1: what is at this address? Leaves `source/info.json` and `source/metadata.json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from z2d.media.admission import media_key
from z2d.pipeline import wording
from z2d.pipeline.normalise import metadata_of
from z2d.pipeline.progress import Report
from z2d.pipeline.stage import Done, Skipped, Work
from z2d.wire.jobs import StageName
from z2d.wire.library import Artefact, FileKind, Metadata

JSON = "application/json"
MANNER = {"rate_limit_bps", "sleep_s", "thumbnail", "languages"}
"""Options that do not change what the site answers."""


class MetadataStage:
    """Asks the site, by way of yt-dlp, and brings the answer into one shape."""

    name: ClassVar[StageName] = StageName.METADATA
    version: ClassVar[int] = 1
    optional: ClassVar[bool] = False
    deadline_s: ClassVar[float] = 300

    def input_hash(self, work: Work) -> str:
        """The address, and the options: the choice of a format is part of the answer."""
        return work.digest(self, options={"url": work.job.url, **work.job.options.model_dump(exclude=MANNER)})

    async def verify(self, work: Work, artefacts: Sequence[Artefact]) -> bool:
        """Unchanged, and not found out of date by a later stage."""
        return not work.saved.get("stale") and await work.folder.verify(artefacts)

    async def run(self, work: Work) -> Done | Skipped:
        """Extract and normalise. What cannot be fetched, or not yet, is a fault of the media room."""
        work.progress(Report())
        info = await work.tools.ytdlp.extract(
            work.job.url,
            folder=work.folder.root,
            options=work.job.options,
            job_id=work.job.id,
            log=work.log,
            access=work.access(),
        )
        metadata = metadata_of(info, url=work.job.url, media_key=media_key(info))
        path = work.folder.write("source/metadata.json", metadata.model_dump_json(indent=1).encode())
        _tell(work, metadata)
        return Done(
            artefacts=[
                await work.folder.artefact(FileKind.INFO_JSON, work.folder.path("source/info.json"), mime=JSON),
                await work.folder.artefact(FileKind.METADATA_JSON, path, mime=JSON),
            ],
            metadata=metadata,
        )


def _tell(work: Work, metadata: Metadata) -> None:
    length = wording.clock(metadata.duration_ms) if metadata.duration_ms else "unknown length"
    by = f" by {metadata.channel}" if metadata.channel else ""
    work.say(f"Found “{metadata.title}”{by}, {length}, on {metadata.extractor}.", media_key=metadata.media_key)
    offered = []
    if metadata.subtitles.manual:
        offered.append(f"subtitles in {', '.join(metadata.subtitles.manual[:8])}")
    if metadata.subtitles.auto:
        offered.append(f"automatic captions in {', '.join(metadata.subtitles.auto[:8])}")
    own = [chapter for chapter in metadata.chapters if chapter.origin == "source"]
    if own:
        offered.append(f"{len(own)} chapters")
    work.say(f"The site offers {'; '.join(offered)}." if offered else "The site offers no captions and no chapters.")
    if marked := len(metadata.chapters) - len(own):
        work.say(f"SponsorBlock knows {marked} passages of it.")
