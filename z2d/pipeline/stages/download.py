"""Stage 2: fetch the media. Leaves `media/media.EXT`, the thumbnail, and `media/metadata.json`, now complete."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from z2d.media.faults import MediaFault
from z2d.media.report import Probe
from z2d.pipeline import local, wording
from z2d.pipeline.progress import Report
from z2d.pipeline.stage import Done, Skipped, Work
from z2d.wire import uploads
from z2d.wire.jobs import JobOptions, LogLevel, StageName
from z2d.wire.library import Artefact, Chapter, FileKind, Metadata
from z2d.wire.reasons import ErrorClass

THUMBNAIL_MAX_BYTES = 20 << 20
PICTURES = {"jpeg_pipe": "jpg", "png_pipe": "png", "webp_pipe": "webp"}
"""ffmpeg's names of what a thumbnail may be, and the extension each gets."""
FORMAT = {"audio_only", "max_height", "container", "codec"}
"""The options that choose a format."""
ONLY_FORMAT = "0"
"""What yt-dlp calls the format of an address that has but one."""
SMALL_HEIGHT = 480
"""Picture height asked for when the wanted format is too large."""


class DownloadStage:
    """Continues an interrupted download where it stopped; tries a plainer format once."""

    name: ClassVar[StageName] = StageName.DOWNLOAD
    version: ClassVar[int] = 1
    optional: ClassVar[bool] = False
    deadline_s: ClassVar[float] = 24 * 3600

    def input_hash(self, work: Work) -> str:
        """Which video, in which format. Not info.json itself: the addresses in it change with every look."""
        metadata, options = work.metadata(), work.job.options
        return work.digest(
            self,
            options={
                "media_key": metadata.media_key,
                "duration_ms": metadata.duration_ms,
                **options.model_dump(include=FORMAT | {"thumbnail"}),
            },
        )

    async def verify(self, work: Work, artefacts: Sequence[Artefact]) -> bool:
        """Unchanged."""
        return await work.folder.verify(artefacts)

    async def run(self, work: Work) -> Done | Skipped:
        """Fetch, and complete the description from the file itself."""
        upload = uploads.parse(work.job.url)
        async with work.place():
            media = await local.take(work, upload) if upload else await self._fetch_or_fall_back(work)
        probe = await work.tools.ffmpeg.probe(media, job_id=work.job.id)
        metadata = complete(work.metadata(), probe)
        described = work.folder.write("media/metadata.json", metadata.model_dump_json(indent=1).encode())
        artefact = await work.folder.artefact(
            FileKind.MEDIA, media, mime=mimetypes.guess_type(media.name)[0], duration_ms=metadata.duration_ms
        )
        work.say(f"Fetched {wording.size(artefact.size_bytes)}: {_looks(metadata)}.", size_bytes=artefact.size_bytes)
        artefacts = [artefact, await work.folder.artefact(FileKind.METADATA_JSON, described, mime="application/json")]
        wanted = metadata.thumbnail_url if work.job.options.thumbnail else None
        if wanted and (thumbnail := await self._thumbnail(work, wanted)):
            artefacts.append(thumbnail)
        return Done(artefacts=artefacts, metadata=metadata)

    async def _fetch_or_fall_back(self, work: Work) -> Path:
        options, metadata = work.job.options, work.metadata()
        size = f"{metadata.width}x{metadata.height}" if metadata.width and metadata.height else ""
        chosen = f"format {metadata.format_id}" if metadata.format_id not in (None, ONLY_FORMAT) else ""
        work.say(f"Fetching {', '.join(filter(None, (chosen, size))) or 'the file'}.")
        try:
            return await self._fetch(work, options)
        except MediaFault as fault:
            plainer = plainer_options(options, fault.error_class)
            if plainer is None:
                raise
            work.say(f"{wording.sentence(fault.message)} Trying a plainer format.", level=LogLevel.WARNING)
            return await self._fetch(work, plainer, single_file=fault.error_class is ErrorClass.POSTPROCESS)

    async def _fetch(self, work: Work, options: JobOptions, *, single_file: bool = False) -> Path:
        return await work.tools.ytdlp.download(
            work.info_json(),
            work.folder.root,
            options=options,
            job_id=work.job.id,
            log=work.log,
            progress=lambda progress: work.progress(Report.of_download(progress)),
            access=work.access(),
            single_file=single_file,
        )

    async def _thumbnail(self, work: Work, url: str) -> Artefact | None:
        """The poster, as an extra: without it the job is no less complete."""
        try:
            fetched = await work.tools.ytdlp.fetch(
                work.info_json(),
                url,
                work.folder.work / "thumbnail",  # no extension: what it is shows in its bytes
                max_bytes=THUMBNAIL_MAX_BYTES,
                job_id=work.job.id,
                log=work.log,
                options=work.job.options,
                access=work.access(),
            )
            found = await work.tools.ffmpeg.probe(fetched, job_id=work.job.id)
        except MediaFault as fault:
            work.say(f"No thumbnail: {wording.sentence(fault.message)}", level=LogLevel.DEBUG)
            return None
        suffix = PICTURES.get(found.container)
        if suffix is None:
            work.say(f"No thumbnail: {found.container} is no kind of picture.", level=LogLevel.DEBUG)
            return None
        placed = work.folder.place(fetched, f"media/thumbnail.{suffix}")
        return await work.folder.artefact(FileKind.THUMBNAIL, placed, mime=mimetypes.guess_type(placed.name)[0])


