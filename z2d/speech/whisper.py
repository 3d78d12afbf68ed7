"""faster-whisper, inside the child."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from z2d.speech.answers import is_imagined, milliseconds, tidy
from z2d.speech.engine import Hearing
from z2d.speech.languages import as_whisper_says, code_of
from z2d.wire.library import Segment, Word


def recognise(wav: Path, model_dir: Path, language: str | None, tell: Callable[[Segment], None]) -> Hearing:
    """What is said in a WAV file. Raises RuntimeError or ValueError, as CTranslate2 does, for a model it cannot use."""
    model = _load(model_dir)
    # what was said before is not given as context: one imagined sentence would be repeated to the end
    found, info = model.transcribe(
        str(wav),
        language=as_whisper_says(language),
        word_timestamps=True,
        vad_filter=True,
        condition_on_previous_text=False,
    )
    cues: list[Segment] = []
    for segment in found:  # recognised as it is asked for
        cue = _cue(segment)
        if cue is not None:
            cues.append(cue)
            tell(cue)
    return Hearing(language=code_of(info.language), cues=cues)


def _load(folder: Path) -> Any:
    """The model in a folder; its own errors say what is wrong with a part, and not of what."""
    from faster_whisper import WhisperModel

    try:
        json.loads((folder / "tokenizer.json").read_bytes())[
            "model"
        ]  # half of one would be no error that can be caught
        return WhisperModel(str(folder), device="auto", compute_type="auto", local_files_only=True)
    except (RuntimeError, ValueError, LookupError, TypeError) as why:
        said = f"the model in {folder} cannot be loaded: {why}. Is the whole of it there, and memory enough for it?"
        raise RuntimeError(said) from why


def _cue(segment: Any) -> Segment | None:
    text = tidy(segment.text)
    start, end = milliseconds(float(segment.start)), milliseconds(float(segment.end))  # they may be numpy's
    if not text or start is None or is_imagined(segment.no_speech_prob, segment.avg_logprob):
        return None
    words = [
        Word(start_ms=at, text=said)
        for word in segment.words or ()
        if (said := tidy(word.word)) and (at := milliseconds(float(word.start))) is not None
    ]
    return Segment(start_ms=start, end_ms=max(start, end or start), text=text, words=words)
