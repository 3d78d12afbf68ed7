"""The words for people, and the one door that text from outside passes."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support import fixture
from z2ctl import text
from z2d.wire.jobs import FINISHED, DisplayStatus, JobStatus, StageName, StageStatus

# any code point, half surrogates too, and often the ones that act on a terminal
ACTING = (
    "\x00\x07\x08\x09\x0a\x0b\x0c\x0d\x1b\x7f\x80\x85\x90\x9b\x9c\x9d"
    "\u00ad\u061c\u200b\u200e\u202e\u2028\u2066\u2069\ufeff\ud800"
)
HOSTILE = st.text(st.one_of(st.characters(), st.characters(categories=["Cs"]), st.sampled_from(ACTING + "[]0;?m\\AB ")))
# format characters that are letters' companions and have a shape of their own
SEEN = set("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd") | {
    chr(code) for code in range(0x13430, 0x13440)
}


def acts(char: str) -> bool:
    """Whether a character may do something to a terminal or to the reading order."""
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char not in SEEN


@given(HOSTILE)
@example("\x1b]0;PWNED\x07title")
@example("\x9d52;c;AAAA\x9c")
@example("\x1b[2J\x1b[31mred")
@example("\x1b" * 3 + "[" * 3)
@example("\x1b\x00[31m")
def test_nothing_that_acts_leaves_safe(hostile: str) -> None:
    one = text.safe(hostile)
    assert not [char for char in one if acts(char)]
    many = text.safe(hostile, lines=True)
    assert not [char for char in many if acts(char) and char not in "\n\t"]


@given(HOSTILE)
def test_safe_is_final(hostile: str) -> None:
    """What was cleaned once is not changed again: no sequence is put together by taking another out."""
    assert text.safe(text.safe(hostile)) == text.safe(hostile)
    many = text.safe(hostile, lines=True)
    assert text.safe(many, lines=True) == many


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp", "Mn"])))
def test_safe_keeps_what_harms_nobody(harmless: str) -> None:
    assert text.safe(harmless) == harmless.strip()


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b]0;PWNED\x07title", "title"),
        ("\x1b]52;c;aGk=\x1b\\copy", "copy"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("a\nERROR b", "a ERROR b"),
        ("a\r\n\t b", "a b"),
        ("good\u202egnp.exe", "goodgnp.exe"),
        ("ze\u200bro", "zero"),
        ("half\ud83d", "half"),
        ("日本語 – ž 👍", "日本語 – ž 👍"),
        (None, ""),
        (42, "42"),
    ],
)
def test_safe_by_example(hostile: object, shown: str) -> None:
    assert text.safe(hostile) == shown


def test_the_list_of_naughty_strings() -> None:
    for naughty in json.loads(fixture("hostile/blns.json").read_text(encoding="utf-8")):
        assert not [char for char in text.safe(naughty) if acts(char)]


def test_a_document_keeps_its_lines() -> None:
    assert text.safe("a\r\nb\rc\u2028d\te", lines=True) == "a\nb\nc\nd\te"


def test_every_status_of_the_contract_has_a_look() -> None:
    assert set(text.LOOKS) == set(DisplayStatus)
    assert set(text.STAGE_LOOKS) == set(StageStatus)
    assert set(text.STATUSES) == set(JobStatus)
    assert set(text.FINISHED) == set(FINISHED)
    assert list(text.STAGES) == list(StageName)
    assert all(look.plain.isascii() and len(look.glyph) == 1 for look in text.LOOKS.values())
    assert text.look("NEW_ONE\x1b[0m").word == "new_one"


def test_numbers_for_people() -> None:
    assert [text.duration(ms) for ms in (None, 0, 5_900, 71_000, 3_723_000)] == ["–", "0:00", "0:05", "1:11", "1:02:03"]
    assert [text.span(ms) for ms in (None, 340, 4_200, 71_000)] == ["–", "340 ms", "4.2 s", "1:11"]
    assert [text.size(count) for count in (None, 812, 5_347_738, 12 * 2**30, 5e15)] == [
        "–",
        "812 B",
        "5.1 MiB",
        "12 GiB",
        "4547 TiB",
    ]
    assert [text.count(number) for number in (None, 7, 1142, 1234567)] == ["–", "7", "1 142", "1 234 567"]
    assert [text.percent(share) for share in (None, 0.0, 0.999, 1.0, 7.0)] == ["–", "0%", "99%", "100%", "100%"]
    assert (text.speed(None), text.speed(2**20)) == ("", "1.0 MiB/s")
    assert (text.plural(1, "job"), text.plural(1200, "job")) == ("1 job", "1 200 jobs")


def test_times_for_people() -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    ages = [(5, "5s"), (300, "5m"), (7200, "2h"), (3 * 86_400, "3d"), (70 * 86_400, "10w"), (-5, "0s")]
    for seconds, said in ages:
        assert text.age((now - timedelta(seconds=seconds)).isoformat(), now) == said
    job: dict[str, object] = {"started_at": "2026-11-22T11:59:00.000Z", "finished_at": None}
    assert text.took(job, now) == "1:00"
    assert text.took({**job, "finished_at": "2026-11-22T11:59:30Z"}, now) == "0:30"
    assert text.took({"started_at": None}, now) == "–"


@given(st.one_of(st.none(), st.text(max_size=40)))
def test_times_that_are_none(nonsense: str | None) -> None:
    for say in (text.clock, text.day_and_time, text.age):
        assert say(nonsense)


@pytest.mark.parametrize(
    "seconds, words",
    [(0.2, "1 s"), (11.1, "12 s"), (59.4, "60 s"), (60, "1 min"), (119, "1 min"), (7199, "119 min"), (7200, "2 h"),
     (172_799, "47 h"), (172_800, "2 d")],
)  # fmt: skip
def test_time_left_is_said_coarsely(seconds: float, words: str) -> None:
    assert text.left(seconds) == words


def test_what_holds_a_job_is_said_one_way() -> None:
    assert text.at_lane("RUNNING", "LANE", "transcript") == "in line"
    assert text.at_lane("QUEUED", "LANE_CLOSED", "transcript") == "transcript lane closed"
    assert text.at_lane("QUEUED", "LANE_CLOSED", None) == "next lane closed"
    assert text.at_lane("COMPLETED", "LANE_CLOSED", "transcript") == text.at_lane("QUEUED", None, "audio") == ""
    assert text.waits_for("LANE_CLOSED", "audio") == "the audio lane, which is closed"
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert text.when_resumed_of({"due_after": "2026-11-22T03:00:00Z"}, now) == "starts in 3 h when resumed"
    assert text.when_resumed_of({"due_after": "2026-11-22T03:00:00Z"}, now + timedelta(hours=3)) == ""
    assert text.when_resumed_of({"due_after": None}, now) == text.when_resumed_of({}, now) == ""


def test_the_next_attempt_is_said_one_way() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    job = {"display_status": "RETRYING", "attempt": 1, "max_attempts": 3, "run_after": "2026-11-22T00:00:12Z"}
    assert text.next_try_of(job, now) == "retry 2/3 in 12 s"
    assert text.next_try_of(job, now + timedelta(seconds=13)) == "retry 2/3 due"
    assert text.next_try_of({**job, "run_after": None, "max_attempts": None}, now) == "retry 2"
    assert text.next_try_of({**job, "display_status": "QUEUED"}, now) == ""