def plainer_options(options: JobOptions, error_class: ErrorClass) -> JobOptions | None:
    """What to ask for after this failure; None when nothing plainer is left or it would not help."""
    any_format = options.model_copy(update={name: JobOptions.model_fields[name].default for name in FORMAT})
    if error_class is ErrorClass.FORMAT and any_format != options:
        return any_format
    if error_class is ErrorClass.POSTPROCESS:
        return options
    too_tall = options.max_height is None or options.max_height > SMALL_HEIGHT
    if error_class is ErrorClass.TOO_LARGE and too_tall and not options.audio_only:
        return options.model_copy(update={"max_height": SMALL_HEIGHT})
    return None


def complete(metadata: Metadata, probe: Probe) -> Metadata:
    """The description, with what only the file knows. What the page says about length and chapters goes first."""
    video, audio = probe.video, probe.audio
    found: dict[str, object] = {
        "width": video.width if video else None,
        "height": video.height if video else None,
        "fps": video.fps if video else None,
        "vcodec": video.codec if video else None,
        "acodec": audio.codec if audio else None,
    }
    # the file is what people get to see; a page may be wrong about its length, or have none
    duration_ms = probe.duration_ms or metadata.duration_ms
    found["duration_ms"] = duration_ms
    if not any(chapter.origin == "source" for chapter in metadata.chapters):
        found["chapters"] = [
            Chapter(start_ms=one.start_ms, end_ms=one.end_ms, title=one.title or f"Chapter {number}")
            for number, one in enumerate(probe.chapters, 1)
            if 0 <= one.start_ms < one.end_ms
        ] + metadata.chapters
    own_title = probe.tags.get("title", "").strip()
    if own_title and metadata.title == _file_name(metadata.webpage_url):
        found["title"] = own_title[:500]
    return metadata.model_copy(update=found)


def _file_name(url: str) -> str:
    return PurePosixPath(unquote(urlsplit(url).path)).stem


def _looks(metadata: Metadata) -> str:
    parts = []
    if metadata.vcodec:
        size = f" {metadata.width}x{metadata.height}" if metadata.width and metadata.height else ""
        parts.append(f"picture {metadata.vcodec}{size}")
    parts.append(f"sound {metadata.acodec}" if metadata.acodec else "no sound")
    if metadata.duration_ms:
        parts.append(wording.clock(metadata.duration_ms))
    return ", ".join(parts)
