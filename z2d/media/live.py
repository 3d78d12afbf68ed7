"""Recording a stream that is on the air, inside the yt-dlp child: HLS, segment by segment, until it ends.

yt-dlp leaves this to ffmpeg, whose connections the guard cannot see; so the segments are fetched here, by yt-dlp's own
network code. A recording that was interrupted goes on in the same file; what was sent meanwhile is missing.
"""

from __future__ import annotations

import binascii
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from yt_dlp.aes import aes_cbc_decrypt_bytes, unpad_pkcs7
from yt_dlp.networking import Request
from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import parse_m3u8_attributes

from z2d.media.classify import classify
from z2d.media.faults import MediaFault
from z2d.wire.reasons import ErrorClass

NAME = "media-live"
SEGMENT_BYTES, LIST_BYTES = 256 << 20, 4 << 20
SEGMENT_TRIES = 3
GONE = frozenset({403, 404, 410})
_TELL_S = 0.5
_REMEMBERED = 100  # segments by which a list is known to be an old one


@dataclass(frozen=True)
class Segment:
    """One piece of a stream: its number in it, and how to get it."""

    number: int
    url: str
    seconds: float
    key_url: str | None = None
    iv: bytes | None = None


@dataclass(frozen=True)
class Window:
    """What a live playlist shows of its stream at one moment."""

    segments: tuple[Segment, ...]
    head_url: str | None
    """What stands before the first segment, where segments cannot be played alone."""
    target_s: float
    ended: bool


def record(
    ydl: Any, info: dict[str, Any], work: Path, *, limits: dict[str, Any], tell: Callable[..., None], log: Any
) -> Path:
    """Record until the stream ends, or for as long as a download may take; the finished file in `work`.

    Raises MediaFault: UNSUPPORTED where the stream is no HLS, and the class of the trouble where nothing could be had.
    """
    recording = Recording(ydl, chosen(info), work, tell)
    # a little less than would count as a standstill or as too long: what was recorded is to be kept
    quiet_s, longest_s = limits["stall_window_s"] * 0.8, limits["download_deadline_s"] * 0.98
    began = heard = time.monotonic()
    while True:
        try:
            window = recording.look()
        except (HTTPError, TransportError) as error:
            window = None
            gone = isinstance(error, HTTPError) and error.status in GONE
            if not recording.size or (not gone and time.monotonic() - heard > quiet_s):
                raise
            if gone:
                break
        if window is not None:
            if recording.take(window, log):
                heard = time.monotonic()
            if window.ended:
                break
        now = time.monotonic()
        if now - heard > quiet_s:
            log(30, f"Nothing new for {quiet_s:.0f} s: the stream is taken to have ended.")
            break
        if now - began > longest_s:
            log(30, "The recording ends here: it is as long as a download may take.")
            break
        time.sleep(max(0.2, (window.target_s if window else 2.0) / 2))
    return recording.finish()


def chosen(info: dict[str, Any]) -> dict[str, Any]:
    """The best HLS format with picture and sound together, no larger than what was chosen; else any HLS format."""
    formats = [f for f in info.get("formats") or [info] if str(f.get("protocol", "")).startswith("m3u8")]
    whole = [f for f in formats if "none" not in (f.get("vcodec"), f.get("acodec"))] or formats
    fitting = [f for f in whole if (f.get("height") or 0) <= (info.get("height") or 1 << 30)] or whole[:1]
    if not fitting:
        raise MediaFault(ErrorClass.UNSUPPORTED, "this stream can only be fetched once it has ended")
    return dict(fitting[-1])


