"""Where a talk turns to another subject: chapter borders by latent semantic vectors and dynamic programming.

The transcript becomes blocks of a few sentences (at most 1,500, so a day of speech costs no more than some hours), each
block a vector. A chapter is worth the length of the sum of its vectors: high when they point the same way. The best
cut into a given number of chapters is found exactly.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from z2d.analysis.sentences import Sentence
from z2d.analysis.words import Lexicon

MAX_BLOCKS = 1500
_BLOCK_WORDS = 30
_DIMENSIONS = 24
# a talk is given a chapter for about so many minutes, and for at least so many words
_CHAPTER_MINUTES = 3.0
_CHAPTER_WORDS = 150
_MAX_CHAPTERS = 40

_TURN = re.compile(
    r"^(?:(?:and|so|but|well|yeah|yes|right|cool|great|awesome|sure)[, ]+)*"
    r"(?:okay|ok|all right|alright|next|finally|now|first|secondly|second|third|let's|let us|let me|moving on|another"
    r"|the (?:next|last|first|second|third|final)|what about|how about|speaking of|anyway|nun|jetzt|als nächstes"
    r"|kommen wir|zum schluss|ahora|bien|por último|vamos a|maintenant|passons|ensuite|enfin"
    r"|теперь|итак|следующ|далее)\b",
    re.IGNORECASE,
)

Vectors = NDArray[np.float64]


class _Sparse(NamedTuple):
    """A matrix of which only these values are not zero. That of scipy takes 0.2 s of each job to be imported."""

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    value: Vectors
    shape: tuple[int, int]

    @property
    def turned(self) -> _Sparse:
        """With rows for columns."""
        return _Sparse(self.column, self.row, self.value, self.shape[::-1])

    def times(self, dense: Vectors) -> Vectors:
        """The product with a matrix that has few columns."""
        sums = [np.bincount(self.row, self.value * each[self.column], self.shape[0]) for each in dense.T]
        return np.stack(sums, axis=1)

    def filled(self) -> Vectors:
        """With its zeros."""
        matrix = np.zeros(self.shape)
        matrix[self.row, self.column] = self.value
        return matrix


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring sentences first..last-1, compared as one."""

    first: int
    last: int


