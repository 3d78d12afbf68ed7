"""The page of the measurements: what is on it, and how a figure is judged. What was measured is no matter of a test."""

from __future__ import annotations

import re

import pytest

from bench import report
from bench.bars import BARS, MEASUREMENTS
from bench.rounds import Row, interleaved


def test_the_page_names_every_bar_and_is_made_of_what_is_kept() -> None:
    page = report.PAGE.read_text("utf-8")
    assert page == report.page(report.read()), "write it anew: make bench"
    assert {int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == set(BARS)


def test_every_bar_is_measured_and_nothing_is_kept_that_is_not() -> None:
    assert {bar for one in MEASUREMENTS for bar in one.bars} == set(BARS)
    assert set(report.read()) <= {one.name for one in MEASUREMENTS}


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        (Row(1, "at least half", 50, "", other=100, least=0.5), True),
        (Row(1, "at least half", 49, "", other=100, least=0.5), False),
        (Row(1, "at most 0.6", 61, "", other=100, most=0.6), False),
        (Row(1, "at most twice, or 5 more", 6, "", other=1, most=2, plus=5), True),
        (Row(1, "at most twice, or 5 more", 7, "", other=1, most=2, plus=5), False),
        (Row(1, "a limit", 25, "", other=25), True),
        (Row(1, "none of it", 1, "", other=0), False),
        (Row(1, "nobody asks", 1, ""), None),
    ],
    ids=lambda value: value.what if isinstance(value, Row) else "",
)
def test_a_figure_is_judged_by_what_it_is_held_against(row: Row, holds: bool | None) -> None:
    assert row.holds is holds
    assert report.cells(row)[-1] == report.VERDICTS[holds]


def test_a_missed_bar_says_what_is_known_of_why() -> None:
    row = Row(3, "the start of a job", 9, "ms", "raw", 2, most=2.5, why="a lock")
    page = report.page({"start of a job": report.Record([row], "a machine", "2026-11-28")})
    assert "| 3 | the start of a job | 9 ms | raw 2 ms | 4.50 | <= 2.5x | **missed** |" in page
    assert "- Bar 3, the start of a job: a lock." in page
    assert "| 4 | " in page
    assert "not measured yet" in page


async def test_rounds_alternate_and_give_medians() -> None:
    turns: list[str] = []
    figures = iter([9.0, 9.0, 1.0, 2.0, 7.0, 8.0, 3.0, 4.0])

    def way(name: str) -> float:
        turns.append(name)
        return next(figures)

    found = await interleaved({"a": lambda: way("a"), "b": lambda: way("b")}, rounds=3)
    assert turns == ["a", "b", "b", "a"] * 2
    assert found == {"a": 4.0, "b": 3.0}


def test_the_page_is_the_same_whatever_was_measured_first() -> None:
    known = report.read()
    assert report.page(dict(reversed(known.items()))) == report.page(known)
