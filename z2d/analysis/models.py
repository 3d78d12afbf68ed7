"""What goes into an analysis. What comes out is `z2d.wire.library.Analysis`."""

from __future__ import annotations

from pydantic import Field

from z2d.wire.base import Wire
from z2d.wire.library import Chapter, Segment


class LanguageModel(Wire):
    """An OpenAI-compatible endpoint, and how much of it may be used. Prices are per million tokens."""

    url: str
    model: str
    key_file: str | None = None
    """Where the key lies. It is read by the child that needs it, and is in no argument and no environment."""
    language: str | None = None
    """Of what the model writes; None: that of the transcript."""
    chunk_tokens: int = Field(6000, ge=200)
    answer_tokens: int = Field(4096, ge=200)
    job_tokens: int = 400_000
    day_tokens: int = 2_000_000
    price_input: float | None = None
    price_output: float | None = None
    timeout_s: float = 600
    """For one answer: models on a plain CPU take minutes."""
    patience_s: float = 2
    """The wait before a second try; four times that before a third."""


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
    llm: LanguageModel | None = None
    tokens_left: int = 0
    """What the language model may still be asked, prompt and answer together."""
    answers: str | None = None
    """Folder in which the language model's answers are kept, so that none is paid for twice."""
    deadline_s: float = 3000
    """When the language model has taken so long, the rest is left to the offline analysis."""
