"""Caption files as sites serve them: the spoken words, their times, and nothing else."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import FIXTURES, fixture
from z2d.media import captions, captions_text
from z2d.media.captions import FORMATS, coverage, read
from z2d.wire.library import Segment, Word

VTT = b"WEBVTT\n\n"


def words(cues: list[Segment]) -> list[str]:
    return " ".join(cue.text for cue in cues).split()


def texts(data: bytes, kind: str = "vtt") -> list[str]:
    return [cue.text for cue in read(data, kind)]


# cues and words; automatic files: the spoken words, which were counted by other means
COUNTS = [
    ("captions-auto-vtt/en_ksp2_2023.en.vtt", 428, 3043),
    ("captions-auto-vtt/en_travis_chicago_talk_2018.en.vtt", 869, 6343),
    ("captions-auto-vtt/en_tiny_youtube_dl.vtt", 3, 8),
    ("captions-auto-vtt/es_modelos_EXCERPT.es.vtt", 9, 63),
    ("captions-auto-vtt/ru_mgimo_lecture.ru.vtt", 2061, 10212),  # 10,207 where five real repeats are lost
    ("captions-json3/en_air_temperature_asr.json3", 401, 2273),
    ("captions-json3/en_godot_shadows_asr.json3", 263, 1844),
    ("captions-json3/zh_godot_shadows_translated.json3", 251, 332),
    ("captions-srv1/en_godot_shadows.srv1.xml", 263, 1844),
    ("captions-srv1/en_tiny.srv1.xml", 3, 20),
    ("captions-srv3/ytt_HighTimestamp.srv3.xml", 4, 4),
    ("captions-ttml/simple.ttml", 3, 6),
    ("captions-ttml/overlapping_times.ttml", 3, 14),
    ("captions-ttml/frame_rate.ttml", 2, 4),
    ("captions-manual/en_epidemics.captions.srt", 123, 1514),
    ("captions-manual/de_epidemics.community.srt", 107, 1260),
    ("captions-manual/es_epidemics.community.srt", 105, 1448),  # two of its 107 cues are empty
    ("captions-manual/en_freelancetowin_26min.en.vtt", 656, 4839),
    ("rss/podcast20_transcripts_example.srt", 222, None),
    ("rss/podcast20_transcripts_example.vtt", 7, None),
    ("rss/podcast20_transcripts_example.html", 0, 0),
    ("segmentation-gold/de_literatur_01.srt", 108, None),
    ("captions-broken/captions_with_bom.vtt", 4, 12),
    ("captions-broken/comments.vtt", 3, None),
    ("captions-broken/cue_tags.vtt", 3, 13),
    ("captions-broken/invalid.vtt", 7, 21),
    ("captions-broken/invalid_format4.srt", 0, 0),
    ("captions-broken/invalid_timeframe.srt", 5, 15),
    ("captions-broken/invalid_timeframe.vtt", 6, 18),
    ("captions-broken/invalid_timeframe_in_cue_text.vtt", 3, 9),
    ("captions-broken/metadata_headers_multiline.vtt", 2, 6),
    ("captions-broken/missing_caption_text.srt", 4, 12),
    ("captions-broken/missing_caption_text.vtt", 4, 12),
    ("captions-broken/missing_timeframe.srt", 4, 12),
    ("captions-broken/missing_timeframe.vtt", 6, 18),
    ("captions-broken/no_captions.vtt", 0, 0),
    ("captions-broken/using_identifiers.vtt", 6, 18),
]


@pytest.mark.parametrize(("name", "cues", "spoken"), COUNTS)
def test_real_files_give_the_spoken_words(name: str, cues: int, spoken: int | None) -> None:
    found = read(fixture(name).read_bytes(), name.rpartition(".")[2])
    assert len(found) == cues
    if spoken is not None:
        assert len(words(found)) == spoken
    assert not any(re.search(r"<[^>]*>|-->|&(amp|lt|gt|nbsp|#39);|\u200b", cue.text) for cue in found)
    assert all(a.start_ms <= b.start_ms for a, b in pairwise(found))
    for cue in found:
        assert cue.start_ms <= cue.end_ms
        times = [word.start_ms for word in cue.words]
        assert times == sorted(times)


def test_the_words_of_a_rolling_file_have_their_times() -> None:
    cues = read(fixture("captions-auto-vtt/en_ksp2_2023.en.vtt").read_bytes(), "vtt")
    first = cues[0]
    assert (first.start_ms, first.end_ms, first.text) == (0, 2750, "Kerbal Space Program 2 had a very Rocky")
    assert [(w.start_ms, w.text) for w in first.words][:3] == [(0, "Kerbal"), (659, "Space"), (780, "Program")]
    assert sum(len(cue.words) for cue in cues) > 0.99 * len(words(cues))


def test_json3_and_srv1_of_one_video_say_the_same() -> None:
    json3 = read(fixture("captions-json3/en_godot_shadows_asr.json3").read_bytes(), "json3")
    srv1 = read(fixture("captions-srv1/en_godot_shadows.srv1.xml").read_bytes(), "srv1")
    assert [(cue.start_ms, cue.end_ms, cue.text) for cue in json3] == [(c.start_ms, c.end_ms, c.text) for c in srv1]


def as_rolling_vtt(cues: list[Segment]) -> bytes:
    """What the site would serve as vtt for automatic captions: each line new with times, then carried over."""

    def clock(ms: int) -> str:
        return f"{ms // 3600000:02d}:{ms // 60000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"

    blocks, above = [], " "
    for cue in cues:
        first, *rest = cue.words
        line = first.text + "".join(f"<{clock(w.start_ms)}><c> {w.text}</c>" for w in rest)
        end = max(cue.start_ms, cue.end_ms - 10)
        blocks.append(f"{clock(cue.start_ms)} --> {clock(end)} align:start position:0%\n{above}\n{line}\n")
        blocks.append(f"{clock(end)} --> {clock(cue.end_ms)} align:start position:0%\n{cue.text}\n \n")
        above = cue.text
    return ("WEBVTT\nKind: captions\nLanguage: en\n\n" + "\n".join(blocks)).encode()


def test_json3_and_rolling_vtt_give_the_same_words_at_the_same_times() -> None:
    json3 = [c for c in read(fixture("captions-json3/en_air_temperature_asr.json3").read_bytes(), "json3") if c.words]
    vtt = read(as_rolling_vtt(json3), "vtt")
    assert words(vtt) == words(json3)
    assert [w for cue in vtt for w in cue.words if w] == [w for cue in json3 for w in cue.words if len(cue.words) > 1]


def test_what_was_really_said_twice_stays() -> None:
    said = ["stop it right now"] * 4 + ["no"] * 3 + ["stop it right now", "please stop", "please stop"]
    cues = []
    for start, text in zip(range(0, 90_000, 2000), said, strict=False):
        timed = [Word(start_ms=start + 200 * n, text=word) for n, word in enumerate(text.split())]
        cues.append(Segment(start_ms=start, end_ms=start + 2000, text=text, words=timed))
    assert texts(as_rolling_vtt(cues)) == said


def test_carry_over_without_time_tags_is_found() -> None:
    lines = [f"line number {n}" for n in range(8)]
    pairs = enumerate(pairwise(lines))
    blocks = [f"00:00:{n:02d}.000 --> 00:00:{n + 1:02d}.000\n{a}\n{b}\n" for n, (a, b) in pairs]
    assert texts(VTT + "\n".join(blocks).encode()) == lines


def test_manual_captions_are_never_unrolled() -> None:
    data = b"00:01.000 --> 00:02.000\nNo!\n\n00:02.000 --> 00:03.000\nNo!\n\n00:03.000 --> 00:04.000\nNo!\n"
    assert texts(VTT + data) == ["No!"] * 3


def cue(start_ms: int, end_ms: int, text: str, speaker: str | None = None) -> list[Segment]:
    return [Segment(start_ms=start_ms, end_ms=end_ms, text=text, speaker=speaker)]


SRT = b"1\n00:00:01,000 --> 00:00:02,000\n"


@pytest.mark.parametrize(
    ("data", "kind", "cues"),
    [
        (b"1\r\n00:00:01,5 --> 00:00:02,25\r\nA\r\nB\r\n", "srt", cue(1500, 2250, "A B")),
        (b"\xef\xbb\xbf" + SRT + b"A", "srt", cue(1000, 2000, "A")),
        (b"100:00:00.000 --> 123:00:00.000\nA", "vtt", cue(360_000_000, 442_800_000, "A")),
        (VTT + b"01:02.003 --> 01:03.000 line:0\nx &amp; y&nbsp;&lt;3", "vtt", cue(62003, 63000, "x & y <3")),
        (SRT + b'{\\an8}<i>A</i> <font color="red">B</font>', "srt", cue(1000, 2000, "A B")),
        (VTT + b"00:01.000 --> 00:02.000\n<v.loud Mary Ann>Hi", "vtt", cue(1000, 2000, "Hi", "Mary Ann")),
        (SRT + "é à".encode("cp1252"), "srt", cue(1000, 2000, "é à")),
        ((SRT.decode() + "é").encode("utf-16"), "srt", cue(1000, 2000, "é")),
        (b"00:00:05,000 --> 00:00:02,000\nA", "srt", cue(5000, 5000, "A")),
    ],
)
def test_odd_spellings(data: bytes, kind: str, cues: list[Segment]) -> None:
    assert read(data, kind) == cues


def test_numbers_without_an_empty_line_are_no_words() -> None:
    data = b"1\n00:00:01,000 --> 00:00:02,000\nA\n2\n00:00:02,000 --> 00:00:03,000\nB\n"
    assert texts(data, "srt") == ["A", "B"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 100,
        b"<!DOCTYPE html><html><p>Not found --> really</p></html>",
        b"  <html><body><p begin='1s' end='2s'>x</p></body></html>",
        b'<?xml version="1.0"?><html xmlns="x"><p begin="1s" end="2s">x</p></html>',
        b"{}",
        b'{"events": [{"tStartMs": "x", "segs": [1, null, {"utf8": 5}]}, 3, {"segs": {}}]}',
        b'{"events": [{"tStartMs": 1e400, "segs": [{"utf8": "x"}]}]}',
        b"[" * 100_000,
        b'{"events":' + b"[" * 100_000,
        b"<transcript><text start='x'>a</text><text>b</text></transcript>",
        b"just some text",
        b'{"error": "too many requests"}',
    ],
)
def test_what_is_no_caption_file_gives_no_cues(data: bytes) -> None:
    for kind in (*FORMATS, ""):
        assert read(data, kind) == []


def test_a_file_beyond_all_reason_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captions, "MAX_BYTES", 20)
    assert read(b"00:00:01,000 --> 00:00:02,000\nA", "srt") == []


def test_entities_do_not_explode() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE tt [<!ENTITY a "' + b"a" * 1000 + b'"><!ENTITY b "&a;&a;&a;">]>'
    assert texts(bomb + b'<tt><p begin="1s" end="2s">&b;</p></tt>', "ttml") == ["&b;"]


def test_coverage() -> None:
    cues = [Segment(start_ms=a, end_ms=b, text="x") for a, b in ((0, 1000), (500, 2000), (9000, 99_000))]
    assert coverage(cues, 10_000) == 0.3
    assert coverage([], 10_000) == 0
    assert coverage(cues, None) is None


CUE_LINES = ["00:00:01.000 --> 00:00:02.000\n", "00:01,5-->99999:02.000 x\n", "<00:00:01.500><c> a</c>", "-->", "1\n"]
MARKS = ["WEBVTT\n\n", "NOTE x\n", "&amp;", "<v A>", "</c>", "{\\an8}", "\n", "\n\n", " \n", "\r", "\ufeff", "line"]
XML = [
    '<p begin="1s" end="2f">',
    "</p>",
    '<text start="1" dur="2">',
    "</text>",
    "<timedtext>",
    '<s t="5">',
    "</s>",
    "<tt>",
]
JSON3 = ['{"events":[', '{"tStartMs":1,"segs":[{"utf8":"a"}]}', "]}"]
PIECES = st.sampled_from([*CUE_LINES, *MARKS, *XML, *JSON3])
MADE = st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=25).map(
    lambda p: "".join(p).encode("utf-8", "replace")
)


@settings(max_examples=400, deadline=None)
@given(data=st.one_of(st.binary(max_size=300), MADE), kind=st.sampled_from([*FORMATS, "", "x"]))
def test_nothing_makes_the_reader_raise(data: bytes, kind: str) -> None:
    cues = read(data, kind)
    assert all(cue.text and cue.start_ms <= cue.end_ms for cue in cues)


def test_half_a_surrogate_pair_can_be_stored() -> None:
    [cue] = read(
        rb'{"events": [{"tStartMs": 0, "dDurationMs": 9, "segs": [{"utf8": "a\ud800b \ud83d\ude00"}]}]}', "json3"
    )
    assert cue.text == "a\ufffdb 😀"
    assert Segment.model_validate_json(cue.model_dump_json()) == cue


FLOODS = {
    "empty objects": b"{}," * captions.MOST_JSON_VALUES,
    "objects with a key": b'{"a":{}},' * (captions.MOST_JSON_VALUES // 3),
    "empty lists": b"[]," * captions.MOST_JSON_VALUES,
    "numbers": b"1000," * captions.MOST_JSON_VALUES,
    "one text": b'"' + b"a" * captions.MOST_JSON_BYTES + b'",',
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_json_that_takes_more_memory_than_it_is_worth_is_not_parsed(
    flood: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captions.json, "loads", lambda text: pytest.fail("it was parsed"))
    whole = b'{"events": [' + flood + b"{}]}"
    for data in (b"\xef\xbb\xbf \n" + whole, b"\0" * 5000 + whole, whole.decode().encode("utf-16")):
        assert captions.is_too_much(data)
        assert read(data, "json3") == []


def test_a_day_of_fast_speech_is_no_flood() -> None:
    name = "captions-json3/en_air_temperature_asr.json3"
    data, minutes = fixture(name).read_bytes(), 10.8
    head, mark, events = data.partition(b'"events": [')
    assert mark
    many = events.rpartition(b"]")[0].rstrip() + b","
    day = head + mark + many * int(24 * 60 / minutes) + b"{}]}"
    assert not captions.is_too_much(day)


def test_no_damage_to_a_real_file_makes_the_reader_raise() -> None:
    for folder in ("captions-auto-vtt", "captions-json3", "captions-ttml", "captions-srv1", "captions-srv3"):
        for path in sorted(FIXTURES.glob(f"{folder}/*")):
            data = path.read_bytes()[:20_000]
            for cut in range(0, len(data), 997):
                read(data[:cut] + data[cut + 13 :], path.suffix[1:])
                read(data[cut:], path.suffix[1:])


@pytest.mark.timeout(60)  # hours, where the time grows with the square of the size
@pytest.mark.parametrize(
    "hostile",
    [
        "<tt>" + "<p>" * 600_000,
        "<tt>" + "<p " * 600_000,
        "<tt><p " + "a" * 600_000 + ">x</p>",
        "<timedtext><p t='1' d='2'>hello" + "<s>" * 600_000 + "</p>",
        "<tt><p begin='1s' end='2s'>" + "<" * 1_000_000 + "</p>",
        "WEBVTT\n\n00:01.000 --> 00:02.000\n" + "<" * 1_000_000,
        "WEBVTT\n\n00:01.000 --> 00:02.000\n<v" + " " * 600_000,
        "1\n00:00:01,000 --> 00:00:02,000\n" + "{\\" * 600_000,
    ],
    ids=lambda text: text[:12].strip() + " ... " + text[-4:],
)
def test_a_hostile_file_is_read_in_the_time_its_size_takes(hostile: str) -> None:
    """No other thread of the daemon runs while a pattern searches."""
    read(hostile.encode())


@pytest.mark.parametrize(
    "hostile",
    [
        "WEBVTT\n\n00:01.000 --> 00:02.000\n<00:01.500>" + "a " * 1_000_000,
        "WEBVTT\n\n00:01.000 --> 00:02.000\n<00:01.500>" + "a\n" * 600_000,
        "WEBVTT\n" + "\n00:01.000 --> 00:02.000\na <00:01.500>b c d\n" * 15_000,
        '{"events": [' + '{"tStartMs": 1, "segs": [{"utf8": "a b c", "tOffsetMs": 0}]},' * 25_000 + "{}]}",
        '{"events": [{"tStartMs": 1, "segs": [{"utf8": "' + "a " * 1_000_000 + '", "tOffsetMs": 1}]}]}',
        '{"events": [{"tStartMs": 1, "segs": [' + '{"utf8": " a b c d e f g", "tOffsetMs": 1},' * 90_000 + "{}]}]}",
        "<timedtext>" + "<p t='1' d='2'><s t='1'>" + "a " * 1_000_000 + "</s></p>",
    ],
    ids=["one line", "many lines", "many cues", "many events", "one event", "many pieces", "one element"],
)
def test_no_more_is_read_than_anybody_can_have_said(hostile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word takes 500 bytes in the memory of the daemon, and two in a file."""
    monkeypatch.setattr(captions_text, "MOST_WORDS", 50_000)
    cues = read(hostile.encode())
    assert 0 < sum(len(cue.words) or 1 for cue in cues) <= captions_text.MOST_WORDS
    assert all(len(cue.text) <= 10 * captions_text.LONGEST_TEXT for cue in cues)
