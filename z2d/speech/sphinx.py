"""pocketsphinx, inside the child: utterances are found by voice activity and decoded one by one.

Measured on the recordings of bench/speech.py: a window of 0.5 s of which 0.8 must be voice makes as few errors as the
whole recording at once, and text comes while it runs. Noise reduction and other normalisations changed nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from pocketsphinx import Decoder, Endpointer

from z2d.speech.cues import TimedWord, from_words
from z2d.speech.engine import Hearing
from z2d.speech.sound import BYTES_PER_MS, RATE, quietest_ms, read_wav
from z2d.wire.library import Segment

_WINDOW_S, _SHARE = 0.5, 0.8
_LONGEST_MS = 20_000
"""Somebody who never pauses is cut off: the time and the memory of decoding grow faster than the utterance."""
_CUT_WITHIN_MS = 5_000
_FRAME_MS = 10
_VARIANT = re.compile(r"\(\d+\)$")
_FILLERS = ("<", "[", "+")
"""Words of the model that are no words: <sil>, [NOISE], ++BREATH++."""


def recognise(wav: Path, tell: Callable[[Segment], None]) -> Hearing:
    """What is said in a WAV file; each utterance is told as soon as it is known."""
    decoder = Decoder(samprate=RATE, loglevel="FATAL")
    cues: list[Segment] = []
    for start_ms, samples in _utterances(read_wav(wav)):
        decoder.start_utt()
        decoder.process_raw(samples, full_utt=True)
        decoder.end_utt()
        for cue in from_words(_words(decoder, start_ms)):
            cues.append(cue)
            tell(cue)
    return Hearing(language="en" if cues else None, cues=cues)


def _utterances(samples: bytes) -> Iterator[tuple[int, bytes]]:
    """Stretches with voice: when each begins, in milliseconds, and its samples."""
    endpointer = Endpointer(window=_WINDOW_S, ratio=_SHARE, sample_rate=RATE)
    size = endpointer.frame_bytes
    start_ms, gathered = 0, bytearray()
    for at in range(0, len(samples), size):
        frame = samples[at : at + size]
        voice = endpointer.process(frame) if len(frame) == size else endpointer.end_stream(frame)
        if voice is None:
            continue
        if not gathered:
            start_ms = round(endpointer.speech_start * 1000)
        gathered += voice
        if not endpointer.in_speech:
            yield start_ms, bytes(gathered)
            gathered.clear()
        elif len(gathered) >= _LONGEST_MS * BYTES_PER_MS:
            certain = len(gathered) - _CUT_WITHIN_MS * BYTES_PER_MS
            cut = certain + quietest_ms(bytes(gathered[certain:])) * BYTES_PER_MS
            yield start_ms, bytes(gathered[:cut])
            start_ms += cut // BYTES_PER_MS
            del gathered[:cut]
    if gathered:
        yield start_ms, bytes(gathered)


def _words(decoder: Decoder, start_ms: int) -> Iterator[TimedWord]:
    for segment in decoder.seg() or ():
        text = _VARIANT.sub("", segment.word)
        if not text.startswith(_FILLERS):
            yield TimedWord(
                start_ms + segment.start_frame * _FRAME_MS, start_ms + (segment.end_frame + 1) * _FRAME_MS, text
            )
