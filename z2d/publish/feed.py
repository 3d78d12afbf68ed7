"""Podcast feeds: RSS 2.0 with the iTunes, Podcasting 2.0 and Podlove tags that players read.

A feed is a function of what it is given and of nothing else: no clock, no random number, one order of elements. So the
same entries give the same bytes, and a player that asks again gets "not modified". The standard library's writer is
used because it escapes everything and takes any text once `xml.clean` has been over it.
"""

from __future__ import annotations

import asyncio
import hashlib
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import ClassVar, Literal
from urllib.parse import quote
from xml.etree import ElementTree as ET

from z2d.publish import clock, xml
from z2d.publish.target import Kind, NotDelivered, Parcel, Receipt
from z2d.wire.library import Chapter
from z2d.wire.reasons import ErrorClass

_ITUNES = "http://www.itunes.com/dtds/podcast-1.0.dtd"
_PODCAST = "https://podcastindex.org/namespace/1.0"
_CHAPTERS = "http://podlove.org/simple-chapters"
_ATOM = "http://www.w3.org/2005/Atom"
_PREFIXES = {"itunes": _ITUNES, "podcast": _PODCAST, "psc": _CHAPTERS, "atom": _ATOM}
_LOOKS_LIKE_HTML = re.compile(r"<[a-zA-Z/!?]|&#?\w+;")
_LONGEST_TEXT = 4000  # what podcast directories take as a description

MIME = "application/rss+xml"


@dataclass(frozen=True, slots=True)
class Channel:
    """How a feed presents itself. `media`: what is played, where a job has both."""

    name: str
    title: str
    description: str = ""
    link: str | None = None
    author: str | None = None
    image: str | None = None
    language: str = "en"
    category: str = "Education"
    explicit: bool = False
    media: Literal["audio", "video"] = "audio"
    items: int = 100
    public: bool = False
    """Whether players may read it without the token."""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """The file that is played. `suffix` begins with a dot."""

    suffix: str
    size_bytes: int
    mime: str


@dataclass(frozen=True, slots=True)
class Episode:
    """One published video as a feed shows it."""

    job_id: int
    media_key: str
    title: str
    enclosure: Enclosure
    added_at: datetime
    """When the video was published at its source, or when it came into the feed."""
    changed_at: datetime
    link: str = ""
    summary: str = ""
    description: str = ""
    author: str | None = None
    duration_ms: int | None = None
    chapters: tuple[Chapter, ...] = ()
    language: str | None = None
    has_transcript: bool = False
    has_picture: bool = False
    explicit: bool = False


@dataclass(frozen=True)
class FeedTarget:
    """Puts entries into a feed: that is done by the publication itself, which the feed is made from when it is read."""

    channel: Channel
    base_url: str | None = None
    kind: ClassVar[Kind] = "feed"
    deadline_s: ClassVar[float] = 60

    @property
    def name(self) -> str:
        """Its name in the configuration and in its address."""
        return self.channel.name

    async def deliver(self, parcel: Parcel) -> Receipt:
        """Look whether there is something to play."""
        entry = parcel.entry
        assert entry is not None
        if entry.media is None:
            return Receipt(skipped="There is nothing to play.")
        if not await asyncio.to_thread(entry.media.path.is_file):
            raise NotDelivered(ErrorClass.NOT_FOUND, "The files of the job are gone.", final=True)
        place = f"/feeds/{quote(self.name)}.xml"
        return Receipt(remote_id=guid(entry.metadata.media_key), remote_url=f"{self.base_url or ''}{place}")


def guid(media_key: str) -> str:
    """The name of an episode for ever: that of its video, so a second job of it is the same episode."""
    return f"urn:z2:{hashlib.sha256(media_key.encode(errors='surrogatepass')).hexdigest()[:32]}"


