"""A transcript in the formats people take away: json, txt, vtt, srt and md.

Subtitles read back to the same cues: a cue text cannot end a cue, start a new one or become markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, get_args

from z2d.publish import clock, markdown
from z2d.wire.library import Segment, Transcript

ExportFormat = Literal["json", "txt", "vtt", "srt", "md"]
FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
MIME: dict[ExportFormat, str] = {
    "json": "application/json",
    "txt": "text/plain",
    "vtt": "text/vtt",
    "srt": "application/x-subrip",
    "md": "text/markdown",
}

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff\u2028\u2029]")
_PARAGRAPH_MS = 20_000
_PAUSE_MS = 3_000


def export(transcript: Transcript, fmt: ExportFormat, *, title: str, url: str) -> str:
    """`transcript` as the text of a file. `title` and `url` (for links to the second) are used by md alone."""
    if fmt == "json":
        return transcript.model_dump_json(indent=2) + "\n"
    if fmt == "txt":
        return "\n\n".join(" ".join(_flat(cue.text) for cue in part) for part in paragraphs(transcript.cues)) + "\n"
    if fmt == "vtt":
        return vtt(transcript)
    if fmt == "srt":
        return srt(transcript)
    heading = markdown.link(title, clock.web_url(url))
    return f"# {heading}\n\n{timed_paragraphs(transcript.cues, url)}\n"


def vtt(transcript: Transcript) -> str:
    """WebVTT; '&', '<' and '>' are written as entities, so '-->' in a text stays text."""
    language = re.sub(r"[^A-Za-z0-9-]", "", transcript.language) or "und"
    blocks = [f"WEBVTT\nKind: captions\nLanguage: {language}\n"]
    for cue in transcript.cues:
        text = _cue_text(cue.text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        # a name that ends in '--' would make an arrow of the bracket that closes the tag
        if voice := re.sub("[<>&]", "", _flat(cue.speaker or "")).rstrip("- "):
            text = f"<v {voice}>{text}"
        blocks.append(f"{_time(cue.start_ms, '.')} --> {_time(max(cue.start_ms, cue.end_ms), '.')}\n{text}\n")
    return "\n".join(blocks)


def srt(transcript: Transcript) -> str:
    """SubRip; it knows no escapes, so the one sequence that could break a reader, '-->', is written '-- >'."""
    blocks = []
    for number, cue in enumerate(transcript.cues, 1):
        text = _cue_text(cue.text).replace("-->", "-- >")
        if cue.speaker:
            text = f"{_flat(cue.speaker).replace('-->', '-- >')}: {text}"
        blocks.append(f"{number}\n{_time(cue.start_ms, ',')} --> {_time(max(cue.start_ms, cue.end_ms), ',')}\n{text}\n")
    return "\n".join(blocks)


def paragraphs(cues: list[Segment]) -> Iterator[list[Segment]]:
    """Neighbouring cues of about twenty seconds; a pause or another speaker begins a new paragraph."""
    part: list[Segment] = []
    for cue in cues:
        if part and (
            cue.start_ms - part[0].start_ms >= _PARAGRAPH_MS
            or cue.start_ms - part[-1].end_ms >= _PAUSE_MS
            or cue.speaker != part[-1].speaker
        ):
            yield part
            part = []
        part.append(cue)
    if part:
        yield part


def timed_paragraphs(cues: list[Segment], url: str) -> str:
    """Markdown paragraphs, each led by its time as a link to that second."""
    lines = []
    for part in paragraphs(cues):
        time = markdown.link(clock.stamp(part[0].start_ms), clock.timed_url(url, part[0].start_ms))
        speaker = f"**{markdown.escape(part[0].speaker)}:** " if part[0].speaker else ""
        lines.append(f"{time} {speaker}{markdown.escape(' '.join(cue.text for cue in part))}")
    return "\n\n".join(lines)


def _time(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{ms:03}"


def _flat(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())


def _cue_text(text: str) -> str:
    """The lines of a cue without empty ones: an empty line would end the cue."""
    lines = (
        " ".join(_CONTROL.sub(" ", line).split()) for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    )
    return "\n".join(line for line in lines if line)
