"""From yt-dlp's info.json, where every field may be missing or odd, to the wire's `Metadata`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from z2d.wire.library import Chapter, Metadata, Subtitles

MAX_LIST = 500
_LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
_LIVE: dict[Any, Literal["not_live", "is_live", "was_live", "is_upcoming", "post_live"]] = {
    "not_live": "not_live",
    "is_live": "is_live",
    "was_live": "was_live",
    "is_upcoming": "is_upcoming",
    "post_live": "post_live",
}


def text(value: Any, limit: int = 5000) -> str | None:
    """A non-empty text of at most `limit` characters; None for everything else.

    A lone surrogate, which JSON can spell and nothing else can keep, becomes the replacement character.
    """
    if not isinstance(value, str) or not value.strip():
        return None
    return value.strip()[:limit].encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def number(value: Any, *, largest: float = 2**53) -> float | None:
    """A finite number from 0 to `largest`; None for everything else, such as NaN, text, or a negative age."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and 0 <= value <= largest else None


def whole(value: Any, *, largest: float = 2**53) -> int | None:
    """Like `number`, rounded."""
    found = number(value, largest=largest)
    return None if found is None else round(found)


def texts(value: Any) -> list[str]:
    """The texts of a list, without repeats."""
    if not isinstance(value, list | tuple):
        return []
    return list(dict.fromkeys(found for item in value[:MAX_LIST] if (found := text(item, 200))))


def milliseconds(seconds: Any) -> int | None:
    """Seconds as whole milliseconds; None for no number, or for more than a year."""
    found = number(seconds, largest=366 * 86400)
    return None if found is None else round(found * 1000)


def published(info: Mapping[str, Any]) -> tuple[datetime | None, Literal["second", "day"] | None]:
    """When the video appeared, and how exactly that is known."""
    for name in ("release_timestamp", "timestamp"):
        if found := number(info.get(name), largest=_LATEST):
            return datetime.fromtimestamp(found, UTC), "second"
    for name in ("release_date", "upload_date"):
        day = text(info.get(name))
        try:
            if day:
                return datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC), "day"
        except ValueError:
            continue
    return None, None


def chapters(found: Any, duration_ms: int | None) -> list[Chapter]:
    """Chapters in order; a missing end is the next one's start. Chapters without any length are left out."""
    starts = [
        (start, milliseconds(item.get("end_time")), text(item.get("title"), 300))
        for item in (found[:MAX_LIST] if isinstance(found, list | tuple) else ())
        if isinstance(item, Mapping) and (start := milliseconds(item.get("start_time"))) is not None
    ]
    starts.sort(key=lambda one: one[0])
    result = []
    for index, (start, end, title) in enumerate(starts):
        following = starts[index + 1][0] if index + 1 < len(starts) else duration_ms
        if end is None or end <= start:
            end = following
        if end is not None and duration_ms is not None:
            end = min(end, duration_ms)
        if end is not None and end > start:
            result.append(Chapter(start_ms=start, end_ms=end, title=title or f"Chapter {index + 1}"))
    return result


def sponsor_chapters(found: Any, duration_ms: int | None) -> list[Chapter]:
    """What SponsorBlock marked, as chapters beside those of the source; they may overlap."""
    marked = [item for item in found[:MAX_LIST] if isinstance(item, Mapping)] if isinstance(found, list) else []
    return [
        one.model_copy(update={"origin": "sponsorblock", "category": text(item.get("category"), 50) or "unknown"})
        for item in marked
        for one in chapters([item], duration_ms)
    ]


def languages(found: Any) -> list[str]:
    """The languages of a `subtitles` field. A live chat is no subtitle."""
    names: Iterable[Any] = found if isinstance(found, Mapping) else ()
    return sorted({found for name in names if (found := text(name, 100)) and found != "live_chat"})[:MAX_LIST]


def title_of(info: Mapping[str, Any], url: str) -> str:
    """The title; without one the file's name, without that the host."""
    address = urlsplit(text(info.get("webpage_url"), 4096) or url)
    name = PurePosixPath(unquote(address.path)).stem
    return text(info.get("title"), 500) or text(name) or address.hostname or "Untitled"


def metadata_of(info: Mapping[str, Any], *, url: str, media_key: str) -> Metadata:
    """The description of one video. `url`: what the person gave; `media_key`: see `Metadata.media_key`."""
    duration_ms = milliseconds(info.get("duration"))
    published_at, precision = published(info)
    version = info.get("_version")
    source_id = text(info.get("id"), 200) or media_key
    return Metadata(
        extractor=(text(info.get("extractor_key"), 100) or text(info.get("extractor"), 100) or "generic").lower(),
        source_id=source_id,
        media_key=media_key,
        webpage_url=text(info.get("webpage_url"), 4096) or url,
        title=title_of(info, url),
        description=text(info.get("description"), 100_000),
        channel=text(info.get("channel"), 500) or text(info.get("uploader"), 500),
        channel_id=text(info.get("channel_id"), 200),
        channel_url=text(info.get("channel_url"), 4096),
        uploader=text(info.get("uploader"), 500),
        uploader_id=text(info.get("uploader_id"), 200),
        published_at=published_at,
        published_precision=precision,
        duration_ms=duration_ms,
        live_status=_LIVE.get(text(info.get("live_status"))),
        availability=text(info.get("availability"), 50),
        age_limit=whole(info.get("age_limit"), largest=150),
        language=text(info.get("language"), 35),
        license=text(info.get("license"), 500),
        tags=texts(info.get("tags")),
        categories=texts(info.get("categories")),
        chapters=chapters(info.get("chapters"), duration_ms)
        + sponsor_chapters(info.get("sponsorblock_chapters"), duration_ms),
        subtitles=Subtitles(
            manual=languages(info.get("subtitles")), auto=original_captions(info.get("automatic_captions"))
        ),
        view_count=whole(info.get("view_count")),
        like_count=whole(info.get("like_count")),
        comment_count=whole(info.get("comment_count")),
        thumbnail_url=text(info.get("thumbnail"), 4096),
        width=whole(info.get("width"), largest=2**31 - 1),
        height=whole(info.get("height"), largest=2**31 - 1),
        fps=number(info.get("fps"), largest=10_000),
        vcodec=codec(info.get("vcodec")),
        acodec=codec(info.get("acodec")),
        format_id=text(info.get("format_id"), 200),
        extractor_version=text(version.get("version"), 50) if isinstance(version, Mapping) else None,
    )


def original_captions(found: Any) -> list[str]:
    """The languages that were recognised, without the hundred a site offers to translate them into."""
    every = languages(found)
    return [name for name in every if name.endswith("-orig")] or every


def codec(value: Any) -> str | None:
    """A codec's name; yt-dlp says 'none' for a stream that is not there."""
    name = text(value, 100)
    return None if name == "none" else name
