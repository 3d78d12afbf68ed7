"""yt-dlp's side of things: a program that has yt-dlp warm, and forks a child for each request (see `forks`).

Answers are JSON lines: {"kind": "log" | "progress" | "done" | "fault", ...}. They go to a copy of stdout; stdout
itself is turned to stderr, so nothing that yt-dlp or ffmpeg print can pass for an answer. Everything a site can
influence stays within: the connect guard, fixed file names in the job's folder, limits, no options from clients.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
import traceback
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

import yt_dlp.downloader as downloaders
import yt_dlp.globals
from yt_dlp import YoutubeDL
from yt_dlp.downloader.common import FileDownloader
from yt_dlp.downloader.external import FFmpegFD
from yt_dlp.downloader.rtmp import RtmpFD
from yt_dlp.networking import Request
from yt_dlp.networking.common import _REQUEST_HANDLERS
from yt_dlp.postprocessor.sponsorblock import SponsorBlockPP
from yt_dlp.utils import YoutubeDLError

from z2d.media import forks, listing
from z2d.media.classify import classify
from z2d.media.faults import MediaFault
from z2d.media.feeds import teach_generic_extractor
from z2d.media.guard import ConnectGuard
from z2d.media.live import record
from z2d.media.netscape import written
from z2d.media.verdict import refuse_what_cannot_be_downloaded
from z2d.media.watch import Tally, Watch, bytes_in
from z2d.media.ytdlp_params import Downloader, session_file, ytdlp_options
from z2d.wire.reasons import ErrorClass

_LINE = 8000
_PIECE = 65536
_FETCH_MEMORY = 768 << 20
_CONTINUATIONS = 5
_COOKIE_KEYS = frozenset({"cookies", "cookie", "authorization"})
_WORTH_CONTINUING = 64 << 10
_DATES_OF_LISTS = {"youtubetab": {"approximate_date": [""]}}  # else YouTube's lists do not say when things appeared
# yt-dlp warns of these, but for plain pages and without ffprobe they are the ordinary way
_NO_WARNINGS = (
    "[generic] Falling back on generic information extractor",
    "[generic] URL could be a direct video link",
    "Unable to extract metadata: ffprobe not found",
)


class Answers:
    """The way back to the daemon; whole lines, from any thread."""

    def __init__(self) -> None:
        self._fd = os.dup(1)
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def send(self, kind: str, **fields: Any) -> None:
        """Write one answer."""
        line = json.dumps({"kind": kind, **fields}).encode() + b"\n"
        with self._lock:
            while line:
                line = line[os.write(self._fd, line) :]

    def log(self, level: int, text: str) -> None:
        """One line for the job's log."""
        self.send("log", level=level, text=text[:_LINE])

    def fault(self, fault: MediaFault) -> None:
        """The request failed; this is the last answer."""
        message = fault.message[:_LINE]
        self.send("fault", error_class=fault.error_class.value, message=message, retry_after=fault.retry_after)


