"""One analysis from what was found in the pieces. Everything in it was verified before it came here."""

from __future__ import annotations

from dataclasses import dataclass

from z2d.analysis import summary
from z2d.analysis.llm.grounding import Ground, Place
from z2d.analysis.llm.prompt import Digest, tokens
from z2d.analysis.llm.reading import CLAIM, LABEL, Claim, Found
from z2d.analysis.models import AnalysisRequest
from z2d.analysis.terms import stretches
from z2d.wire.library import Analysis, Chapter, Insight, Topic

_MOST_TOPICS, _MOST_SENTENCES, _MOST_CHAPTERS = 8, 12, 40
_SHORT = 360
_SHORTEST_CHAPTER_MS = 20_000
_GAP_MS = 60_000
_MOST_SPANS = 12


@dataclass(frozen=True, slots=True)
class Whole:
    """All that the result is made of. `points`: one per place, in the order of the talk; `count`: how many to show."""

    request: AnalysisRequest
    offline: Analysis
    ground: Ground
    found: Found
    points: list[Claim]
    length_ms: int
    count: int
    why: str


def analysis(whole: Whole, digest: tuple[Digest, list[Claim]] | None) -> Analysis:
    """The analysis; of a talk that was read in pieces with its digest and the points that the digest is about."""
    statements, best, topics = _of_digest(whole, *digest) if digest else ([], [], [])
    statements = statements or whole.found.statements[:_MOST_SENTENCES]
    best = best or sorted(whole.points, key=lambda point: -point.weight)[: whole.count]
    lent = _of_offline(whole)
    insights = [_insight(point) for point in best] + lent
    insights.sort(key=lambda insight: (insight.start_ms, insight.end_ms))
    short, long = _summary(whole, statements, insights, lent)
    return whole.offline.model_copy(
        update={
            "summary_short": short,
            "summary": long,
            "insights": insights,
            "topics": _topics(whole, topics or whole.found.topics) or whole.offline.topics,
            "chapters": _chapters(whole),
            "grounding_total": whole.found.offered + len(lent),
            "grounding_verified": whole.found.kept + len(lent),
            "warnings": [*whole.offline.warnings, *_warnings(whole), *_stand_ins(whole, statements)],
        }
    )


def most_telling(points: list[Claim], most_tokens: int) -> list[Claim]:
    """As many points as fit into so many tokens, the weightiest, in the order of the talk."""
    chosen, room = set(), most_tokens
    for at in sorted(range(len(points)), key=lambda at: -points[at].weight):
        room -= tokens(points[at].text) + 12
        if room < 0:
            break
        chosen.add(at)
    return [points[at] for at in sorted(chosen)]


def _of_digest(
    whole: Whole, digest: Digest, points: list[Claim]
) -> tuple[list[Claim], list[Claim], list[tuple[str, list[Place]]]]:
    """Statements, points and topics of a digest, as far as they rest on points that exist."""

    def of(numbers: list[int]) -> list[Claim]:
        return [points[number - 1] for number in dict.fromkeys(numbers[:50]) if 1 <= number <= len(points)]

    statements = []
    for gist in digest.summary[:_MOST_SENTENCES]:
        text, rests_on = whole.ground.plain(gist.text, CLAIM), of(gist.points)
        if text and rests_on and whole.ground.bears(text, [one.place for one in rests_on]):
            statements.append(Claim(text, rests_on[0].place))
    topics = []
    for theme in digest.topics[:_MOST_TOPICS]:
        label, rests_on = whole.ground.plain(theme.label, LABEL), of(theme.points)
        if label and rests_on and whole.ground.bears(label, [one.place for one in rests_on]):
            topics.append((label, [one.place for one in rests_on]))
    return statements, of(digest.best)[: max(whole.count, 12)], topics


def _insight(point: Claim) -> Insight:
    span = point.place.span
    return Insight(
        text=point.text,
        quote=span.text,
        start_ms=span.start_ms,
        end_ms=span.end_ms,
        segment_from=span.segment_from,
        segment_to=span.segment_to,
        score=round(point.weight, 4),
        verified=True,
    )


def _of_offline(whole: Whole) -> list[Insight]:
    """The key passages of the offline analysis from the pieces that the model did not read."""
    sentences = whole.ground.sentences
    spans = [(sentences[one.start].span.start_ms, sentences[one.stop - 1].span.end_ms) for one in whole.found.offline]
    return [
        insight
        for insight in whole.offline.insights
        if any(begin <= insight.start_ms and insight.end_ms <= end for begin, end in spans)
    ]


