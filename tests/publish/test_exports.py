"""Exports: subtitles read back to the same cues, and no text breaks its format."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.publish.hostile import HOSTILE
from tests.store.spoken import transcripts
from z2d.media import captions
from z2d.publish import clock, exports
from z2d.wire.library import Segment, Transcript, TranscriptSource, Word

Cue = tuple[int, int, str]


def transcript(*cues: Segment) -> Transcript:
    return Transcript(language="en", source=TranscriptSource.MANUAL_SUBS, cues=list(cues))


def read_back(text: str) -> list[Cue]:
    """A strict reader for both kinds: blocks parted by empty lines, one time line each."""
    cues = []
    for block in re.split(r"\n{2,}", text.strip("\n")):
        lines = block.split("\n")
        if lines[0].startswith("WEBVTT"):
            continue
        if lines[0].isdigit() and "-->" not in lines[0]:
            lines = lines[1:]
        found = re.fullmatch(r"(\d{2,}):(\d\d):(\d\d)[.,](\d{3}) --> (\d{2,}):(\d\d):(\d\d)[.,](\d{3})", lines[0])
        assert found, block
        assert not any("-->" in line for line in lines[1:]), block
        numbers = [int(group) for group in found.groups()]
        start, end = (((h * 60 + m) * 60 + s) * 1000 + ms for h, m, s, ms in (numbers[:4], numbers[4:]))
        cues.append((start, end, "\n".join(lines[1:])))
    return cues


def plain(text: str) -> str:
    return html.unescape(text).replace("-- >", "-->")


texts = st.lists(
    st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1)
    .map(lambda t: " ".join(t.split()))
    .filter(bool),
    min_size=1,
    max_size=3,
).map("\n".join)
times = st.integers(0, 400_000_000)


@given(
    st.lists(
        st.tuples(times, st.integers(0, 60_000), texts.filter(lambda text: "&" not in text)), min_size=1, max_size=8
    )
)
def test_vtt_and_srt_read_back_to_the_same_cues(cues: list[Cue]) -> None:
    whole = transcript(*(Segment(start_ms=start, end_ms=start + length, text=text) for start, length, text in cues))
    for text in (exports.vtt(whole), exports.srt(whole)):
        assert [(start, end, plain(words)) for start, end, words in read_back(text)] == [
            (start, start + length, plain(words)) for start, length, words in cues
        ]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_cues_cannot_break_a_format(text: str) -> None:
    whole = transcript(
        Segment(start_ms=0, end_ms=500, text=text, speaker=text or None),
        Segment(start_ms=500, end_ms=900, text="safe & <sound>"),
    )
    for fmt in ("vtt", "srt"):
        cues = read_back(exports.export(whole, fmt, title=text, url="https://example.org/v"))
        assert [cue[:2] for cue in cues] == [(0, 500), (500, 900)]
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", "".join(cue[2] for cue in cues))
    assert "<sound>" not in exports.vtt(whole)
    assert "<sound>" in exports.srt(whole)


def test_json_keeps_everything() -> None:
    whole = transcript(
        Segment(start_ms=1, end_ms=9, text="a b", words=[Word(start_ms=1, text="a"), Word(start_ms=5, text="b")])
    )
    assert Transcript.model_validate_json(exports.export(whole, "json", title="t", url="u")) == whole


def test_txt_and_md_make_paragraphs() -> None:
    whole = transcript(*(Segment(start_ms=5000 * n, end_ms=5000 * n + 4000, text=f"cue {n}") for n in range(10)))
    assert (
        exports.export(whole, "txt", title="t", url="u")
        == "cue 0 cue 1 cue 2 cue 3\n\ncue 4 cue 5 cue 6 cue 7\n\ncue 8 cue 9\n"
    )
    text = exports.export(whole, "md", title="A *title*", url="https://www.youtube.com/watch?v=abc&t=3")
    assert text.startswith("# [A \\*title\\*](<https://www.youtube.com/watch?v=abc&t=3>)\n\n[00:00](<")
    assert "[00:20](<https://www.youtube.com/watch?v=abc&t=20s>) cue 4" in text


def test_an_empty_transcript_exports_in_every_format() -> None:
    for fmt in exports.FORMATS:
        exports.export(transcript(), fmt, title="t", url="https://example.org")
        assert exports.MIME[fmt]


@pytest.mark.parametrize(
    ("url", "timed"),
    [
        ("https://youtu.be/abc", "https://youtu.be/abc?t=83s"),
        ("https://www.youtube.com/watch?v=abc&t=9s#x", "https://www.youtube.com/watch?v=abc&t=83s"),
        ("https://notyoutube.com/v", "https://notyoutube.com/v#t=83"),
        ("http://127.0.0.1:8000/jfk.html", "http://127.0.0.1:8000/jfk.html#t=83"),
        ("http://[::1]:80/a b(c)<d>", "http://[::1]:80/a%20b%28c%29%3Cd%3E#t=83"),
        ("https://example.org/a%20b?q=%2F", "https://example.org/a%20b?q=%2F#t=83"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("http://[/", None),
        ("", None),
    ],
)
def test_links_to_the_second(url: str, timed: str | None) -> None:
    assert clock.timed_url(url, 83_500) == timed


def test_real_transcripts_survive_export_and_import() -> None:
    """z2's own reader of captions finds in an export what went into it: every cue, its time and its words."""
    whole = 0
    for spoken in transcripts():
        flat = [(cue.start_ms, cue.end_ms, " ".join(cue.text.split())) for cue in spoken.cues]
        made = Transcript(language=spoken.language, source=TranscriptSource.ASR, cues=spoken.cues)
        for text in (exports.vtt(made), exports.srt(made)):
            found = [(cue.start_ms, cue.end_ms, " ".join(cue.text.split())) for cue in captions.read(text.encode())]
            assert found == flat, spoken.name
        whole += len(flat)
    assert whole > 1000