class Logger:
    """Receives yt-dlp's words. Errors are not logged here: they come back as exceptions."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.warnings: list[str] = []

    def debug(self, text: str) -> None:
        """What yt-dlp prints on the screen, and its debug lines, which are marked."""
        detail = text.startswith("[debug] ")
        self._answers.log(10 if detail else 20, text.removeprefix("[debug] ").strip())

    def info(self, text: str) -> None:
        """Not used by yt-dlp itself; by some of its parts."""
        self._answers.log(20, text)

    def warning(self, text: str) -> None:
        """A warning; the last one often says why there are no formats."""
        self.warnings.append(text)
        self._answers.log(20 if text.startswith(_NO_WARNINGS) else 30, text)

    def error(self, text: str) -> None:
        """An error that an exception repeats."""
        self._answers.log(10, text)


def refuse_network_of_other_programs(*_: Any, **__: Any) -> bool:
    """In place of downloading by ffmpeg or rtmpdump: the connect guard cannot see what they connect to."""
    raise MediaFault(ErrorClass.UNSUPPORTED, "this stream could only be fetched by another program, which is not done")


def prepare_ytdlp() -> None:
    """Close the doors of yt-dlp that z2 does not use, before the first request."""
    yt_dlp.globals.plugin_dirs.value = []
    yt_dlp.globals.all_plugins_loaded.value = True
    teach_generic_extractor()
    FFmpegFD.real_download = refuse_network_of_other_programs
    RtmpFD.real_download = refuse_network_of_other_programs
    # curl does not go through Python's sockets, so the connect guard would not see it
    _REQUEST_HANDLERS.pop("CurlCFFI", None)
    downloaders.PROTOCOL_MAP["m3u8"] = downloaders.PROTOCOL_MAP["m3u8_native"]

    original = FileDownloader.report_retry

    def report_retry(self: Any, error: Any, count: int, retries: int, *args: Any, fatal: bool = True, **kw: Any) -> Any:
        # yt-dlp turns the last error of a download into bare words; the type is needed
        if fatal and count > retries and isinstance(error, BaseException):
            raise error
        return original(self, error, count, retries, *args, fatal=fatal, **kw)

    FileDownloader.report_retry = report_retry


def warm_up() -> None:
    """Do once what the first request would otherwise pay for: compile 1,800 URL patterns, load the HTTP handlers."""
    with YoutubeDL({"quiet": True}) as ydl:
        ydl.build_request_director(_REQUEST_HANDLERS.values())
        for extractor in ydl._ies.values():
            extractor.suitable("https://z2.invalid/")


class Session:
    """One request and what serving it needs."""

    def __init__(self, request: dict[str, Any], answers: Answers, guard: ConnectGuard) -> None:
        self.request = request
        self.answers = answers
        self.guard = guard
        self.limits = request["limits"]
        self.options = request.get("options") or {}
        self.pause = float(self.options.get("sleep_s") or 0)
        self.records_live = self.options.get("live") == "record"
        self.work = Path(request["folder"]) / "work"
        self.logger = Logger(answers)

    def params(self, **more: Any) -> dict[str, Any]:
        """yt-dlp's options for this request."""
        return ytdlp_options(self.request, self.logger, self.work) | more

    # --- extract ---

    def extract(self) -> dict[str, Any]:
        """Describe the one video at the URL in `out`; or, if lists are taken and there is one, the list in `list`."""
        asked = bool(self.options.get("playlist")) and bool(self.request["lists"])
        params = self.params(ignore_no_formats_error=True, noplaylist=not asked, extractor_args=_DATES_OF_LISTS)
        with Downloader(params) as ydl:
            info = listing.resolve(ydl, self.request["url"])
            if info is not None and self.request["lists"] and listing.is_several(info, asked=asked):
                return self._describe_list(ydl, info)
            info = self._only_video(ydl, info and ydl.process_ie_result(info, download=False))
            clean = ydl.sanitize_info(info)
            refuse_what_cannot_be_downloaded(clean, self.logger.warnings, record=self.records_live)
            self._add_sponsor_segments(ydl, clean)
            if self.request.get("cookies"):
                self._keep_session(ydl)
                clean = without_cookies(clean)
        if clean.get("extractor_key") == "HTML5MediaEmbed" and str(clean["id"]).endswith("-1"):
            # yt-dlp numbers the videos of a page, also the only one
            clean["title"] = str(clean.get("title") or "").removesuffix(" (1)")
        write_atomically(Path(self.request["out"]), json.dumps(clean).encode())
        return {}

    def _describe_list(self, ydl: Any, info: dict[str, Any]) -> dict[str, Any]:
        reader = listing.ListReader(
            ydl, self.request["lists"], allow_private=self.request["allow_private"], warn=self.logger.warning
        )
        write_atomically(Path(self.request["list"]), json.dumps(reader.read(info)).encode())
        return {"is_list": True}

    def _only_video(self, ydl: Any, info: dict[str, Any] | None) -> dict[str, Any]:
        if info is None:
            raise MediaFault(ErrorClass.UNSUPPORTED, "there is no video at this address")
        if info.get("_type", "video") == "video":
            return info
        entries = [entry for entry in islice(info.get("entries") or (), 2) if entry]
        if len(entries) != 1:
            found = "a list without a video" if not entries else "a list of several videos"
            raise MediaFault(ErrorClass.UNSUPPORTED, f"there is {found} at this address, not one video")
        entry: dict[str, Any] = entries[0]
        if entry.get("_type") in ("url", "url_transparent"):
            entry = ydl.extract_info(entry["url"], download=False, ie_key=entry.get("ie_key"))
            return self._only_video(ydl, entry)
        return entry

    def _keep_session(self, ydl: Any) -> None:
        """Somebody's session goes on in the next step of this job; it is no part of the video's description."""
        path = session_file(self.request)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as sink:
            sink.write(written(ydl.cookiejar))

    def _add_sponsor_segments(self, ydl: Any, info: dict[str, Any]) -> None:
        """What SponsorBlock's contributors marked, under `sponsorblock_chapters`; an extra, so it may fail."""
        if not self.options.get("sponsorblock"):
            return
        try:
            SponsorBlockPP(ydl, self.options["sponsorblock"]).run(info)
        except (YoutubeDLError, MediaFault) as error:
            self.logger.warning(f"SponsorBlock did not answer: {classify(error, blocked=self.guard.blocked).message}")

    # --- download ---

    def download(self) -> dict[str, Any]:
        """Download by the saved description; the name of the finished file in work/, and whether it was continued."""
        info = json.loads(Path(self.request["info"]).read_bytes())
        if info.get("live_status") == "is_live":
            return self._record(info)
        resumed = any(path.stat().st_size for path in self.work.iterdir())
        tally = Tally(info, self.work, self.limits, self.answers.send)
        limits = {**self.limits, "stall_window_s": self.limits["stall_window_s"] + self.pause}
        with Watch(self.work, limits, self._stop):
            for attempt in range(_CONTINUATIONS + 1):
                had = bytes_in(self.work)
                try:
                    path = self._download_once(dict(info), tally)
                    break
                except (YoutubeDLError, OSError) as error:
                    fault = classify(error, blocked=self.guard.blocked)
                    broken = fault.error_class in (ErrorClass.TRUNCATED, ErrorClass.NETWORK, ErrorClass.TIMEOUT)
                    gained = bytes_in(self.work) - had
                    if not broken or gained < _WORTH_CONTINUING or attempt == _CONTINUATIONS:
                        raise
                    resumed = True
                    self.answers.log(30, f"{fault.message}; {gained} bytes came, continuing")
        return {"path": path.name, "resumed": resumed, "duration": info.get("duration")}

    def _record(self, info: dict[str, Any]) -> dict[str, Any]:
        """Record a stream that is on the air until it ends."""
        with Watch(self.work, self.limits, self._stop), Downloader(self.params()) as ydl:
            path = record(ydl, info, self.work, limits=self.limits, tell=self.answers.send, log=self.answers.log)
        return {"path": path.name, "resumed": False, "recorded": True, "duration": None}

    def _download_once(self, info: dict[str, Any], tally: Tally) -> Path:
        params = self.params(progress_hooks=[tally.on_progress], postprocessor_hooks=[tally.on_postprocess])
        with Downloader(params) as ydl:
            done = ydl.process_ie_result(info, download=True)
        return Path(done["requested_downloads"][-1]["filepath"])

    def _stop(self, fault: MediaFault) -> None:
        """Called by the watching thread: nothing else may run any more. The leash ends what was started."""
        self.answers.fault(fault)
        os._exit(1)

    # --- fetch ---

    def fetch(self) -> dict[str, Any]:
        """Fetch one small file of the video to `out`, at most `max_bytes` after decompression."""
        limit = int(self.request["max_bytes"])
        out = Path(self.request["out"])
        resource.setrlimit(resource.RLIMIT_DATA, (_FETCH_MEMORY, _FETCH_MEMORY))
        info = json.loads(Path(self.request["info"]).read_bytes())
        url = self.request["url"]
        track = _track_of(info, url)
        time.sleep(self.pause)
        with Downloader(self.params()) as ydl:
            if str(track.get("protocol", "")).startswith("m3u8"):
                self._fetch_segments(ydl, {**track, "id": "track", "title": "track", "ext": "vtt"}, out, limit)
            else:
                headers = {
                    **(track.get("http_headers") or info.get("http_headers") or {}),
                    "Accept-Encoding": "identity",
                }
                write_atomically(out, _read_at_most(ydl.urlopen(Request(url, headers=headers)), limit))
        return {}

    def _fetch_segments(self, ydl: Any, track: dict[str, Any], out: Path, limit: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        unfinished = out.with_name(f".{out.name}.new")
        unfinished.unlink(missing_ok=True)
        ydl.dl(str(unfinished), track, subtitle=True)
        unfinished.replace(out)


def without_cookies(found: Any) -> Any:
    """A description without the cookies that yt-dlp writes beside each address."""
    if isinstance(found, dict):
        return {key: without_cookies(value) for key, value in found.items() if str(key).lower() not in _COOKIE_KEYS}
    return [without_cookies(item) for item in found] if isinstance(found, list) else found


def _track_of(info: dict[str, Any], url: str) -> dict[str, Any]:
    """The caption track of the description that has this address; empty for any other address."""
    groups = [info.get("subtitles") or {}, info.get("automatic_captions") or {}]
    tracks = (track for group in groups for tracks in group.values() for track in tracks or ())
    return next((dict(track) for track in tracks if track.get("url") == url), {})


def _read_at_most(response: Any, limit: int) -> bytes:
    kept = bytearray()
    with response:
        while piece := response.read(_PIECE):
            kept += piece
            if len(kept) > limit:
                raise MediaFault(ErrorClass.TOO_LARGE, f"the file is larger than {limit} bytes")
    return bytes(kept)


def write_atomically(target: Path, data: bytes) -> None:
    """Put `data` in place in one step."""
    unfinished = target.with_name(f".{target.name}.new")
    unfinished.write_bytes(data)
    unfinished.replace(target)


def serve(line: bytes, answers: Answers, guard: ConnectGuard) -> None:
    """Serve one request; the last answer is "done". What goes wrong is raised."""
    request = json.loads(line)
    os.environ["Z2_JOB_ID"] = str(request["job_id"])  # for the programs started from here
    if not request["allow_private"]:
        guard.install(request.get("proxy"))
    session = Session(request, answers, guard)
    operations = {"extract": session.extract, "download": session.download, "fetch": session.fetch}
    answers.send("done", **operations[request["op"]]())


def main() -> None:
    """Get warm. Then, in each child: serve its request, or say why not, and end."""
    prepare_ytdlp()
    warm_up()
    line = forks.request()
    answers = Answers()
    guard = ConnectGuard()

    def last_word(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Any exception ends the child; this says which, in the daemon's terms."""
        fault = classify(error, blocked=guard.blocked)
        if fault.error_class in (ErrorClass.UNKNOWN, ErrorClass.EXTRACTOR_BUG):
            traceback.print_exception(kind, error, trace)
            sys.stderr.flush()
        answers.fault(fault)
        os._exit(1)  # threads of a failed download must not hold up the end

    sys.excepthook = last_word
    serve(line, answers, guard)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
