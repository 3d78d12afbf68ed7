"""From an exception of yt-dlp to an error class: by types first, by words only where there is no type.

Runs in the yt-dlp child. yt-dlp wraps exceptions in exceptions; the answer is found by walking the whole chain.
"""

from __future__ import annotations

import email.utils
import errno
import re
import time
import traceback
from collections.abc import Iterator
from typing import Any

from yt_dlp.networking import exceptions as network
from yt_dlp.utils import (
    ContentTooShortError,
    ExtractorError,
    GeoRestrictedError,
    PostProcessingError,
    UnsupportedError,
    UserNotLive,
    YoutubeDLError,
)

from z2d.media.faults import MediaFault
from z2d.media.guard import BlockedAddress
from z2d.wire.reasons import ErrorClass as E

_STATUS = {
    400: E.BAD_URL, 401: E.LOGIN_REQUIRED, 402: E.PAYWALL, 403: E.FORBIDDEN, 404: E.NOT_FOUND, 405: E.UNSUPPORTED,
    406: E.UNSUPPORTED, 407: E.FORBIDDEN, 408: E.TIMEOUT, 410: E.REMOVED, 416: E.TRUNCATED, 423: E.FORBIDDEN,
    425: E.SERVER_ERROR, 429: E.RATE_LIMITED, 451: E.GEO, 504: E.TIMEOUT,
}  # fmt: skip

# Refusals share the statuses 401 and 403; extractors say in words which one it is.
_WORDS = tuple(
    (error_class, re.compile(pattern, re.IGNORECASE))
    for error_class, pattern in (
        (E.RATE_LIMITED, r"rate.?limit|too many requests|isn.t available, try again later"),
        (E.BOT_CHECK, r"not a bot|unusual traffic|captcha|cloudflare anti-bot|verify (that )?you('re| are) (a )?human"),
        (E.AGE_GATE, r"confirm your age|age.restricted|age.gate|adults? only|inappropriate for some users"),
        (E.MEMBERS_ONLY, r"members?.only|join this channel|subscribers? only|only available (to|for) (subscri|member)"),
        (E.PAYWALL, r"requires payment|purchase|rent(al)? |paid content|premium (only|video|content|account|user)"),
        (E.PRIVATE, r"private video|video is private|this (post|account|page) is private"),
        (E.LIVE_NOT_STARTED, r"premieres? in|will begin in|has not (yet )?(started|begun)|offline|not currently live"),
        (E.LIVE_ENDED_PROCESSING, r"(live ?stream|event|recording).*(processing|not (yet )?available)"),
        (E.GEO, r"in your (country|region|location)|geo.?(restrict|block)|not available from your location"),
        (E.REMOVED, r"has been (removed|deleted|taken down)|no longer available|isn.t available any ?more|was deleted|"
                    r"account .*terminated"),
        (E.DRM, r"\bDRM\b"),
        (E.LOGIN_REQUIRED, r"sign in|log ?in|logged.in|cookies|registered users|authenticat"),
        (E.FORMAT, r"requested format is not available|no video formats found"),
        (E.NOT_FOUND, r"(video|page|content|media|item) (is )?(unavailable|not available|not found|does ?n.t exist)"),
    )
)  # fmt: skip

_MORE_EXACT = frozenset({E.BOT_CHECK, E.AGE_GATE, E.MEMBERS_ONLY, E.PAYWALL, E.PRIVATE, E.GEO, E.LOGIN_REQUIRED, E.DRM})
_URL = re.compile(r"https?://\S+")


def classify(error: BaseException, *, blocked: list[str]) -> MediaFault:
    """The fault that an exception of yt-dlp stands for. `blocked`: what the connect guard refused so far."""
    chain = list(_chain(error))
    # a refused connection is wrapped in whatever its caller makes of errors, so it is looked for first
    chain.sort(key=lambda inner: not isinstance(inner, BlockedAddress))
    fault = next((found for found in map(_by_type, chain) if found is not None), None)
    words = _plain_words(chain)
    if blocked and (fault is None or fault.error_class is not E.TOO_LARGE):
        return MediaFault(E.BLOCKED_ADDRESS, f"refused to connect to {blocked[-1]}")
    if fault is None or fault.error_class in (E.FORBIDDEN, E.LOGIN_REQUIRED):
        told = by_words(words)
        if told is not None and (fault is None or told in _MORE_EXACT):
            fault = MediaFault(told, "", fault.retry_after if fault else None)
    if fault is None:
        fault = MediaFault(_unexpected(chain), "")
    return MediaFault(fault.error_class, fault.message or words, fault.retry_after)


def plain(text: str) -> str:
    """A sentence of an extractor without what it tells the users of yt-dlp's own command line."""
    text = _URL.sub("", text).partition("; please report this issue")[0]
    text = re.sub(r"^\[[\w:]+\] (\S+: )?", "", text.replace("ERROR: ", ""))
    return re.split(r"\s+(?:Use --|Also see|For more information|It is recommended to use)", text)[0].strip()


