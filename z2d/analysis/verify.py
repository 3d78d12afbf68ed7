"""Is this quote really said? The verifier behind every key passage, whoever proposes it.

A quote is found when its words stand in the transcript side by side and in order. Case, punctuation, white space and
the sounds of hesitation do not count; a number, a negation, a missing or a moved word do. The stored words are then
the transcript's own, and so is the time.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from z2d.analysis.timeline import Timeline
from z2d.wire.library import Segment


@dataclass(frozen=True, slots=True)
class Match:
    """Where a quote is said: cues (both inclusive), time, the transcript's own words, their place in the timeline."""

    segment_from: int
    segment_to: int
    start_ms: int
    end_ms: int
    text: str
    start: int
    end: int


# one sign of a script without spaces; a number with its sign and separators; a word; a sign that changes a number
_TOKEN = re.compile(
    r"(?P<sign>[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])"
    r"|(?P<number>(?<![\w-])[-\u2212](?=[.]?\d)[.]?\d+(?:[.,:]\d+)*|\d+(?:[.,:/]\d+)*)"
    r"|(?P<word>[^\W\d_\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u31f0-\u31ff\u3400-\u9fff]+"
    r"(?:['’ʼ][^\W\d_]+)*)"
    r"|(?P<unit>[$€£¥₹%‰°])"
)
_THOUSANDS = re.compile(r"^-?\d{1,3}(,\d{3})+(\.\d+)?$")
_HESITATION = frozenset({"um", "uh", "uhm", "umm", "uhh", "er", "erm", "hmm", "mhm", "äh", "ähm", "euh", "э", "ээ"})
# a quote that begins right after one of these says the opposite of what was said
_NEGATIONS = (
    "not never cannot neither nor nicht nie niemals kein keine keinen keiner keinem pas jamais nunca jamás não non mai"
    " niet nooit geen не никогда нет ikke inte 不 没 別"
)
_NEGATION = frozenset(_NEGATIONS.split())


@dataclass(frozen=True, slots=True)
class _Token:
    key: str
    start: int
    end: int


def _tokens(text: str) -> list[_Token]:
    """The words that count, each with its place in `text`."""
    tokens: list[_Token] = []
    for found in _TOKEN.finditer(text):
        key = unicodedata.normalize("NFKC", found.group()).casefold()
        if found.lastgroup == "number":
            key = key.replace("\u2212", "-")
            key = key.replace(",", "") if _THOUSANDS.match(key) else key
        elif found.lastgroup == "word":
            key = re.sub("['’ʼ]", "", key)
            if key in _HESITATION:
                continue
        tokens.append(_Token(key, found.start(), found.end()))
    return tokens


class Quotes:
    """A transcript prepared for looking up many quotes."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._tokens = _tokens(timeline.text)
        self._places: dict[str, list[int]] = {}
        for number, token in enumerate(self._tokens):
            self._places.setdefault(token.key, []).append(number)

    def find(self, quote: str, *, near: int | None = None) -> Match | None:
        """The place where `quote` is said, of several the one nearest to the cue `near`; None if nowhere."""
        wanted = [token.key for token in _tokens(unicodedata.normalize("NFC", quote))]
        if not wanted or any(key not in self._places for key in wanted):
            return None
        # start from the word of the quote that is said least often
        rarest = min(range(len(wanted)), key=lambda number: len(self._places[wanted[number]]))
        starts = [place - rarest for place in self._places[wanted[rarest]]]
        hits = [start for start in starts if self._stands_at(start, wanted) and not self._cuts_negation(start)]
        if not hits:
            return None
        cue_at = self._timeline.cue_at
        start = hits[0] if near is None else min(hits, key=lambda hit: abs(cue_at(self._tokens[hit].start) - near))
        return self._match(start, start + len(wanted) - 1)

    def _stands_at(self, start: int, wanted: list[str]) -> bool:
        if start < 0 or start + len(wanted) > len(self._tokens):
            return False
        return all(self._tokens[start + number].key == key for number, key in enumerate(wanted))

    def _cuts_negation(self, start: int) -> bool:
        """Whether the word just before, in the same sentence, is a 'not' the quote leaves out."""
        if start == 0:
            return False
        before, first = self._tokens[start - 1], self._tokens[start]
        negates = before.key in _NEGATION or (
            before.key.endswith("nt") and self._timeline.text[before.end - 2] in "'’ʼ"
        )
        return negates and not re.search(r"[.!?。！？…;:]", self._timeline.text[before.end : first.start])

    def _match(self, first: int, last: int) -> Match:
        text = self._timeline.text
        start, end = self._tokens[first].start, self._tokens[last].end
        closing = re.compile(r"[^\w\s]*[.!?。！？…][\"'”’»」)]*").match(text, end)
        end = closing.end() if closing else end
        span = self._timeline.span(start, end)
        return Match(span.segment_from, span.segment_to, span.start_ms, span.end_ms, span.text, start, end)


def find_quote(quote: str, cues: list[Segment], near: int | None = None) -> Match | None:
    """Where `quote` is said in `cues`, or None. For many quotes of one transcript prepare `Quotes` once.

    `near`: the index of the cue where it is expected; it chooses among repeats and excludes none.
    """
    return Quotes(Timeline(cues)).find(quote, near=near)
