"""Analysis of a video in which nobody is heard: what its title and its description tell. Needs no numeric library."""

from __future__ import annotations

from z2d.analysis import summary
from z2d.analysis.models import AnalysisRequest
from z2d.analysis.terms import Terms
from z2d.analysis.words import Lexicon
from z2d.wire.library import Analysis, Chapter, Keyword, Topic

BACKEND = "offline"
VERSION = "2"
"""Raised when the same transcript, or the same description, would give another result."""


def analyse_request(request: AnalysisRequest) -> Analysis:
    """`from_description` with its arguments as one value."""
    return from_description(
        request.title, request.description or "", request.language, request.source_chapters, request.input_hash
    )


def from_description(
    title: str, description: str, language: str | None, source_chapters: list[Chapter], input_hash: str
) -> Analysis:
    """What title and description alone tell; nothing in it has a time but the source's chapters."""
    lexicon = Lexicon(f"{title} {description}", language)
    told = summary.description_sentences(description, lexicon)
    terms = Terms([title, *told], lexicon, title)
    opening = summary.clipped(told[0]) if told else ""
    more = [summary.clipped(sentence) for sentence in told[1:4]]
    return Analysis(
        backend=BACKEND,
        prompt_version=VERSION,
        input_hash=input_hash,
        language=None if lexicon.language == "und" else lexicon.language,
        basis="description",
        summary_short=f"{title.rstrip('.')}. {opening}".strip() if opening else title,
        summary="\n\n".join(part for part in (" ".join([opening, *more]).strip() or title,) if part),
        topics=_topics_of(terms) if told else [],
        chapters=source_chapters,
        keywords=[Keyword(term=term.label, weight=weight) for term, weight in terms.best(10)],
        stats={"words": 0},
        warnings=["There is no transcript: this is taken from title and description alone."],
    )


def _topics_of(terms: Terms) -> list[Topic]:
    """Topics without times, from title and description: only phrases, and words said more than once."""
    return [
        Topic(label=term.label, keywords=[term.label], weight=weight, spans=[])
        for term, weight in terms.best(4)
        if term.size > 1 or term.count > 1
    ]
