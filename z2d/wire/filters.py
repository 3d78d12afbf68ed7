"""The filter language: which jobs are meant, in one line.

    status:failed site:youtube channel:"X Y" tag:talk age<7d duration>30m since:2026-01-01 -error:GEO "two words"

Everything must hold at once. A comma between values means any of them (`status:failed,cancelled`), as does a key that
is given twice; only tags and words add up. A minus in front turns a condition around. What has no key is looked for in
title and URL: words begin a word there, words in quotes stand one after the other.

The same text means the same to the API's list, to `z2ctl list`, to retrying by filter and to the dashboard. Standard
library only: whoever takes a filter from a person may load this to say what is wrong with it, and where.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, NoReturn

from z2d.wire.errors import FilterInvalid
from z2d.wire.reasons import ErrorClass

LONGEST = 1000  # characters
MOST_TERMS = 32
MOST_VALUES = 100

# what `status:` takes: the stored states, what a person sees of them, and names for groups; a test compares them with
# z2d.wire.jobs, which loads pydantic
STORED = ("QUEUED", "RUNNING", "WAITING", "COMPLETED", "FAILED", "CANCELLED")
DERIVED = ("SCHEDULED", "RETRYING", "PAUSED", "CANCELLING", "PAUSING", "COMPLETED_PARTIAL")
GROUPS: Mapping[str, tuple[str, ...]] = {
    "active": ("QUEUED", "RUNNING", "WAITING"),
    "finished": ("COMPLETED", "FAILED", "CANCELLED"),
    "done": ("COMPLETED",),
    "partial": ("COMPLETED_PARTIAL",),
}
OUTCOMES = ("FULL", "PARTIAL", "DUPLICATE")
ERRORS = tuple(one.value for one in ErrorClass)
STAGES = ("metadata", "download", "audio", "transcript", "analysis", "publishing")

NO_PARENT = 0  # of a job that came from no list: `parent:none`

Value = str | int | timedelta | datetime


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. `op` is ":" (is one of `values`), "<", "<=", ">" or ">="; `at` is where it stands, from 0.

    The values of a key: text; ints for id, parent and priority; a timedelta for age and duration; an aware datetime
    for since and until. The key "words" has one value, words that title or URL contain as beginnings of words;
    "phrase" has one whose words stand there one after the other.
    """

    key: str
    values: tuple[Value, ...]
    op: str = ":"
    negated: bool = False
    at: int = 0


Filter = tuple[Term, ...]


class _Key(NamedTuple):
    """A key of the language: how a value is read (None: it cannot be), what it takes in words, its operators."""

    read: Callable[[str], tuple[Value, ...] | None]
    takes: str
    ops: tuple[str, ...] = (":",)
    known: tuple[str, ...] = ()  # every word it takes, where they can be listed


_ORDERED = ("<", "<=", ">", ">=")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_SPAN = re.compile(r"(?:\d{1,9}[smhdw])+", re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,5}):)?(\d{1,2}):(\d{2})", re.ASCII)
_INT = re.compile(r"-?\d{1,19}", re.ASCII)


def _text(value: str) -> tuple[Value, ...] | None:
    return (value,) if value.strip() else None


def _one_of(words: tuple[str, ...]) -> Callable[[str], tuple[Value, ...] | None]:
    spelled = {word.lower(): word for word in words}

    def read(value: str) -> tuple[Value, ...] | None:
        found = spelled.get(value.lower().replace("-", "_"))
        return None if found is None else (found,)

    return read


def _status(value: str) -> tuple[Value, ...] | None:
    return GROUPS.get(value.lower()) or _one_of(STORED + DERIVED)(value)


def _int(lowest: int, highest: int) -> Callable[[str], tuple[Value, ...] | None]:
    def read(value: str) -> tuple[Value, ...] | None:
        return (int(value),) if _INT.fullmatch(value) and lowest <= int(value) <= highest else None

    return read


def _parent(value: str) -> tuple[Value, ...] | None:
    return (NO_PARENT,) if value.lower() == "none" else _int(1, 2**63 - 1)(value)


def _span(value: str) -> tuple[Value, ...] | None:
    """`90s`, `30m`, `1h30m`, `7d`, `2w`, and lengths as players show them: `1:30`, `1:02:03`."""
    if _SPAN.fullmatch(value):
        seconds = sum(int(part[:-1]) * _UNITS[part[-1]] for part in re.findall(r"\d+[smhdw]", value))
    elif clock := _CLOCK.fullmatch(value):
        seconds = int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + int(clock[3])
    else:
        return None
    return (timedelta(seconds=seconds),) if seconds <= 36_500 * 86_400 else None


def _moment(value: str) -> tuple[Value, ...] | None:
    """A date, a date and time, both in UTC where no offset is given, or how long ago."""
    if span := _span(value):
        return span
    try:
        at = datetime.fromisoformat(value)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return (at,) if 1970 <= at.year <= 9000 else None


_STATUS_WORDS = tuple(word.lower() for word in STORED + DERIVED) + tuple(GROUPS)
_AGO = "a date like 2026-01-31, a time like 2026-01-31T08:00Z, or how long ago, like 7d"
_LENGTH = "a length like 90s, 30m, 1h30m or 1:30:00"

