"""What yt-dlp's extractors tell about a URL without fetching it: whose video it is, and its id.

yt-dlp is imported on first use (half a second), in the thread of the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any


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
    for extractor in _extractors():
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
