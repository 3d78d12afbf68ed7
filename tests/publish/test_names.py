"""File names: whatever goes in, a plain and portable name comes out."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.publish.hostile import HOSTILE
from z2d.publish import names


def assert_portable(name: str) -> None:
    assert name not in ("", ".", "..")
    assert name == unicodedata.normalize("NFC", name)
    assert len(name.encode()) <= names.MAX_BYTES
    assert not set(name) & set('/\\:*?"<>|')
    assert not name.startswith((".", " ")) and not name.endswith((".", " "))
    assert all(unicodedata.category(char) not in ("Cc", "Cs") for char in name)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u200b\ufeff]", name)
    assert not re.match(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)", name)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_become_plain_ones(text: str, tmp_path: Path) -> None:
    name = names.file_name(text)
    assert_portable(name)
    (tmp_path / name).write_text("can be made")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@given(st.text(alphabet=st.characters(codec=None), max_size=400), st.integers(20, 255))
def test_any_text_becomes_a_plain_name(text: str, max_bytes: int) -> None:
    name = names.file_name(text, max_bytes=max_bytes)
    assert_portable(name)
    assert len(name.encode()) <= max_bytes
    assert names.file_name(name, max_bytes=max_bytes) == name, "a clean name stays as it is"


@given(st.text(max_size=400), st.text(min_size=1, max_size=300), st.sampled_from([None, "2024-05-01"]))
def test_an_entry_keeps_its_id_whatever_the_title(title: str, source_id: str, date: str | None) -> None:
    name = names.entry_name(date=date, title=title, source_id=source_id)
    assert_portable(name)
    assert len(name.encode()) <= 200
    assert name.endswith(f"[{names.id_name(source_id)}]")
    assert name.startswith(date or "")


@given(st.text(min_size=1, max_size=200), st.text(min_size=1, max_size=200))
def test_two_ids_stay_two(one: str, two: str) -> None:
    assert (names.id_name(one) == names.id_name(two)) == (one == two)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Exponential growth and epidemics", "Exponential growth and epidemics"),
        ("AC/DC: Live?", "AC-DC- Live"),
        ("Überraschung für Ünal", "Überraschung für Ünal"),
        ("日本語のタイトル", "日本語のタイトル"),
        ("..hidden", "hidden"),
        ("CON", "_CON"),
        ("???", "untitled"),
    ],
)
def test_ordinary_titles_stay_readable(text: str, name: str) -> None:
    assert names.file_name(text) == name
