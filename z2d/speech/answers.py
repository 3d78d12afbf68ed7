"""Reading what transcription services answer: OpenAI's `verbose_json` as its many imitators really send it.

Segments may be missing or null, words may lie beside the segments or inside them, times may be out of order, and the
language may be a name or a code. What cannot be read is left out; nothing raises.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from z2d.speech.cues import from_text
from z2d.speech.engine import Hearing
from z2d.speech.languages import code_of
from z2d.wire.library import Segment, Word

ESTIMATED = "The service gives no times; those of this transcript are estimated and may be off by some seconds."


def read(answer: Mapping[str, Any], length_ms: int) -> Hearing:
    """The cues of an answer about a chunk of `length_ms`. A text without times is spread over the chunk."""
    language = code_of(answer.get("language"))
    segments = [item for item in _list(answer.get("segments")) if isinstance(item, Mapping)]
    cues = sorted(filter(None, map(_cue, segments)), key=lambda cue: cue.start_ms)
    text = tidy(answer.get("text"))
    if not segments and text:
        return Hearing(language=language, cues=from_text(text, 0, length_ms), warnings=[ESTIMATED])
    if not any(cue.words for cue in cues):
        cues = _with_words(cues, _words(answer.get("words")))
    return Hearing(language=language, cues=cues)


def is_imagined(no_speech: object, confidence: object) -> bool:
    """Whether a Whisper model says that nobody spoke and that it is unsure of the words: its own rule for silence."""
    silence, sureness = _number(no_speech), _number(confidence)
    return silence is not None and sureness is not None and silence > 0.6 and sureness < -1


def tidy(text: object) -> str:
    """One line without outer blanks, and without halves of surrogate pairs, which JSON can spell and nothing keeps."""
    if not isinstance(text, str):
        return ""
    return " ".join(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").split())


def milliseconds(seconds: object) -> int | None:
    """A time in seconds as milliseconds; None for what is none."""
    found = _number(seconds)
    return round(found * 1000) if found is not None and 0 <= found < 1e7 else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _cue(found: Mapping[str, Any]) -> Segment | None:
    text, start, end = tidy(found.get("text")), milliseconds(found.get("start")), milliseconds(found.get("end"))
    if not text or start is None or is_imagined(found.get("no_speech_prob"), found.get("avg_logprob")):
        return None
    return Segment(start_ms=start, end_ms=max(start, end or start), text=text, words=_words(found.get("words")))


def _words(found: object) -> list[Word]:
    return [
        Word(start_ms=at, text=said)
        for word in _list(found)
        if isinstance(word, Mapping)
        and (said := tidy(word.get("word")))
        and (at := milliseconds(word.get("start"))) is not None
    ]


def _with_words(cues: list[Segment], words: list[Word]) -> list[Segment]:
    """Give each word to the last cue that has begun when it is said."""
    if not cues or not words:
        return cues
    shares: list[list[Word]] = [[] for _ in cues]
    current = 0
    for word in sorted(words, key=lambda one: one.start_ms):
        while current + 1 < len(cues) and cues[current + 1].start_ms <= word.start_ms:
            current += 1
        shares[current].append(word)
    return [cue.model_copy(update={"words": share}) for cue, share in zip(cues, shares, strict=True)]
