"""Feeds that yt-dlp's reader of RSS would refuse: with white space before their first sign, and Atom.

Both are common in the wild; YouTube's own feeds of channels are Atom. Runs in the yt-dlp child.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import yt_dlp.extractor.generic as generic

_ATOM = "{http://www.w3.org/2005/Atom}"
_MEDIA = "{http://search.yahoo.com/mrss/}"


def teach_generic_extractor() -> None:
    """Let yt-dlp's generic extractor read these feeds too."""
    generic.compat_etree_fromstring = lenient(generic.compat_etree_fromstring)


def lenient(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`parse`, forgiving of white space around a document, and giving Atom feeds as RSS."""

    def parse_document(text: str | bytes) -> Any:
        stripped = text.strip("\ufeff \t\r\n") if isinstance(text, str) else text.strip()
        document = parse(stripped)
        return as_rss(document) if document.tag == f"{_ATOM}feed" else document

    return parse_document


def as_rss(feed: Element) -> Element:
    """An Atom feed with its titles, dates, summaries and links, as RSS 2.0."""
    rss = Element("rss", {"version": "2.0"})
    channel = SubElement(rss, "channel")
    _copy(feed, ("title",), channel, "title")
    _copy(feed, ("subtitle",), channel, "description")
    for entry in feed.iterfind(f"{_ATOM}entry"):
        item = SubElement(channel, "item")
        _copy(entry, ("title",), item, "title")
        _copy(entry, ("published", "updated"), item, "pubDate")
        _copy(entry, ("summary", f"{_MEDIA}group/{_MEDIA}description"), item, "description")
        for kind, tag in (("alternate", "link"), ("enclosure", "enclosure")):
            for link in entry.iterfind(f"{_ATOM}link"):
                if link.get("rel", "alternate") == kind and link.get("href"):
                    SubElement(item, tag, {"url": link.get("href", "")}).text = link.get("href")
                    break
    return rss


def _copy(source: Element, names: tuple[str, ...], target: Element, tag: str) -> None:
    for name in names:
        found = source.findtext(name if name.startswith("{") else f"{_ATOM}{name}")
        if found and found.strip():
            SubElement(target, tag).text = found.strip()
            return
