"""Reading WebVTT and SubRip: the formats with `-->`, and the rolling automatic captions that come in the first.

In a rolling file every line is shown two or three times: new with a time tag at each word, then again above the next
line. Read naively, 3,152 spoken words become 9,450. The rule here: from each cue drop the longest run of first lines
that equals the last lines shown before. A line with time tags inside is new by definition, which keeps what was
really said twice.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TypeVar

from z2d.wire.library import Segment, Word

T = TypeVar("T")

_CLOCK = r"(?:(\d{1,9}):)?(\d{1,3}):(\d{1,2})[.,](\d{1,3})"
_TIMING = re.compile(rf"^\s*{_CLOCK}\s*-->\s*{_CLOCK}(?:\s.*)?$")
_INLINE_TIME = re.compile(r"<(?:(\d{1,9}):)?(\d{1,3}):(\d{1,2})[.,](\d{1,3})>")
# none of these looks beyond the next bracket, or a line full of brackets would take for ever
_TAG = re.compile(r"<[^<>\n]*>")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s([^<>]*)>")
_OVERRIDE = re.compile(r"\{\\[^{}\n]*\}")
_NOT_SHOWN = re.compile(r"^(NOTE|STYLE|REGION)(\s|$)")
_COUNTER = re.compile(r"^\d{1,9}$")

_CONTIGUOUS_MS = 100
_ROLLING_SHARE = 0.3
MOST_CUES, MOST_WORDS = 200_000, 500_000
"""What is read of one file: the cues and words of more than a day. A word with its time takes 500 bytes of memory, so
64 MB of short words would take all there is."""
LONGEST_TEXT = 20_000  # letters of one line or cue; more are no speech
_MOST_LINES = 100  # of one cue; a screen holds fewer


@dataclass(frozen=True)
class _Line:
    """A line of a cue: as it is read, and the times of its words where it has them."""

    text: str
    words: tuple[Word, ...]


@dataclass(frozen=True)
class _Cue:
    start_ms: int
    end_ms: int
    lines: tuple[_Line, ...]
    speaker: str | None


def read_cue_text(text: str) -> list[Segment]:
    """The cues of a WebVTT or SubRip file, rolling captions unrolled. What is no cue is passed over."""
    found = (_cue(found, lines) for found, lines in _blocks(text.split("\n")))
    cues = list(within_reason(found, lambda cue: sum(len(line.words) for line in cue.lines)))
    lines = _unrolled(cues) if _is_rolling(cues) else _as_written(cues)
    return [segment for segment in lines if segment.text]


def within_reason(cues: Iterable[T], words: Callable[[T], int]) -> Iterator[T]:
    """The cues of a file, up to the point where nobody can have said so much; `words` counts those of one."""
    left = MOST_WORDS
    for cue in islice(cues, MOST_CUES):
        left -= words(cue)
        if left < 0:
            return
        yield cue


def _blocks(lines: list[str]) -> Iterator[tuple[re.Match[str], list[str]]]:
    """Each timing line with the lines of its text."""
    at = 0
    while at < len(lines):
        found = _TIMING.match(lines[at])
        at += 1
        if found is None:
            continue
        body: list[str] = []
        while at < len(lines) and not _TIMING.match(lines[at]):
            if not lines[at].strip(" \t"):
                if body or not _goes_on(lines, at):
                    break
            else:
                body.append(lines[at])
            at += 1
        if body and at < len(lines) and _TIMING.match(lines[at]) and _COUNTER.match(body[-1].strip()):
            body.pop()  # the next cue's number, without an empty line before it
        if body or not (at < len(lines) and _TIMING.match(lines[at])):
            yield found, body


def _goes_on(lines: list[str], at: int) -> bool:
    """Whether text follows an empty line at the very start of a cue: rolling captions begin with one."""
    following = lines[at + 1 : at + 3]
    if not following or not following[0].strip() or _NOT_SHOWN.match(following[0]) or _TIMING.match(following[0]):
        return False
    return len(following) < 2 or not _TIMING.match(following[1])


def _cue(found: re.Match[str], body: list[str]) -> _Cue:
    numbers = found.groups()
    start, end = _ms(numbers[:4]), _ms(numbers[4:])
    voices = {html.unescape(name).strip() for line in body for name in _VOICE.findall(line)}
    short = (text[:LONGEST_TEXT] for text in body[:_MOST_LINES])
    lines = tuple(line for line in (_line(text, start) for text in short) if line.text)
    return _Cue(start, max(start, end), lines, voices.pop()[:200] or None if len(voices) == 1 else None)


def _line(raw: str, start: int) -> _Line:
    """Text and word times of one line. Words before the first time tag start with the cue."""
    pieces = _INLINE_TIME.split(raw)
    timed = [(start, pieces[0])]
    timed += [(_ms(tuple(pieces[i : i + 4])), pieces[i + 4]) for i in range(1, len(pieces), 5)]
    plain = [(at, _plain(piece)) for at, piece in timed]
    text = " ".join("".join(piece for _, piece in plain).split())
    if len(pieces) == 1:
        return _Line(text, ())
    return _Line(text, tuple(Word(start_ms=at, text=word) for at, piece in plain for word in piece.split()))


def _plain(text: str) -> str:
    return html.unescape(_TAG.sub("", _OVERRIDE.sub("", text))).replace("\u200b", "").replace("\ufeff", "")


def _ms(parts: tuple[str | None, ...]) -> int:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(fraction.ljust(3, "0"))


def _as_written(cues: Iterable[_Cue]) -> Iterator[Segment]:
    for cue in cues:
        text = " ".join(line.text for line in cue.lines)
        words = [word for line in cue.lines for word in line.words]
        yield Segment(start_ms=cue.start_ms, end_ms=cue.end_ms, text=text, speaker=cue.speaker, words=words)


def _is_rolling(cues: list[_Cue]) -> bool:
    """Whether lines are carried over from cue to cue, or words have times."""
    if any(line.words for cue in cues for line in cue.lines):
        return True
    pairs = [(a, b) for a, b in pairwise(cues) if a.lines and b.lines and _touch(a, b)]
    carried = sum(a.lines[-1].text == b.lines[0].text and len(b.lines) > 1 for a, b in pairs)
    return len(pairs) > 3 and carried > _ROLLING_SHARE * len(pairs)


def _touch(a: _Cue, b: _Cue) -> bool:
    return b.start_ms - a.end_ms <= _CONTIGUOUS_MS


def _unrolled(cues: Iterable[_Cue]) -> Iterator[Segment]:
    """Each line once, when it is new. It lasts to the end of its last showing before the next new line."""
    before: _Cue | None = None
    for cue in cues:
        # over a pause, a line alone that was there before was said again; above a new line it was carried over
        rolls = before is not None and (_touch(before, cue) or any(line.words for line in cue.lines))
        known = _carried_over(before, cue) if before is not None and rolls else 0
        for line in cue.lines[known:]:
            start = line.words[0].start_ms if line.words else cue.start_ms
            yield Segment(
                start_ms=start,
                end_ms=max(start, cue.end_ms),
                text=line.text,
                speaker=cue.speaker,
                words=list(line.words),
            )
        before = cue if cue.lines or before is None else before


def _carried_over(before: _Cue, cue: _Cue) -> int:
    """How many first lines of `cue` are the last lines of the cue before it."""
    shown = [line.text for line in before.lines]
    old = [line.text for line in cue.lines]
    new_from = next((n for n, line in enumerate(cue.lines) if line.words), len(old))
    for length in range(min(len(shown), new_from), 0, -1):
        if old[:length] == shown[-length:]:
            return length
    return 0
