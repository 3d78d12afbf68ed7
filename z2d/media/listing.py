"""Reading a playlist, channel or feed: which of its entries are wanted, and where each of them leads.

Runs in the yt-dlp child, where a list that never ends and a filter that never does can be stopped from outside. A
list that goes from new to old is read only as far as it is wanted; any other is read on, so that the newest are found.
Where the list does not say when its entries appeared its own order counts.
"""

from __future__ import annotations

import re
import signal
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice
from types import FrameType
from typing import Any
from urllib.parse import urljoin, urlsplit

from yt_dlp.utils import YoutubeDLError, unsmuggle_url

from z2d.media.addresses import forbidden
from z2d.media.admission import MAX_LENGTH, identify
from z2d.media.extractors import gives_list
from z2d.media.faults import MediaFault
from z2d.wire.errors import UrlUnsupported, Z2Error
from z2d.wire.reasons import ErrorClass

LIST_TYPES = ("playlist", "multi_video")
MOST_READ = 1000
"""Entries looked at in a list that comes page by page."""
MOST_AT_ONCE = 20_000
"""Entries looked at in a list that came whole, as feeds do."""
MOST_LISTS = 20
"""Lists within a list (the tabs of a channel) that are read."""
MATCHING_S = 2.0
"""Time for a person's regular expression on all titles together: some take longer than the universe has time."""
_DAY_S = 86_400.0
_LATEST = datetime(9000, 1, 1, tzinfo=UTC).timestamp()

Json = dict[str, Any]


def resolve(ydl: Any, url: str) -> Json | None:
    """What is at `url`, with redirects from site to site followed, and nothing of it processed yet."""
    info: Json | None = ydl.extract_info(url, download=False, process=False)
    for _ in range(5):
        if info is None or info.get("_type") != "url":
            break
        origin = {"original_url": info.get("original_url")}
        info = ydl.extract_info(
            info["url"], download=False, process=False, ie_key=info.get("ie_key"), extra_info=origin
        )
    return info


def is_several(info: Json, *, asked: bool) -> bool:
    """Whether this is a list rather than a page with one video on it; with `asked` one entry is list enough.

    `info["entries"]` can be iterated once more afterwards.
    """
    if info.get("_type") not in LIST_TYPES:
        return False
    entries = info.get("entries") or []
    rest = iter(entries)
    first = list(islice((entry for entry in rest if entry), 2))
    several = len(first) > 1 or (len(first) == 1 and (asked or _is_list(first[0])))
    if not isinstance(entries, list):
        info["entries"] = chain(first, rest) if several else first
    return several


def _is_list(entry: Json) -> bool:
    if entry.get("_type") in LIST_TYPES:
        return True
    return entry.get("_type") in ("url", "url_transparent") and gives_list(str(entry.get("ie_key") or ""))


@dataclass
class _Counts:
    seen: int = 0
    repeated: int = 0
    broken: int = 0


