"""Watching a download from inside the yt-dlp child: how far it is, and whether it may go on.

yt-dlp's own limits do not hold: `socket_timeout` does not stop a byte per second, `max_filesize` does not stop a
stream that announces no length. A thread that looks at the files on disk sees every kind of download alike, and
ffmpeg's work too.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from z2d.media.faults import MediaFault
from z2d.wire.reasons import ErrorClass

_LOOK_S = 0.25
_TELL_S = 0.5


def bytes_in(folder: Path) -> int:
    """The size of all files directly in `folder`."""
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                total += entry.stat(follow_symlinks=False).st_size
            except FileNotFoundError:  # renamed meanwhile
                continue
    return total


class Watch:
    """While its `with` block runs, a thread calls `stop(fault)` once a limit is broken."""

    def __init__(self, folder: Path, limits: dict[str, Any], stop: Callable[[MediaFault], None]) -> None:
        self._folder = folder
        self._limits = limits
        self._stop = stop
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        self._check_disk()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()

    def _look(self) -> None:
        window_from, bytes_from = time.monotonic(), bytes_in(self._folder)
        while not self._over.wait(_LOOK_S):
            now, size = time.monotonic(), bytes_in(self._folder)
            try:
                if size > self._limits["max_bytes"]:
                    raise MediaFault(ErrorClass.TOO_LARGE, f"more than {self._limits['max_bytes']} bytes have come")
                self._check_disk()
                if abs(size - bytes_from) >= self._limits["stall_bytes"]:
                    window_from, bytes_from = now, size
                elif now - window_from > self._limits["stall_window_s"]:
                    window = self._limits["stall_window_s"]
                    raise MediaFault(ErrorClass.STALLED, f"{abs(size - bytes_from)} bytes came in {window:.0f} s")
            except MediaFault as fault:
                self._stop(fault)

    def _check_disk(self) -> None:
        if shutil.disk_usage(self._folder).free < self._limits["disk_reserve_bytes"]:
            raise MediaFault(ErrorClass.DISK_FULL, "less disk space is free than is kept in reserve")


class Tally:
    """Adds up the progress of all formats of one video and tells it at most twice per second.

    Its hooks also stop a download whose announced size breaks a limit, before it has begun.
    """

    def __init__(self, info: dict[str, Any], folder: Path, limits: dict[str, Any], tell: Callable[..., None]) -> None:
        self._folder = folder
        self._limits = limits
        self._tell = tell
        self._parts: dict[str, tuple[int, int | None]] = {}
        self._formats = len(info.get("requested_formats") or ()) or 1
        self._told_at = float("-inf")

    def on_progress(self, event: dict[str, Any]) -> None:
        """yt-dlp's progress hook."""
        name, finished = str(event.get("filename")), event["status"] == "finished"
        done = int(event.get("downloaded_bytes") or 0)
        exact = event.get("total_bytes")
        total = exact or event.get("total_bytes_estimate")
        if name not in self._parts and exact:
            self._check_announced(int(exact), done)
        self._parts[name] = (done, int(total) if total else None)
        detail = None
        if event.get("fragment_count"):
            detail = f"fragment {event.get('fragment_index') or 0}/{event['fragment_count']}"
        self._say(event.get("speed"), event.get("eta"), detail, at_once=finished)

    def on_postprocess(self, event: dict[str, Any]) -> None:
        """yt-dlp's post-processing hook: merging takes a while and has no bytes of its own."""
        if event["status"] == "started" and event.get("postprocessor") != "MoveFiles":
            self._say(None, None, str(event.get("postprocessor")).lower(), at_once=True)

    def _check_announced(self, total: int, done: int) -> None:
        others = sum(size or got for got, size in self._parts.values())
        if total + others > self._limits["max_bytes"]:
            limit = self._limits["max_bytes"]
            raise MediaFault(ErrorClass.TOO_LARGE, f"the video has {total + others} bytes; the limit is {limit}")
        if shutil.disk_usage(self._folder).free - (total - done) < self._limits["disk_reserve_bytes"]:
            raise MediaFault(ErrorClass.DISK_FULL, f"there is no room for {total} bytes")

    def _say(self, speed: float | None, eta: float | None, detail: str | None, *, at_once: bool) -> None:
        now = time.monotonic()
        if not at_once and now - self._told_at < _TELL_S:
            return
        self._told_at = now
        totals = [size for _, size in self._parts.values()]
        known = len(totals) == self._formats and None not in totals
        self._tell(
            "progress",
            bytes_done=sum(done for done, _ in self._parts.values()),
            bytes_total=sum(size or 0 for size in totals) if known else None,
            speed_bps=int(speed) if speed else None,
            eta_s=int(eta) if eta is not None else None,
            detail=detail,
        )
