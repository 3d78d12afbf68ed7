"""Exceptions of yt-dlp become error classes: by type, through every wrapping, and by words where no type says it."""

from __future__ import annotations

import contextlib
import errno
import io
import socket
from collections.abc import Callable

import pytest
from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import (
    CertificateVerifyError,
    HTTPError,
    IncompleteRead,
    NoSupportingHandlers,
    RequestError,
    TransportError,
)
from yt_dlp.utils import (
    ContentTooShortError,
    DownloadError,
    ExtractorError,
    GeoRestrictedError,
    PostProcessingError,
    RegexNotFoundError,
    UnsupportedError,
    UserNotLive,
)

from z2d.media.classify import by_words, classify, retry_after
from z2d.media.faults import MediaFault
from z2d.media.guard import BlockedAddress
from z2d.wire.reasons import ErrorClass as E


def http(status: int, **headers: str) -> HTTPError:
    return HTTPError(Response(io.BytesIO(), "http://h.example", headers, status=status))


def raised(inner: BaseException, outer: Callable[[BaseException], BaseException]) -> BaseException:
    """`outer` as it is when it is raised while the other is handled, as yt-dlp does it."""
    made: list[BaseException] = []
    with contextlib.suppress(BaseException):
        try:
            raise inner
        except type(inner) as caught:
            made.append(outer(caught))
            raise made[0]  # noqa: B904
    return made[0]


BARE: list[tuple[BaseException, E]] = [
    (http(401), E.LOGIN_REQUIRED), (http(402), E.PAYWALL), (http(403), E.FORBIDDEN), (http(404), E.NOT_FOUND),
    (http(410), E.REMOVED), (http(418), E.UNSUPPORTED), (http(429), E.RATE_LIMITED), (http(451), E.GEO),
    (http(500), E.SERVER_ERROR), (http(502), E.SERVER_ERROR), (http(504), E.TIMEOUT), (http(530), E.SERVER_ERROR),
    (GeoRestrictedError("not here"), E.GEO), (UserNotLive(), E.LIVE_NOT_STARTED),
    (UnsupportedError("http://h.example"), E.UNSUPPORTED),
    (IncompleteRead(5, 10), E.TRUNCATED), (ContentTooShortError(5, 10), E.TRUNCATED),
    (TransportError(cause=TimeoutError("timed out")), E.TIMEOUT), (TransportError("read timed out"), E.TIMEOUT),
    (TransportError(cause=socket.gaierror(-2, "unknown")), E.NETWORK), (TransportError("reset by peer"), E.NETWORK),
    (CertificateVerifyError("self-signed"), E.NETWORK), (RequestError("invalid URL"), E.BAD_URL),
    (NoSupportingHandlers([], []), E.UNSUPPORTED),
    (BlockedAddress("10.0.0.1"), E.BLOCKED_ADDRESS), (TransportError(cause=BlockedAddress("x")), E.BLOCKED_ADDRESS),
    (OSError(errno.ENOSPC, "full"), E.DISK_FULL), (OSError(errno.EDQUOT, "quota"), E.DISK_FULL),
    (OSError(errno.EFBIG, "big"), E.TOO_LARGE), (MemoryError(), E.TOO_LARGE),
    (PostProcessingError("ffmpeg failed"), E.POSTPROCESS),
    (MediaFault(E.STALLED, "stopped"), E.STALLED),
    (RegexNotFoundError("Unable to extract title"), E.EXTRACTOR_BUG), (ExtractorError("KeyError"), E.EXTRACTOR_BUG),
    (ExtractorError("This video is private", expected=True), E.PRIVATE),
    (ExtractorError("something else", expected=True), E.UNKNOWN), (KeyError("x"), E.UNKNOWN), (OSError("x"), E.UNKNOWN),
]  # fmt: skip


