"""Terms that set a text, or a part of it, apart: class tf-idf over phrases of one to three words."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from z2d.analysis.sentences import Sentence
from z2d.analysis.words import Lexicon, Token

_BINDINGS = "of for in de del du des der da do di la van von en für"
_BINDING = frozenset(_BINDINGS.split())
# English words that say how things are or what is done with them, seldom what a talk is about: exposed, easily, useful
_SAYS_HOW = re.compile(r"(?:[^aeiou]ed|ly|ful|ous|able|ible|ive|[a-z]{3}ier)$")
_LENGTH_BONUS = {1: 1.0, 2: 2.2, 3: 2.4}


@dataclass(slots=True)
class Term:
    """A phrase, how people write it, and the sentences (their numbers, rising, repeated per use) it stands in."""

    key: str
    size: int
    places: list[int] = field(default_factory=list)
    forms: Counter[str] = field(default_factory=Counter)

    @property
    def label(self) -> str:
        """The form that is written most often; of equals the first in the alphabet."""
        return min(self.forms, key=lambda form: (-self.forms[form], form))

    def count_in(self, first: int, last: int) -> int:
        """How often it is said in the sentences first..last-1."""
        return bisect_left(self.places, last) - bisect_left(self.places, first)

    @property
    def count(self) -> int:
        """How often it is said at all."""
        return len(self.places)


class Terms:
    """All terms of a text, and which of them matter where."""

    def __init__(self, texts: list[str], lexicon: Lexicon, title: str) -> None:
        self._lexicon = lexicon
        self._terms: dict[str, Term] = {}
        self._weights = [0]  # meaningful words before each sentence
        for number, text in enumerate(texts):
            tokens = lexicon.tokens(text)
            self._collect(number, text, tokens)
            self._weights.append(self._weights[-1] + sum(not token.stop for token in tokens))
        self._drop_torn()
        self._title = {token.key for token in lexicon.tokens(title) if not token.stop}

    def _collect(self, number: int, text: str, tokens: list[Token]) -> None:
        for at, token in enumerate(tokens):
            if token.run:
                for term in self._lexicon.run_terms(token.key):
                    self._add(term, 1, number, term)
                continue
            if token.stop:
                continue
            for size in (1, 2, 3):
                part = tokens[at : at + size]
                if len(part) < size or part[-1].run:
                    break
                if size > 1 and text[part[-2].end : part[-1].start].strip():
                    break  # a comma or a full stop ends a phrase
                if part[-1].stop or (size == 1 and len(token.key) < 3 and not text[token.start : token.end].isupper()):
                    continue
                if size > 1 and not self._binds(part, text):
                    continue
                self._add(" ".join(word.key for word in part), size, number, text[token.start : part[-1].end])

    @staticmethod
    def _binds(part: list[Token], text: str) -> bool:
        """Whether words make one phrase: none twice, and of the small words only a preposition in the middle."""
        if len({word.key for word in part}) < len(part):
            return False
        return not any(word.stop and text[word.start : word.end].casefold() not in _BINDING for word in part[1:-1])

    def _add(self, key: str, size: int, number: int, form: str) -> None:
        term = self._terms.get(key)
        if term is None:
            term = self._terms[key] = Term(key, size)
        term.places.append(number)
        term.forms[form.removesuffix("'s").removesuffix("’s")] += 1

    def _drop_torn(self) -> None:
        """Forget rare phrases in a long text, and in unspaced scripts pieces of a longer term."""
        if self._weights[-1] > 150:
            self._terms = {key: term for key, term in self._terms.items() if term.count > 1}
        longer: dict[str, int] = defaultdict(int)
        for key, term in self._terms.items():
            if " " not in key and len(key) > 2 and key[0] > "\u3000":
                for piece in (key[1:], key[:-1]):
                    longer[piece] = max(longer[piece], term.count)
        self._terms = {key: term for key, term in self._terms.items() if longer[key] < 0.8 * term.count}

    def best(
        self, limit: int, *, first: int = 0, last: int | None = None, classes: int = 1
    ) -> list[tuple[Term, float]]:
        """The terms that matter most in the sentences first..last-1, with weights of at most 1, none inside another.

        `classes` is the number of parts the text is cut into: a term said all over it does not mark one part.
        """
        last = len(self._weights) - 1 if last is None else last
        size = self._weights[last] - self._weights[first] or 1
        average = self._weights[-1] / max(classes, 1)
        scored = []
        for term in self._terms.values():
            count = term.count_in(first, last)
            if not count:
                continue
            score = self._worth(term) * (count / size) * math.log(1 + average / term.count)
            scored.append((score * (1 if count > 1 else 0.5), term))
        scored.sort(key=lambda pair: (-pair[0], pair[1].key))
        chosen: list[tuple[Term, float]] = []
        top = scored[0][0] if scored else 1.0
        for score, term in scored:
            if len(chosen) == limit:
                break
            if not any(self._overlap(term.key, other.key) for other, _ in chosen):
                chosen.append((term, round(score / top, 4)))
        return chosen

    def _worth(self, term: Term) -> float:
        """A phrase says more than a word, a name more than a common word, a word of the title more than another."""
        words = term.key.split()
        worth = _LENGTH_BONUS[term.size] if term.count > 1 else 1.0 + 0.2 * (term.size > 1)
        if any(word in self._title for word in words):
            worth *= 1.3
        if any(char.isupper() for char in term.label) and not self._lexicon.language.startswith("de"):
            worth *= 1.2
        if (
            term.size == 1
            and len(term.key) <= 4
            and not term.label.isupper()
            and " " not in term.key
            and term.key.isascii()
        ):
            worth *= 0.8
        if term.size == 1 and self._lexicon.language == "en" and _SAYS_HOW.search(term.key):
            worth *= 0.6
        return worth

    def _overlap(self, one: str, two: str) -> bool:
        """Whether two terms say nearly the same: they share more than half of the words of the shorter one."""
        words_one, words_two = self._stems(one), self._stems(two)
        if 2 * len(words_one & words_two) > min(len(words_one), len(words_two)):
            return True
        return (one in two or two in one) and not (one.isascii() and two.isascii())

    def _stems(self, key: str) -> set[str]:
        """The words of a term; in inflected languages the beginning of a long word stands for its forms."""
        return {word if self._lexicon.language == "en" else word[:7] for word in key.split()}


def stretches(term_places: list[int], sentences: list[Sentence], gap_ms: int) -> list[tuple[int, int, int]]:
    """(start_ms, end_ms, uses) of each stretch in which `term_places` lie at most `gap_ms` apart."""
    found: list[tuple[int, int, int]] = []
    for place in sorted(term_places):
        span = sentences[place].span
        if found and span.start_ms - found[-1][1] <= gap_ms:
            start, end, uses = found[-1]
            found[-1] = (start, max(end, span.end_ms), uses + 1)
        else:
            found.append((span.start_ms, span.end_ms, 1))
    return found
