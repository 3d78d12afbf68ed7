"""Text in cells: cut, padded, highlighted; and the last net before the terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from z2ctl.text import safe
from z2ctl.tui import keymap
from z2ctl.tui.filters import LastNet, to_ascii
from z2ctl.tui.paint import Span, bar, between, clip, clip_spans, drop_cells, fit, highlight, width_of, wrap_words
from z2ctl.tui.widgets.job_table import columns

texts = st.text(max_size=60).map(safe)


@given(texts, st.integers(0, 40))
def test_a_text_never_takes_more_cells_than_it_is_given(text: str, width: int) -> None:
    assert cell_len(clip(text, width)) <= width
    assert cell_len(fit(text, width)) == width


@given(st.lists(texts.map(Span), max_size=5), st.lists(texts.map(Span), max_size=5), st.integers(1, 80))
def test_two_sides_fill_a_line_exactly(left: list[Span], right: list[Span], width: int) -> None:
    assert width_of(between(left, right, width)) == width
    assert width_of(clip_spans(left, width)) <= width


@given(texts, st.integers(1, 30))
def test_wrapped_lines_fit_and_lose_nothing_but_spaces(text: str, width: int) -> None:
    lines = wrap_words(text, max(2, width))
    assert all(cell_len(line) <= max(2, width) for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@given(texts, st.integers(0, 70))
def test_scrolled_away_cells_are_gone(text: str, count: int) -> None:
    rest = width_of(drop_cells([Span(text)], count))
    assert rest <= max(0, cell_len(text) - count) + 1  # half of a wide sign may stay


@given(st.floats(-1, 2), st.integers(4, 60), st.booleans())
def test_a_bar_has_its_width(share: float, width: int, ascii_only: bool) -> None:
    assert width_of(bar(share, width, ascii_only=ascii_only)) == width


def test_matches_are_marked_and_the_rest_kept() -> None:
    assert highlight("a fox", "plain", [(2, 5)]) == [Span("a ", "plain"), Span("fox", "match")]


@given(st.integers(20, 300), st.integers(4, 12))
def test_columns_fit_their_width(width: int, id_width: int) -> None:
    found = columns(width, id_width)
    assert found[0].name == "STATE"
    assert any(column.name == "TITLE" for column in found)
    if width >= 50:
        assert sum(column.width + 2 for column in found) <= width


def test_columns_leave_in_their_order() -> None:
    gone = [
        next(w for w in range(200, 20, -1) if name not in {c.name for c in columns(w, 5)})
        for name in ("LENGTH", "CHANNEL", "TOOK", "ID")
    ]
    assert gone == sorted(gone, reverse=True)


@given(st.text(max_size=80))
def test_no_control_sign_passes_the_last_net(text: str) -> None:
    black = Color(0, 0, 0)
    for net in (LastNet(ascii_only=False), LastNet(ascii_only=True)):
        (out,) = net.apply([Segment(text)], black)
        assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in out.text)
        assert not net.ascii_only or out.text.isascii()


@given(texts)
def test_ascii_keeps_the_cells(text: str) -> None:
    assert len(to_ascii(text)) == cell_len(text)


def test_keys_that_are_named_wrongly_are_said_and_left_out() -> None:
    good, faults = keymap.check({"list.new": "f5", "list.open": ["o", "ctrl+o"], "nonsense": "x", "quit": "hyper+x"})
    assert good == {"list.new": "f5"}
    assert len(faults) == 3
    assert "nonsense" in faults[0]
    assert "hyper+x" in faults[1]
    assert "list.url" in faults[2], "o shows the URL already"


def test_default_keys_do_not_clash() -> None:
    by_scope: dict[str, dict[str, str]] = {}
    for key in keymap.KEYS:
        for each in key.keys.split(","):
            taken = by_scope.setdefault(key.scope, {})
            assert each not in taken, f"{key.id} and {taken.get(each)} are both {each}"
            taken[each] = key.id
    assert len({key.id for key in keymap.KEYS}) == len(keymap.KEYS)
