"""Fields by their many names, and values in their many spellings.

A field is looked for at the top of a record first, then one level down (`{"metadata": {"title": ...}}`). Names are
compared without case, dashes and underscores. A value that cannot be what the field needs is passed over, so that
another name may have it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("job_id", "id", "_id", "uuid", "guid", "task_id"),
    "url": ("url", "video_url", "webpage_url", "source_url", "original_url", "youtube_url", "input_url", "page_url",
            "link", "href", "source", "input"),
    "title": ("title", "video_title", "full_title", "name"),
    "status": ("status", "state", "job_status", "stage_status"),
    "error": ("error_message", "error", "failure_reason", "failure", "exception", "reason", "last_error"),
    "created": ("created_at", "created", "submitted_at", "queued_at", "added_at", "date_added", "created_time",
                "creation_time", "create_time", "timestamp"),
    "started": ("started_at", "started", "start_time", "processing_started_at", "started_time"),
    "finished": ("finished_at", "completed_at", "finished", "completed", "ended_at", "end_time", "done_at",
                 "processed_at", "failed_at", "cancelled_at"),
    "updated": ("updated_at", "updated", "modified_at", "last_updated", "last_modified"),
    "published": ("published_at", "upload_date", "publish_date", "published", "release_date"),
    "channel": ("channel", "channel_name", "channel_title", "uploader", "author", "creator"),
    "description": ("description", "video_description", "desc"),
    "duration": ("duration", "duration_seconds", "duration_sec", "length_seconds", "video_length", "length"),
    "duration_ms": ("duration_ms", "length_ms"),
    "language": ("language", "lang", "transcript_language", "detected_language", "locale"),
    "tags": ("tags", "labels", "categories"),
    "priority": ("priority",),
    "thumbnail": ("thumbnail_url", "thumbnail"),
    "transcript": ("transcript", "transcription", "transcript_segments", "segments", "captions", "subtitles",
                   "transcript_text", "full_text"),
    "summary": ("summary", "long_summary", "detailed_summary", "abstract"),
    "short_summary": ("summary_short", "short_summary", "tldr", "brief"),
    "insights": ("insights", "key_insights", "key_points", "keypoints", "highlights", "takeaways", "key_takeaways"),
    "topics": ("topics", "themes", "subjects"),
    "keywords": ("keywords", "key_terms", "terms"),
    "chapters": ("chapters", "sections", "timestamps"),
    "model": ("model", "llm_model", "analysis_model"),
    "logs": ("logs", "log", "log_lines", "messages", "events"),
}  # fmt: skip
FILES = ("video_path", "video_file", "media_path", "media_file", "audio_path", "audio_file", "file_path", "filepath",
         "file", "filename", "output_path", "output_file", "download_path", "local_path", "path", "thumbnail_path",
         "subtitle_path", "subtitle_file", "transcript_path", "transcript_file", "files", "artifacts")  # fmt: skip
_FOLD = re.compile(r"[\s_-]+")
_FOLDED = {field: tuple(_FOLD.sub("", name) for name in names) for field, names in NAMES.items()}
_FILES = tuple(_FOLD.sub("", name) for name in FILES)


class Fields:
    """A record with its names folded: `find` gives the first usable value of a field."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        inner = [value for value in record.values() if isinstance(value, dict)]
        self._levels = [_folded(record), *map(_folded, inner)]

    def find(self, field: str, read: Callable[[Any], T | None]) -> T | None:
        """The first value of the field that `read` understands, at the top first."""
        for value in self._values(_FOLDED[field]):
            if (found := read(value)) is not None:
                return found
        return None

    def every(self, field: str) -> list[str]:
        """Every text that the field has under any of its names."""
        return [found for value in self._values(_FOLDED[field]) if isinstance(value, str) and (found := value.strip())]

    def given(self, field: str) -> bool:
        """Whether the field has any value at all."""
        return any(value not in (None, "", [], {}) for value in self._values(_FOLDED[field]))

    def paths(self) -> list[str]:
        """The paths of files that the record names, as they stand there."""
        found: dict[str, None] = {}
        for value in self._values(_FILES):
            listed = list(value.values()) if isinstance(value, dict) else value
            for one in listed if isinstance(listed, list) else [listed]:
                path = one.get("path") if isinstance(one, dict) else one
                if isinstance(path, str) and 0 < len(path) < 4096 and "\0" not in path and "://" not in path:
                    found.setdefault(path)
        return list(found)

    def _values(self, names: tuple[str, ...]) -> Iterator[Any]:
        for level in self._levels:
            for name in names:
                if name in level:
                    yield level[name]