KEYS: Mapping[str, _Key] = {
    "status": _Key(_status, "a state: " + ", ".join(_STATUS_WORDS), known=_STATUS_WORDS),
    "outcome": _Key(_one_of(OUTCOMES), "full, partial or duplicate", known=tuple(one.lower() for one in OUTCOMES)),
    "stage": _Key(_one_of(STAGES), "a stage: " + ", ".join(STAGES), known=STAGES),
    "error": _Key(
        _one_of(ERRORS),
        "an error's code, like RATE_LIMITED (docs/errors.md has all)",
        known=tuple(map(str.lower, ERRORS)),
    ),
    "site": _Key(_text, "a site's name, like youtube"),
    "channel": _Key(_text, 'a channel\'s name; with spaces in quotes: channel:"X Y"'),
    "tag": _Key(_text, "a tag"),
    "profile": _Key(_text, "a profile's name"),
    "id": _Key(_int(1, 2**63 - 1), "a job's number", (":", *_ORDERED)),
    "parent": _Key(_parent, "the number of the list it came from, or none", known=("none",)),
    "priority": _Key(_int(-100, 100), "a number from -100 to 100", (":", *_ORDERED)),
    "age": _Key(_span, "how long ago it was submitted: age<7d is newer, age>7d is older", _ORDERED),
    "duration": _Key(_span, _LENGTH, _ORDERED),
    "since": _Key(_moment, _AGO),
    "until": _Key(_moment, _AGO),
}
_OTHER_NAMES = {"state": "status"}
_ADD_UP = frozenset({"tag", "words", "phrase"})  # given twice, both must hold

_BLANK = re.compile(r"\s*")
_HEAD = re.compile(r"([A-Za-z_]+)\s*(<=|>=|<|>|:|=)\s*", re.ASCII)
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_QUOTED = re.compile(r'"([^"]*)"')
_BARE_VALUE = re.compile(r'[^\s",]+')
_BARE_WORD = re.compile(r'[^\s"]+')


def parse(text: str) -> Filter:
    """The conditions of a filter; none for an empty text, which every job fits.

    Raises `FilterInvalid`, which says what is wrong and at which character (`position`, from 0).
    """
    if len(text) > LONGEST:
        _refuse(LONGEST, f"a filter has at most {LONGEST} characters")
    terms: list[Term] = []
    at = _skip_blank(text, 0)
    while at < len(text):
        term, at = _term(text, at)
        _add(terms, term)
        at = _skip_blank(text, at)
    return tuple(terms)


def _skip_blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _term(text: str, start: int) -> tuple[Term, int]:
    """The term that begins at `start`, and where it ends."""
    negated = text[start] == "-"
    at = start + negated
    if at == len(text) or text[at].isspace():
        _refuse(start, "after a minus a condition or a word is wanted")
    if text[at] == '"':
        phrase, end = _quoted(text, at)
        return Term("phrase", (phrase,), negated=negated, at=start), end
    head = None if _ADDRESS.match(text, at) else _HEAD.match(text, at)
    if head is None:
        word = _BARE_WORD.match(text, at)
        assert word is not None  # neither blank nor a quote stands here
        return Term("words", (word[0],), negated=negated, at=start), word.end()
    name, op = head[1].lower(), head[2]
    name = _OTHER_NAMES.get(name, name)
    key = KEYS.get(name)
    if key is None:
        near = _near(name, tuple(KEYS)) or f"; there are {', '.join(KEYS)}"
        _refuse(at, f'there is no key "{head[1]}"{near}; a text with such a sign in it is put in quotes')
    op = ":" if op == "=" else op
    if op not in key.ops:
        _refuse(head.start(2), f"{name} is followed by {_listed(key.ops)}: {key.takes}")
    values, end = _values(text, head.end(), name, key)
    if op != ":" and len(values) > 1:
        _refuse(head.end(), f"{name}{op} takes one value")
    return Term(name, values, op, negated, start), end


def _values(text: str, at: int, name: str, key: _Key) -> tuple[tuple[Value, ...], int]:
    """The values from `at` on, with commas between them, and where they end."""
    found: list[Value] = []
    while True:
        if at < len(text) and text[at] == '"':
            word, end = _quoted(text, at)
        elif bare := _BARE_VALUE.match(text, at):
            word, end = bare[0], bare.end()
        else:
            _refuse(at, f"{name} wants {key.takes}")
        read = key.read(word)
        if read is None:
            _refuse(at, f'{name} cannot be "{word[:60]}"{_near(word.lower(), key.known)}; it wants {key.takes}')
        found += read
        if len(found) > MOST_VALUES:
            _refuse(at, f"a key takes at most {MOST_VALUES} values")
        if text[end : end + 1] != ",":
            return tuple(dict.fromkeys(found)), end
        at = end + 1


def _quoted(text: str, at: int) -> tuple[str, int]:
    found = _QUOTED.match(text, at)
    if found is None:
        _refuse(at, "this quote is not closed")
    if not found[1].strip():
        _refuse(at, "there is nothing between these quotes")
    return found[1], found.end()


def _add(terms: list[Term], term: Term) -> None:
    """Append `term`, or join it to one of the same key where that means "any of"."""
    if term.key not in _ADD_UP and term.op == ":" and term.key not in ("since", "until"):
        for number, earlier in enumerate(terms):
            if (earlier.key, earlier.op, earlier.negated) == (term.key, term.op, term.negated):
                values = tuple(dict.fromkeys((*earlier.values, *term.values)))
                terms[number] = Term(term.key, values, term.op, term.negated, earlier.at)
                if len(values) > MOST_VALUES:
                    _refuse(term.at, f"a key takes at most {MOST_VALUES} values")
                return
    if len(terms) == MOST_TERMS:
        _refuse(term.at, f"a filter has at most {MOST_TERMS} conditions")
    terms.append(term)


def _near(word: str, known: tuple[str, ...]) -> str:
    found = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {found[0]}?" if found else ""


def _listed(ops: tuple[str, ...]) -> str:
    return " or ".join((", ".join(ops[:-1]), ops[-1])) if len(ops) > 1 else f'"{ops[0]}"'


def _refuse(at: int, message: str) -> NoReturn:
    raise FilterInvalid(f"The filter, at character {at + 1}: {message}.", position=at)
