"""What a recogniser's child is told: the whole of its input but the sound itself."""

from __future__ import annotations

from typing import Literal

from z2d.wire.base import Wire


class Task(Wire):
    """One chunk to recognise."""

    engine: Literal["faster-whisper", "pocketsphinx"]
    wav: str
    model_dir: str | None = None
    language: str | None = None
