"""Feeds and NFO files: whatever a video is called, readers read it; what has not changed is the same to the byte."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import feedparser
import pytest

from tests.publish.hostile import HOSTILE
from z2d.publish import feed as feeds
from z2d.publish import xml
from z2d.publish.feed import Channel, Enclosure, Episode, feed
from z2d.publish.nfo import nfo
from z2d.wire.library import Chapter, Metadata

CHANNEL = Channel(name="talks", title="Talks", description="All talks", image="https://z2.example/cover.jpg")
BASE = "https://z2.example"
ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
PSC = "{http://podlove.org/simple-chapters}"


def episode(number: int, title: str, **changes: object) -> Episode:
    made = Episode(
        job_id=number,
        media_key=f"url:http://example.org/{number}",
        title=title,
        enclosure=Enclosure(".m4a", 12345, "audio/mp4"),
        added_at=datetime(2026, 1, 1 + number % 28, 10, 0, 0, 123456, tzinfo=UTC),
        changed_at=datetime(2026, 2, 1, tzinfo=UTC),
        link=f"https://example.org/{number}",
        summary="What it says.",
        description=title,
        author=title,
        duration_ms=61_500,
        chapters=(Chapter(start_ms=0, end_ms=1, title="Begin"), Chapter(start_ms=3_723_004, end_ms=1, title=title)),
        language="en",
        has_transcript=True,
        has_picture=True,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def hostile() -> bytes:
    return feed(CHANNEL, [episode(number, title) for number, title in enumerate(HOSTILE, 1)], base_url=BASE)


def test_feedparser_reads_every_hostile_title(hostile: bytes) -> None:
    read = feedparser.parse(hostile)
    assert not read.bozo, read.get("bozo_exception")
    assert len(read.entries) == len(HOSTILE)
    for number, (found, title) in enumerate(zip(read.entries, HOSTILE, strict=True), 1):
        assert found.id.startswith("urn:z2:")
        (sound,) = found.enclosures
        assert (sound.href, sound.type, sound.length) == (
            f"{BASE}/feeds/talks/{number}/media.m4a",
            "audio/mp4",
            "12345",
        )
        shown = xml.one_line(title) or f"Video {number}"
        if not any(sign in shown for sign in "<&"):
            # readers fold Unicode's own white space as they like
            assert " ".join(found.title.split()) == " ".join(shown.split())
        assert "<script" not in found.title
        assert "<script" not in found.description


def test_every_xml_reader_reads_it_and_finds_the_titles_as_they_are(hostile: bytes) -> None:
    root = ET.fromstring(hostile)
    titles = [item.findtext(f"{ITUNES}title") for item in root.iter("item")]
    assert titles == [xml.one_line(title) or f"Video {number}" for number, title in enumerate(HOSTILE, 1)]
    for found in root.iter():
        for text in [found.text or "", *found.attrib.values()]:
            assert not any(unicodedata.category(char) == "Cc" and char not in "\t\n" for char in text)


def test_the_same_entries_give_the_same_bytes_and_new_ones_do_not(hostile: bytes) -> None:
    same = [episode(number, title) for number, title in enumerate(HOSTILE, 1)]
    assert feed(CHANNEL, same, base_url=BASE) == hostile
    assert feed(CHANNEL, [*same[:-1], episode(len(same), "Another")], base_url=BASE) != hostile
    assert feed(CHANNEL, [], base_url=BASE) == feed(CHANNEL, [], base_url=BASE)


def test_the_parts_that_players_look_for() -> None:
    root = ET.fromstring(feed(CHANNEL, [episode(7, "A talk")], base_url=BASE))
    (item,) = root.iter("item")
    assert item.findtext("pubDate") == "Thu, 08 Jan 2026 10:00:00 GMT"
    assert root.findtext("channel/lastBuildDate") == "Sun, 01 Feb 2026 00:00:00 GMT"
    assert item.findtext(f"{ITUNES}duration") == "62"
    assert [one.attrib for one in item.iter(f"{PSC}chapter")] == [
        {"start": "00:00:00.000", "title": "Begin"},
        {"start": "01:02:03.004", "title": "A talk"},
    ]
    assert item.findtext("description") == "<p>What it says.</p>\n<p>A talk</p>"
    places = {one.tag.rpartition("}")[2]: one.get("url") for one in item.iter() if one.get("url")}
    assert places["transcript"] == f"{BASE}/feeds/talks/7/transcript.vtt"
    assert places["chapters"] == f"{BASE}/feeds/talks/7/chapters.json"


def test_a_second_job_of_the_same_video_is_the_same_episode() -> None:
    one, two = (feeds.guid(episode(7, title).media_key) for title in ("A", "B"))
    assert one == two != feeds.guid("url:http://example.org/8")


@pytest.mark.parametrize("text", HOSTILE)
def test_an_nfo_is_xml_whatever_it_describes(text: str) -> None:
    about = Metadata(
        extractor=text or "x",
        source_id=text,
        media_key=text,
        webpage_url=text,
        title=text,
        description=text,
        channel=text,
        uploader=text,
        tags=[text],
        categories=[text],
    )
    root = ET.fromstring(nfo(about, tags=(text,)).encode())
    assert root.tag == "movie"
    assert (root.findtext("title") or "") == " ".join(xml.clean(" ".join(text.split())).split())
