"""The NFO file media servers (Jellyfin, Kodi, Emby) read: one `<movie>` per video."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from z2d.publish import xml
from z2d.wire.library import Analysis, Metadata


def nfo(metadata: Metadata, *, analysis: Analysis | None = None, tags: tuple[str, ...] = ()) -> str:
    """The NFO document as text; well-formed whatever the title holds."""
    movie = ET.Element("movie")

    def add(name: str, value: object, **attributes: str) -> None:
        text = xml.clean(str(value)).strip() if value is not None else ""
        if text:
            ET.SubElement(movie, name, attributes).text = text

    add("title", " ".join(metadata.title.split()))
    add("outline", analysis.summary_short if analysis else None)
    add("plot", metadata.description or (analysis.summary_short if analysis else None))
    if metadata.duration_ms:
        add("runtime", max(1, round(metadata.duration_ms / 60_000)))
    if metadata.published_at:
        add("premiered", metadata.published_at.date().isoformat())
        add("year", metadata.published_at.year)
    add("studio", metadata.channel or metadata.uploader)
    add("credits", metadata.uploader)
    for category in metadata.categories:
        add("genre", category)
    topics = [topic.label for topic in analysis.topics] if analysis else []
    for tag in dict.fromkeys([*tags, *metadata.tags, *topics]):
        add("tag", tag)
    kind = re.sub(r"[^A-Za-z0-9_-]", "", metadata.extractor) or "generic"
    add("uniqueid", metadata.source_id, type=kind, default="true")
    ET.indent(movie)
    return '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n' + ET.tostring(movie, encoding="unicode") + "\n"
