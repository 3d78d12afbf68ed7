"""Stage 1: what is at this address? Leaves `source/info.json` and `source/metadata.json`.

Where there is a list it leaves `source/list.json` instead of info.json, and the job goes no further by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

from z2d.media.admission import media_key
from z2d.pipeline import local, wording
from z2d.pipeline.normalise import metadata_of
from z2d.pipeline.progress import Report
from z2d.pipeline.stage import Done, Skipped, Work
from z2d.wire import uploads
from z2d.wire.jobs import StageName
from z2d.wire.library import Artefact, FileKind, Metadata
from z2d.wire.lists import Listing

JSON = "application/json"
MANNER = {"rate_limit_bps", "sleep_s", "thumbnail", "languages", "analysis", "analysis_language"}
"""Options that do not change what the site answers."""


class MetadataStage:
    """Asks the site, by way of yt-dlp, and brings the answer into one shape."""

    name: ClassVar[StageName] = StageName.METADATA
    version: ClassVar[int] = 1
    optional: ClassVar[bool] = False
    deadline_s: ClassVar[float] = 300

    def input_hash(self, work: Work) -> str:
        """The address, and the options: the choice of a format is part of the answer."""
        said = {"url": work.job.url, "listed": dict(work.job.listed)}
        return work.digest(self, options=said | work.job.options.model_dump(exclude=MANNER))

    async def verify(self, work: Work, artefacts: Sequence[Artefact]) -> bool:
        """Unchanged, and not found out of date by a later stage. A list is always looked at again."""
        outdated = work.saved.get("stale") or work.saved.get("is_list")
        return not outdated and await work.folder.verify(artefacts)

    async def run(self, work: Work) -> Done | Skipped:
        """Extract and normalise. What cannot be fetched, or not yet, is a fault of the media room."""
        work.progress(Report())
        if upload := uploads.parse(work.job.url):
            info = await local.describe(work, upload)
        else:
            found = await self._ask(work)
            if isinstance(found, Listing):
                return await _a_list(work, found)
            info = {**found, **work.job.listed}
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

    async def _ask(self, work: Work) -> dict[str, Any] | Listing:
        look = work.tools.ytdlp.extract if work.job.is_child else work.tools.ytdlp.look
        return await look(
            work.job.url,
            folder=work.folder.root,
            options=work.job.options,
            job_id=work.job.id,
            log=work.log,
            access=work.access(),
        )


async def _a_list(work: Work, found: Listing) -> Done:
    metadata = Metadata(
        extractor=found.extractor,
        source_id=found.source_id,
        media_key=f"list:{found.extractor}:{found.source_id}",
        webpage_url=found.webpage_url or work.job.url,
        title=found.title,
        description=found.description,
        channel=found.channel,
    )
    by = f" by {found.channel}" if found.channel else ""
    said = f"Found the list “{found.title}”{by}: {len(found.entries)} of the {found.seen} entries looked at are wanted"
    left = {"named twice": found.repeated, "unreadable": found.broken, "without a date": found.undated}
    work.say("; ".join([said, *(f"{count} {word}" for word, count in left.items() if count)]) + ".")
    listed = await work.folder.artefact(FileKind.INFO_JSON, work.folder.path("source/list.json"), mime=JSON)
    return Done(artefacts=[listed], checkpoint={"is_list": True}, metadata=metadata, entries=found.entries)


def _tell(work: Work, metadata: Metadata) -> None:
    length = wording.clock(metadata.duration_ms) if metadata.duration_ms else "unknown length"
    by = f" by {metadata.channel}" if metadata.channel else ""
    # the extractors of plain pages have names that tell a person nothing
    plain = metadata.extractor in ("generic", "html5mediaembed")
    where = urlsplit(metadata.webpage_url).hostname if plain else metadata.extractor
    work.say(f"Found “{metadata.title}”{by}, {length}, on {where}.", media_key=metadata.media_key)
    offered = []
    if metadata.subtitles.manual:
        offered.append(f"subtitles in {', '.join(metadata.subtitles.manual[:8])}")
    if metadata.subtitles.auto:
        offered.append(f"automatic captions in {', '.join(metadata.subtitles.auto[:8])}")
    own = [chapter for chapter in metadata.chapters if chapter.origin == "source"]
    if own:
        offered.append(wording.plural(len(own), "chapter"))
    work.say(f"The site offers {'; '.join(offered)}." if offered else "The site offers no captions and no chapters.")
    if marked := len(metadata.chapters) - len(own):
        work.say(f"SponsorBlock knows {wording.plural(marked, 'passage')} of it.")
