"""A look at a URL without a job: what the metadata stage would find, and nothing is kept."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from z2d.media.access import DIRECT, Access
from z2d.media.admission import media_key
from z2d.media.faults import MediaFault
from z2d.media.ytdlp import YtDlp
from z2d.pipeline.normalise import metadata_of, whole
from z2d.pipeline.wording import sentence
from z2d.wire.errors import TooManyRequests
from z2d.wire.jobs import JobError, JobKind, JobOptions, LogLevel, StageName
from z2d.wire.lists import Listing
from z2d.wire.probe import ProbeAnswer, ProbedEntry
from z2d.wire.reasons import ErrorClass, hint

AT_ONCE = 3
DEADLINE_S = 60.0
BUSY_S = 5


class Prober:
    """Looks at URLs, a few at a time. `folder`: for what yt-dlp writes meanwhile; it is cleared first."""

    def __init__(
        self,
        ytdlp: YtDlp,
        folder: Path,
        *,
        access: Callable[[str | None, str], Access] = lambda site, profile: DIRECT,
        deadline_s: float = DEADLINE_S,
        at_once: int = AT_ONCE,
    ) -> None:
        self._ytdlp, self._folder = ytdlp, folder
        self.access = access
        """How a site and a profile are got at; a reload of the settings replaces it."""
        self._deadline_s = deadline_s
        self._free = at_once
        shutil.rmtree(folder, ignore_errors=True)

    async def __call__(self, url: str, *, site: str | None, profile: str, options: JobOptions) -> ProbeAnswer:
        """What is at an admitted URL. A look that fails or takes too long is an answer too.

        Raises TooManyRequests when as many looks as allowed are under way.
        """
        if not self._free:
            raise TooManyRequests("Other URLs are being looked at.", retry_after=BUSY_S)
        self._free -= 1
        try:
            return await self._look(url, site, profile, options)
        finally:
            self._free += 1

    async def _look(self, url: str, site: str | None, profile: str, options: JobOptions) -> ProbeAnswer:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            access = await asyncio.to_thread(self.access, site, profile)
            async with asyncio.timeout(self._deadline_s):
                found = await self._ytdlp.look(
                    url, folder=scratch, options=options, job_id=0, log=_unheard, access=access
                )
        except TimeoutError:
            return _failed(url, site, ErrorClass.TIMEOUT, f"there was no answer within {self._deadline_s:.0f} s")
        except MediaFault as fault:
            return _failed(url, site, fault.error_class, fault.message)
        finally:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(shutil.rmtree, scratch)
        return of_list(url, site, found) if isinstance(found, Listing) else of_video(url, site, found)


def _unheard(level: LogLevel, source: str, message: str) -> None:
    """A look has no log."""


def _failed(url: str, site: str | None, error_class: ErrorClass, message: str) -> ProbeAnswer:
    said = JobError(
        code=error_class.value, stage=StageName.METADATA, message=sentence(message), hint=hint(error_class, site)
    )
    return ProbeAnswer(url=url, site=site, error=said)


def of_video(url: str, site: str | None, info: Mapping[str, Any]) -> ProbeAnswer:
    """What info.json says, as far as it matters before a job is made."""
    metadata = metadata_of(info, url=url, media_key=media_key(info))
    return ProbeAnswer(
        url=url,
        site=site,
        kind=JobKind.MEDIA,
        title=metadata.title,
        channel=metadata.channel,
        published_at=metadata.published_at,
        duration_ms=metadata.duration_ms,
        live_status=metadata.live_status,
        size_bytes=size_of(info),
        width=metadata.width,
        height=metadata.height,
        subtitles=metadata.subtitles,
        chapters=len(metadata.chapters),
        media_key=metadata.media_key,
    )


def of_list(url: str, site: str | None, found: Listing) -> ProbeAnswer:
    """What a list holds."""
    return ProbeAnswer(
        url=url,
        site=site,
        kind=JobKind.COLLECTION,
        title=found.title,
        channel=found.channel,
        seen=found.seen,
        entries=[ProbedEntry(**entry.model_dump()) for entry in found.entries],
    )


def size_of(info: Mapping[str, Any]) -> int | None:
    """The bytes of the chosen formats together: as the site says, else by bit rate and length; None: unknown."""
    chosen = info.get("requested_formats") or [info]
    sizes = [_size_of_format(one, info) for one in chosen if isinstance(one, Mapping)]
    known = [size for size in sizes if size]
    return sum(known) if known and len(known) == len(sizes) else None


def _size_of_format(chosen: Mapping[str, Any], info: Mapping[str, Any]) -> int | None:
    said = whole(chosen.get("filesize")) or whole(chosen.get("filesize_approx"))
    kilobits, seconds = whole(chosen.get("tbr")), whole(info.get("duration"))
    return said or (kilobits * 125 * seconds if kilobits and seconds else None)
