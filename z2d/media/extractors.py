"""What yt-dlp's extractors tell about a URL without fetching it: whose video it is, and its id.

yt-dlp is imported on first use (half a second), in the thread of the caller. It asks its 1,900 extractors one after
the other whether they take a URL, some milliseconds for a URL of an unknown site. Here those are asked that can:
most of their expressions match only where a certain word stands (see `needles`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from z2d.media.needles import folded, needles


@dataclass(frozen=True)
class KnownVideo:
    """What is known of a URL offline."""

    site: str
    """yt-dlp's name of the site in lower case, like "youtube"."""
    extractor: str
    """The key of the extractor in lower case: "youtube", "vimeo", "twitchvod"."""
    source_id: str | None
    """The site's id of the video, where the URL holds it."""
    refused: str | None = None
    """Why yt-dlp does not serve this site, where it does not."""


def known_video(url: str) -> KnownVideo | None:
    """The extractor that takes this URL; None when only the generic one does."""
    for extractor in _may_take(url):
        if not extractor.suitable(url):
            continue
        key = str(extractor.ie_key())
        if key == "Generic":
            return None
        if key in ("KnownDRM", "KnownPiracy"):
            why = "it protects its videos against copying" if key == "KnownDRM" else "it is known for piracy"
            return KnownVideo(key.lower(), key.lower(), None, why)
        # a list, a tab of a channel: the id in the URL is not that of one video
        is_list = _gives_list(extractor)
        site = str(extractor.IE_NAME).partition(":")[0].lower()
        return KnownVideo(site, key.lower(), None if is_list else extractor.get_temp_id(url))
    return None


@lru_cache(maxsize=1)
def known_sites() -> frozenset[str]:
    """The names of all sites that yt-dlp knows, as `KnownVideo.site` gives them."""
    return frozenset(str(extractor.IE_NAME).partition(":")[0].lower() for extractor in _extractors())


@lru_cache(maxsize=256)
def gives_list(key: str) -> bool:
    """Whether the extractor of this key gives lists of videos rather than videos."""
    return any(_gives_list(extractor) for extractor in _extractors() if extractor.ie_key() == key)


def _gives_list(extractor: Any) -> bool:
    named = str(extractor.ie_key()).endswith(("Tab", "Playlist", "Channel", "User"))
    return named or extractor._RETURN_TYPE == "playlist"


@lru_cache(maxsize=1)
def _extractors() -> tuple[Any, ...]:
    """All extractor classes of yt-dlp without those of plugins, in the order in which they are asked."""
    import yt_dlp.globals
    from yt_dlp.extractor import gen_extractor_classes

    yt_dlp.globals.plugin_dirs.value = []
    yt_dlp.globals.all_plugins_loaded.value = True
    return tuple(gen_extractor_classes())


@dataclass(frozen=True)
class _Index:
    """Which extractors are to be asked, by their place among all."""

    extractors: tuple[Any, ...]
    by_word: Mapping[str, tuple[int, ...]]
    always: frozenset[int]
    """Those for which no word can be named, or which have a way of their own to say what they take."""


def _may_take(url: str) -> Iterable[Any]:
    """The extractors that may take a URL, in the order of all; the others would say no."""
    with _indexing:  # not twice at once: it is half a second of work
        index = _index()
    text = folded(url)
    if text is None:
        return index.extractors
    asked = set(index.always)
    for word, places in index.by_word.items():
        if word in text:
            asked.update(places)
    return [index.extractors[place] for place in sorted(asked)]


_indexing = threading.Lock()


@lru_cache(maxsize=1)
def _index() -> _Index:
    by_word: dict[str, list[int]] = {}
    always = set()
    for place, extractor in enumerate(_extractors()):
        words = _words(extractor)
        if words is None:
            always.add(place)
        for word in words or ():
            by_word.setdefault(word, []).append(place)
    return _Index(_extractors(), {word: tuple(places) for word, places in by_word.items()}, frozenset(always))


_WAYS = ("suitable", "_match_valid_url")


def _words(extractor: Any) -> frozenset[str] | None:
    """Words of which one stands in every URL that this extractor takes; None where that is not known."""
    # the class of all extractors, which does nothing but to match _VALID_URL
    plain = next(base for base in reversed(extractor.__mro__) if "suitable" in vars(base))
    if any(getattr(extractor, name).__func__ is not getattr(plain, name).__func__ for name in _WAYS):
        return None
    patterns = extractor._VALID_URL
    if patterns is False:  # takes nothing
        return frozenset()
    found: set[str] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        words = needles(pattern)
        if words is None:
            return None
        found |= words
    return frozenset(found)
