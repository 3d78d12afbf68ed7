"""Words of a text in any script: which of them carry meaning, and how their forms are brought together."""

from __future__ import annotations

import re
from typing import NamedTuple

from z2d.analysis import stopwords

# scripts written without spaces: Thai, Lao, Burmese, Khmer, kana, Han
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_TOKEN = re.compile(
    rf"(?P<run>[{UNSPACED}]+)|(?P<number>\d+(?:[.,:]\d+)*)(?![^\W\d_])|(?P<word>[^\W_{UNSPACED}]+(?:['’ʼ-][^\W_{UNSPACED}]+)*)"
)
# in a run of an unspaced script a term is made of Han or Katakana; Hiragana is mostly grammar
_TERM_RUN = re.compile("[\u30a0-\u30ff]{2,}|[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+|[\u0e00-\u0eff]{3,}")
_CONTRACTED = frozenset({"t", "re", "ve", "ll", "d", "m"})
# [Music], (applause), notes, and the arrows some captions put before a new speaker
NOISE = re.compile(
    r"\[[^\[\]]{0,60}\]|\([A-Za-z ]{2,30}\)(?=\s|$)|[♪♫#]+|(?:^|(?<=\s))(?:&gt;|>){2,}|(?:^|(?<=\s))-(?=\s|\w)"
)


class Token(NamedTuple):
    """A word: `key` brings its forms together, `start` and `end` are its place in the text."""

    key: str
    start: int
    end: int
    stop: bool
    run: bool = False


class Lexicon:
    """The words of one language. Of an unknown one, the stop words are those that stand everywhere."""

    def __init__(self, text: str, language: str | None) -> None:
        spoken = [found.group().casefold() for found in _TOKEN.finditer(text[:200_000])]
        code = re.split("[-_]", language or "und")[0].lower()
        if not stopwords.of_language(code):
            code = stopwords.guess_language(spoken) if code in ("und", "") else code
        self.language = code
        self._stop = stopwords.of_language(code)
        if not self._stop:
            self._stop = stopwords.by_frequency([spoken[at : at + 60] for at in range(0, len(spoken), 60)])
        self.stop_signs = stopwords.of_language("zh")

    def tokens(self, text: str) -> list[Token]:
        """The words of `text` in order; a run of an unspaced script is one token."""
        return [self._token(found) for found in _TOKEN.finditer(text)]

    def _token(self, found: re.Match[str]) -> Token:
        word = found.group().casefold()
        if found.lastgroup == "run":
            return Token(word, found.start(), found.end(), stop=False, run=True)
        if found.lastgroup == "number":
            return Token(word, found.start(), found.end(), stop=True)
        stop = word in self._stop
        if not stop and ("'" in word or "’" in word or "ʼ" in word):
            word, stop = self._uncontracted(re.split("['’ʼ]", word))
        stop = stop or len(word) < 2 or word.isdecimal()
        return Token(self._stem(word), found.start(), found.end(), stop)

    def _uncontracted(self, parts: list[str]) -> tuple[str, bool]:
        """The word inside a contraction, and whether it says nothing: don't, country's, l'homme, dell'arte."""
        if parts[-1] in _CONTRACTED:
            return parts[0], True
        word = parts[0] if parts[-1] == "s" else parts[-1]
        return word, word in self._stop

    def _stem(self, word: str) -> str:
        """English plurals become singulars; other languages keep their forms."""
        if self.language != "en" or len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is", "ous")):
            return word
        return word[:-3] + "y" if word.endswith("ies") and len(word) > 4 else word[:-1]

    def features(self, text: str) -> list[str]:
        """What a text is compared by: the stems of its meaningful words; pairs of signs in unspaced scripts."""
        features: list[str] = []
        for token in self.tokens(text):
            if token.run:
                features += [token.key[at : at + 2] for at in range(len(token.key) - 1)]
            elif not token.stop:
                # inflected languages: the beginning of a long word stands for its forms
                features.append(token.key if self.language == "en" else token.key[:7])
        return features

    def count(self, text: str) -> int:
        """How many words are spoken; two signs of an unspaced script count as one."""
        return sum((len(token.key) + 1) // 2 if token.run else 1 for token in self.tokens(text))

    def run_terms(self, run: str) -> list[str]:
        """The possible terms within a run of an unspaced script: two to four signs, none of them mere grammar."""
        terms = []
        for part in _TERM_RUN.findall(run):
            if "\u30a0" <= part[0] <= "\u30ff" or "\u0e00" <= part[0] <= "\u0eff":
                terms.append(part)
                continue
            for length in (2, 3, 4):
                for at in range(len(part) - length + 1):
                    term = part[at : at + length]
                    if self.stop_signs.isdisjoint(term):
                        terms.append(term)
        return terms
