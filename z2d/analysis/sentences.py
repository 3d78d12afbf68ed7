"""Sentences of a transcript: by punctuation, or by pauses and length where speech has none written down."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from z2d.analysis.timeline import Span, Timeline
from z2d.analysis.words import NOISE, UNSPACED

_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s|$)|[。！？]+[」』”]*")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"“])(?:[^\W\d_]|[^\W\d_](?:\.[^\W\d_])+|mr|mrs|ms|dr|prof|st|vs|etc|e\.g|i\.e|jr|sr|no|vol|fig|approx|inc|ltd|co"
    r"|bzw|usw|z\.b|ca|nr|bspw|sog|evtl|ggf|sra|srta|pág|ej|m|mme|т\.е|т\.д|др)\.$",
    re.IGNORECASE,
)
_ORDINAL = re.compile(r"(?:^|[\s(])\d{1,2}\.$")
_MAX_WORDS = 45
_PAUSED_WORDS = (10, 28)
_PAUSE_MS = 700
# how long a word takes, at most, that is spoken without a silence after it
_WORD_MS, _LETTER_MS = 200, 50
# words that often begin a sentence are worth a pause of so many milliseconds, words that hardly end one cost as much
_OPENING_WORTH = 250
_HANGING_COST = 500
_OPENING = re.compile(
    r"\s*(?:so|but|because|now|then|if|when|we|i|i'm|you|it|it's|this|that's|they|there|there's|he|she|what|how|okay"
    r"|aber|also|dann|wenn|wir|ich|das|es|pero|mais|donc|alors|а|но|то есть|вот|это|поэтому|если)\b",
    re.IGNORECASE,
)
_HANGING = re.compile(
    r"\b(?:a|an|the|of|to|in|on|at|for|from|with|by|as|and|or|but|so|if|that|which|who|than|is|are|was|were|be|been|has"
    r"|have|had|will|would|can|could|should|my|your|his|her|its|our|their|this|these|those|i|we|he|she|they|it's|i'm"
    r"|not|very|really|just|like|some|any|every|no|more|most|because|when|where|there|there's|what|how|about|into"
    r"|der|die|das|ein|eine|einen|und|oder|aber|von|zu|mit|für|auf|in|im|dass|wenn|ist|sind|el|la|los|las|un|una|de|del"
    r"|y|o|que|en|con|por|para|es|le|les|des|du|et|ou|à|dans|pour|est|и|а|но|в|на|с|к|о|у|из|по|от|для|что|как|не"
    r"|это|то|же|или|при|за|до|чтобы|если)\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, where it stands in the running text and when it is said."""

    start: int
    end: int
    span: Span
    punctuated: bool

    @property
    def text(self) -> str:
        """Its words, as they stand in the transcript."""
        return self.span.text


def split(timeline: Timeline) -> list[Sentence]:
    """The sentences of a transcript in order; noise marks such as [Music] belong to none."""
    text = timeline.text
    parts = _between(text, [found.span() for found in NOISE.finditer(text)])
    ends = len(_END.findall(text))
    signs = len(re.findall(rf"[{UNSPACED}]", text))
    words = len(text.split()) + signs // 2
    punctuated = ends > 0 and ends * 60 >= words
    clip = not punctuated and words <= _PAUSED_WORDS[1] + 2  # one sentence, however slowly it is spoken
    sentences: list[Sentence] = []
    for start, end in parts:
        borders = _by_marks(text, start, end) if punctuated else []
        for first, last in _cut(borders, start, end):
            pieces = [(first, last)] if clip else _shorten(timeline, first, last, punctuated)
            for piece_first, piece_last in pieces:
                sentences += _sentence(timeline, piece_first, piece_last, punctuated)
    return sentences


def _sentence(timeline: Timeline, start: int, end: int, punctuated: bool) -> list[Sentence]:
    """A sentence without the white space around it; none where nothing is left."""
    piece = timeline.text[start:end]
    start += len(piece) - len(piece.lstrip())
    end -= len(piece) - len(piece.rstrip())
    if start >= end or not re.search(r"\w", piece):
        return []
    return [Sentence(start, end, timeline.span(start, end), punctuated)]


