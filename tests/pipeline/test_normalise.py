from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import fixture
from z2d.pipeline.normalise import metadata_of, title_of
from z2d.wire.library import Metadata


def normal(info: dict[str, Any]) -> Metadata:
    return metadata_of(info, url="http://site/dir/A%20clip.mp4?x=1", media_key="url:http://site/dir/clip")


def test_a_real_video_with_chapters() -> None:
    info = json.loads(fixture("infojson/youtube_group_therapy_27chapters.info.json").read_bytes())
    found = normal(info)
    assert found.extractor == "youtube"
    assert len(found.chapters) == 27
    assert found.chapters[0].start_ms == 0
    assert all(a.end_ms <= b.start_ms for a, b in zip(found.chapters, found.chapters[1:], strict=False))
    assert found.published_at is not None
    assert found.duration_ms == round(info["duration"] * 1000)


def test_nothing_is_known() -> None:
    found = normal({})
    assert (found.title, found.extractor, found.duration_ms, found.chapters) == ("A clip", "generic", None, [])


def test_a_title_is_found_somewhere() -> None:
    assert title_of({"title": " x "}, "http://site/a") == "x"
    assert title_of({"title": ""}, "http://site/a/b.webm") == "b"
    assert title_of({}, "http://site/") == "site"


def test_when_it_appeared() -> None:
    second = normal({"timestamp": 1_700_000_000, "upload_date": "20200101"})
    assert (second.published_at, second.published_precision) == (datetime.fromtimestamp(1_700_000_000, UTC), "second")
    day = normal({"upload_date": "20200229"})
    assert (day.published_at, day.published_precision) == (datetime(2020, 2, 29, tzinfo=UTC), "day")
    assert normal({"upload_date": "20201399", "timestamp": -1}).published_at is None


def test_chapters_with_gaps_in_what_is_known() -> None:
    chapters = [{"start_time": 60, "title": "two"}, {"start_time": 0}, {"start_time": "x"}, {"start_time": 900}]
    found = normal({"duration": 120, "chapters": chapters})
    assert [(c.start_ms, c.end_ms, c.title) for c in found.chapters] == [
        (0, 60_000, "Chapter 1"),
        (60_000, 120_000, "two"),
    ]


def test_translations_do_not_count_as_captions() -> None:
    found = normal(
        {"automatic_captions": {"en-orig": [], "en": [], "de": []}, "subtitles": {"live_chat": [], "fr": []}}
    )
    assert (found.subtitles.auto, found.subtitles.manual) == (["en-orig"], ["fr"])


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from([*Metadata.model_fields, "timestamp", "upload_date", "id", "duration", "_version", "thumbnail"])


@given(st.dictionaries(names, junk, max_size=8))
def test_no_junk_breaks_it(info: dict[str, Any]) -> None:
    Metadata.model_validate_json(normal(info).model_dump_json())


@pytest.mark.parametrize("version", [{"version": "2026.1.1"}, None, "x"])
def test_the_version_of_the_extractor(version: Any) -> None:
    expected = "2026.1.1" if isinstance(version, dict) else None
    assert normal({"_version": version}).extractor_version == expected


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    hostile = normal(json.loads(r'{"title": "a\ud800b", "tags": ["\udfff"], "subtitles": {"e\ud800": []}}'))
    assert (hostile.title, hostile.tags, hostile.subtitles.manual) == ("a\ufffdb", ["\ufffd"], ["e\ufffd"])
    assert normal({"title": "astral 😀"}).title == "astral 😀"
