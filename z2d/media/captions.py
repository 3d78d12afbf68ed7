"""Reading caption files: one tolerant reader for what sites really serve.

Libraries were tried and found wanting on real files: they skip cues, leave timing tags in the text, or raise. Here
nothing raises: a broken file gives the cues that can be trusted, an HTML error page gives none. Word times are kept
where the source has them.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

from z2d.media.captions_text import LONGEST_TEXT, read_cue_text, within_reason
from z2d.wire.library import Segment, Word

MAX_BYTES = 64 << 20
"""A caption file beyond this size is none: a day of speech has less than a tenth of it."""
MOST_JSON_BYTES, MOST_JSON_VALUES = 32 << 20, 2_500_000
"""What is parsed of JSON, which has to be taken as a whole: a day of fast speech with the time of each word. An empty
object is three bytes in a file and 72 in memory, one with a key nine and 300: unbounded, 64 MB took two GB."""
_LIKE_JSON = re.compile(rb"[\xef\xbb\xbf\xff\xfe\0\s]*\{")  # in whatever encoding `decode` knows

FORMATS = ("json3", "vtt", "srt", "ttml", "dfxp", "srv3", "srv1", "srv2")
"""The formats that `read` knows, the most exact first."""


def read(data: bytes, format: str = "") -> list[Segment]:  # noqa: A002 - the name of the field in info.json
    """The cues of a caption file in the order of their start times; empty when it holds none.

    `format` is what the source says it is; what the bytes say goes first. Times are milliseconds. Rolling automatic
    captions are unrolled: each spoken line comes once, repetitions that were really spoken stay.
    """
    if is_too_much(data):
        return []
    text = decode(data)
    head = text[:1000].lstrip().lower()
    reader: Callable[[str], Iterable[Segment]]
    if head.startswith("{"):
        reader = _read_json3
    elif re.match(r"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<(!doctype html|html|head|body)\b", head, re.DOTALL):
        return []
    elif "-->" in text and (not head.startswith("<") or format in ("vtt", "srt")):
        reader = read_cue_text
    elif head.startswith("<"):
        reader = _read_xml
    else:
        return []
    return sorted(reader(text), key=lambda segment: segment.start_ms)


def is_too_much(data: bytes) -> bool:
    """Whether a caption file is larger than what anybody can have said; it is not looked into then."""
    if not _LIKE_JSON.match(data):
        return len(data) > MAX_BYTES
    return len(data) > MOST_JSON_BYTES or sum(map(data.count, (b"{", b"[", b","))) > MOST_JSON_VALUES


def coverage(cues: Iterable[Segment], duration_ms: int | None) -> float | None:
    """The share of the media during which captions are shown, 0 to 1; None when the length is unknown."""
    if not duration_ms:
        return None
    covered = reached = 0
    for cue in cues:
        start, end = max(cue.start_ms, reached), min(cue.end_ms, duration_ms)
        covered += max(0, end - start)
        reached = max(reached, end)
    return min(1.0, covered / duration_ms)


def decode(data: bytes) -> str:
    """The text of a caption file: by its byte order mark, else UTF-8, else Windows-1252. Line ends become newlines."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", "replace")
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


# --- json3: events with segments, each with its own time ---


def _read_json3(text: str) -> list[Segment]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return []
    events = _list(document.get("events")) if isinstance(document, dict) else []
    found = (cue for event in events if isinstance(event, dict) for cue in _event(event))
    cues = list(within_reason(found, lambda cue: len(cue.words)))
    return _without_overlap(cues) if any(cue.words for cue in cues) else cues


def _event(event: dict[str, Any]) -> Iterable[Segment]:
    start, length = _ms(event.get("tStartMs")), _ms(event.get("dDurationMs"))
    if start is None:
        return
    texts: list[str] = []
    words: list[Word] = []
    timed, room = False, LONGEST_TEXT
    for part in _list(event.get("segs"))[:LONGEST_TEXT]:
        piece = part.get("utf8") if isinstance(part, dict) else None
        if not isinstance(piece, str):
            continue
        # JSON can spell half of a surrogate pair, which nothing else can keep
        piece, room = piece[:room], room - len(piece[:room])
        piece = piece.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        offset = _ms(part.get("tOffsetMs"))
        timed = timed or offset is not None
        texts.append(piece)
        words += [Word(start_ms=start + (offset or 0), text=word) for word in piece.split()]
    said = _tidy("".join(texts))
    if said:
        yield Segment(start_ms=start, end_ms=start + (length or 0), text=said, words=words if timed else [])


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _ms(value: Any) -> int | None:
    """A time in milliseconds from JSON, None for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if 0 <= value < 2**53 else None


def _without_overlap(cues: list[Segment]) -> list[Segment]:
    """Automatic captions stay on the screen while the next line is spoken; the next line's start is their end."""
    cues = sorted(cues, key=lambda cue: cue.start_ms)
    ends = [min(a.end_ms, b.start_ms) for a, b in pairwise(cues)]
    ends += [cue.end_ms for cue in cues[-1:]]
    return [cue.model_copy(update={"end_ms": max(end, cue.start_ms)}) for cue, end in zip(cues, ends, strict=True)]


# --- the XML formats: srv1 <text start dur>, srv3 <p t d> with <s t>, TTML <p begin end> ---

