"""What yt-dlp is told in the child: its options, and a downloader that leaves a site alone at the first "slow down"."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from yt_dlp import YoutubeDL
from yt_dlp.networking.exceptions import HTTPError

from z2d.media.classify import classify
from z2d.media.netscape import read_cookies, written
from z2d.wire.errors import CookiesInvalid

TOO_MANY_REQUESTS = 429
SESSION = ".session"


class Downloader(YoutubeDL):  # type: ignore[misc]
    """yt-dlp, except that 429 ends the request at hand: extractors take it for one failure among others and go on
    asking, and every further question makes the site close for longer.
    """

    def urlopen(self, req: Any) -> Any:
        """Send a request. Raises MediaFault (RATE_LIMITED) besides yt-dlp's own exceptions."""
        try:
            return super().urlopen(req)
        except HTTPError as error:
            if error.status != TOO_MANY_REQUESTS:
                raise
            raise classify(error, blocked=[]) from error

    def save_cookies(self) -> None:
        """Cookies stay as they were given."""


def ytdlp_options(request: dict[str, Any], logger: Any, work: Path) -> dict[str, Any]:
    """yt-dlp's options for a request of the daemon. Retries are few: the queue retries, and counts. File names come
    from format ids alone.
    """
    options = request.get("options") or {}
    pause = float(options.get("sleep_s") or 0)
    return {
        "logger": logger,
        "noprogress": True,
        "color": {"stdout": "never", "stderr": "never"},
        "noplaylist": True,
        "playlist_items": "1:2",
        "lazy_playlist": True,
        "extract_flat": "in_playlist",
        "cachedir": False,
        "enable_file_urls": False,
        "socket_timeout": request["limits"]["socket_timeout_s"],
        "retries": 0,
        "extractor_retries": 0,
        "fragment_retries": 3,
        "file_access_retries": 1,
        "retry_sleep_functions": {"fragment": lambda n: 0.5 * 2**n},
        "skip_unavailable_fragments": False,
        "concurrent_fragment_downloads": 4,
        "hls_prefer_native": True,
        "format": _format(options, single_file=bool(request.get("single_file"))),
        "format_sort": _format_sort(options),
        "merge_output_format": "mp4/mkv" if options.get("container") == "mp4" else None,
        "ratelimit": options.get("rate_limit_bps"),
        "sleep_interval_requests": pause,
        "sleep_interval": pause,
        "paths": {"home": str(work)},
        "outtmpl": {"default": "media-%(format_id).60B.%(ext)s"},
        "restrictfilenames": True,
        "updatetime": False,
        "continuedl": True,
        "fixup": "detect_or_warn",
        "ffmpeg_location": request["ffmpeg"],
        "postprocessor_args": {"ffmpeg_i": ["-nostdin", "-protocol_whitelist", "file,pipe"]},
        **_access(request, logger),
    }


def _format(options: dict[str, Any], *, single_file: bool) -> str:
    if options.get("audio_only"):
        return "ba/b"
    return "b/bv*+ba" if single_file else "bv*+ba/b"


def _format_sort(options: dict[str, Any]) -> list[str]:
    """What is preferred, the most important first; nothing of it is a condition."""
    found = []
    if height := options.get("max_height"):
        found.append(f"res:{height}")
    if (codec := options.get("codec", "any")) != "any":
        found.append(f"vcodec:{codec}")
    if (container := options.get("container", "any")) != "any":
        sound = {"mp4": "m4a", "webm": "webm"}[container]
        found += [f"vext:{container}", f"aext:{sound}"]
    return found


def session_file(request: dict[str, Any]) -> Path:
    """Where the cookies of a signed-in session are kept between the steps of one run of a job."""
    return Path(request["info"] if "info" in request else request["out"]).with_name(SESSION)


def _access(request: dict[str, Any], logger: Any) -> dict[str, Any]:
    """Proxy, cookies, trusted certificates."""
    found: dict[str, Any] = {}
    if request.get("proxy"):
        found["proxy"] = request["proxy"]
    if request.get("cookies"):
        try:
            session = session_file(request)
            kept = session if request["op"] != "extract" and session.exists() else Path(request["cookies"])
            text = kept.read_text(encoding="utf-8", errors="replace")
            found["cookiefile"] = io.StringIO(written(read_cookies(text)))
        except (OSError, CookiesInvalid) as error:  # neither says what is in the file
            reason = error.detail if isinstance(error, CookiesInvalid) else error.strerror
            logger.warning(f"The cookies kept for this site are not used: {reason}")
    if os.environ.get("SSL_CERT_FILE"):
        found["compat_opts"] = {"no-certifi"}  # the certificates this machine names, not those of a wheel
    return found
