"""The Markdown note of a library entry: what the video says, each part with the second to hear it.

Front matter for Obsidian and the like, then summary, key passages, chapters, topics and transcript. The note has no
date of its own making, so the same content gives the same bytes.
"""

from __future__ import annotations

from z2d.publish import clock, exports, markdown
from z2d.wire.library import Analysis, Chapter, Metadata, Transcript


def note(
    metadata: Metadata,
    *,
    url: str,
    transcript: Transcript | None = None,
    analysis: Analysis | None = None,
    tags: tuple[str, ...] = (),
) -> str:
    """The whole note. `url` is where links to the second lead."""
    sections = [
        _front_matter(metadata, url, transcript, analysis, tags),
        f"# {markdown.escape(metadata.title) or 'Untitled'}",
    ]
    sections.append(_byline(metadata, url))
    if analysis and analysis.summary:
        sections += ["## Summary", markdown.restrained(analysis.summary, lambda ms: clock.timed_url(url, ms))]
        if analysis.basis == "description":
            sections.append("*From title and description alone: there was no transcript.*")
    if analysis and analysis.insights:
        sections += ["## Key passages", _passages(analysis, url)]
    chapters = (analysis.chapters if analysis else []) or metadata.chapters
    if chapters:
        sections += ["## Chapters", _chapters(chapters, url, told=analysis.summary if analysis else "")]
    if analysis and analysis.topics:
        sections += ["## Topics", _topics(analysis, url)]
    if metadata.description:
        sections += ["## Description", _description(metadata.description)]
    if transcript and transcript.cues:
        source = transcript.source.value.lower().replace("_", " ")
        sections += [f"## Transcript\n\n*{markdown.escape(transcript.language)}, {source}*"]
        sections.append(exports.timed_paragraphs(transcript.cues, url))
    return "\n\n".join(section for section in sections if section) + "\n"


def _front_matter(
    metadata: Metadata, url: str, transcript: Transcript | None, analysis: Analysis | None, tags: tuple[str, ...]
) -> str:
    values: dict[str, str | int | list[str] | None] = {
        "title": metadata.title,
        "url": clock.web_url(url) or url,
        "id": metadata.source_id,
        "site": metadata.extractor,
        "channel": metadata.channel or metadata.uploader,
        "channel_url": metadata.channel_url,
        "published": metadata.published_at.date().isoformat() if metadata.published_at else None,
        "duration": clock.iso_duration(metadata.duration_ms) if metadata.duration_ms is not None else None,
        "language": transcript.language if transcript else metadata.language,
        "license": metadata.license,
        "tags": [tag.replace(" ", "-") for tag in dict.fromkeys([*tags, *metadata.tags])],
        "topics": [topic.label for topic in analysis.topics] if analysis else [],
        "summary": analysis.summary_short if analysis else None,
        "transcript": transcript.source.value.lower() if transcript else None,
    }
    lines = [f"{key}: {markdown.yaml_value(value)}" for key, value in values.items() if value is not None]
    return "\n".join(["---", *lines, "---"])


def _byline(metadata: Metadata, url: str) -> str:
    parts = [
        markdown.link(metadata.channel or metadata.uploader or "", clock.web_url(metadata.channel_url or "")),
        metadata.published_at.date().isoformat() if metadata.published_at else "",
        clock.stamp(metadata.duration_ms) if metadata.duration_ms else "",
        markdown.link("Watch", clock.web_url(url)),
    ]
    return " · ".join(part for part in parts if part and not part.startswith("[]"))


def _passages(analysis: Analysis, url: str) -> str:
    blocks = []
    for insight in analysis.insights:
        time = markdown.link(clock.stamp(insight.start_ms), clock.timed_url(url, insight.start_ms))
        # a claim that is but a part of the quote says nothing the quote does not
        said = insight.text.strip("… ").casefold() in insight.quote.casefold()
        claim = "" if said else f"{markdown.escape(insight.text)}\n\n"
        doubt = "" if insight.verified else " *(not found word for word in the transcript)*"
        blocks.append(f"{claim}> {markdown.escape(insight.quote)}\n>\n> {time}{doubt}")
    return "\n\n".join(blocks)


def _chapters(chapters: list[Chapter], url: str, *, told: str) -> str:
    """A line per chapter; what the summary has `told` already is not said again."""
    lines = []
    for chapter in chapters:
        time = markdown.link(clock.stamp(chapter.start_ms), clock.timed_url(url, chapter.start_ms))
        said = chapter.summary if chapter.summary and chapter.summary not in told else None
        summary = f": {markdown.escape(said)}" if said else ""
        lines.append(f"- {time} **{markdown.escape(chapter.title)}**{summary}")
    return "\n".join(lines)


def _topics(analysis: Analysis, url: str) -> str:
    lines = []
    for topic in analysis.topics:
        words = ", ".join(markdown.escape(word) for word in topic.keywords if word != topic.label)
        times = ", ".join(
            markdown.link(clock.stamp(start), clock.timed_url(url, start)) for start, _end in topic.spans[:8]
        )
        lines.append(
            f"- **{markdown.escape(topic.label)}**" + (f" ({words})" if words else "") + (f": {times}" if times else "")
        )
    return "\n".join(lines)


def _description(text: str) -> str:
    """The description line by line; a line's end stays one (two spaces), empty lines part paragraphs."""
    paragraphs = [
        "  \n".join(line for line in map(markdown.escape, block.splitlines()) if line)
        for block in text.replace("\r\n", "\n").split("\n\n")
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)
