"""From what a model says to what may be stored: found in the transcript, or dropped.

A quote counts when the verifier finds it among the sentences that the model was shown. Stored are the whole sentences
in which it stands, so that half of one cannot say the opposite. A true quote does not prove the claim beside it: a
claim with a number that is not said around there gives way to the transcript's own words.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass

from z2d.analysis import summary
from z2d.analysis.llm.prompt import Said
from z2d.analysis.sentences import Sentence
from z2d.analysis.timeline import Span, Timeline
from z2d.analysis.verify import Match, Quotes
from z2d.analysis.words import Lexicon

LEAST_WORDS = 3
_LONGEST_QUOTE = 3  # sentences
_AROUND = 3  # sentences before and after a quote in which a claim's numbers are looked for
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_MARKUP = re.compile(r"<[^<>]{0,300}>|!?\[([^\[\]]{0,300})\]\([^()\s]{0,2000}\)")
_LINK = re.compile(
    r"(?:https?|ftp)://\S+|www\.\S+|\S+@[\w-]+\.\w{2,}"
    r"|\b[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|io|co|info|biz|app|dev|me|ly|ru|cn|top|xyz|shop|site|online|link)\b(?:/\S*)?",
    re.IGNORECASE,
)
_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:previous|prior|above|earlier|preceding|all|your|these|system)\b"
    r".{0,30}\b(?:instruction|prompt|rule|direction|guideline|message|context)s?\b"
    r"|\b(?:you are|act as|pretend to be)\b.{0,40}\b(?:language model|assistant|chatbot|ai)\b.{0,60}"
    r"\b(?:must|should|will|now)\b"
    r"|\b(?:system|developer) (?:prompt|message)\b|\bnew instructions?\b\s*:"
    r"|\b(?:ignoriere?|vergiss|missachte)\b.{0,60}\b(?:anweisung|vorgabe|regel|befehl)"
    r"|\b(?:ignora|olvida)\b.{0,60}\b(?:instrucci|reglas|indicaciones)"
    r"|\b(?:ignore[zr]?|oublie[zr]?)\b.{0,60}\b(?:consignes|instructions)"
    r"|(?:игнорируй|забудь).{0,60}(?:инструкци|указани)|忽略.{0,20}(?:指令|指示|提示)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is said: sentences (both inclusive), and their words and times."""

    first: int
    last: int
    span: Span


class Ground:
    """A transcript as the ground on which a model's words have to stand."""

    def __init__(self, timeline: Timeline, sentences: list[Sentence], lexicon: Lexicon, *, told: str) -> None:
        self.sentences = sentences
        self._timeline, self._lexicon = timeline, lexicon
        self._quotes = Quotes(timeline)
        self._starts = [sentence.start for sentence in sentences]
        self._source = f"{told}\n{timeline.text}".casefold()
        self._told_numbers = numbers(told)
        self.orders = frozenset(at for at, sentence in enumerate(sentences) if _ORDERS.search(sentence.text))
        """Sentences that read like an order to a language model."""

    def find(self, said: Said, first: int, last: int) -> Place | None:
        """Where among the sentences first..last (inclusive) this is said; None: nowhere, or it is no evidence.

        Lines are numbered from 1, sentences from 0.
        """
        at = said.n - 1
        if not first <= at <= last:
            return None
        match = self._quotes.find(said.quote[:2000], near=self.sentences[at].span.segment_from)
        if match is None or self._lexicon.count(match.text) < LEAST_WORDS:
            return None
        begin, end = self._sentence_at(match.start), self._sentence_at(match.end - 1)
        if not first <= begin <= end <= last or not self.orders.isdisjoint(range(begin, end + 1)):
            return None
        return Place(begin, end, self._span(match, begin, end))

    def _sentence_at(self, char: int) -> int:
        return max(0, bisect_right(self._starts, char) - 1)

    def _span(self, match: Match, begin: int, end: int) -> Span:
        if end - begin < _LONGEST_QUOTE:
            return self._timeline.span(
                min(match.start, self.sentences[begin].start), max(match.end, self.sentences[end].end)
            )
        return self._timeline.span(match.start, match.end)

    def plain(self, text: str, limit: int) -> str:
        """A model's words as one plain line: no markup, no control signs, no link that the source does not have."""
        text = unicodedata.normalize("NFC", text[: limit * 4])
        text = "".join(sign if sign.isprintable() else " " for sign in text)
        text = _MARKUP.sub(lambda found: found[1] or " ", text)
        text = _LINK.sub(lambda found: found[0] if found[0].rstrip(".,;:!?)").casefold() in self._source else " ", text)
        text = re.sub(r"\s+([.,;:!?)])", r"\1", " ".join(text.split()))
        return summary.clipped(text, limit) if re.search(r"\w", text) else ""

    def bears(self, text: str, places: list[Place]) -> bool:
        """Whether every number in `text` is said around one of these places, or in title or description."""
        wanted = numbers(text) - self._told_numbers
        for place in places if wanted else []:
            around = self.sentences[max(0, place.first - _AROUND) : place.last + 1 + _AROUND]
            wanted -= numbers(" ".join(sentence.text for sentence in around))
        return not wanted

    def own_words(self, place: Place) -> str:
        """A claim in the transcript's own words."""
        punctuated = self.sentences[place.first].punctuated
        return summary.claim(place.span.text, punctuated=punctuated, language=self._lexicon.language)


def numbers(text: str) -> set[str]:
    """The numbers written in digits, without what only separates thousands."""
    return {re.sub(r",(?=\d{3}\b)", "", found) for found in _NUMBER.findall(unicodedata.normalize("NFKC", text))}