def _folded(record: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in record.items():
        found.setdefault(_FOLD.sub("", name.lower()), value)
    return found


def looks_like_record(value: Mapping[str, Any]) -> bool:
    """Whether an object is a record itself, and not something that records are wrapped in."""
    found = _folded(value)
    return has_url(value) or any(
        name in found and not isinstance(found[name], dict | list) for name in (*_FOLDED["status"], *_FOLDED["id"])
    )


def has_url(value: Mapping[str, Any]) -> bool:
    """Whether an object has at its top what every record must have."""
    found = _folded(value)
    return any(isinstance(found.get(name), str) for name in _FOLDED["url"])


# ------------------------------------------------------------------ values


def text(value: Any) -> str | None:
    """A text that says something; numbers count as their digits."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return str(value)[:100]
    return None


def words(value: Any) -> str | None:
    """A text, also where it is wrapped: {"message": ...}, {"text": ...}, ["...", "..."]."""
    if isinstance(value, dict):
        for name in ("message", "text", "content", "detail", "error", "summary", "short", "long", "value"):
            if found := text(value.get(name)):
                return found
        return None
    if isinstance(value, list):
        return "\n".join(filter(None, map(text, value))) or None
    return text(value)


def key(value: Any) -> str | None:
    """An id: a text or a whole number."""
    if isinstance(value, dict) and isinstance(value.get("$oid"), str):  # as MongoDB writes them
        value = value["$oid"]
    return text(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def number(value: Any) -> float | None:
    """A finite number, also where it was written as a text."""
    if isinstance(value, str):
        try:
            value = float(value.strip())
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,3}):(\d{2}(?:[.,]\d{1,6})?)", re.ASCII)
_ISO_LENGTH = re.compile(r"P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?", re.ASCII)
LONGEST_MS = 10 * 366 * 86_400_000


def length_ms(value: Any) -> int | None:
    """A length or a place in a video, given in seconds, as 1:02:03, 00:01:02,500 or PT1H2M3S; in milliseconds."""
    seconds = number(value)
    if seconds is None and isinstance(value, str):
        if clock := _CLOCK.fullmatch(value.strip()):
            seconds = int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + float(clock[3].replace(",", "."))
        elif (iso := _ISO_LENGTH.fullmatch(value.strip())) and any(iso.groups()):
            days, hours, minutes, rest = (float(part or 0) for part in iso.groups())
            seconds = ((days * 24 + hours) * 60 + minutes) * 60 + rest
    if seconds is None or not 0 <= seconds * 1000 <= LONGEST_MS:
        return None
    return round(seconds * 1000)


def milliseconds(value: Any) -> int | None:
    """A length that is given in milliseconds."""
    found = number(value)
    return round(found) if found is not None and 0 <= found <= LONGEST_MS else None


class Moment(NamedTuple):
    """A time; `naive`: it came without an offset and was taken for UTC."""

    at: datetime
    naive: bool = False


_EARLIEST, _LATEST = 1990, 2100
_COMPACT = re.compile(r"\d{8}", re.ASCII)


def moment(value: Any) -> Moment | None:
    """A time as seconds, milli-, micro- or nanoseconds since 1970, as ISO 8601, or as e-mails write it."""
    if isinstance(value, dict) and "$date" in value:  # as MongoDB writes them
        value = value["$date"]
    if isinstance(value, str):
        value = value.strip()
        if _COMPACT.fullmatch(value) or number(value) is None:
            return _written(value)
    since = number(value)
    if since is None or not 0 < since < 1e20:
        return None
    while since >= 1e11:  # in seconds that is the year 5138: it must be a finer unit
        since /= 1000
    return _sane(datetime.fromtimestamp(since, UTC), naive=False)


def _written(value: str) -> Moment | None:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return _sane(at, naive=at.tzinfo is None)


def _sane(at: datetime, *, naive: bool) -> Moment | None:
    try:
        at = at.replace(tzinfo=UTC) if naive else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return Moment(at, naive) if _EARLIEST <= at.year <= _LATEST else None


def texts(value: Any) -> list[str] | None:
    """A list of texts, also where it is one text with commas."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list):
        return None
    found = [one for one in (words(item) or _label(item) for item in value) if one]
    return found or None


def _label(item: Any) -> str | None:
    if not isinstance(item, dict):
        return None
    return next(
        (found for name in ("name", "label", "title", "term", "topic", "keyword") if (found := text(item.get(name)))),
        None,
    )
