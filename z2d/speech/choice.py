"""Which engine listens: the one that was asked for, or with `auto` the first that was set up."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from z2d.speech.endpoint import Endpoint
from z2d.speech.engine import Engine, Off
from z2d.speech.local import FasterWhisper, PocketSphinx

Wanted = Literal["auto", "off", "openai", "faster-whisper", "pocketsphinx"]
DEFAULT_MODEL = "whisper-1"


def choose(
    wanted: Wanted,
    *,
    url: str | None = None,
    model: str = DEFAULT_MODEL,
    model_dir: Path | None = None,
    key_file: Path | None = None,
) -> Engine:
    """The engine for these settings. What is wrong with it, its `trouble` says: jobs then go on without it."""
    match wanted:
        case "off":
            return Off("Speech to text is switched off (Z2_SPEECH=off).")
        case "openai":
            return Endpoint(url, model, key_file)
        case "faster-whisper":
            return FasterWhisper(model_dir)
        case "pocketsphinx":
            return PocketSphinx()
    if url:
        return Endpoint(url, model, key_file)
    if model_dir:
        return FasterWhisper(model_dir)
    return PocketSphinx() if find_spec("pocketsphinx") else Off()
