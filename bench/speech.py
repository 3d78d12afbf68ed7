"""Word errors of speech to text on recordings of known words, and how fast it is.

    .venv/bin/python -m bench.speech                                  # pocketsphinx
    .venv/bin/python -m bench.speech openai http://127.0.0.1:8000/v1 [MODEL]
    .venv/bin/python -m bench.speech faster-whisper /path/to/model

Each recording goes through the engine as a job's chunk would: its own child process or its own request. An error is a
word that is wrong, missing or too many; "speed" is seconds of speech per second of the whole call, the loading of the
model included. What has no known words shows whether an engine invents some.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.speech.errors import word_errors
from tests.speech.making import samples_of, spawn, wav_of
from z2d.speech import sound
from z2d.speech.choice import DEFAULT_MODEL, choose
from z2d.speech.engine import Engine

SAID: dict[str, str] = {
    "jfk.flac": "And so my fellow Americans ask not what your country can do for you, "
    "ask what you can do for your country.",
    "librivox_0870.wav": "and mister john dashwood had then leisure to consider how much there might be prudently "
    "in his power to do for",
    "librivox_0880.wav": "he was not an ill disposed young man",
    "cards_001.wav": "ten of clubs",
    "cards_002.wav": "four queen of clubs",
    "cards_003.wav": "seven of clubs",
    "cards_004.wav": "five five",
    "cards_005.wav": "eight of spades four of clubs seven of hearts",
    "goforward.raw": "go forward ten meters",
    "numbers_2934z.raw": "two nine three four zero",
    "english_one_two_three.wav": "one two three",
    "vosk_digits.wav": "one zero zero zero one nine oh two one oh zero one eight zero three",
    "brooklyn_bridge_audio.wav": "how old is the Brooklyn Bridge",
}
UNKNOWN = ("ami_meeting_clip.wav", "commercial_mono_phone.wav", "french.aiff", "chinese.flac")


async def heard(engine: Engine, name: str, folder: Path) -> tuple[str, float, float]:
    """What the engine hears, the length of the recording and the time it took, in seconds."""
    samples = samples_of(name)
    wav = wav_of(samples, folder)
    began = time.perf_counter()
    hearing = await engine.hear(wav, language=None, spawn=spawn, on_cue=lambda _cue: None)
    took = time.perf_counter() - began
    return " ".join(cue.text for cue in hearing.cues), len(samples) / sound.BYTES_PER_MS / 1000, took


async def main(argv: list[str]) -> None:
    name, where, model = (*argv, "", "", "")[:3]
    engine = choose(
        name or "pocketsphinx",  # type: ignore[arg-type]
        url=where if name == "openai" else None,
        model=model or DEFAULT_MODEL,
        model_dir=Path(where) if name == "faster-whisper" else None,
    )
    if trouble := engine.trouble(None):
        sys.exit(trouble)
    wrong = said = 0
    length = took = 0.0
    print(f"{engine.name} {engine.model}\n\n{'recording':28}{'seconds':>8}{'speed':>7}{'errors':>9}{'':4}heard")
    with tempfile.TemporaryDirectory() as folder:
        for recording in (*SAID, *UNKNOWN):
            text, seconds, needed = await heard(engine, recording, Path(folder))
            errors = ""
            if recording in SAID:
                one, of = word_errors(SAID[recording], text)
                wrong, said, errors = wrong + one, said + of, f"{one}/{of}"
            length, took = length + seconds, took + needed
            print(f"{recording:28}{seconds:8.1f}{seconds / needed:7.1f}{errors:>9}{'':4}{text[:100]}")
    print(f"\n{'all':28}{length:8.1f}{length / took:7.1f}{f'{wrong}/{said}':>9}    {wrong / said:.1%} word errors")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
