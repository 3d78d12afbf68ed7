"""Word errors: how far what was heard is from what was said."""

from __future__ import annotations

import re

_SPELLINGS = {"mister": "mr", "ok": "okay"}


def words(text: str) -> list[str]:
    """The words of a text in one spelling: small letters, no punctuation."""
    plain = re.sub(r"[^\w' ]", " ", text.lower())
    return [_SPELLINGS.get(word, word) for word in plain.split()]


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """(words wrong, missing or too many; words said): the Levenshtein distance of the two texts in words."""
    truth, guess = words(said), words(heard)
    row = list(range(len(guess) + 1))
    for number, word in enumerate(truth, 1):
        diagonal, row[0] = row[0], number
        for at, other in enumerate(guess, 1):
            diagonal, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, diagonal + (word != other))
    return row[-1], len(truth)


def recall(said: str, heard: str) -> float:
    """The share of the spoken words that were heard, each counted as often as it was said."""
    left, found = words(heard), 0
    for word in words(said):
        if word in left:
            left.remove(word)
            found += 1
    return found / max(1, len(words(said)))
