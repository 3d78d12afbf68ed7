"""The analysis of one transcript by a language model: read it in pieces, bring the points together, fill the gaps.

A transcript that fits is read in one call. Else every piece is read for itself (map), and one more call gets the
verified points of all pieces, never the transcript again (reduce). The offline analysis, made before, lends what no
model is needed for (keywords, figures, the source's chapters) and stands in for pieces without a usable answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from z2d.analysis import passages, summary
from z2d.analysis.llm import prompt, result
from z2d.analysis.llm.answers import Answers
from z2d.analysis.llm.asking import Asker, NoAnswer, TooLong
from z2d.analysis.llm.endpoint import Endpoint, NoUse
from z2d.analysis.llm.grounding import Ground
from z2d.analysis.llm.prompt import Digest, Reading
from z2d.analysis.llm.reading import Claim, Found, distinct, halves, pieces, verified
from z2d.analysis.llm.result import Whole
from z2d.analysis.models import AnalysisRequest, LanguageModel
from z2d.analysis.sentences import split
from z2d.analysis.timeline import Timeline
from z2d.analysis.words import Lexicon
from z2d.wire.library import Analysis, ModelUse

BACKEND = "openai-compatible"
DEEPEST = 2
"""How often a piece may be halved because the answer to it was too long."""

Tell = Callable[[dict[str, Any]], None]
"""Hears what happens, as JSON: the event "progress" (done, total), "call" (a ModelUse) or "say" (message)."""


@dataclass(frozen=True, slots=True)
class Made:
    """The result, and what was asked of the model for it."""

    analysis: Analysis
    use: ModelUse


async def analyse(request: AnalysisRequest, offline: Analysis, tell: Tell) -> Made:
    """The analysis of `request` by its language model; `offline` with a warning where that gives nothing usable."""
    model = request.llm
    assert model is not None
    deadline = time.monotonic() + request.deadline_s
    try:
        endpoint = Endpoint(model)
    except NoUse as why:
        return Made(_without(offline, str(why)), ModelUse())
    answers = Answers(Path(request.answers) if request.answers else None, url=model.url, model=model.model)
    async with endpoint:
        asker = Asker(
            endpoint,
            model,
            answers,
            tokens_left=request.tokens_left,
            deadline=deadline,
            spent=lambda use: tell({"event": "call", **use.model_dump()}),
        )
        return Made(await _Run(request, model, offline, asker, tell).analysis(), asker.use)


def _without(offline: Analysis, why: str) -> Analysis:
    warning = f"The language model was of no use ({why}): this is the offline analysis."
    return offline.model_copy(update={"warnings": [*offline.warnings, warning]})


class _Run:
    """One transcript and the model that reads it."""

    def __init__(
        self, request: AnalysisRequest, model: LanguageModel, offline: Analysis, asker: Asker, tell: Tell
    ) -> None:
        self._request, self._model, self._offline, self._asker, self._tell = request, model, offline, asker, tell
        timeline = Timeline(request.cues)
        self._sentences = split(timeline)
        lexicon = Lexicon(timeline.text, request.language)
        self._ground = Ground(timeline, self._sentences, lexicon, told=f"{request.title}\n{request.description or ''}")
        self._words = sum(lexicon.count(sentence.text) for sentence in self._sentences)
        self._length = max([request.duration_ms or 0, *(cue.end_ms for cue in request.cues)])
        self._why = ""

    async def analysis(self) -> Analysis:
        found = Found()
        parts = pieces(self._sentences, self._model.chunk_tokens)
        for number, piece in enumerate(parts):
            self._tell({"event": "progress", "done": number, "total": len(parts) + (len(parts) > 1)})
            found.add(await self._read(piece, DEEPEST))
        if not found.read:
            return _without(self._offline, self._why)
        points = distinct(found.points)
        digest = await self._digest(points) if len(parts) > 1 and points else None
        whole = Whole(
            request=self._request,
            offline=self._offline,
            ground=self._ground,
            found=found,
            points=points,
            length_ms=self._length,
            count=max(passages.count_for(self._length, self._words), 3),
            why=self._why,
        )
        made = result.analysis(whole, digest)
        language = self._model.language or self._offline.language
        update = {"backend": BACKEND, "model": self._model.model, "prompt_version": prompt.VERSION}
        return made.model_copy(update=update | {"language": language})

    async def _read(self, piece: range, depth: int) -> Found:
        """What stands of the answers about a piece; where there are none, it is left to the offline analysis."""
        lines = [(at + 1, self._sentences[at].text) for at in piece]
        points, chapters = (12, 12) if len(piece) == len(self._sentences) else (8, 4)
        question = prompt.reading(
            self._request.title, lines, language=self._model.language, points=points, chapters=chapters
        )
        try:
            return verified(await self._asker.ask(question, Reading), piece, self._ground)
        except NoAnswer as why:
            return self._left_to_offline(piece, str(why))
        except TooLong:
            if not depth or len(piece) < 2:
                return self._left_to_offline(piece, "its answers are too long")
        first, second = halves(piece)
        found = await self._read(first, depth - 1)
        found.add(await self._read(second, depth - 1))
        return found

    def _left_to_offline(self, piece: range, why: str) -> Found:
        self._why = why
        begin = summary.stamp(self._sentences[piece.start].span.start_ms)
        end = summary.stamp(self._sentences[piece.stop - 1].span.end_ms)
        self._say(f"No answer about {begin} to {end}: {why}. The offline analysis stands in.")
        return Found(offline=[piece])

    async def _digest(self, points: list[Claim]) -> tuple[Digest, list[Claim]] | None:
        """What the points come to, and the points that were asked about; None: nothing, which costs but the polish."""
        asked = result.most_telling(points, self._model.chunk_tokens)
        lines = [
            (number, f"({summary.stamp(one.place.span.start_ms)}) {one.text}") for number, one in enumerate(asked, 1)
        ]
        question = prompt.digest(self._request.title, lines, language=self._model.language, points=12)
        try:
            return await self._asker.ask(question, Digest), asked
        except (NoAnswer, TooLong) as why:
            self._say(f"No answer about the whole: {why or 'it was too long'}. The parts are put together as they are.")
            return None

    def _say(self, message: str) -> None:
        self._tell({"event": "say", "message": message[:1000]})
