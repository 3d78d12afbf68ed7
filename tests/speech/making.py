"""Recordings for tests: fixtures as engines want them, silence, tones."""

from __future__ import annotations

import math
import os
import subprocess
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.site_media import ffmpeg
from tests.support import fixture
from z2d.media import process
from z2d.speech import sound

# Each test process has a mark of its own: tests that run side by side do not count each other's children.
INSTALLATION = f"test-speech-{os.getpid()}"


def samples_of(name: str) -> bytes:
    """The samples of a speech fixture."""
    path = fixture(f"speech/{name}")
    if path.suffix == ".raw":
        return path.read_bytes()
    command = [str(ffmpeg()), "-v", "error", "-i", str(path), "-ar", "16000", "-ac", "1", "-f", "s16le", "-"]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def silence(ms: int) -> bytes:
    return bytes(ms * sound.BYTES_PER_MS)


def tone(ms: int, loudness: int = 8000) -> bytes:
    count = ms * sound.RATE // 1000
    return array("h", (int(loudness * math.sin(at / 6)) for at in range(count))).tobytes()


def wav_of(samples: bytes, folder: Path, name: str = "speech.wav") -> Path:
    """A chunk as engines get it."""
    pcm, wav = folder / "made.pcm", folder / name
    pcm.write_bytes(samples)
    sound.write_wav(pcm, sound.Span(0, sound.length_ms(pcm)), wav)
    pcm.unlink()
    return wav


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def words_of(cues: Sequence[object]) -> str:
    return " ".join(str(getattr(cue, "text", "")) for cue in cues)


async def spawn(
    argv: Sequence[str],
    *,
    memory_bytes: int,
    deadline_s: float,
    on_stdout: Callable[[str], None],
    on_stderr: Callable[[str], None],
) -> int:
    """What the pipeline gives to engines: the media room's runner."""
    return await process.run(
        argv,
        installation=INSTALLATION,
        limits=process.Limits(memory_bytes=memory_bytes),
        deadline_s=deadline_s,
        on_stdout=on_stdout,
        on_stderr=on_stderr,
    )
