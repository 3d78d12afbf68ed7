"""What goes into an analysis. What comes out is `z2d.wire.library.Analysis`."""

from __future__ import annotations

from z2d.wire.base import Wire
from z2d.wire.library import Chapter, Segment


class AnalysisRequest(Wire):
    """All an analysis may know of a video; the arguments of `offline.analyse` as one value.

    `cues` is empty where there is no transcript. `source_chapters`, where given, are the borders of the chapters.
    """

    title: str
    description: str | None = None
    cues: list[Segment] = []
    language: str | None = None
    duration_ms: int | None = None
    source_chapters: list[Chapter] = []
    input_hash: str
