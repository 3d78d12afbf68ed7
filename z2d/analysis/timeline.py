"""A transcript as one running text that still knows when each character is said."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

from z2d.wire.library import Segment


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the running text: its characters, its cues (both inclusive) and its time."""

    text: str
    segment_from: int
    segment_to: int
    start_ms: int
    end_ms: int


class Timeline:
    """The running text of some cues: `text`, and the way back from characters to cues and times.

    Cue texts are joined by one space, white space inside them is one space. Times are those of the words where a cue
    carries word times, else those of the cue: a cue time is never guessed at by counting letters.
    """

    def __init__(self, cues: list[Segment]) -> None:
        self.cues = cues
        self._starts: list[int] = []
        self._words: dict[int, list[tuple[int, int]]] = {}
        parts: list[str] = []
        length = 0
        for cue in cues:
            text = " ".join(cue.text.split())
            self._starts.append(length)
            parts.append(text)
            length += len(text) + 1
        self.text = " ".join(parts)

    def cue_at(self, char: int) -> int:
        """The index of the cue that holds the character at `char`."""
        return max(0, bisect_right(self._starts, char) - 1)

    def cue_start(self, cue: int) -> int:
        """The position in the text at which a cue begins."""
        return self._starts[cue]

    def span(self, start: int, end: int) -> Span:
        """The stretch [start, end) of the text; it must not be empty."""
        first, last = self.cue_at(start), self.cue_at(end - 1)
        start_ms = self._time(first, start, after=False)
        end_ms = max(start_ms, self._time(last, end, after=True))
        return Span(self.text[start:end], first, last, start_ms, end_ms)

    def _time(self, cue: int, char: int, *, after: bool) -> int:
        """When the word at `char` begins, or (after) when the words before `char` have been said."""
        segment = self.cues[cue]
        words = self.word_times(cue)
        if after:
            return next((ms for at, ms in words if at >= char), segment.end_ms)
        return next((ms for at, ms in reversed(words) if at <= char), segment.start_ms)

    def word_times(self, cue: int) -> list[tuple[int, int]]:
        """(position in the text, ms) of each timed word of a cue, in order; empty where the cue has none."""
        if cue not in self._words:
            self._words[cue] = self._align(cue)
        return self._words[cue]

    def _align(self, cue: int) -> list[tuple[int, int]]:
        segment = self.cues[cue]
        at = self._starts[cue]
        end = self._starts[cue + 1] if cue + 1 < len(self._starts) else len(self.text)
        found: list[tuple[int, int]] = []
        for word in segment.words:
            here = self.text.find(word.text.strip(), at, end)
            if here < 0 or not word.text.strip():
                continue
            found.append((here, min(max(word.start_ms, segment.start_ms), segment.end_ms)))
            at = here + len(word.text.strip())
        # word times that run backwards are no times
        return found if all(one[1] <= two[1] for one, two in pairwise(found)) else []
