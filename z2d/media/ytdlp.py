"""yt-dlp from the daemon's side: one call per job step, each run by a child process that serves it and ends.

Here is what can be asked, and what is accepted as an answer; `ytdlp_children` keeps the children and speaks to them.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

from z2d.media.access import DIRECT, Access
from z2d.media.faults import MediaFault
from z2d.media.ffmpeg import Ffmpeg, Probe, extension_of, private_folder
from z2d.media.nursery import NurseryGone
from z2d.media.process import Limits
from z2d.media.ytdlp_children import Children, Log, converse
from z2d.wire.jobs import JobOptions
from z2d.wire.lists import Listing, PlaylistOptions
from z2d.wire.reasons import ErrorClass


@dataclass(frozen=True)
class Progress:
    """How far a download is. Bytes cover all formats; None = unknown."""

    bytes_done: int
    bytes_total: int | None = None
    speed_bps: int | None = None
    """Bytes per second."""
    eta_s: int | None = None
    detail: str | None = None


@dataclass(frozen=True)
class FetchLimits:
    """What a job may take from the network and the machine."""

    max_bytes: int = 32 << 30
    """All files of one download together; a stream without a length is stopped here too."""
    disk_reserve_bytes: int = 1 << 30
    """Downloads stop with DISK_FULL when less than this stays free."""
    stall_window_s: float = 60.0
    stall_bytes: int = 64 << 10
    """Fewer new bytes than this within a window is a standstill: the server trickles or sleeps."""
    socket_timeout_s: float = 20.0
    extract_deadline_s: float = 300.0
    download_deadline_s: float = 12 * 3600.0
    fetch_deadline_s: float = 120.0
    memory_bytes: int = 4 << 30
    """Of the child, and of each program it starts."""
    cpu_s: int = 4 * 3600
    """Processor time, likewise: more than any download takes, less than a loop without end."""

    @property
    def of_children(self) -> Limits:
        """What the system holds every process to."""
        return Limits(memory_bytes=self.memory_bytes, file_bytes=self.max_bytes, cpu_s=self.cpu_s)


class YtDlp:
    """The yt-dlp children of one daemon. An async context manager; one object serves all slots at once.

    `ffmpeg` merges and checks downloads. `allow_private` opens private networks to jobs (tests, a media server at
    home). With `ahead` the program that forks the children (60 MB) is started at once, otherwise with the first job.
    Every method raises `MediaFault` and nothing else, and leaves no process behind, also when cancelled. Paths are
    absolute.
    """

    child_arguments: ClassVar[Sequence[str]] = ("-m", "z2d.media.ytdlp_child")

    def __init__(
        self,
        *,
        installation: str,
        ffmpeg: Ffmpeg,
        allow_private: bool = False,
        limits: FetchLimits | None = None,
        ahead: bool = True,
    ) -> None:
        self._ahead = ahead
        self._ffmpeg = ffmpeg
        self._allow_private = allow_private
        self.limits = limits or FetchLimits()
        self._children = Children(
            [sys.executable, "-I", "-X", "utf8", *self.child_arguments], installation=installation
        )

    async def __aenter__(self) -> YtDlp:
        if self._ahead:
            await self._children.warm()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._children.close()

    async def adjust(self, *, limits: FetchLimits, allow_private: bool) -> None:
        """Go on with other limits, and the yt-dlp that is installed now. What runs ends as it began."""
        self.limits, self._allow_private = limits, allow_private
        await self._children.warm()

    async def extract(
        self, url: str, *, folder: Path, options: JobOptions, job_id: int, log: Log, access: Access = DIRECT
    ) -> dict[str, Any]:
        """yt-dlp's description of the one video at `url`; it is kept in folder/source/info.json too.

        The formats to download are chosen here by `options`. No video, several videos, a picture: UNSUPPORTED. A
        stream that has not begun or not ended: LIVE_NOT_STARTED, LIVE_ENDED_PROCESSING, with the wait in seconds.
        """
        found = await self._extract(url, None, folder, options, job_id, log, access)
        assert isinstance(found, dict)
        return found

    async def look(
        self, url: str, *, folder: Path, options: JobOptions, job_id: int, log: Log, access: Access = DIRECT
    ) -> dict[str, Any] | Listing:
        """Like `extract`, but a list of several videos is taken too, as far as `options.playlist` wants it.

        What is wanted of the list is kept in folder/source/list.json. A regular expression that takes too long:
        BAD_OPTIONS.
        """
        wanted = options.playlist or PlaylistOptions()
        return await self._extract(url, wanted, folder, options, job_id, log, access)

    async def _extract(
        self,
        url: str,
        lists: PlaylistOptions | None,
        folder: Path,
        options: JobOptions,
        job_id: int,
        log: Log,
        access: Access,
    ) -> dict[str, Any] | Listing:
        source = private_folder(folder / "source")
        target, list_target = source / "info.json", source / "list.json"
        answer = await self._ask(
            {
                "op": "extract",
                "url": url,
                "out": str(target),
                "list": str(list_target),
                "lists": lists and lists.model_dump(),
                "options": options.model_dump(),
            },
            folder=folder,
            job_id=job_id,
            log=log,
            deadline_s=self.limits.extract_deadline_s,
            access=access,
        )
        if answer.get("is_list"):
            return Listing.model_validate_json(list_target.read_bytes())
        loaded: dict[str, Any] = json.loads(target.read_bytes())
        return loaded

    async def download(
        self,
        info_json: Path,
        folder: Path,
        *,
        options: JobOptions,
        job_id: int,
        log: Log,
        progress: Callable[[Progress], None],
        access: Access = DIRECT,
        single_file: bool = False,
    ) -> Path:
        """Download what info.json describes, without extracting again; the path of the finished file in folder/media.

        With `single_file` a format is preferred that need not be put together. Unfinished files stay in folder/work
        and are continued by Range. A file is accepted only when it decodes and is as long as the site says: otherwise
        TRUNCATED (the next try starts anew) or CORRUPT. Pictures and text: UNSUPPORTED. Limits: TOO_LARGE, DISK_FULL,
        STALLED, TIMEOUT.
        """
        work = private_folder(folder / "work")
        answer = await self._ask(
            {
                "op": "download",
                "info": str(info_json),
                "options": options.model_dump(),
                "single_file": single_file,
            },
            folder=folder,
            job_id=job_id,
            log=log,
            deadline_s=self.limits.download_deadline_s,
            progress=progress,
            access=access,
        )
        found = _own_file(work, answer["path"])
        try:
            if answer.get("recorded"):
                kind = await self._accept_recording(found, job_id=job_id)
            else:
                resumed = bool(answer["resumed"])
                kind = await self._accept(found, answer.get("duration"), resumed=resumed, job_id=job_id)
        except MediaFault:
            found.unlink(missing_ok=True)
            raise
        return found.rename(private_folder(folder / "media") / f"media.{extension_of(kind, found.suffix)}")

    async def fetch(
        self,
        info_json: Path,
        url: str,
        target: Path,
        *,
        max_bytes: int,
        job_id: int,
        log: Log,
        options: JobOptions | None = None,
        access: Access = DIRECT,
    ) -> Path:
        """Fetch a small file that belongs to the video (captions, thumbnail) to `target`, with the video's headers.

        `max_bytes` bounds what is written, after decompression: TOO_LARGE. A caption address that is a playlist of
        segments is fetched whole.
        """
        await self._ask(
            {
                "op": "fetch",
                "info": str(info_json),
                "url": url,
                "out": str(target),
                "max_bytes": max_bytes,
                "options": (options or JobOptions()).model_dump(),
            },
            folder=target.parent,
            job_id=job_id,
            log=log,
            deadline_s=self.limits.fetch_deadline_s,
            access=access,
        )
        return target

    async def _accept_recording(self, file: Path, *, job_id: int) -> Probe:
        """A recorded stream may have holes, and cannot be had again: it counts if it can be played at all."""
        probe = await self._ffmpeg.probe(file, job_id=job_id)
        if probe.is_still or not probe.playable:
            raise MediaFault(ErrorClass.CORRUPT, "what was recorded cannot be played")
        return probe

    async def _accept(self, file: Path, duration_s: float | None, *, resumed: bool, job_id: int) -> Probe:
        """Make sure that a finished download is what it should be, or raise."""
        try:
            probe = await self._ffmpeg.probe(file, job_id=job_id)
            if probe.is_still:
                raise MediaFault(ErrorClass.UNSUPPORTED, "the address gives a picture or a text, not a video")
            decoded_ms = await self._ffmpeg.check_decodes(file, probe, job_id=job_id)
        except MediaFault as fault:
            if resumed and fault.error_class is ErrorClass.CORRUPT:
                raise MediaFault(
                    ErrorClass.TRUNCATED, f"the continued download does not fit: {fault.message}"
                ) from None
            raise
        expected_ms = max(int((duration_s or 0) * 1000), probe.duration_ms)
        if decoded_ms < expected_ms - max(1000, expected_ms // 50):
            raise MediaFault(
                ErrorClass.TRUNCATED, f"only {decoded_ms / 1000:.1f} s of {expected_ms / 1000:.1f} s arrived"
            )
        return probe

    async def _ask(
        self,
        request: dict[str, Any],
        *,
        folder: Path,
        job_id: int,
        log: Log,
        deadline_s: float,
        access: Access,
        progress: Callable[[Progress], None] | None = None,
    ) -> dict[str, Any]:
        """Let a child serve one request; its last answer."""

        def heard(how_far: dict[str, Any]) -> None:
            if progress is not None:
                progress(Progress(**how_far))

        request |= {
            "folder": str(folder),
            "job_id": job_id,
            "allow_private": self._allow_private,
            "ffmpeg": str(self._ffmpeg.path),
            "limits": asdict(self.limits),
            "proxy": access.proxy,
            "cookies": access.cookies and str(access.cookies),
        }
        try:
            line = json.dumps(request).encode()
            async with asyncio.timeout(deadline_s), await self._children.serve(line, self.limits.of_children) as child:
                return await converse(child, job_id, log, heard, access)
        except TimeoutError:
            message = f"{request['op']} did not finish within {deadline_s:.0f} s"
            raise MediaFault(ErrorClass.TIMEOUT, message) from None
        except NurseryGone as error:
            raise MediaFault(ErrorClass.EXTRACTOR_BUG, f"yt-dlp cannot be started: {error}"[:2000]) from error
        except OSError as error:
            raise MediaFault(ErrorClass.UNKNOWN, f"the yt-dlp child failed: {error}") from error


def _own_file(folder: Path, name: str) -> Path:
    """The file that the child says it made, once it is certain that it lies in `folder` and is no link."""
    path = folder / name
    inside = path.parent == folder and path.name == name
    if not inside or not stat.S_ISREG(os.lstat(path).st_mode):
        raise MediaFault(ErrorClass.UNKNOWN, "the download left something that is not a file of its own folder")
    return path
