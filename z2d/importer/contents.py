"""The larger parts of a record: its transcript, what was made of it, its log lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from z2d.importer import fields
from z2d.importer.fields import Fields
from z2d.media import captions
from z2d.store.lines import Line, line
from z2d.wire.jobs import LogLevel
from z2d.wire.library import Analysis, Chapter, Insight, Keyword, Segment, Topic, Transcript, TranscriptSource

MOST_CUES = 200_000
MOST_LINES = 10_000
MOST_POINTS = 1000
LONGEST_CUE = 400  # characters of a cue that is made of running text

# ------------------------------------------------------------------ transcript


def transcript(record: Fields, language: str, duration_ms: int | None) -> tuple[Transcript | None, list[str]]:
    """The transcript in whatever form it was kept, and what is to be said of it."""
    cues = record.find("transcript", cues_of)
    if not cues:
        said = ["a transcript is there, but in no form that can be read"] if record.given("transcript") else []
        return None, said
    warnings = []
    if len(cues) > MOST_CUES:
        cues = cues[:MOST_CUES]
        warnings.append(f"the transcript has more than {MOST_CUES} parts: the rest is left out")
    if len(cues) > 1 and not any(cue.start_ms for cue in cues):
        warnings.append("the transcript has no times")
    found = Transcript(
        language=language,
        source=TranscriptSource.IMPORTED,
        segments=len(cues),
        words=sum(len(cue.text.split()) for cue in cues),
        coverage=captions.coverage(cues, duration_ms),
        cues=cues,
        warnings=warnings,
    )
    return found, warnings


def cues_of(value: Any) -> list[Segment] | None:
    """The cues in a transcript: a caption file, running text, a list of segments, or one of these wrapped."""
    if isinstance(value, str):
        return _from_text(value) or None
    if isinstance(value, list):
        found = [cue for item in value for cue in _from_item(item)]
        return sorted(found, key=lambda cue: cue.start_ms) or None
    if isinstance(value, dict):
        for name in ("segments", "cues", "chunks", "lines", "items", "words", "text", "content", "transcript"):
            if name in value and (cues := cues_of(value[name])):
                return cues
    return None


def _from_text(text: str) -> list[Segment]:
    if "-->" in text and (cues := captions.read(text.encode("utf-8", "replace"))):
        return cues
    return [Segment(start_ms=0, end_ms=0, text=part) for line in text.splitlines() for part in _pieces(line)]


def _pieces(text: str) -> Iterator[str]:
    """Running text in parts of some sentences, none longer than a cue should be."""
    part = ""
    for sentence in re.split(r"(?<=[.!?。！？])\s+", text.strip()):
        while len(sentence) > LONGEST_CUE:
            cut = sentence.rfind(" ", 1, LONGEST_CUE) + 1 or LONGEST_CUE
            yield from filter(None, (part, sentence[:cut].strip()))
            part, sentence = "", sentence[cut:]
        if part and len(part) + len(sentence) > LONGEST_CUE:
            yield part
            part = ""
        part = f"{part} {sentence}".strip()
    if part:
        yield part


def _from_item(item: Any) -> list[Segment]:
    if isinstance(item, str):
        return _from_text(item)
    if not isinstance(item, dict):
        return []
    text = next(
        (found for name in ("text", "content", "sentence", "line", "word") if (found := fields.text(item.get(name)))),
        "",
    )
    start = _time(
        item,
        ("start", "start_time", "startTime", "from", "begin", "offset", "timestamp", "time"),
        ("start_ms", "startMs", "tStartMs"),
    )
    end = _time(item, ("end", "end_time", "endTime", "to"), ("end_ms", "endMs"))
    length = _time(item, ("duration", "dur"), ("duration_ms", "durationMs", "dDurationMs"))
    start = start or 0
    end = end if end is not None else start + (length or 0)
    speaker = fields.text(item.get("speaker"))
    return [Segment(start_ms=start, end_ms=max(start, end), text=text, speaker=speaker)] if text else []


def _time(item: dict[str, Any], in_seconds: tuple[str, ...], in_ms: tuple[str, ...]) -> int | None:
    for name in in_ms:
        if (found := fields.milliseconds(item.get(name))) is not None:
            return found
    for name in in_seconds:
        value = item.get(name)
        value = value[0] if isinstance(value, list) and value else value  # "timestamp": [0.0, 2.5]
        if (found := fields.length_ms(value)) is not None:
            return found
    return None


# ------------------------------------------------------------------ analysis


def analysis(record: Fields, language: str | None, sha256: str, *, has_transcript: bool) -> Analysis | None:
    """Summary, insights, topics and chapters as they were; nothing of them was checked against the transcript."""
    long, short = record.find("summary", fields.words), record.find("short_summary", fields.words)
    insights = record.find("insights", _insights) or []
    chapters = record.find("chapters", _chapters) or []
    topics = record.find("topics", fields.texts) or []
    keywords = record.find("keywords", fields.texts) or []
    if not (long or short or insights or topics or chapters):
        return None
    short = short or _beginning(long or "; ".join(one.text for one in insights) or ", ".join(topics))
    return Analysis(
        backend="imported",
        model=record.find("model", fields.text),
        input_hash=sha256,
        language=language,
        basis="transcript" if has_transcript else "description",
        summary_short=short,
        summary=long or short,
        insights=insights[:MOST_POINTS],
        topics=[Topic(label=label, keywords=[], weight=0, spans=[]) for label in topics[:MOST_POINTS]],
        chapters=chapters[:MOST_POINTS],
        keywords=[Keyword(term=term, weight=0) for term in keywords[:MOST_POINTS]],
        grounding_total=len(insights[:MOST_POINTS]),
        warnings=["imported: not checked against the transcript"],
    )


def _beginning(text: str) -> str:
    first = re.split(r"(?<=[.!?])\s", text.strip(), maxsplit=1)[0]
    return first if len(first) <= 300 else first[:299].rstrip() + "…"


def _insights(value: Any) -> list[Insight] | None:
    if isinstance(value, str):
        value = [line.lstrip("-*• ") for line in value.splitlines()]
    if not isinstance(value, list):
        return None
    found = []
    for item in value:
        inner = item if isinstance(item, dict) else {}
        text = fields.words(item) or next(
            (said for name in ("insight", "point", "title", "quote") if (said := fields.text(inner.get(name)))), None
        )
        if text is not None:
            start = _time(inner, ("start", "timestamp", "time", "start_time"), ("start_ms",)) or 0
            end = max(start, _time(inner, ("end", "end_time"), ("end_ms",)) or 0)
            quote = fields.text(inner.get("quote")) or ""
            found.append(
                Insight(
                    text=text,
                    quote=quote,
                    start_ms=start,
                    end_ms=end,
                    segment_from=0,
                    segment_to=0,
                    score=0,
                    verified=False,
                )
            )
    return found or None


def _chapters(value: Any) -> list[Chapter] | None:
    if not isinstance(value, list):
        return None
    marks = []
    for item in value:
        if isinstance(item, dict) and (
            title := next(
                (
                    said
                    for name in ("title", "name", "label", "text", "heading")
                    if (said := fields.text(item.get(name)))
                ),
                None,
            )
        ):
            start = _time(item, ("start", "start_time", "timestamp", "time", "begin"), ("start_ms",))
            end = _time(item, ("end", "end_time"), ("end_ms",))
            if start is not None:
                marks.append((start, end, title))
    marks.sort(key=lambda mark: mark[0])
    following = [*(mark[0] for mark in marks[1:]), None]
    found = [
        Chapter(
            start_ms=start,
            end_ms=max(start, end if end is not None else after or start),
            title=title,
            origin="analysis",
        )
        for (start, end, title), after in zip(marks, following, strict=True)
    ]
    return found or None


# ------------------------------------------------------------------ log

_LEVELS = {"debug": LogLevel.DEBUG, "trace": LogLevel.DEBUG, "warning": LogLevel.WARNING, "warn": LogLevel.WARNING,
           "error": LogLevel.ERROR, "fatal": LogLevel.CRITICAL, "critical": LogLevel.CRITICAL}  # fmt: skip


def log_lines(record: Fields, otherwise: fields.Moment) -> list[Line]:
    """The record's log, at most 10,000 lines; one without a time has that of the line before, the first `otherwise`."""
    value = record.find("logs", lambda found: found if isinstance(found, list | str) else None)
    items = value.splitlines() if isinstance(value, str) else value or []
    found, at = [], otherwise.at
    for item in items[:MOST_LINES]:
        inner = item if isinstance(item, dict) else {}
        message = fields.words(item) or fields.text(inner.get("msg"))
        for name in ("at", "time", "timestamp", "created_at", "ts"):
            if moment := fields.moment(inner.get(name)):
                at = moment.at
                break
        if message:
            level = _LEVELS.get(str(inner.get("level") or inner.get("severity")).lower(), LogLevel.INFO)
            found.append(line(level, None, "import", message, at=at))
    return found