def _between(text: str, gaps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The stretches of the text that lie outside of the gaps."""
    parts, at = [], 0
    for start, end in gaps:
        if text[at:start].strip():
            parts.append((at, start))
        at = end
    if text[at:].strip():
        parts.append((at, len(text)))
    return parts


def _cut(borders: list[int], start: int, end: int) -> list[tuple[int, int]]:
    edges = [start, *borders, end]
    return [(edges[at], edges[at + 1]) for at in range(len(edges) - 1) if edges[at] < edges[at + 1]]


def _by_marks(text: str, start: int, end: int) -> list[int]:
    """Where sentences end by their marks; the stop of an abbreviation ends none."""
    borders = []
    for found in _END.finditer(text, start, end):
        after = text[found.end() : found.end() + 2].strip()
        head = text[max(start, found.start() - 12) : found.start() + 1]
        if found.group() == "." and (_ABBREVIATION.search(head) or _ORDINAL.search(head)):
            continue
        if found.group() in (".", "…", "...") and after and after[0].islower():
            continue
        borders.append(found.end())
    return borders


def _shorten(timeline: Timeline, start: int, end: int, punctuated: bool) -> list[tuple[int, int]]:
    """A stretch too long for one sentence, cut where a pause, a cue or a word that opens a sentence offers itself."""
    least, most = (_MAX_WORDS // 3, _MAX_WORDS) if punctuated else _PAUSED_WORDS
    if _size(timeline.text[start:end]) <= (most if punctuated else least):
        return [(start, end)]
    pieces: list[tuple[int, int]] = []
    first, words, last_at = start, 0, start
    offers: list[tuple[int, int, int]] = []  # (worth, position, words before it) since the last cut
    for at, pause in [*_breaks(timeline, start, end), (end, 0)]:
        words += _size(timeline.text[last_at:at])
        last_at = at
        while offers and words > most:
            _, cut_at, before = max(offers, key=lambda offer: (offer[0], offer[1]))
            pieces.append((first, cut_at))
            first, words = cut_at, words - before
            offers = [(worth, place, count - before) for worth, place, count in offers if count - before >= least]
        worth = pause + _form(timeline.text, at)
        if words >= least and at < end:
            offers.append((worth, at, words))
        if not punctuated and words >= least and worth >= _PAUSE_MS:
            pieces.append((first, at))
            first, words, offers = at, 0, []
    if pieces and _size(timeline.text[first:end]) < least // 2:
        first = pieces.pop()[0]
    return [*pieces, (first, end)]


def _form(text: str, at: int) -> int:
    """What the words before and after `at` say for a border there, as the milliseconds of a pause."""
    opens = bool(_OPENING.match(text, at))
    hangs = bool(_HANGING.search(text, max(0, at - 16), at))
    return _OPENING_WORTH * opens - _HANGING_COST * hangs


def _size(text: str) -> int:
    return len(text.split()) + len(re.findall(rf"[{UNSPACED}]", text)) // 2


def _breaks(timeline: Timeline, start: int, end: int) -> list[tuple[int, int]]:
    """(position, silence before it in ms) of each timed word, or of each cue where words have no times."""
    breaks: list[tuple[int, int]] = []
    before: tuple[int, int] | None = None  # the last word of the cue before
    for cue in range(timeline.cue_at(start), timeline.cue_at(end - 1) + 1):
        segment = timeline.cues[cue]
        gap = segment.start_ms - timeline.cues[cue - 1].end_ms if cue else 0
        words = timeline.word_times(cue)
        if not words:
            breaks.append((timeline.cue_start(cue), gap))
            before = None
            continue
        if before is None:
            breaks.append((words[0][0], gap))
        timed = words if before is None else [before, *words]
        # a word that lasts long has a silence in it
        breaks += [
            (two[0], two[1] - one[1] - _WORD_MS - _LETTER_MS * (two[0] - one[0] - 1)) for one, two in pairwise(timed)
        ]
        before = words[-1]
    return [(at, gap) for at, gap in breaks if start < at < end]
