"""Words without which a regular expression cannot match: a search for them is much quicker than a match.

Found in what Python's own parser makes of the expression, so that nothing about its syntax is guessed. What is not
understood asks for nothing, which only costs time.
"""

from __future__ import annotations

import re
from re import _constants as op  # type: ignore[attr-defined]  # private, and the only parser that is surely right
from re import _parser  # type: ignore[attr-defined]
from typing import Any

_SHORTEST = 4
_EVERYWHERE = "https://"
_ASCII = 128
_SEEMS_ASCII = re.compile("[\u0130\u0131\u017f\u212a]")
"""The letters beyond ASCII that match one of ASCII where case does not count: I and i, s, and the sign of Kelvin."""


def folded(text: str) -> str | None:
    """The form of a text in which needles are looked for; None for one of the few in which they may be hidden."""
    return None if _SEEMS_ASCII.search(text) else text.lower()


def needles(pattern: str) -> frozenset[str] | None:
    """Words of which `folded(text)` holds at least one for each text in which the pattern matches; None: no such words.

    Raises re.error for what is no pattern.
    """
    return _of_all(_parser.parse(pattern))


def _of_all(parts: Any) -> frozenset[str] | None:
    """Of parts that follow each other: the needles of the one that says most."""
    best, run = None, ""
    for kind, value in parts:
        if kind is op.LITERAL and value < _ASCII:
            run += chr(value)
            continue
        best, run = _better(_better(best, _of_run(run)), _of_one(kind, value)), ""
    return _better(best, _of_run(run))


def _of_run(run: str) -> frozenset[str] | None:
    return frozenset((run.lower(),)) if len(run) >= _SHORTEST and run.lower() not in _EVERYWHERE else None


def _of_one(kind: Any, value: Any) -> frozenset[str] | None:
    """Of a part that is no plain sign. Whatever is not named here may match without any word."""
    if kind is op.SUBPATTERN:
        return _of_all(value[3])
    if kind is op.ATOMIC_GROUP:
        return _of_all(value)
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT) and value[0] > 0:
        return _of_all(value[2])
    if kind is op.BRANCH:
        branches = [_of_all(branch) for branch in value[1]]
        return None if None in branches else frozenset().union(*(branch or () for branch in branches))
    return None


def _better(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """The one whose shortest word is longer."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda words: min(map(len, words)))
