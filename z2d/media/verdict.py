"""Whether what a site describes can be downloaded now: not yet, not at all, or yes. Runs in the yt-dlp child."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from z2d.media.classify import by_words, plain
from z2d.media.faults import MediaFault
from z2d.wire.reasons import ErrorClass

AFTER_START_S = 30.0
"""A stream is looked at again this long after its announced start."""
LATE_S = (60.0, 600.0)
"""A stream that should have begun is looked at again after a quarter of its delay, within these bounds."""
RUNNING_S, PREPARED_S = 600.0, 300.0
"""When to look again at a stream on the air, and at one whose recording the site prepares."""
# kinds of files that yt-dlp takes for a video when a site names them so
NO_VIDEO = frozenset(
    {"jpg", "jpeg", "png", "gif", "webp", "avif", "svg", "bmp", "tiff", "vtt", "srt", "ass", "ttml"}
    | {"txt", "json", "xml", "html", "pdf", "zip", "mhtml"}
)


def refuse_what_cannot_be_downloaded(info: dict[str, Any], warnings: Iterable[str], *, record: bool) -> None:
    """Raises MediaFault unless a download of `info` can be tried; `record`: a stream on the air is wanted.

    `warnings` are those of the extractor: where it found no formats, one of them says why.
    """
    _refuse_streams(info, record=record)
    formats = [f for f in info.get("formats") or [info] if f.get("url")]
    if all(str(f.get("ext", "")).lower() == "mhtml" for f in formats):  # storyboards at best
        error_class, reason = _why_none(list(warnings))
        raise MediaFault(error_class, reason)
    if all(f.get("has_drm") is True for f in formats):
        raise MediaFault(ErrorClass.DRM, "the video is protected against copying")
    if all(str(f.get("ext", "")).lower() in NO_VIDEO for f in formats):
        raise MediaFault(
            ErrorClass.UNSUPPORTED, f"there is a file of the kind {info.get('ext')} at this address, no video"
        )


def _refuse_streams(info: dict[str, Any], *, record: bool) -> None:
    status, title = info.get("live_status"), f"“{str(info.get('title') or 'the stream')[:200]}”"
    if status == "is_upcoming":
        start = info.get("release_timestamp")
        if not isinstance(start, int | float) or not 0 < start < 2**33:
            raise MediaFault(ErrorClass.LIVE_NOT_STARTED, f"{title} has not begun; no time is announced")
        at = datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%d %H:%M UTC")
        raise MediaFault(ErrorClass.LIVE_NOT_STARTED, f"{title} has not begun; announced for {at}", until(start))
    if status == "is_live" and not record:
        raise MediaFault(ErrorClass.LIVE_ENDED_PROCESSING, f"{title} is still on the air", RUNNING_S)
    if status == "post_live":
        raise MediaFault(ErrorClass.LIVE_ENDED_PROCESSING, f"{title} has ended and is being prepared", PREPARED_S)


def until(start: float, now: float | None = None) -> float:
    """Seconds until a stream announced for `start` is worth another look."""
    wait = start + AFTER_START_S - (time.time() if now is None else now)
    return wait if wait > 0 else max(LATE_S[0], min(-wait / 4, LATE_S[1]))


def _why_none(warnings: list[str]) -> tuple[ErrorClass, str]:
    """The class and sentence of the newest warning that says why there are no formats."""
    classes = [(by_words(warning), warning) for warning in reversed(warnings)]
    for error_class, warning in classes:
        if error_class not in (None, ErrorClass.FORMAT):
            return error_class, plain(warning)
    own = (warning for error_class, warning in classes if error_class is None)  # not yt-dlp's "no formats found"
    return ErrorClass.UNSUPPORTED, plain(next(own, "the site offers nothing to download"))
