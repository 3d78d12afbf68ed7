"""Which captions are tried, in which order."""

from __future__ import annotations

import json
from typing import Any

from tests.support import fixture
from z2d.media.tracks import Track, candidates
from z2d.wire.library import TranscriptSource


def offer(*formats: str) -> list[dict[str, str]]:
    return [{"ext": ext, "url": f"https://h.example/{ext}"} for ext in formats]


def order(info: dict[str, Any], *languages: str) -> list[str]:
    """Language, m(anual) or a(utomatic), t(ranslated), f(allback) of the tracks, formats folded."""

    def word(track: Track) -> str:
        kind = "m" if track.source is TranscriptSource.MANUAL_SUBS else "a"
        return f"{track.language}:{kind}{'t' if track.translated else ''}{'f' if track.fallback else ''}"

    return list(dict.fromkeys(word(track) for track in candidates(info, languages)))


INFO = {
    "subtitles": {"de": offer("vtt"), "en-GB": offer("vtt"), "live_chat": [{"ext": "json", "url": "x"}]},
    "automatic_captions": {name: offer("vtt", "json3") for name in ("en-orig", "en", "fr", "de")},
}


def test_manual_in_a_wanted_language_goes_first() -> None:
    assert order(INFO) == ["en-GB:m", "en:a", "de:mf"]
    assert order(INFO, "de") == ["de:m", "en:a", "en-GB:mf", "de:atf"]
    assert order(INFO, "fr") == ["en:a", "de:mf", "en-GB:mf", "fr:atf"]
    assert order(INFO, "en-US", "de") == ["en-GB:m", "de:m", "en:a", "en:atf", "de:atf"]


def test_the_most_exact_format_goes_first() -> None:
    info = {"subtitles": {"en": offer("srt", "ass", "vtt", "json3", "ttml", "jpg")}}
    assert [track.format for track in candidates(info)] == ["json3", "vtt", "srt"]


def test_a_file_of_no_known_name_may_hold_captions_and_is_tried_last() -> None:
    info = {"subtitles": {"en": [{"ext": "php", "url": "p"}, {"url": "n"}, *offer("json", "vtt", "mp4")]}}
    assert [(track.format, track.url) for track in candidates(info)] == [
        ("vtt", "https://h.example/vtt"),
        ("unknown", "p"),
        ("unknown", "n"),
    ]


def test_the_spoken_language_may_be_said_or_shown() -> None:
    automatic = {"en": offer("vtt"), "de": offer("vtt")}
    assert order({"language": "de", "automatic_captions": automatic}) == ["de:a"]
    assert order({"automatic_captions": {"fr": offer("vtt")}}) == ["fr:a"]
    assert order({"automatic_captions": automatic}) == []
    assert order({"subtitles": {"fr": offer("vtt"), "en": offer("vtt")}}) == ["en:m", "fr:mf"]
    assert order({"subtitles": {"fr": offer("vtt"), "es": offer("vtt")}}) == ["fr:m", "es:mf"]


def test_captions_inside_the_description() -> None:
    info = {"subtitles": {"en": [{"ext": "srt", "data": "1\n00:00:01,000 --> 00:00:02,000\nHi\n"}]}}
    assert [(track.url, bool(track.data)) for track in candidates(info)] == [(None, True)]


def test_nonsense_offers_nothing() -> None:
    nonsense: tuple[dict[str, Any], ...] = (
        {}, {"subtitles": None}, {"subtitles": []}, {"subtitles": {"en": None}}, {"subtitles": {"en": ["x", {}]}},
        {"subtitles": {"en": [{"ext": "vtt"}]}},
    )  # fmt: skip
    for info in nonsense:
        assert candidates(info) == []


def test_a_real_description() -> None:
    info = json.loads(fixture("infojson/youtube_group_therapy_27chapters.info.json").read_bytes())
    found = candidates(info)
    assert (found[0].language, found[0].format, found[0].source) == ("en", "json3", TranscriptSource.AUTO_CAPTIONS)
    assert {t.language for t in found} == {"en"}
    assert {(t.language, t.translated) for t in candidates(info, ["de"])} == {("en", False), ("de", True)}