@pytest.mark.parametrize(("error", "error_class"), BARE, ids=lambda value: str(value)[:40])
def test_types_decide_bare_and_wrapped(error: BaseException, error_class: E) -> None:
    assert classify(error, blocked=[]).error_class is error_class
    wrapped = raised(error, lambda inner: DownloadError("ERROR: it failed", (type(inner), inner, None)))
    assert classify(wrapped, blocked=[]).error_class is error_class
    if not isinstance(error, ExtractorError):
        twice = raised(error, lambda inner: ExtractorError("Unable to download webpage", cause=inner))
        expected = E.EXTRACTOR_BUG if error_class is E.UNKNOWN else error_class
        assert classify(twice, blocked=[]).error_class is expected


@pytest.mark.parametrize(
    ("words", "error_class"),
    [
        ("Sign in to confirm you’re not a bot. Use --cookies", E.BOT_CHECK),
        ("Sign in to confirm your age. This video may be inappropriate for some users.", E.AGE_GATE),
        ("Join this channel to get access to members-only content like this video", E.MEMBERS_ONLY),
        ("This video requires payment to watch", E.PAYWALL),
        ("Private video. Sign in if you've been granted access to this video", E.PRIVATE),
        ("Premieres in 3 hours", E.LIVE_NOT_STARTED),
        ("This live event will begin in 20 minutes.", E.LIVE_NOT_STARTED),
        ("The uploader has not made this video available in your country", E.GEO),
        ("Video unavailable. This video has been removed by the uploader", E.REMOVED),
        ("This video is no longer available because the account has been terminated", E.REMOVED),
        ("This video is DRM protected", E.DRM),
        ("This content is only available for registered users. Use --cookies", E.LOGIN_REQUIRED),
        ("Requested format is not available. Use --list-formats", E.FORMAT),
        ("Video unavailable", E.NOT_FOUND),
        ("Cannot parse data of https://h.example/sign-in/private-video/drm", None),
    ],
)
def test_words_are_the_last_resort(words: str, error_class: E | None) -> None:
    assert by_words(words) is error_class


def test_a_refusal_is_told_apart_by_its_words() -> None:
    for status in (401, 403):
        error = raised(http(status), lambda inner: ExtractorError("This video is private", cause=inner))
        assert classify(error, blocked=[]).error_class is E.PRIVATE
    error = raised(http(500), lambda inner: ExtractorError("This video is private", cause=inner))
    assert classify(error, blocked=[]).error_class is E.SERVER_ERROR


def test_what_the_guard_refused_explains_what_follows() -> None:
    assert classify(KeyError("x"), blocked=["10.0.0.1"]).error_class is E.BLOCKED_ADDRESS
    assert classify(TransportError("x"), blocked=["10.0.0.1"]).message == "refused to connect to 10.0.0.1"


def test_an_error_out_of_an_extractors_own_code_is_its_bug() -> None:
    scope: dict[str, Callable[[], None]] = {}
    exec(compile("def stumble(): None + 1", "/x/yt_dlp/extractor/site.py", "exec"), scope)
    with pytest.raises(TypeError) as caught:
        scope["stumble"]()
    assert classify(caught.value, blocked=[]).error_class is E.EXTRACTOR_BUG


def test_retry_after_in_both_forms() -> None:
    assert classify(http(429, **{"Retry-After": "120"}), blocked=[]).retry_after == 120
    assert retry_after("Wed, 21 Oct 2026 07:28:30 GMT", now=1792567680.0) == 30
    assert retry_after("Wed, 21 Oct 2020 07:28:00 GMT") == 0
    assert retry_after("99999999999999999999") == 86400
    assert [retry_after(text) for text in (None, "", "soon", "-5", "1.5", "٣", "²")] == [None] * 7


def test_the_message_is_the_sites_own_sentence() -> None:
    error = raised(KeyError("x"), lambda _: ExtractorError("No such film", expected=True, ie="site"))
    wrapped = raised(error, lambda inner: DownloadError("ERROR: [site] x", (type(inner), inner, None)))
    assert classify(wrapped, blocked=[]).message == "No such film"