@dataclass
class ListReader:
    """Reads one list. `wanted` is a PlaylistOptions as a dict; `warn` takes a sentence about what could not be read."""

    ydl: Any
    wanted: Json
    allow_private: bool
    warn: Callable[[str], None]
    _counts: _Counts = field(default_factory=_Counts)
    _known: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        pattern = self.wanted.get("match")
        self._matcher = Matcher(pattern) if pattern else None
        self._after = _day(self.wanted.get("after"))

    def read(self, info: Json) -> Json:
        """The list as a `z2d.wire.lists.Listing` in JSON. Raises MediaFault and what yt-dlp raises."""
        base = str(info.get("webpage_url") or info.get("original_url") or "")
        entries = self._select(info, base, outermost=True)
        if all(entry["published_at"] for entry in entries):
            entries.sort(key=lambda entry: entry["published_at"], reverse=True)
        entries = entries[: self.wanted["limit"]]
        for entry in entries:
            self._admit(entry)
        stamped = [entry for entry in entries if entry["published_at"]]
        for entry in stamped:
            entry["published_at"] = datetime.fromtimestamp(entry["published_at"], UTC).isoformat()
        return {
            "title": text(info.get("title"), 500) or text(info.get("id"), 500) or base,
            "webpage_url": text(base, MAX_LENGTH) or "",
            "extractor": str(info.get("extractor_key") or "generic").lower()[:100],
            "source_id": text(info.get("id"), 200) or text(base, 200) or "list",
            "description": text(info.get("description"), 20_000),
            "channel": text(info.get("channel"), 500) or text(info.get("uploader"), 500),
            "seen": self._counts.seen,
            "repeated": self._counts.repeated,
            "broken": self._counts.broken,
            "undated": len(entries) - len(stamped),
            "entries": entries,
        }

    def _select(self, info: Json, base: str, *, outermost: bool = False) -> list[Json]:
        """The wanted entries of one list, in its order, at most as many as are wanted unless the newest are sought."""
        entries = info.get("entries") or ()
        whole = isinstance(entries, list)  # there is nothing to be gained by stopping early
        most = MOST_AT_ONCE if whole else MOST_READ
        enough = self.wanted["limit"] + 1  # with one more the order of a list shows, also where one is wanted
        kept: list[Json] = []
        lists = 0
        newest_first, dated, before = True, True, float("inf")
        for raw in islice(entries, most):
            if not isinstance(raw, dict):
                self._counts.broken += 1
                continue
            if outermost and _is_list(raw):
                lists += 1
                kept += self._nested(raw) if lists <= MOST_LISTS else []
                continue
            self._counts.seen += 1
            entry = self._entry(raw, base)
            at = entry["published_at"]
            dated = dated and at is not None
            if at is not None:
                newest_first, falls, before = newest_first and at <= before, at < before < float("inf"), at
                if at < self._after:
                    if newest_first and dated and falls:  # of one alone nobody knows which way its list goes
                        break  # all that follow are older still
                    continue
            if not self._is_wanted(entry):
                continue
            kept.append(entry)
            if not whole and len(kept) >= enough and not lists and (newest_first or not dated):
                break
        return kept

    def _nested(self, raw: Json) -> list[Json]:
        """The wanted entries of a list within the list; one that cannot be read does not stop the others."""
        try:
            info = raw if raw.get("_type") in LIST_TYPES else resolve(self.ydl, raw["url"])
            if info is None or info.get("_type") not in LIST_TYPES:
                raise MediaFault(ErrorClass.UNSUPPORTED, "there is no list")
            return self._select(info, str(info.get("webpage_url") or raw.get("url") or ""))
        except (YoutubeDLError, MediaFault) as error:
            if isinstance(error, MediaFault) and error.error_class is not ErrorClass.UNSUPPORTED:
                raise
            self._counts.broken += 1
            self.warn(f"A list within this list could not be read: {raw.get('title') or raw.get('url')}: {error}")
            return []

    def _is_wanted(self, entry: Json) -> bool:
        if self._matcher and not self._matcher.found_in(entry["title"] or ""):
            return False
        if entry["url"] in self._known:
            self._counts.repeated += 1
            return False
        self._known.add(entry["url"])
        return True

    def _entry(self, raw: Json, base: str) -> Json:
        address = _address(raw, base)
        seconds = raw.get("duration")
        known = isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds < 366 * _DAY_S
        return {
            "url": text(address, 2 * MAX_LENGTH) or f"{base[:2000]}#entry-{self._counts.seen}",
            "title": text(raw.get("title"), 500),
            "duration_ms": round(seconds * 1000) if known and seconds else None,
            "published_at": _stamp(raw),
            "description": text(raw.get("description"), 5000),
            "describes": raw.get("_type") == "url_transparent",
            "has_address": address is not None,
        }

    def _admit(self, entry: Json) -> None:
        """Say of an entry where it leads, or why it leads nowhere."""
        error_class, message = None, None
        if not entry.pop("has_address"):
            error_class, message = ErrorClass.UNSUPPORTED, "This entry of the list has no address of its own."
        else:
            try:
                found = identify(entry["url"])
                host = urlsplit(found.url).hostname or ""
                entry |= {"url": found.url, "site": found.site, "dedup_key": found.dedup_key}
                if not self.allow_private and _is_number(host) and forbidden(host):
                    error_class, message = ErrorClass.BLOCKED_ADDRESS, f"{host} lies in a private network."
            except Z2Error as error:
                unsupported = isinstance(error, UrlUnsupported)
                error_class = ErrorClass.UNSUPPORTED if unsupported else ErrorClass.BAD_URL
                message = error.detail
        entry |= {"error_class": error_class, "message": message, "url": entry["url"][:MAX_LENGTH]}


class Matcher:
    """A person's regular expression, with a limit on the time it may take."""

    def __init__(self, pattern: str) -> None:
        with warnings.catch_warnings(action="ignore"):
            self._pattern = re.compile(pattern, re.IGNORECASE)
        self._left_s = MATCHING_S

    def found_in(self, title: str) -> bool:
        """Whether the title holds it. To be called in the main thread. Raises MediaFault (BAD_OPTIONS)."""
        before = signal.signal(signal.SIGALRM, self._too_long)
        signal.setitimer(signal.ITIMER_REAL, self._left_s)
        try:
            return self._pattern.search(title) is not None
        finally:
            self._left_s = max(0.001, signal.setitimer(signal.ITIMER_REAL, 0)[0])
            signal.signal(signal.SIGALRM, before)

    def _too_long(self, number: int, frame: FrameType | None) -> None:
        words = f"the regular expression takes too long: {self._pattern.pattern}"
        raise MediaFault(ErrorClass.BAD_OPTIONS, words)


def _address(raw: Json, base: str) -> str | None:
    """Where an entry leads; a video that is described in place leads to its file."""
    candidates: Iterator[Any]
    if raw.get("_type") in ("url", "url_transparent"):
        candidates = iter((raw.get("url"), raw.get("webpage_url"), raw.get("original_url")))
    else:
        formats = [one.get("url") for one in reversed(raw.get("formats") or ()) if isinstance(one, dict)]
        page = raw.get("webpage_url")
        candidates = chain((page if page != base else None, raw.get("url")), formats)
    for found in candidates:
        if isinstance(found, str) and found.strip():
            address = urljoin(base, str(unsmuggle_url(found)[0]))
            if address.startswith(("http://", "https://")):
                return address
    return None


def _stamp(raw: Json) -> float | None:
    """When an entry appeared, in seconds since 1970."""
    for name in ("release_timestamp", "timestamp"):
        found = raw.get(name)
        if isinstance(found, int | float) and not isinstance(found, bool) and 0 < found < _LATEST:
            return float(found)
    day = str(raw.get("release_date") or raw.get("upload_date") or "")
    return _day(f"{day[:4]}-{day[4:6]}-{day[6:]}") or None


def _day(text: str | None) -> float:
    """The first second of a day like 2026-01-31 in UTC; 0 for anything else."""
    try:
        return datetime.fromisoformat(text or "").replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _is_number(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdecimal()


def text(value: Any, limit: int) -> str | None:
    """A text of at most `limit` characters that JSON can carry; None for anything else."""
    if not isinstance(value, str) or not value.strip():
        return None
    return value.strip()[:limit].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