def by_words(text: str) -> E | None:
    """The class that a sentence of an extractor speaks of; addresses in it do not count."""
    text = _URL.sub("", text)
    return next((error_class for error_class, pattern in _WORDS if pattern.search(text)), None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and all it was made from, outermost first."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        kept = getattr(current, "exc_info", None)
        inner = kept[1] if isinstance(kept, tuple) else None
        waiting += [inner, getattr(current, "cause", None), current.__cause__, current.__context__]


def _by_type(error: BaseException) -> MediaFault | None:
    """The class that one exception of the chain decides by its type; None when it does not."""
    match error:
        case MediaFault():
            return error
        case BlockedAddress():
            return MediaFault(E.BLOCKED_ADDRESS, str(error))
        case GeoRestrictedError():
            return MediaFault(E.GEO, "")
        case UserNotLive():
            return MediaFault(E.LIVE_NOT_STARTED, "")
        case UnsupportedError():
            return MediaFault(E.UNSUPPORTED, "there is no video that can be found at this address")
        case network.HTTPError():
            return _by_status(error)
        case network.IncompleteRead() | ContentTooShortError():
            return MediaFault(E.TRUNCATED, "the server closed the connection before the end")
        case network.NoSupportingHandlers() | network.UnsupportedRequest():
            return MediaFault(E.UNSUPPORTED, "")
        case TimeoutError():
            return MediaFault(E.TIMEOUT, "the server did not answer in time")
        case network.TransportError():
            return _by_transport(error)
        case network.RequestError():
            return MediaFault(E.BAD_URL, "")
        case MemoryError():
            return MediaFault(E.TOO_LARGE, "reading this needs more memory than is allowed")
        case OSError():
            return _by_errno(error)
        case PostProcessingError():
            return MediaFault(E.POSTPROCESS, "")
    if type(error).__name__ == "_UnsafeExtensionError":
        return MediaFault(E.UNSUPPORTED, "the site names a kind of file that is not taken")
    return None


def _by_status(error: Any) -> MediaFault:
    status = int(error.status)
    if error.redirect_loop:
        return MediaFault(E.BAD_URL, "the address leads back to itself")
    error_class = _STATUS.get(status) or (E.SERVER_ERROR if status >= 500 else E.UNSUPPORTED)
    wait = retry_after(error.response.headers.get("Retry-After"))
    return MediaFault(error_class, f"the server answered {status} {error.reason}", wait)


def retry_after(header: str | None, now: float | None = None) -> float | None:
    """Seconds to wait as a Retry-After header says, in either of its two forms; at most a day."""
    if not header:
        return None
    if re.fullmatch(r"[0-9]+", header.strip()):
        return min(float(header.strip()[:9]), 86400.0)
    try:
        at = email.utils.parsedate_to_datetime(header).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0.0, at - (time.time() if now is None else now)), 86400.0)


def _by_transport(error: BaseException) -> MediaFault:
    text = str(error).lower()
    if "timed out" in text or any(isinstance(inner, TimeoutError) for inner in _chain(error)):
        return MediaFault(E.TIMEOUT, "the server did not answer in time")
    if "incompleteread" in text or "more expected" in text:
        return MediaFault(E.TRUNCATED, "the server closed the connection before the end")
    return MediaFault(E.NETWORK, "")


def _by_errno(error: OSError) -> MediaFault | None:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MediaFault(E.DISK_FULL, "the disk is full")
    if error.errno == errno.EFBIG:
        return MediaFault(E.TOO_LARGE, "the file is larger than the limit")
    return None


def _unexpected(chain: list[BaseException]) -> E:
    """An extractor that stumbled without saying so on purpose has a bug; anything else is unknown."""
    stumbled = any(isinstance(error, ExtractorError) and not error.expected for error in chain)
    return E.EXTRACTOR_BUG if stumbled or any(map(_raised_in_extractor, chain)) else E.UNKNOWN


def _raised_in_extractor(error: BaseException) -> bool:
    """yt-dlp wraps few kinds of errors: a TypeError of an extractor comes as it is."""
    wrapped = isinstance(error, YoutubeDLError | OSError)
    frames = () if wrapped else traceback.walk_tb(error.__traceback__)
    return any("/yt_dlp/extractor/" in frame.f_code.co_filename for frame, _ in frames)


def _plain_words(chain: list[BaseException]) -> str:
    """The sentence of the extractor, without yt-dlp's request to report a bug."""
    for error in chain:
        if isinstance(error, ExtractorError):
            return plain(str(error.orig_msg)) or type(error).__name__
    return plain(str(chain[0])) or type(chain[0]).__name__
