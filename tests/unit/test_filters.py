"""The filter language: what it says, and what it says of mistakes."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from z2d.wire import filters
from z2d.wire.errors import FilterInvalid
from z2d.wire.filters import NO_PARENT, Term, parse
from z2d.wire.jobs import DisplayStatus, JobStatus, Outcome, StageName


def term(key: str, *values: Any, op: str = ":", negated: bool = False) -> tuple[Any, ...]:
    return key, values, op, negated


def plain(text: str) -> list[tuple[Any, ...]]:
    return [(one.key, one.values, one.op, one.negated) for one in parse(text)]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        (" \t ", []),
        ("status:failed", [term("status", "FAILED")]),
        ("STATUS:Failed,cancelled", [term("status", "FAILED", "CANCELLED")]),
        ("status:failed status:cancelled status:failed", [term("status", "FAILED", "CANCELLED")]),
        ("status:active", [term("status", "QUEUED", "RUNNING", "WAITING")]),
        ("status:partial status:completed-partial", [term("status", "COMPLETED_PARTIAL")]),
        ("state:failed -State:done", [term("status", "FAILED"), term("status", "COMPLETED", negated=True)]),
        ("status = paused age < 7d", [term("status", "PAUSED"), term("age", timedelta(days=7), op="<")]),
        ("outcome:duplicate stage:audio", [term("outcome", "DUPLICATE"), term("stage", "audio")]),
        ("error:rate_limited -error:geo", [term("error", "RATE_LIMITED"), term("error", "GEO", negated=True)]),
        ('channel:"X Y"', [term("channel", "X Y")]),
        ('channel:"X, Y",Z', [term("channel", "X, Y", "Z")]),
        ("tag:a tag:b", [term("tag", "a"), term("tag", "b")]),
        ("tag:a,b -tag:c", [term("tag", "a", "b"), term("tag", "c", negated=True)]),
        ("age<7d", [term("age", timedelta(days=7), op="<")]),
        ("age>=1h30m", [term("age", timedelta(minutes=90), op=">=")]),
        ("duration>30m", [term("duration", timedelta(minutes=30), op=">")]),
        ("duration<=1:02:03", [term("duration", timedelta(seconds=3723), op="<=")]),
        ("duration>4:05", [term("duration", timedelta(seconds=245), op=">")]),
        ("since:2026-01-01", [term("since", datetime(2026, 1, 1, tzinfo=UTC))]),
        ("until:2026-01-31T08:00+02:00", [term("until", datetime(2026, 1, 31, 6, tzinfo=UTC))]),
        ("since:2w", [term("since", timedelta(days=14))]),
        ("id:1,2,3", [term("id", 1, 2, 3)]),
        ("id>100 parent:7", [term("id", 100, op=">"), term("parent", 7)]),
        ("parent:none", [term("parent", NO_PARENT)]),
        ("priority:-5 priority>=-10", [term("priority", -5), term("priority", -10, op=">=")]),
        ('owls "two words" -"not these"',
         [term("words", "owls"), term("phrase", "two words"), term("phrase", "not these", negated=True)]),
        ("https://youtu.be/x?a=b:c", [term("words", "https://youtu.be/x?a=b:c")]),
        ("don't rock-n-roll", [term("words", "don't"), term("words", "rock-n-roll")]),
        ("站点 ключ:x", [term("words", "站点"), term("words", "ключ:x")]),
    ],
)  # fmt: skip
def test_what_it_says(text: str, terms: list[tuple[Any, ...]]) -> None:
    assert plain(text) == terms


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("statsu:failed", 0, "did you mean status?"),
        ("age<7d statsu:failed", 7, "character 8"),
        ("nothing:x", 0, "there are status, outcome"),
        ("status:faild", 7, "did you mean failed?"),
        ("status:", 7, "wants a state"),
        ("status:failed,", 14, "wants a state"),
        ("status: , failed", 8, "wants a state"),
        ("status<failed", 6, 'followed by ":"'),
        ("age:7d", 3, "followed by <, <=, > or >="),
        ("age<x", 4, "how long ago"),
        ("age<7", 4, "how long ago"),
        ("age<1d,2d", 4, "takes one value"),
        ("duration>99999999w", 9, "cannot be"),
        ("since:yesterday", 6, "a date like 2026-01-31"),
        ("since:2026-13-01", 6, "a date like"),
        ("since:0001-01-01T00:00+14:00", 6, "a date like"),
        ("id:0", 3, "a job's number"),
        ("id:99999999999999999999", 3, "a job's number"),
        ("priority:101", 9, "from -100 to 100"),
        ('"open', 0, "not closed"),
        ('channel:"open', 8, "not closed"),
        ('""', 0, "nothing between"),
        ('channel:" "', 8, "nothing between"),
        ("-", 0, "after a minus"),
        ("a - b", 2, "after a minus"),
        ("error:'; DROP", 6, "error's code"),
        ("error:nonsense", 6, "error's code, like RATE_LIMITED"),
        ("error:geo,rate_limted", 10, "did you mean rate_limited?"),
        ("state:faild", 6, "did you mean failed?"),
        (" ".join("abcdefghijklmnopqrstuvwxyzabcdefg"), 64, "at most 32 conditions"),
        ("id:" + ",".join(map(str, range(1, 120))), 295, "at most 100 values"),
        ("x" * 1001, 1000, "at most 1000 characters"),
    ],
)
def test_mistakes_are_said_with_their_place(text: str, position: int, words: str) -> None:
    with pytest.raises(FilterInvalid) as caught:
        parse(text)
    assert caught.value.position == position, caught.value.detail
    assert words in caught.value.detail
    assert f"at character {position + 1}:" in caught.value.detail


@given(st.text(max_size=60) | st.from_regex(r"(-?[a-z]{2,8}[:<>=]{1,2}[a-z0-9\",]{0,8} ?){1,6}"))
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    try:
        terms = parse(text)
    except FilterInvalid as error:
        assert error.position is not None
        assert 0 <= error.position <= len(text)
    else:
        assert all(isinstance(one, Term) and one.values and 0 <= one.at < len(text) for one in terms)


def test_the_words_are_those_of_the_contract() -> None:
    assert set(filters.STORED) == set(JobStatus)
    assert set(filters.STORED) | set(filters.DERIVED) == set(DisplayStatus)
    assert set(filters.OUTCOMES) == set(Outcome)
    assert list(filters.STAGES) == list(StageName)


def test_it_needs_the_standard_library_alone() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import sys, z2d.wire.filters; print('pydantic' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert said.stdout == "False\n"