def blocks_of(sizes: Sequence[int]) -> list[Block]:
    """Blocks of about thirty words; larger ones where a text would have more than `MAX_BLOCKS`."""
    wanted = max(_BLOCK_WORDS, -(-sum(sizes) // (MAX_BLOCKS - 1)))
    blocks: list[Block] = []
    first = words = 0
    for number, size in enumerate(sizes):
        words += size
        if words >= wanted:
            blocks.append(Block(first, number + 1))
            first, words = number + 1, 0
    if first < len(sizes):
        blocks.append(Block(first, len(sizes)))
    return blocks


def vectors_of(features: list[list[str]]) -> Vectors | None:
    """Latent semantic vectors of length 1, one row per text; zero for a text without words. None: nobody says a word.

    Deerwester et al. 1990: the singular vectors of the tf-idf matrix are what the texts are about.
    """
    if not any(features):
        return None
    rows = _tf_idf(features, least=2 if len(features) > 40 else 1)
    dimensions = min(_DIMENSIONS, *(size - 1 for size in rows.shape))
    if dimensions < 2:
        return rows.filled()
    return _of_length_one(rows.times(_main_axes(rows, dimensions).T))


def _main_axes(rows: _Sparse, count: int) -> Vectors:
    """The first `count` right singular vectors, by subspace iteration from a fixed start (Halko et al. 2011).

    ARPACK would start anew with random vectors where the texts repeat themselves; the same talk must get the same
    chapters.
    """
    start = np.random.default_rng(0).standard_normal((rows.shape[1], min(count + 10, *rows.shape)))
    basis = np.linalg.qr(rows.times(start)).Q
    for _ in range(4):
        basis = np.linalg.qr(rows.times(np.linalg.qr(rows.turned.times(basis)).Q)).Q
    return np.linalg.svd(rows.turned.times(basis).T, full_matrices=False).Vh[:count]


def _tf_idf(texts: list[list[str]], least: int) -> _Sparse:
    """A row per text, of length 1: how often it says each word (logarithmic), times how few texts say it.

    Words that stand in fewer than `least` texts are left out, unless none is left then.
    """
    spread = Counter(word for text in texts for word in set(text))
    known = sorted(word for word, count in spread.items() if count >= least) or sorted(spread)
    column = {word: at for at, word in enumerate(known)}
    counts = [Counter(word for word in text if word in column) for text in texts]
    sizes = np.array([len(count) for count in counts])
    where = np.array([column[word] for count in counts for word in count], dtype=np.int64)
    often = np.array([times for count in counts for times in count.values()], dtype=np.float64)
    rarity = np.log((1 + len(texts)) / (1 + np.array([spread[word] for word in known]))) + 1
    values = (1 + np.log(often)) * rarity[where]
    row = np.repeat(np.arange(len(texts)), sizes)
    lengths = np.sqrt(np.bincount(row, weights=values**2, minlength=len(texts)))
    return _Sparse(row, where, values / lengths[row], (len(texts), len(known)))


def _of_length_one(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths == 0, 1, lengths), dtype=np.float64)


def chapter_count(duration_ms: int, words: int) -> int:
    """How many chapters suit a talk: none to speak of (1) below three minutes."""
    if duration_ms < 180_000 or words < 2 * _CHAPTER_WORDS:
        return 1
    by_time = duration_ms / 60_000 / _CHAPTER_MINUTES
    if by_time > 10:  # long talks have longer chapters
        by_time = 10 + (by_time - 10) * 0.6
    return max(2, min(round(by_time), words // _CHAPTER_WORDS, _MAX_CHAPTERS))


def borders(sentences: list[Sentence], lexicon: Lexicon, count: int) -> list[int]:
    """The numbers of the sentences with which chapters begin, 0 first; `count` at most."""
    sizes = [lexicon.count(sentence.text) for sentence in sentences]
    blocks = blocks_of(sizes)
    count = min(count, len(blocks) // 2)
    if count < 2:
        return [0]
    features = [
        [word for at in range(block.first, block.last) for word in lexicon.features(sentences[at].text)]
        for block in blocks
    ]
    vectors = vectors_of(features)
    if vectors is None:
        return [0]
    signs = np.array([_turn(sentences, block.first) for block in blocks])
    return [blocks[at].first for at in cut(vectors, count, signs)]


def _turn(sentences: list[Sentence], number: int) -> float:
    """How much the beginning of a sentence sounds like a turn of the talk: words, a question, a silence before it."""
    if number == 0:
        return 0.0
    sentence, before = sentences[number], sentences[number - 1]
    pause = min(max(sentence.span.start_ms - before.span.end_ms, 0), 3000) / 3000
    return 1.0 * bool(_TURN.match(sentence.text)) + 0.5 * sentence.text.endswith(("?", "？")) + pause


def cut(vectors: Vectors, count: int, signs: NDArray[np.float64], *, sign_weight: float = 0.15) -> list[int]:
    """The blocks at which the best cut into `count` parts begins its parts, by dynamic programming.

    Worth of a part = |sum of its vectors| less a penalty for a length far from the mean; a part that begins with the
    sign of a turn gets a bonus. Time: blocks x blocks, whatever the count adds is a factor of at most 40.
    """
    blocks = len(vectors)
    mean = blocks / count
    longest = min(blocks, int(3.5 * mean) + 1)
    sums = np.vstack([np.zeros(vectors.shape[1]), np.cumsum(vectors, axis=0)])
    worth = np.full((blocks + 1, longest + 1), -np.inf)  # worth[end, length]
    for end in range(1, blocks + 1):
        most = min(longest, end)
        lengths = np.arange(1, most + 1)
        size = np.linalg.norm(sums[end] - sums[end - lengths], axis=1)
        worth[end, 1 : most + 1] = (
            size - 0.12 * mean * (np.log(lengths / mean) ** 2) + sign_weight * np.sqrt(mean) * signs[end - lengths]
        )
    best = np.full((count + 1, blocks + 1), -np.inf)
    best[0, 0] = 0.0
    back = np.zeros((count + 1, blocks + 1), dtype=np.int64)
    for part in range(1, count + 1):
        for end in range(part, blocks + 1):
            most = min(longest, end)
            total = best[part - 1, end - most : end][::-1] + worth[end, 1 : most + 1]
            length = int(np.argmax(total))
            best[part, end], back[part, end] = total[length], end - length - 1
    starts, end = [], blocks
    for part in range(count, 0, -1):
        end = int(back[part, end])
        starts.append(end)
    return starts[::-1]