class Recording:
    """The file being recorded, and which segment comes next."""

    def __init__(self, ydl: Any, found: dict[str, Any], work: Path, tell: Callable[..., None]) -> None:
        self._ydl, self._url, self._headers = ydl, found["url"], found.get("http_headers") or {}
        self._work, self._tell, self._told_at = work, tell, 0.0
        self._notes = work / f"{NAME}.ytdl"
        self._keys: dict[str, bytes] = {}
        notes = json.loads(self._notes.read_text()) if self._notes.exists() else {}
        self._next, self._seconds = int(notes.get("next", 0)), float(notes.get("seconds", 0))
        self._suffix = str(notes.get("suffix", ""))
        self._recent: deque[tuple[int, str]] = deque(maxlen=_REMEMBERED)

    @property
    def size(self) -> int:
        """How much is on disk."""
        return self._part.stat().st_size if self._suffix and self._part.exists() else 0

    @property
    def _part(self) -> Path:
        return self._work / f"{NAME}{self._suffix}.part"

    def look(self) -> Window:
        """Read the playlist. Raises yt-dlp's network errors."""
        return read_window(self._get(self._url, LIST_BYTES).decode("utf-8", "replace"), self._url)

    def take(self, window: Window, log: Any) -> bool:
        """Add what is new; whether anything was."""
        if not self._suffix:
            self._suffix = ".mp4" if window.head_url else ".ts"
            if window.head_url:
                self._append(self._get(window.head_url, SEGMENT_BYTES))
        if window.segments and window.segments[-1].number + 1 < self._next:
            if _name_of(window.segments[-1]) in self._recent:
                return False  # an old list: of several servers one is a little behind
            self._next = 0  # the numbers began anew: the broadcaster restarted
        new = [segment for segment in window.segments if segment.number >= self._next]
        if new and 0 < self._next < new[0].number:
            log(30, f"{new[0].number - self._next} segments of the stream were missed.")
        for segment in new:
            if (data := self._fetch(segment, log)) is not None:
                self._append(data)
                self._seconds += segment.seconds
            self._next = segment.number + 1
            self._recent.append(_name_of(segment))
            self._note()
        return bool(new)

    def finish(self) -> Path:
        """Give the file its final name."""
        if not self.size:
            raise MediaFault(ErrorClass.LIVE_ENDED_PROCESSING, "the stream ended before anything was sent", 300.0)
        self._notes.unlink(missing_ok=True)
        return self._part.rename(self._work / f"{NAME}{self._suffix}")

    def _fetch(self, segment: Segment, log: Any) -> bytes | None:
        """A segment's content; None for one that cannot be had, which a stream goes on without."""
        for tries in range(1, SEGMENT_TRIES + 1):
            try:
                data = self._get(segment.url, SEGMENT_BYTES)
                return self._decrypted(segment, data) if segment.key_url else data
            except (HTTPError, TransportError) as error:
                if tries == SEGMENT_TRIES or (isinstance(error, HTTPError) and error.status in GONE):
                    log(30, f"Segment {segment.number} is missing: {classify(error, blocked=[]).message}")
                    break
        return None

    def _decrypted(self, segment: Segment, data: bytes) -> bytes:
        url = str(segment.key_url)
        if url not in self._keys:
            self._keys[url] = self._get(url, 64)
        iv = segment.iv or segment.number.to_bytes(16, "big")
        return bytes(unpad_pkcs7(aes_cbc_decrypt_bytes(data, self._keys[url], iv)))

    def _get(self, url: str, limit: int) -> bytes:
        with self._ydl.urlopen(Request(url, headers=self._headers)) as response:
            data: bytes = response.read(limit + 1)
        if len(data) > limit:
            raise MediaFault(ErrorClass.TOO_LARGE, f"a part of the stream is larger than {limit} bytes")
        return data

    def _append(self, data: bytes) -> None:
        with self._part.open("ab") as file:
            file.write(data)
        now = time.monotonic()
        if now - self._told_at >= _TELL_S:
            self._told_at = now
            detail = f"recorded {int(self._seconds) // 60}:{int(self._seconds) % 60:02}"
            self._tell("progress", bytes_done=self.size, bytes_total=None, speed_bps=None, eta_s=None, detail=detail)

    def _note(self) -> None:
        fresh = self._notes.with_suffix(".new")
        fresh.write_text(json.dumps({"next": self._next, "seconds": self._seconds, "suffix": self._suffix}))
        fresh.replace(self._notes)


def _name_of(segment: Segment) -> tuple[int, str]:
    """What a segment is known by; servers that share a stream differ in host and query."""
    return segment.number, urlsplit(segment.url).path


def read_window(text: str, base: str) -> Window:
    """The segments that a media playlist shows. Raises MediaFault for what is none, or is protected."""
    if not text.lstrip("\ufeff").startswith("#EXTM3U"):
        raise MediaFault(ErrorClass.UNSUPPORTED, "the stream's playlist is none")
    number, seconds, target = 0, 0.0, 5.0
    head_url = key_url = iv = None
    segments = []
    for line in map(str.strip, text.splitlines()):
        name, _, value = line.partition(":")
        match name:
            case "#EXT-X-MEDIA-SEQUENCE":
                number = _whole(value)
            case "#EXT-X-TARGETDURATION":
                target = min(max(_seconds(value), 1.0), 60.0)
            case "#EXTINF":
                seconds = _seconds(value.partition(",")[0])
            case "#EXT-X-MAP":
                head_url = urljoin(base, parse_m3u8_attributes(value).get("URI", ""))
            case "#EXT-X-BYTERANGE":
                raise MediaFault(ErrorClass.UNSUPPORTED, "this kind of stream can only be fetched once it has ended")
            case "#EXT-X-KEY":
                key_url, iv = _key(parse_m3u8_attributes(value), base)
            case _ if line and not line.startswith("#"):
                segments.append(Segment(number, urljoin(base, line), seconds, key_url, iv))
                number += 1
    return Window(tuple(segments), head_url, target, "#EXT-X-ENDLIST" in text)


def _key(found: dict[str, str], base: str) -> tuple[str | None, bytes | None]:
    method = found.get("METHOD", "NONE")
    if method == "NONE":
        return None, None
    if method != "AES-128" or found.get("KEYFORMAT", "identity") != "identity":
        raise MediaFault(ErrorClass.DRM, "the stream is protected against copying")
    iv = found.get("IV")
    return urljoin(base, found.get("URI", "")), binascii.unhexlify(iv[2:].zfill(32)) if iv else None


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        return 0.0
    return found if 0 <= found < 1e6 else 0.0
