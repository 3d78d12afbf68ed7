"""Analysis without a model and without a network: what is said most centrally, when, and in which parts.

Deterministic, linear in the length of the transcript, and honest: every key passage is the transcript's own words,
found again by the quote verifier before it is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from z2d.analysis import passages, segmentation, summary, topics
from z2d.analysis.described import BACKEND, VERSION, from_description
from z2d.analysis.models import AnalysisRequest
from z2d.analysis.sentences import Sentence, split
from z2d.analysis.terms import Terms
from z2d.analysis.timeline import Timeline
from z2d.analysis.verify import Quotes
from z2d.analysis.words import Lexicon
from z2d.wire.library import Analysis, Chapter, Insight, Keyword, Segment

_CLIP_WORDS = 60


@dataclass(frozen=True, slots=True)
class Part:
    """A chapter-to-be: its sentences first..last-1, its time, and its title where the source gave one."""

    first: int
    last: int
    start_ms: int
    end_ms: int
    title: str | None


def analyse_request(request: AnalysisRequest) -> Analysis:
    """`analyse` with its arguments as one value."""
    return analyse(
        request.title,
        request.description,
        request.cues,
        language=request.language,
        duration_ms=request.duration_ms,
        source_chapters=request.source_chapters,
        input_hash=request.input_hash,
    )


def analyse(
    title: str,
    description: str | None,
    cues: list[Segment],
    *,
    language: str | None,
    duration_ms: int | None,
    source_chapters: list[Chapter],
    input_hash: str,
) -> Analysis:
    """What a video says. Without cues, what its title and description say, marked as such; never raises for a text.

    `language`: a code such as 'en' or 'pt-BR', guessed when unknown. `duration_ms`: of the media, for shares and the
    end of the last chapter. Source chapters are taken as they are; without them chapters are found.
    """
    timeline = Timeline(cues)
    sentences = split(timeline)
    if not sentences:
        return from_description(title, description or "", language, source_chapters, input_hash)
    lexicon = Lexicon(timeline.text, language)
    words = sum(lexicon.count(sentence.text) for sentence in sentences)
    length = max([duration_ms or 0, *(cue.end_ms for cue in cues)])
    parts = _parts(sentences, lexicon, words, length, source_chapters)
    terms = Terms([sentence.text for sentence in sentences], lexicon, title)
    scored = passages.score(sentences, lexicon, title)
    insights = _insights(sentences, scored, parts, timeline, lexicon, count=passages.count_for(length, words))
    found_topics = topics.find(terms, sentences, words=words, duration_ms=length, classes=max(len(parts), 6))
    chapters = _chapters(parts, sentences, terms, scored, lexicon) if len(parts) > 1 or source_chapters else []
    beginning = summary.quoted(summary.clipped(summary.claim(timeline.text, punctuated=True, language="")))
    if words < _CLIP_WORDS:
        summary_short = beginning
        summary_long = f"[{summary.stamp(sentences[0].span.start_ms)}] {summary_short}"
    else:
        strongest = max(insights, key=lambda insight: insight.score).text if insights else None
        summary_short = summary.short(
            topics=[topic.label for topic in found_topics[:3]],
            passage=strongest,
            minutes=round((duration_ms or length) / 60_000),
            language=lexicon.language,
            title=title,
            beginning=beginning,
        )
        summary_long = summary.long(summary_short, _points(chapters, insights))
    return Analysis(
        backend=BACKEND,
        prompt_version=VERSION,
        input_hash=input_hash,
        language=None if lexicon.language == "und" else lexicon.language,
        summary_short=summary_short,
        summary=summary_long,
        insights=insights,
        topics=found_topics,
        chapters=chapters,
        keywords=_keywords(terms, sentences, timeline, words, classes=max(len(parts), 6)),
        stats=_stats(cues, len(sentences), words, length),
        grounding_total=len(insights),
        grounding_verified=sum(insight.verified for insight in insights),
    )


def _parts(
    sentences: list[Sentence], lexicon: Lexicon, words: int, length: int, source_chapters: list[Chapter]
) -> list[Part]:
    """The parts of the talk: the source's chapters, else the found ones; they cover all of it."""
    if source_chapters:
        given = sorted(source_chapters, key=lambda chapter: chapter.start_ms)
        middles = [(sentence.span.start_ms + sentence.span.end_ms) // 2 for sentence in sentences]
        edges = [0, *(sum(middle < chapter.start_ms for middle in middles) for chapter in given[1:]), len(sentences)]
        return [
            Part(edges[at], max(edges[at], edges[at + 1]), chapter.start_ms, chapter.end_ms, chapter.title)
            for at, chapter in enumerate(given)
        ]
    starts = segmentation.borders(sentences, lexicon, segmentation.chapter_count(length, words))
    times = [0, *(sentences[at].span.start_ms for at in starts[1:]), length]
    return [
        Part(first, last, times[at], max(times[at], times[at + 1]), None)
        for at, (first, last) in enumerate(zip(starts, [*starts[1:], len(sentences)], strict=True))
    ]


def _chapters(
    parts: list[Part], sentences: list[Sentence], terms: Terms, scored: passages.Scored, lexicon: Lexicon
) -> list[Chapter]:
    """Chapters with a title and the sentence that stands for each."""
    chapters = []
    for part in parts:
        said, title = None, part.title
        if part.first < part.last:
            best = part.first + int(scored.scores[part.first : part.last].argmax())
            said = summary.claim(sentences[best].text, punctuated=sentences[best].punctuated, language=lexicon.language)
            if not title:
                labels = [term.label for term, _ in terms.best(2, first=part.first, last=part.last, classes=len(parts))]
                title = summary.headline(labels, sentences[part.first].text)
        chapters.append(
            Chapter(
                start_ms=part.start_ms,
                end_ms=part.end_ms,
                title=title or summary.stamp(part.start_ms),
                summary=summary.clipped(said) if said else None,
                origin="source" if part.title is not None else "analysis",
            )
        )
    return chapters


def _insights(
    sentences: list[Sentence],
    scored: passages.Scored,
    parts: list[Part],
    timeline: Timeline,
    lexicon: Lexicon,
    *,
    count: int,
) -> list[Insight]:
    """The key passages, each looked up in the transcript again: what is not found word for word is not kept."""
    quotes, whole = Quotes(timeline), len(sentences) == 1
    insights = []
    for at in passages.choose(sentences, scored, count, starts=[part.first for part in parts]):
        sentence = sentences[at]
        match = quotes.find(sentence.text, near=sentence.span.segment_from)
        if match is None or not sentence.span.segment_from <= match.segment_from <= sentence.span.segment_to:
            continue
        insights.append(
            Insight(
                text=summary.claim(sentence.text, punctuated=whole or sentence.punctuated, language=lexicon.language),
                quote=sentence.text,
                start_ms=sentence.span.start_ms,
                end_ms=sentence.span.end_ms,
                segment_from=sentence.span.segment_from,
                segment_to=sentence.span.segment_to,
                score=round(float(scored.scores[at]), 4),
                verified=True,
            )
        )
    return insights


def _points(chapters: list[Chapter], insights: list[Insight]) -> list[tuple[int, str, str]]:
    """The lines of the summary: one per chapter, or one per key passage where there are no chapters."""
    if chapters:
        return [(chapter.start_ms, chapter.title, chapter.summary or "") for chapter in chapters]
    return [(insight.start_ms, "", insight.text) for insight in insights]


def _keywords(
    terms: Terms, sentences: list[Sentence], timeline: Timeline, words: int, *, classes: int
) -> list[Keyword]:
    """The terms that set this talk apart, each with the moment it is said first."""
    keywords = []
    for term, weight in terms.best(max(2, min(20, words // 10)), classes=classes):
        sentence = sentences[term.places[0]]
        # the first word of the term may be inflected: its stem is found all the same
        at = sentence.start + max(sentence.text.casefold().find(term.key.split()[0]), 0)
        span = timeline.span(at, at + 1)
        keywords.append(Keyword(term=term.label, weight=weight, start_ms=span.start_ms))
    return keywords


def _stats(cues: list[Segment], sentences: int, words: int, length: int) -> dict[str, Any]:
    """Figures about the speech; times of overlapping cues count once."""
    spoken = reached = 0
    for cue in sorted(cues, key=lambda cue: cue.start_ms):
        spoken += max(0, cue.end_ms - max(cue.start_ms, reached))
        reached = max(reached, cue.end_ms)
    speakers = {cue.speaker for cue in cues if cue.speaker}
    stats: dict[str, Any] = {
        "words": words,
        "sentences": sentences,
        "words_per_minute": round(words * 60_000 / spoken) if spoken else None,
        "spoken_share": round(spoken / length, 3) if length else None,
    }
    return stats | ({"speakers": len(speakers)} if speakers else {})
