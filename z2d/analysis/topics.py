"""Topics: groups of terms that are spoken of together, with the stretches of time in which they are."""

from __future__ import annotations

import numpy as np

from z2d.analysis.sentences import Sentence
from z2d.analysis.terms import Term, Terms, stretches
from z2d.wire.library import Topic

_CANDIDATES = 28
_TOGETHER = 0.45
_MAX_SPANS = 12


def find(terms: Terms, sentences: list[Sentence], *, words: int, duration_ms: int, classes: int) -> list[Topic]:
    """The topics of a talk, the weightiest first; none for a clip too short to have one."""
    if words < 60:
        return []
    wanted = int(np.clip(words // 120, 1, 8))
    ranked = [(term, weight) for term, weight in terms.best(_CANDIDATES, classes=classes) if _can_name_a_topic(term)]
    spread = {term.key: _spread(term, len(sentences)) for term, _ in ranked}
    groups: list[list[tuple[Term, float]]] = []
    for term, weight in ranked:
        likes = [float(spread[term.key] @ spread[group[0][0].key]) for group in groups]
        if likes and max(likes) >= _TOGETHER:
            groups[int(np.argmax(likes))].append((term, weight))
        elif len(groups) < wanted:
            groups.append([(term, weight)])
    gap = int(np.clip(duration_ms // 40, 15_000, 90_000))
    return [_topic(group, sentences, gap) for group in groups]


def _can_name_a_topic(term: Term) -> bool:
    """A phrase said twice, or a word said so often that it is no chance."""
    return term.count >= (2 if term.size > 1 else 3)


def _spread(term: Term, sentences: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Where a term is said, blurred over its neighbourhood, as a vector of length 1."""
    bins = min(sentences, 120)
    hits = np.bincount([place * bins // sentences for place in term.places], minlength=bins).astype(np.float64)
    blurred = np.convolve(hits, [0.5, 1.0, 0.5], mode="same")[:bins] if bins > 2 else hits
    # what is said everywhere goes together with nothing in particular
    centred = blurred - blurred.mean()
    norm = float(np.linalg.norm(centred))
    return np.asarray(centred / norm if norm else centred)


def _topic(group: list[tuple[Term, float]], sentences: list[Sentence], gap_ms: int) -> Topic:
    label = group[0][0].label
    found = stretches([place for term, _ in group for place in term.places], sentences, gap_ms)
    strongest = sorted(sorted(found, key=lambda span: (-span[2], span[0]))[:_MAX_SPANS])
    return Topic(
        label=label,
        keywords=[term.label for term, _ in group[:8]],
        weight=group[0][1],
        spans=[(start, end) for start, end, _ in strongest],
    )
