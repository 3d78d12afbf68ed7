"""Reading the report that `ffmpeg -i` prints about a file.

The report is made for people, but its shape has held for a decade: the indentation tells the file's own lines from
those of its streams and chapters, and ffmpeg indents the lines of a tag that has several, so no title can forge one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

_INPUT = re.compile(r"Input #0, (?P<container>\S+), from ")
_DURATION = re.compile(r"  Duration: (?:(\d+):(\d\d):(\d\d)\.(\d\d)|N/A)")
_STREAM = re.compile(
    r"  Stream #0:(?P<index>\d+)(?:\[\w+\])?(?:\((?P<language>[^)]*)\))?: "
    r"(?P<kind>Video|Audio|Subtitle|Data|Attachment): (?P<rest>.*)"
)
_CHAPTER = re.compile(r"    Chapter #0:\d+: start (-?[\d.]+), end (-?[\d.]+)")
_TAG = re.compile(r"(?P<indent> +)(?P<key>[^ :][^:]*?) *: (?P<value>.*)")
_SIZE = re.compile(r", (\d{1,5})x(\d{1,5})[ ,\[]")
_FPS = re.compile(r", ([\d.]+)(k?) fps")
_RATE = re.compile(r", (\d+) Hz")

_STILL_FORMATS = frozenset({"image2", "webvtt", "srt", "ass", "tty", "apng", "svg"})

StreamKind = Literal["video", "audio", "subtitle", "data", "attachment"]


@dataclass(frozen=True)
class Stream:
    """One stream of a media file."""

    index: int
    kind: StreamKind
    codec: str
    """ffmpeg's name, like h264 or aac; "none" where ffmpeg does not know it."""
    language: str | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    sample_rate: int | None = None
    attached_picture: bool = False
    """A cover, which ffmpeg shows as a video stream."""


@dataclass(frozen=True)
class ProbedChapter:
    """A chapter mark inside a file."""

    start_ms: int
    end_ms: int
    title: str


@dataclass(frozen=True)
class Probe:
    """What is in a media file."""

    duration_ms: int
    """0 when unknown."""
    container: str
    """ffmpeg's name or names, like "mov,mp4,m4a,3gp,3g2,mj2"."""
    streams: tuple[Stream, ...] = ()
    chapters: tuple[ProbedChapter, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    """The file's own tags, keys in lower case. Untrusted text."""

    @property
    def video(self) -> Stream | None:
        """The first moving picture; covers do not count."""
        return next((s for s in self.playable if s.kind == "video"), None)

    @property
    def audio(self) -> Stream | None:
        """The first sound."""
        return next((s for s in self.playable if s.kind == "audio"), None)

    @property
    def playable(self) -> tuple[Stream, ...]:
        """The streams of picture and sound, without covers."""
        return tuple(s for s in self.streams if s.kind in ("video", "audio") and not s.attached_picture)

    @property
    def is_still(self) -> bool:
        """Whether this is a picture or a text that ffmpeg can open, and no video."""
        name = self.container.partition(",")[0]
        return name.endswith("_pipe") or name in _STILL_FORMATS

    def lasting(self, duration_ms: int) -> Probe:
        """The same with another duration."""
        return replace(self, duration_ms=duration_ms)


def read_report(lines: Iterable[str]) -> Probe | None:
    """The `Probe` of the first input in ffmpeg's report, None when it has none (the file could not be opened)."""
    container: str | None = None
    duration_ms = 0
    streams: list[Stream] = []
    chapters: list[ProbedChapter] = []
    tags: dict[str, str] = {}
    section = ""
    for line in lines:
        if found := _INPUT.match(line):
            container, section = found["container"].rstrip(","), "file"
        elif container is None:
            continue
        elif found := _DURATION.match(line):
            duration_ms = _clock_ms(found)
            section = ""
        elif found := _CHAPTER.match(line):
            chapters.append(ProbedChapter(_seconds_ms(found[1]), _seconds_ms(found[2]), ""))
            section = "chapter"
        elif found := _STREAM.match(line):
            streams.append(_stream(found))
            section = "stream"
        elif (found := _TAG.match(line)) and section in ("file", "chapter"):
            key, value = found["key"].lower(), found["value"].strip()
            if section == "file" and len(found["indent"]) == 4:
                tags.setdefault(key, value)
            elif section == "chapter" and key == "title" and chapters:
                chapters[-1] = replace(chapters[-1], title=value)
    if container is None:
        return None
    return Probe(duration_ms, container, tuple(streams), tuple(chapters), tags)


def _stream(found: re.Match[str]) -> Stream:
    rest = found["rest"]
    size, fps, rate = _SIZE.search(rest + ","), _FPS.search(rest), _RATE.search(rest)
    kinds: dict[str, StreamKind] = {
        "Video": "video", "Audio": "audio", "Subtitle": "subtitle", "Data": "data", "Attachment": "attachment",
    }  # fmt: skip
    language = found["language"]
    return Stream(
        index=int(found["index"]),
        kind=kinds[found["kind"]],
        codec=re.split(r"[ ,]", rest, maxsplit=1)[0],
        language=language if language != "und" else None,
        width=int(size[1]) if size else None,
        height=int(size[2]) if size else None,
        fps=float(fps[1]) * (1000 if fps[2] else 1) if fps else None,
        sample_rate=int(rate[1]) if rate else None,
        attached_picture="(attached pic)" in rest,
    )


def _clock_ms(found: re.Match[str]) -> int:
    if found[1] is None:
        return 0
    hours, minutes, seconds, hundredths = (int(part) for part in found.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + hundredths * 10


def _seconds_ms(text: str) -> int:
    return max(0, round(float(text) * 1000))
