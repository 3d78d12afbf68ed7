"""The note and the NFO: well-formed and inert, whatever titles, names and sentences hold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.publish.hostile import HOSTILE
from z2d.publish import markdown
from z2d.publish.nfo import nfo
from z2d.publish.note import note
from z2d.wire.library import (
    Analysis,
    Chapter,
    Insight,
    Keyword,
    Metadata,
    Segment,
    Topic,
    Transcript,
    TranscriptSource,
)

URL = "https://www.youtube.com/watch?v=abcdefghijk"


def metadata(text: str = "A plain title", **changes: Any) -> Metadata:
    values: dict[str, Any] = {
        "extractor": "youtube",
        "source_id": "abcdefghijk",
        "media_key": "youtube:abcdefghijk",
        "webpage_url": URL,
        "title": text,
        "description": text,
        "channel": text,
        "uploader": text,
        "channel_url": text,
        "license": text,
        "tags": [text],
        "categories": [text],
        "duration_ms": 3_723_000,
        "published_at": datetime(2024, 5, 1, tzinfo=UTC),
    }
    return Metadata(**(values | changes))


def transcript(text: str) -> Transcript:
    cue = Segment(start_ms=83_000, end_ms=90_000, text=text, speaker=text)
    return Transcript(language="en", source=TranscriptSource.AUTO_CAPTIONS, cues=[cue])


def analysis(text: str) -> Analysis:
    return Analysis(
        backend="offline",
        input_hash="x",
        summary_short=text,
        summary=f"{text}\n\n- [01:23] {text}\n## {text}",
        insights=[
            Insight(
                text=text + "!",
                quote=text,
                start_ms=83_000,
                end_ms=90_000,
                segment_from=0,
                segment_to=0,
                score=1,
                verified=True,
            )
        ],
        topics=[Topic(label=text, keywords=[text, "other"], weight=1, spans=[(83_000, 90_000)])],
        chapters=[Chapter(start_ms=83_000, end_ms=90_000, title=text, summary=text)],
        keywords=[Keyword(term=text, weight=1)],
    )


def rendered(text: str) -> Iterator[Token]:
    """Every token of a Markdown text, read with HTML and bare links switched on: the least careful reader."""
    reader = MarkdownIt("commonmark", {"html": True, "linkify": True}).enable(["table", "strikethrough", "linkify"])
    for token in reader.parse(text):
        yield token
        yield from token.children or []


def body_of(text: str) -> str:
    return text.split("\n---\n", 1)[1]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_title_stays_words(text: str) -> None:
    page = note(metadata(text), url=URL, transcript=transcript(text), analysis=analysis(text), tags=(text,))
    front = yaml.safe_load(page.split("---\n")[1] if "\n---\n" in page else "")
    assert isinstance(front, dict)
    for token in rendered(body_of(page)):
        assert token.type not in (
            "html_inline",
            "html_block",
            "image",
            "code_inline",
            "code_block",
            "fence",
            "hr",
            "table_open",
        )
        if token.type == "link_open":
            assert str(token.attrs["href"]).startswith(URL), token.attrs
        if token.type == "heading_open":
            assert token.markup.startswith("#")


@pytest.mark.parametrize("text", HOSTILE)
def test_front_matter_reads_back(text: str) -> None:
    page = note(metadata(text), url=URL, tags=(text,))
    assert page.startswith("---\n")
    front = yaml.safe_load(page[4:].split("\n---\n", 1)[0])
    assert front["title"] == markdown.one_line(text)
    assert front["tags"] == [markdown.one_line(text.replace(" ", "-"))]
    assert front["url"] == URL


# what marks, links and entities are made of
pieces = st.lists(
    st.sampled_from(
        [*"ab0.:/@wcom-_*[]()<>!#&;\\`~|=+^${}%\"' \u0661é一", "www.", "http://", ".com", "&#", "&lt;", "1. ", "- "]
    ),
    max_size=14,
).map("".join)


@given(st.text(st.characters(codec=None), max_size=60) | pieces, st.sampled_from(["", "Lead "]))
def test_any_escaped_text_is_shown_as_itself(text: str, lead: str) -> None:
    tokens = list(rendered(lead + markdown.escape(text)))
    assert {token.type for token in tokens} <= {"paragraph_open", "paragraph_close", "inline", "text"}
    inline = "".join(token.content for token in tokens if token.type == "text")
    assert inline == (lead + markdown.one_line(text)).strip()


@given(st.text(st.characters(codec=None), max_size=60))
def test_any_text_is_a_yaml_value(text: str) -> None:
    assert yaml.safe_load(f"key: {markdown.yaml_value(text)}\n") == {"key": markdown.one_line(text)}


def test_the_note_says_it_all_with_links_to_the_second() -> None:
    page = note(metadata(), url=URL, transcript=transcript("Said so."), analysis=analysis("Said so."), tags=("talks",))
    front = yaml.safe_load(page[4:].split("\n---\n", 1)[0])
    assert front["published"] == "2024-05-01"
    assert front["duration"] == "1:02:03"
    assert front["tags"] == ["talks", "A-plain-title"]
    assert front["topics"] == ["Said so."]
    for heading in ("Summary", "Key passages", "Chapters", "Topics", "Description", "Transcript"):
        assert f"\n## {heading}\n" in page
    assert page.count(f"[01:23](<{URL}&t=83s>)") == 5
    assert page == note(
        metadata(), url=URL, transcript=transcript("Said so."), analysis=analysis("Said so."), tags=("talks",)
    )


def test_what_the_summary_says_of_a_chapter_is_not_said_again() -> None:
    found = analysis("Owls hunt at night").model_copy(update={"summary": "It is about owls.\n\n- Owls hunt at night"})
    chapters = note(metadata(), url=URL, analysis=found).split("## Chapters")[1].split("##")[0]
    assert chapters.count("Owls hunt at night") == 1
    other = found.model_copy(update={"summary": "It is about owls."})
    assert note(metadata(), url=URL, analysis=other).split("## Chapters")[1].split("##")[0].count("Owls hunt") == 2


def test_a_bare_note_has_no_empty_sections() -> None:
    page = note(
        metadata(description=None, channel=None, uploader=None, published_at=None), url="http://127.0.0.1:1/x.mp4"
    )
    assert "##" not in page
    assert "[Watch](<http://127.0.0.1:1/x.mp4>)" in page


@pytest.mark.parametrize("text", HOSTILE)
def test_the_nfo_is_well_formed(text: str) -> None:
    movie = ET.fromstring(nfo(metadata(text, extractor=text or "x"), analysis=analysis(text), tags=(text,)))
    assert movie.tag == "movie"
    assert {child.tag for child in movie} <= set(
        "title outline plot runtime premiered year studio credits genre tag uniqueid".split()  # noqa: SIM905
    )
    assert all(len(child) == 0 for child in movie)
    assert movie.findtext("uniqueid") == "abcdefghijk"
    assert movie.findtext("runtime") == "62"


@given(st.text(st.characters(codec=None, exclude_categories=["Cs"]), max_size=80))
def test_any_title_gives_an_nfo(text: str) -> None:
    ET.fromstring(nfo(metadata(text)))
