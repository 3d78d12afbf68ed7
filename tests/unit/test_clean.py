from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from z2d.store.clean import clean_int, clean_json, clean_key, clean_real, clean_text

ANYTHING = st.text(st.characters())  # surrogates and controls too
SEQUENCES = st.sampled_from(
    ["\x1b[31m", "\x1b]52;c;aGk=\x07", "\x1b]0;t\x1b\\", "\x9b2J", "\x90x\x9c", "\x1bP", "\x00", "\r\n"]
)


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("plain äö 日本", "plain äö 日本"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]52;c;aGk=\x07after", "after"),
        ("\x1b]0;title\x1b\\after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("\x1bPdcs\x1b\\x", "x"),
        ("unended \x1b]0;rest of the line\nnext", "unended \nnext"),
        ("a\x00b\x07c\x7fd\x85e", "abcde"),
        ("a\tb\nc\r\nd\re", "a\tb\nc\nd\ne"),
        ("\ud83d\ude00", "😀"),
        ("\ud83dx\ude00", "\ufffdx\ufffd"),
        ("\x1b", ""),
    ],
)
def test_what_is_taken_out(dirty: str, clean: str) -> None:
    assert clean_text(dirty) == clean


@given(st.lists(ANYTHING | SEQUENCES).map("".join))
def test_a_clean_text_holds_nothing_a_database_or_terminal_obeys(text: str) -> None:
    clean = clean_text(text)
    clean.encode("utf-8")
    assert not any((ord(sign) < 32 and sign not in "\t\n") or 0x7F <= ord(sign) <= 0x9F for sign in clean)
    assert clean_text(clean) == clean


@given(ANYTHING, st.integers(1, 20))
def test_the_limit_counts_the_mark(text: str, limit: int) -> None:
    assert len(clean_text(text, limit)) <= limit


def test_long_hostile_text_takes_linear_time() -> None:
    for piece in ("\x1b[", "\x1b]", "\x1b[0;", "\x1bP\x1b", "\x9b "):
        clean_text(piece * 500_000)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANYTHING | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANYTHING, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_clean_json_can_be_written_and_read(value: Any) -> None:
    text = json.dumps(clean_json(value), allow_nan=False)
    text.encode("utf-8")
    assert "\\u0000" not in text
    assert json.loads(text) == clean_json(value)


def test_bottomless_json_has_a_bottom() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    assert json.dumps(clean_json(value)).count("[") == 60


def test_keys_stay_distinct_and_short() -> None:
    keys = {clean_key("url:" + "ü" * 4000 + str(number)) for number in range(100)}
    assert len(keys) == 100
    assert max(map(len, keys)) == 500
    assert clean_key("youtube:abc") == "youtube:abc"


@given(st.integers())
def test_numbers_fit_their_column_or_are_unknown(number: int) -> None:
    for bits in (16, 32, 64):
        clean = clean_int(number, bits)
        assert clean == (number if -(2 ** (bits - 1)) <= number < 2 ** (bits - 1) else None)


def test_reals_are_finite() -> None:
    assert [clean_real(value) for value in (1.5, math.nan, math.inf, 1e300, None)] == [1.5, None, None, None, None]
