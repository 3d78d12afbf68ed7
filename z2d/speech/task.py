"""What a recogniser's child is told, the whole of its input but the sound itself, and what it says on the way."""

from __future__ import annotations

import json
from typing import Literal

from z2d.wire.base import Wire
from z2d.wire.library import Segment


class Task(Wire):
    """One chunk to recognise."""

    engine: Literal["faster-whisper", "pocketsphinx"]
    wav: str
    model_dir: str | None = None
    language: str | None = None


def line_of(cue: Segment) -> str:
    """The child's line for a cue it has just recognised."""
    return json.dumps({"start_ms": cue.start_ms, "end_ms": cue.end_ms, "text": cue.text[:1000]})
