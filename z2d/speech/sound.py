"""Sound as engines want it: 16 kHz, mono, 16 bit. Where to cut it, and the cut-out pieces as WAV files.

The whole recording lies in a file of bare samples, so a place in it is a multiplication and no header limits its
length. It is cut where it is quietest in the last fifth of each chunk: a border inside a word would cost that word
twice. The quietest place always exists, also under music; a threshold for silence would have to be guessed.
"""

from __future__ import annotations

import sys
import wave
from array import array
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

RATE = 16_000
BYTES_PER_MS = RATE * 2 // 1000
_FRAME_MS = 20
_PAUSE_FRAMES = 15
"""A cut wants 0.3 s of quiet around it: shorter ones are found inside words, before t, p and k."""
_STRIDE = 4
"""One sample in four is enough to tell loud from quiet."""


@dataclass(frozen=True)
class Span:
    """A stretch of the recording, in milliseconds."""

    start_ms: int
    end_ms: int

    @property
    def length_ms(self) -> int:
        """How long it is."""
        return self.end_ms - self.start_ms


def length_ms(pcm: Path) -> int:
    """How long a file of samples plays."""
    return pcm.stat().st_size // BYTES_PER_MS


def plan(pcm: Path, chunk_ms: int) -> list[Span]:
    """Cut a file of samples into spans of at most `chunk_ms`, at the quietest places. Blocking; reads a fifth of it."""
    total, start = length_ms(pcm), 0
    spans = []
    while total - start > chunk_ms:
        earliest = start + chunk_ms * 4 // 5
        end = earliest + quietest_ms(_read(pcm, earliest, start + chunk_ms))
        spans.append(Span(start, end))
        start = end
    if total > start:
        spans.append(Span(start, total))
    return spans


def write_wav(pcm: Path, span: Span, target: Path) -> None:
    """Write a span of a file of samples as a WAV file. Blocking."""
    with wave.open(str(target), "wb") as sink:
        sink.setnchannels(1)
        sink.setsampwidth(2)
        sink.setframerate(RATE)
        sink.writeframes(_read(pcm, span.start_ms, span.end_ms))


def read_wav(path: Path) -> bytes:
    """The samples of a WAV file made by `write_wav`."""
    with wave.open(str(path), "rb") as source:
        return source.readframes(source.getnframes())


def _read(pcm: Path, start_ms: int, end_ms: int) -> bytes:
    with pcm.open("rb") as file:
        file.seek(start_ms * BYTES_PER_MS)
        return file.read((end_ms - start_ms) * BYTES_PER_MS)


def quietest_ms(samples: bytes) -> int:
    """The middle of the quietest pause in a stretch of samples; of equally quiet ones the last."""
    numbers = array("h", samples)
    if sys.byteorder == "big":
        numbers.byteswap()
    frame = RATE * _FRAME_MS // 1000
    loudness = [sum(map(abs, numbers[at : at + frame : _STRIDE])) for at in range(0, len(numbers) - frame + 1, frame)]
    if len(loudness) <= _PAUSE_FRAMES:
        return len(samples) // BYTES_PER_MS
    sums = list(accumulate(loudness, initial=0))
    pauses = [sums[at + _PAUSE_FRAMES] - sums[at] for at in range(len(loudness) - _PAUSE_FRAMES + 1)]
    quietest = max(range(len(pauses)), key=lambda at: (-pauses[at], at))
    return (quietest * 2 + _PAUSE_FRAMES) * _FRAME_MS // 2
