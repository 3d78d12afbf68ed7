"""Key passages: sentences that stand for the whole, say so in their words, and do not repeat one another."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from z2d.analysis import segmentation
from z2d.analysis.sentences import Sentence
from z2d.analysis.words import Lexicon

Scores = NDArray[np.float64]

_CUES = re.compile(
    r"\b(?:important(?:ly)?|the (?:key|main|point|reason|goal|idea|problem|question|answer|result|lesson|difference)"
    r"|in (?:short|summary|conclusion|other words|fact|essence)|to (?:sum|summari[sz]e)|this means|that means"
    r"|which means|that's why|that is why|turns out|the truth|crucial|essential|fundamental|remember|never|always|must"
    r"|the best|the most|because|therefore|as a result|we found|i believe|i argue|is called|defined as|the whole"
    r"|wichtig|entscheidend|das heißt|das bedeutet|deshalb|der grund|zusammenfassend|importante|clave|en resumen"
    r"|es decir|significa|por eso|essentiel|c'est-à-dire|en résumé|cela signifie|главн|важно|таким образом"
    r"|значит|поэтому)",
    re.IGNORECASE,
)
_SMALL_TALK = re.compile(
    r"\b(?:subscribe|sponsor|patreon|like button|bell icon|welcome (?:back|to)|thank(?:s| you)|hello|enjoy"
    r"|hi (?:everyone|everybody|guys)|good (?:morning|afternoon|evening)|see you"
    r"|good luck|take care|next (?:video|episode|time|week)"
    r"|(?:this|the) (?:video|episode|podcast|channel)|podcast|links? (?:in|below)|description below|bye|my name is"
    r"|abonniert|suscr[ií]b|abonnez|подпис|спасибо)",
    re.IGNORECASE,
)
_DANGLING = re.compile(
    r"^(?:and|but|so|or|because|which|that|this|these|those|it|its|it's|that's|he|she|they|them|then|also|yeah|yes|no"
    r"|right|okay|ok|well|like|oh|und|aber|also|das|es|er|sie|pero|y|et|mais|donc|и|а|но)\b",
    re.IGNORECASE,
)
_FILLERS = re.compile(
    r"\b(?:um|uh|you know|i mean|i guess|i think|sort of|kind of|yeah|like,|ähm|äh|euh)\b", re.IGNORECASE
)
# a passage far weaker than the best is left out rather than kept for its number
_WEAKEST = 0.72
# only the best of these are compared with one another
_COMPARED = 240


@dataclass(frozen=True, slots=True)
class Scored:
    """How much each sentence says (0-1), and the vectors to see which say the same."""

    scores: Scores
    vectors: NDArray[np.float64]


def score(sentences: list[Sentence], lexicon: Lexicon, title: str) -> Scored:
    """The worth of each sentence as a key passage."""
    features = [lexicon.features(sentence.text) for sentence in sentences]
    vectors = segmentation.vectors_of(features)
    if vectors is None:
        return Scored(np.zeros(len(sentences)), np.zeros((len(sentences), 1)))
    title_words = set(lexicon.features(title))
    # centrality: likeness to the middle of the whole, and to the middle of what is said around
    whole = vectors @ _unit(vectors.sum(axis=0))
    around = np.einsum("ij,ij->i", vectors, _neighbourhood(vectors, 12))
    central = _ranked(whole) * 0.5 + _ranked(around) * 0.5
    form = np.array(
        [_form(sentence, lexicon, words, title_words) for sentence, words in zip(sentences, features, strict=True)]
    )
    return Scored(np.clip(0.5 * central + 0.5 * form, 0.0, 1.0), vectors)


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm else vector


def _ranked(values: Scores) -> Scores:
    """Values as their rank, 0 to 1: two measures can be added without one drowning the other."""
    order = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return np.asarray(order / max(len(values) - 1, 1), dtype=np.float64)


def _neighbourhood(vectors: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    sums = np.vstack([np.zeros(vectors.shape[1]), np.cumsum(vectors, axis=0)])
    at = np.arange(len(vectors))
    middle = sums[np.minimum(at + reach + 1, len(vectors))] - sums[np.maximum(at - reach, 0)]
    norms = np.linalg.norm(middle, axis=1, keepdims=True)
    return np.asarray(middle / np.where(norms == 0, 1, norms), dtype=np.float64)


def _form(sentence: Sentence, lexicon: Lexicon, features: list[str], title_words: set[str]) -> float:
    """What the form of a sentence says of its worth, 0-1: its length, cue words, names and numbers, loose ends."""
    text = sentence.text
    words = lexicon.count(text)
    value = 0.45
    value += 0.15 if 12 <= words <= 34 else -0.02 * min(abs(words - (12 if words < 12 else 34)), 15)
    value += 0.15 * bool(_CUES.search(text))
    value += 0.08 * bool(title_words.intersection(features))
    value += 0.3 * min(len(set(features)) / max(words, 1), 0.5)
    value -= 0.2 * text.endswith(("?", "？"))
    value -= 0.15 * bool(_DANGLING.match(text))
    value -= 0.25 * bool(_SMALL_TALK.search(text))
    value -= 0.05 * min(len(_FILLERS.findall(text)), 3)
    if sentence.punctuated and not text.endswith((".", "!", "。", "！", "”", '"', "…")):
        value -= 0.1
    return value


def count_for(duration_ms: int, words: int) -> int:
    """How many key passages suit a talk."""
    if words < 120:
        return 1 if words < 60 else 2
    return max(3, min(3 + duration_ms // 240_000, words // 60, 12))


def choose(sentences: list[Sentence], scored: Scored, count: int, *, starts: list[int]) -> list[int]:
    """The numbers of the best sentences in the order they are said: high scores, and unlike one another (MMR).

    `starts` are the first sentences of the chapters; a second passage from one chapter has to be better than the first
    of another.
    """
    candidates = [int(at) for at in np.argsort(-scored.scores, kind="stable")[:_COMPARED]]
    chapter = {at: int(np.searchsorted(starts, at, side="right")) for at in candidates}
    chosen: list[int] = []
    likeness = np.zeros(len(sentences))
    while candidates and len(chosen) < count:
        taken = [chapter[at] for at in chosen]
        best = max(
            candidates, key=lambda at: (scored.scores[at] - 0.35 * likeness[at] - 0.08 * taken.count(chapter[at]), -at)
        )
        if chosen and scored.scores[best] < _WEAKEST * scored.scores.max():
            break
        candidates.remove(best)
        chosen.append(best)
        likeness = np.maximum(likeness, scored.vectors @ scored.vectors[best])
    return sorted(chosen)
