"""Cues from what engines give: timed words without sentences, or sentences without times."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from z2d.wire.library import Segment, Word

_PAUSE_MS = 600
_LONGEST_MS = 8000
_MOST_CHARACTERS = 84
"""Two lines of a subtitle."""
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])\s*")


@dataclass(frozen=True)
class TimedWord:
    """One word and when it is said, in milliseconds."""

    start_ms: int
    end_ms: int
    text: str


def from_words(words: Iterable[TimedWord]) -> list[Segment]:
    """Group words into cues: a new one after a pause, and before it gets too long to read."""
    groups: list[list[TimedWord]] = []
    for word in words:
        group = groups[-1] if groups else []
        letters = sum(len(one.text) + 1 for one in group) + len(word.text)
        if (
            not group
            or word.start_ms - group[-1].end_ms >= _PAUSE_MS
            or word.end_ms - group[0].start_ms > _LONGEST_MS
            or letters > _MOST_CHARACTERS
        ):
            groups.append([word])
        else:
            group.append(word)
    return [
        Segment(
            start_ms=group[0].start_ms,
            end_ms=max(group[-1].end_ms, group[0].start_ms),
            text=" ".join(word.text for word in group),
            words=[Word(start_ms=word.start_ms, text=word.text) for word in group],
        )
        for group in groups
    ]


def from_text(text: str, start_ms: int, end_ms: int) -> list[Segment]:
    """Spread a text over the time in which it is said: each sentence gets time by its length."""
    sentences = [" ".join(part.split()) for part in _SENTENCE.split(text.strip())]
    sentences = [sentence for sentence in sentences if sentence]
    letters = sum(map(len, sentences))
    found, said = [], 0
    for sentence in sentences:
        begin = start_ms + (end_ms - start_ms) * said // letters
        said += len(sentence)
        found.append(Segment(start_ms=begin, end_ms=start_ms + (end_ms - start_ms) * said // letters, text=sentence))
    return found


def placed(cues: Iterable[Segment], start_ms: int, length_ms: int) -> list[Segment]:
    """The cues of a chunk as cues of the recording: moved by `start_ms`, none beyond the chunk's end."""

    def moved(at: int) -> int:
        return start_ms + min(at, length_ms)

    return [
        cue.model_copy(
            update={
                "start_ms": moved(cue.start_ms),
                "end_ms": moved(max(cue.start_ms, cue.end_ms)),
                "words": [Word(start_ms=moved(word.start_ms), text=word.text) for word in cue.words],
            }
        )
        for cue in cues
    ]