# Read by pattern: these files are flat, often broken, and a pattern knows no entities that explode. No pattern here
# looks beyond the next "<": one that searches the rest of the file from each of a million tags holds up the whole
# daemon, because no other thread runs while it does.
_EDGE = re.compile(r"<(/?)(?:\w+:)?(text|p)\b([^<>]*)>")
_ATTRIBUTE = re.compile(r"""(?<![\w:])([\w:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_SPAN = re.compile(r"<s\b([^<>]*)>([^<]*)</s\s*>")
_BREAK = re.compile(r"<(?:\w+:)?br\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_CLOCK = re.compile(r"(\d{1,9}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9})|:(\d{1,6}))?$")
_OFFSET = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(h|ms|m|s|f|t)$")
_TIMING = {
    name: re.compile(rf'\b(?:\w+:)?{name}\s*=\s*["\']([\d. ]{{1,30}})["\']')
    for name in ("frameRate", "frameRateMultiplier", "tickRate")
}


def _read_xml(text: str) -> list[Segment]:
    head = text[:5000]
    cues = list(within_reason(_xml_cues(text, head), lambda cue: len(cue.words)))
    return _without_overlap(cues) if "<transcript" in head or any(cue.words for cue in cues) else cues


def _xml_cues(text: str, head: str) -> Iterator[Segment]:
    srv3 = "<timedtext" in head
    clock = _TtmlClock(head)
    for kind, attributes, body in _elements(text):
        named = {name.rpartition(":")[2]: a or b for name, a, b in _ATTRIBUTE.findall(attributes)}
        if kind == "text" or srv3:
            unit = 1000 if kind == "text" else 1
            start = _number_ms(named.get("start") or named.get("t"), unit)
            length = _number_ms(named.get("dur") or named.get("d"), unit) or 0
            end = None if start is None else start + length
        else:
            start, end = clock.ms(named.get("begin")), clock.ms(named.get("end"))
            if start is not None and end is None:
                end = start + (clock.ms(named.get("dur")) or 0)
        said = _xml_text(body)
        if start is not None and end is not None and said:
            words = _spans(body, start) if srv3 else []
            yield Segment(start_ms=start, end_ms=max(start, end), text=said, words=words)


def _elements(text: str) -> Iterator[tuple[str, str, str]]:
    """Kind, attributes and content of each element that holds text; one that is not closed is none."""
    opened: tuple[str, str, int] | None = None
    for edge in _EDGE.finditer(text):
        closes, kind, attributes = edge.groups()
        if closes:
            if opened is not None and opened[0] == kind:
                yield kind, opened[1], text[opened[2] : edge.start()][: 10 * LONGEST_TEXT]
                opened = None
        elif not attributes.endswith("/") and (opened is None or kind == opened[0]):
            opened = kind, attributes, edge.end()


def _spans(body: str, start: int) -> list[Word]:
    """The word times of srv3, where there are any."""
    words: list[Word] = []
    timed = False
    for attributes, inner in _SPAN.findall(body):
        offset = _number_ms({n: a or b for n, a, b in _ATTRIBUTE.findall(attributes)}.get("t"), 1)
        timed = timed or offset is not None
        words += [Word(start_ms=start + (offset or 0), text=word) for word in _xml_text(inner).split()]
    return words if timed else []


def _xml_text(body: str) -> str:
    # srv1 escapes twice, and what is inside after that may be markup again
    text = html.unescape(html.unescape(_TAG.sub("", _BREAK.sub(" ", body))))
    return _tidy(_TAG.sub("", text))


def _tidy(text: str) -> str:
    """One line, single spaces, no zero-width padding."""
    return " ".join(text.replace("\u200b", "").replace("\ufeff", "").split())


def _number_ms(text: str | None, unit: int) -> int | None:
    """A decimal number times `unit`, None for what is none."""
    if text is None or not re.fullmatch(r"\d{1,12}(\.\d{1,9})?", text.strip()):
        return None
    return round(float(text) * unit)


class _TtmlClock:
    """The times of one TTML document, whose head says how long frames and ticks are."""

    def __init__(self, head: str) -> None:
        def numbers(name: str) -> list[float]:
            found = _TIMING[name].search(head)
            return [float(part) for part in found[1].split() if part.count(".") < 2 and part != "."] if found else []

        rate = (numbers("frameRate") or [30.0])[0] or 30.0
        multiplier = numbers("frameRateMultiplier")
        if len(multiplier) == 2 and all(multiplier):
            rate *= multiplier[0] / multiplier[1]
        self._frame_ms = 1000 / rate
        self._tick_ms = 1000 / ((numbers("tickRate") or [0.0])[0] or rate)

    def ms(self, text: str | None) -> int | None:
        """Milliseconds of a time expression like 00:01:02.5, 12.5s or 100t."""
        text = (text or "").strip()
        if found := _CLOCK.match(text):
            hours, minutes, seconds, fraction, frames = found.groups()
            whole = ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000
            return round(whole + float(f"0.{fraction or 0}") * 1000 + int(frames or 0) * self._frame_ms)
        if found := _OFFSET.match(text):
            unit = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1, "f": self._frame_ms, "t": self._tick_ms}
            return round(float(found[1]) * unit[found[2]])
        return None
