"""Cues out of words without sentences, and out of sentences without times; reading odd answers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.speech.service import segment
from z2d.speech import answers
from z2d.speech.cues import TimedWord, from_text, from_words, placed
from z2d.speech.languages import code_of
from z2d.wire.library import Segment, Word


def test_a_pause_begins_a_new_cue() -> None:
    words = [TimedWord(0, 300, "go"), TimedWord(310, 700, "forward"), TimedWord(1400, 1700, "ten")]
    found = from_words(words)
    assert [(cue.start_ms, cue.end_ms, cue.text) for cue in found] == [(0, 700, "go forward"), (1400, 1700, "ten")]
    assert found[0].words == [Word(start_ms=0, text="go"), Word(start_ms=310, text="forward")]


def test_cues_stay_readable_however_long_somebody_speaks() -> None:
    found = from_words(TimedWord(at * 400, at * 400 + 390, "word") for at in range(200))
    assert sum(len(cue.words) for cue in found) == 200
    assert all(len(cue.text) <= 84 and cue.end_ms - cue.start_ms <= 8000 for cue in found)


def test_sentences_get_time_by_their_length() -> None:
    found = from_text("Short. A much longer sentence! 你好。再见。", 1000, 11_000)
    assert [cue.text for cue in found] == ["Short.", "A much longer sentence!", "你好。", "再见。"]
    assert (found[0].start_ms, found[-1].end_ms) == (1000, 11_000)
    assert all(one.end_ms == other.start_ms for one, other in pairwise(found))


def test_no_text_is_no_cue() -> None:
    assert from_text("  ", 0, 1000) == []


def test_cues_of_a_chunk_are_moved_and_end_with_it() -> None:
    cue = Segment(start_ms=500, end_ms=9000, text="late", words=[Word(start_ms=8000, text="late")])
    (moved,) = placed([cue], 60_000, 2000)
    assert (moved.start_ms, moved.end_ms, moved.words[0].start_ms) == (60_500, 62_000, 62_000)


@pytest.mark.parametrize(
    ("said", "code"),
    [("english", "en"), ("EN", "en"), ("en-US", "en"), ("Haitian Creole", "ht"), ("yue", "yue"), ("", None), (7, None)],
)
def test_languages_have_names_and_codes(said: object, code: str | None) -> None:
    assert code_of(said) == code


def test_what_whisper_only_imagined_is_left_out() -> None:
    imagined = segment(1, 1, 2, " Thank you for watching!", no_speech_prob=0.9, avg_logprob=-1.3)
    found = answers.read({"text": "x", "segments": [segment(0, 0, 1, " Hello."), imagined]}, 2000)
    assert [cue.text for cue in found.cues] == ["Hello."]


def test_words_beside_the_segments_find_their_cue() -> None:
    words = [{"word": word, "start": at, "end": at + 0.4} for word, at in (("one", 0.1), ("two", 0.6), ("three", 1.2))]
    found = answers.read(
        {"segments": [segment(0, 0, 1, " One two"), segment(1, 1, 2, " three.")], "words": words}, 2000
    )
    assert [[word.text for word in cue.words] for cue in found.cues] == [["one", "two"], ["three"]]


def test_words_inside_the_segments_stay() -> None:
    inside = segment(0, 0, 1, " Hi.") | {"words": [{"word": " Hi.", "start": 0.2, "end": 0.5, "probability": 0.9}]}
    found = answers.read({"segments": [inside], "words": None}, 1000)
    assert found.cues[0].words == [Word(start_ms=200, text="Hi.")]


def test_text_alone_is_spread_and_says_so() -> None:
    found = answers.read({"text": "One. Two.", "segments": None, "language": "german"}, 4000)
    assert (found.language, len(found.cues), found.warnings) == ("de", 2, [answers.ESTIMATED])


ODD = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["text", "start", "end", "words", "word", "segments", "language"]), inner)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["text", "segments", "words", "language"]), ODD))
def test_no_answer_is_too_odd_to_be_read(answer: dict[str, Any]) -> None:
    for cue in answers.read(answer, 10_000).cues:
        assert cue.text
        assert 0 <= cue.start_ms <= cue.end_ms