def feed(channel: Channel, episodes: Sequence[Episode], *, base_url: str) -> bytes:
    """The feed as UTF-8, its episodes in the order given. `base_url`: scheme and host under which players reach z2."""
    for prefix, uri in _PREFIXES.items():
        ET.register_namespace(prefix, uri)
    root = ET.Element("rss", {"version": "2.0"})
    about = ET.SubElement(root, "channel")
    own = f"{base_url}/feeds/{quote(channel.name)}.xml"
    _add(about, "title", xml.one_line(channel.title))
    _add(about, "link", clock.web_url(channel.link or "") or own)
    _add(about, "description", xml.clean(channel.description or channel.title))
    _add(about, "language", channel.language)
    _add(about, "generator", "z2")
    if episodes:
        _add(about, "lastBuildDate", _date(max(one.changed_at for one in episodes)))
    ET.SubElement(about, f"{{{_ATOM}}}link", {"href": own, "rel": "self", "type": MIME})
    author = xml.one_line(channel.author or channel.title)
    _add(about, f"{{{_ITUNES}}}author", author)
    _add(about, f"{{{_ITUNES}}}summary", xml.clean(channel.description or channel.title)[:_LONGEST_TEXT])
    _add(about, f"{{{_ITUNES}}}explicit", _word(channel.explicit))
    _add(about, f"{{{_ITUNES}}}type", "episodic")
    ET.SubElement(about, f"{{{_ITUNES}}}category", {"text": xml.one_line(channel.category)})
    if picture := clock.web_url(channel.image or ""):
        ET.SubElement(about, f"{{{_ITUNES}}}image", {"href": picture})
    _add(about, f"{{{_PODCAST}}}locked", "yes")
    for episode in episodes:
        _item(about, channel, episode, f"{base_url}/feeds/{quote(channel.name)}/{episode.job_id}")
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _item(about: ET.Element, channel: Channel, episode: Episode, place: str) -> None:
    item = ET.SubElement(about, "item")
    title = xml.one_line(episode.title) or f"Video {episode.job_id}"
    # RSS does not say whether a title is text or HTML, and readers differ: marked up once more where it would matter
    _add(item, "title", html.escape(title, quote=False) if _LOOKS_LIKE_HTML.search(title) else title)
    _add(item, f"{{{_ITUNES}}}title", title)
    if link := clock.web_url(episode.link):
        _add(item, "link", link)
    ET.SubElement(item, "guid", {"isPermaLink": "false"}).text = guid(episode.media_key)
    _add(item, "pubDate", _date(episode.added_at))
    _add(item, "description", _as_html(episode))
    _add(item, f"{{{_ITUNES}}}summary", xml.clean(episode.summary or episode.description)[:_LONGEST_TEXT])
    _add(item, f"{{{_ITUNES}}}author", xml.one_line(episode.author or ""))
    if episode.duration_ms:
        _add(item, f"{{{_ITUNES}}}duration", str(round(episode.duration_ms / 1000)))
    _add(item, f"{{{_ITUNES}}}explicit", _word(episode.explicit or channel.explicit))
    if episode.has_picture:
        ET.SubElement(item, f"{{{_ITUNES}}}image", {"href": f"{place}/picture"})
    file = episode.enclosure
    found = {"url": f"{place}/media{file.suffix}", "length": str(file.size_bytes), "type": file.mime}
    ET.SubElement(item, "enclosure", found)
    if episode.has_transcript:
        said = {"url": f"{place}/transcript.vtt", "type": "text/vtt"}
        if episode.language:
            said["language"] = xml.one_line(episode.language)
        ET.SubElement(item, f"{{{_PODCAST}}}transcript", said)
    if episode.chapters:
        listed = {"url": f"{place}/chapters.json", "type": "application/json+chapters"}
        ET.SubElement(item, f"{{{_PODCAST}}}chapters", listed)
        chapters = ET.SubElement(item, f"{{{_CHAPTERS}}}chapters", {"version": "1.2"})
        for chapter in episode.chapters:
            start = {"start": _normal_play_time(chapter.start_ms), "title": xml.one_line(chapter.title)}
            ET.SubElement(chapters, f"{{{_CHAPTERS}}}chapter", start)


def chapters_json(chapters: Sequence[Chapter]) -> dict[str, object]:
    """The Podcasting 2.0 chapters document."""
    return {
        "version": "1.2.0",
        "chapters": [
            {"startTime": one.start_ms / 1000, "title": " ".join(xml.clean(one.title).split())} for one in chapters
        ],
    }


def _add(parent: ET.Element, name: str, text: str) -> None:
    if text:
        ET.SubElement(parent, name).text = text


def _as_html(episode: Episode) -> str:
    """What players show as HTML: paragraphs of escaped text, nothing that came from outside as markup."""
    parts = [episode.summary, episode.description]
    shown = [html.escape(xml.clean(part).strip()).replace("\n", "<br>\n") for part in parts if part.strip()]
    return "\n".join(f"<p>{part}</p>" for part in shown)


def _word(flag: bool) -> str:
    return "true" if flag else "false"


def _date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC).replace(microsecond=0), usegmt=True)


def _normal_play_time(ms: int) -> str:
    return f"{clock.iso_duration(ms).rjust(8, '0')}.{ms % 1000:03}"
