"""Which caption track is read: the order of preference over what a site offers.

Manual captions in a wanted language come first, then automatic captions of what was really spoken; speech to text
stands between those and the rest (manual captions in another language, machine translations), so every track says
on which side of it it belongs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from z2d.media.captions import FORMATS
from z2d.wire.library import TranscriptSource

_MAX_TRACKS = 12
# what certainly holds no cues; any other name, such as that of a script, may
_NO_CAPTIONS = frozenset(
    {"json", "ass", "ssa", "jpg", "jpeg", "png", "gif", "webp", "mp4", "webm", "mp3", "m4a", "html", "mhtml"}
)


@dataclass(frozen=True)
class Track:
    """One caption file that can be fetched, or that the description holds already (`data`)."""

    language: str
    source: TranscriptSource
    format: str
    url: str | None
    data: str | None = None
    translated: bool = False
    """By a machine, from automatic captions."""
    fallback: bool = False
    """Speech to text, where there is an engine, is better than this."""


def candidates(info: Mapping[str, Any], languages: Sequence[str] = ()) -> list[Track]:
    """The tracks worth trying, best first, several formats of one track after each other; at most twelve.

    `info` is yt-dlp's description. `languages`: those wanted, best first; empty means the video's own. A track whose
    file turns out to be empty or broken is to be passed over.
    """
    manual, automatic = _groups(info.get("subtitles")), _groups(info.get("automatic_captions"))
    spoken = _spoken(info, manual, automatic)
    wanted = list(languages) or ([spoken] if spoken else _first_choice(manual))
    original = _original(automatic, spoken)

    good_manual = [name for want in wanted for name in _matching(want, manual)]
    # automatic captions of the original are worth more than translations, whatever language is wanted
    translated = [name for want in languages for name in _matching(want, automatic) if name not in original]
    other_manual = [name for name in manual if name not in good_manual]

    found = _tracks(manual, good_manual, TranscriptSource.MANUAL_SUBS)
    found += _tracks(automatic, original, TranscriptSource.AUTO_CAPTIONS)
    found += _tracks(manual, other_manual, TranscriptSource.MANUAL_SUBS, fallback=True)
    found += _tracks(automatic, translated, TranscriptSource.AUTO_CAPTIONS, translated=True, fallback=True)
    return list(dict.fromkeys(found))[:_MAX_TRACKS]


def _groups(found: Any) -> dict[str, list[Mapping[str, Any]]]:
    """The languages with at least one readable format, the most exact format first, those of no known name last: what
    they are shows in their content. Chat replays are no captions.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for language, tracks in (found or {}).items() if isinstance(found, Mapping) else ():
        readable = [t for t in tracks or () if isinstance(t, Mapping) and _format(t) not in _NO_CAPTIONS]
        readable = [t for t in readable if t.get("url") or t.get("data")]
        if readable and language != "live_chat":
            groups[str(language)] = sorted(readable, key=_exactness)
    return groups


def _format(track: Mapping[str, Any]) -> str:
    return str(track.get("ext") or "").lower()


def _exactness(track: Mapping[str, Any]) -> int:
    return FORMATS.index(_format(track)) if _format(track) in FORMATS else len(FORMATS)


def _spoken(info: Mapping[str, Any], manual: Mapping[str, Any], automatic: Mapping[str, Any]) -> str | None:
    """The language that is spoken, as far as the site says or shows it."""
    if isinstance(info.get("language"), str) and info["language"]:
        return str(info["language"])
    if marked := [name for name in automatic if name.endswith("-orig")]:
        return marked[0].removesuffix("-orig")
    for group in (automatic, manual):
        if len(group) == 1:
            return next(iter(group))
    return None


def _first_choice(manual: Mapping[str, Any]) -> list[str]:
    """Where nothing says what is spoken: English if there, else the first language offered."""
    return [*_matching("en", manual), *manual][:1]


def _original(automatic: Mapping[str, Any], spoken: str | None) -> list[str]:
    marked = [name for name in automatic if name.endswith("-orig")]
    return marked or (_matching(spoken, automatic)[:1] if spoken else [])


def _matching(wanted: str, offered: Mapping[str, Any]) -> list[str]:
    """The offered languages that are the wanted one: exactly first, then of the same primary language."""
    want = wanted.lower().replace("_", "-")
    names = {name: name.lower().replace("_", "-").removesuffix("-orig") for name in offered}
    exact = [name for name, plain in names.items() if plain == want]
    near = [name for name, plain in names.items() if plain.split("-")[0] == want.split("-")[0] and name not in exact]
    return exact + near


def _tracks(
    group: Mapping[str, Sequence[Mapping[str, Any]]],
    names: Sequence[str],
    source: TranscriptSource,
    *,
    translated: bool = False,
    fallback: bool = False,
) -> list[Track]:
    return [
        Track(
            language=name.removesuffix("-orig"),
            source=source,
            format=_format(track) if _format(track) in FORMATS else "unknown",
            url=track.get("url"),
            data=track.get("data"),
            translated=translated,
            fallback=fallback,
        )
        for name in names
        for track in group[name][:3]
    ]