def _summary(whole: Whole, statements: list[Claim], insights: list[Insight], lent: list[Insight]) -> tuple[str, str]:
    """(short, long) from statements, and what was lent for unread pieces; without any from the key passages."""
    if not statements:
        if not insights:
            return whole.offline.summary_short, whole.offline.summary
        lines = [(one.start_ms, "", one.text) for one in insights]
        return whole.offline.summary_short, summary.long(whole.offline.summary_short, lines)
    short = statements[0].text
    if len(statements) > 1 and len(short) + len(statements[1].text) < _SHORT:
        short = f"{short} {statements[1].text}"
    lines = [(one.place.span.start_ms, "", one.text) for one in statements]
    lines += [(one.start_ms, "", one.text) for one in lent]
    return short, summary.long(short, lines)


def _topics(whole: Whole, found: list[tuple[str, list[Place]]]) -> list[Topic]:
    """Topics with the stretches around their places; those of the same name are one."""
    merged: dict[str, tuple[str, set[int]]] = {}
    for label, places in found:
        _, sentences = merged.setdefault(label.casefold(), (label, set()))
        sentences.update(at for place in places for at in range(place.first, place.last + 1))
    ranked = sorted(merged.values(), key=lambda one: -len(one[1]))[:_MOST_TOPICS]
    most = len(ranked[0][1]) if ranked else 1
    return [
        Topic(
            label=label,
            keywords=[label],
            weight=round(len(places) / most, 4),
            spans=[
                (start, end)
                for start, end, _ in stretches(sorted(places), whole.ground.sentences, _GAP_MS)[:_MOST_SPANS]
            ],
        )
        for label, places in ranked
    ]


def _chapters(whole: Whole) -> list[Chapter]:
    """The source's chapters as they are; else the headings found, thinned; else those of the offline analysis."""
    if whole.request.source_chapters or whole.found.offline:
        return whole.offline.chapters  # headings for a part of the talk alone would mislead
    starts = _thinned(whole.found.chapters, max(2, min(_MOST_CHAPTERS, whole.length_ms // 90_000)))
    if len(starts) < 2:
        return whole.offline.chapters
    times = [0, *(one.place.span.start_ms for one in starts[1:]), whole.length_ms]
    return [
        Chapter(
            start_ms=begin,
            end_ms=max(begin, end),
            title=one.text,
            summary=_said_in(whole, begin, end),
            origin="analysis",
        )
        for one, begin, end in zip(starts, times, times[1:], strict=False)
    ]


def _thinned(headings: list[Claim], most: int) -> list[Claim]:
    """Headings in order, none too close after another, the most crowded ones left out until `most` are left."""
    kept: list[Claim] = []
    for one in sorted(headings, key=lambda one: one.place.first):
        if not kept or one.place.span.start_ms - kept[-1].place.span.start_ms >= _SHORTEST_CHAPTER_MS:
            kept.append(one)
    while len(kept) > most:
        gaps = [kept[at].place.span.start_ms - kept[at - 1].place.span.start_ms for at in range(1, len(kept))]
        del kept[gaps.index(min(gaps)) + 1]
    return kept


def _said_in(whole: Whole, begin: int, end: int) -> str | None:
    """The weightiest point of a stretch."""
    inside = [point for point in whole.points if begin <= point.place.span.start_ms < end]
    return max(inside, key=lambda point: point.weight).text if inside else None


def _stand_ins(whole: Whole, statements: list[Claim]) -> list[str]:
    """That the summary is not the model's, where nothing that it wrote as one could be kept."""
    if statements or not whole.found.kept:
        return []
    return ["Nothing of the model's summary could be kept: the short one is that of the offline analysis."]


def _warnings(whole: Whole) -> list[str]:
    """What a reader should know about this result."""
    found, sentences, said = whole.found, whole.ground.sentences, []
    if dropped := found.offered - found.kept:
        said.append(f"{dropped} of {found.offered} statements of the model were dropped: nobody says that there.")
    if found.reworded:
        said.append(f"{found.reworded} claims gave way to the words that were said: their numbers are not said there.")
    for one in found.offline[:10]:
        begin, end = sentences[one.start].span.start_ms, sentences[one.stop - 1].span.end_ms
        said.append(f"From {summary.stamp(begin)} to {summary.stamp(end)} by the offline analysis: {whole.why}.")
    for at in sorted(whole.ground.orders)[:10]:
        time = summary.stamp(sentences[at].span.start_ms)
        said.append(f"At {time} something is said that reads like an order to a language model. It was not obeyed.")
    return said
