"""One request and its answer, as the bytes they are."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from z2ctl import oneshot

HEAD = b"HTTP/1.1 200 OK\r\n"
FORMED = st.tuples(
    st.sampled_from([HEAD, b"HTTP/1.1 404 \r\n", b"HTTP/1.0 503 no\r\n", b"HTTP/2 200\r\n", b""]),
    st.sampled_from(
        [b"", b"Content-Length: 4\r\n", b"Transfer-Encoding: chunked\r\n", b"content-length: -1\r\n", b":\r\n"]
    ),
    st.sampled_from([b"\r\n", b""]),
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from([b"4\r\nwords\r\n0\r\n\r\n", b"4\r\nword\r\n0\r\n\r\n", b"ffffffff\r\n"]),
    ),
).map(b"".join)


def asked(answer: bytes, *, closes: bool = True, largest: int = 1_000_000) -> tuple[oneshot.Answer, bytes]:
    """What is made of an answer, and the request that was sent."""
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    request = bytearray()

    def serve() -> None:
        while b"\r\n\r\n" not in request:
            request.extend(theirs.recv(65536))
        theirs.sendall(answer)
        if closes:
            theirs.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=serve)
    thread.start()
    with theirs:
        try:
            found = oneshot.exchange(ours, "POST", "/a?b=1", {"Host": "localhost"}, b"{}", largest)
        finally:
            thread.join(5)
    return found, bytes(request)


def test_a_request_and_its_answer() -> None:
    answer, request = asked(HEAD + b"Content-Type: text/plain\r\nX-A:b\r\nContent-Length: 4\r\n\r\nwordmore")
    assert answer == (200, {"content-type": "text/plain", "x-a": "b", "content-length": "4"}, b"word")
    assert request.startswith(
        b"POST /a?b=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"\r\nto the end", b"to the end"),
        (b"\r\n", b""),
        (b"Transfer-Encoding: chunked\r\n\r\n4\r\nword\r\nA;x=y\r\n and words\r\n0\r\n\r\n", b"word and words"),
    ],
)
def test_the_ways_a_body_may_come(answer: bytes, body: bytes) -> None:
    assert asked(HEAD + answer)[0].body == body


def test_a_server_that_does_not_close() -> None:
    assert asked(HEAD + b"Content-Length: 4\r\n\r\nword", closes=False)[0].body == b"word"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0\r\n\r\n",
        HEAD,
        HEAD + b"Content-Length: 9\r\n\r\nword",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nword\r\n",
    ],
)
def test_what_is_no_whole_answer(answer: bytes) -> None:
    with pytest.raises(oneshot.Broken):
        asked(answer)


def test_an_answer_has_a_largest_size() -> None:
    with pytest.raises(oneshot.TooLarge):
        asked(HEAD + b"\r\n" + b"x" * 100_000, largest=1000)


@pytest.mark.parametrize("bad", ["a\r\nX-Injected: b", "a\x00", "ž"])
def test_headers_cannot_be_smuggled_in(bad: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(oneshot.Broken):
        oneshot.exchange(ours, "GET", "/", {"Authorization": bad}, None, 1000)


@given(FORMED)
def test_whatever_comes_is_an_answer_or_broken(answer: bytes) -> None:
    with contextlib.suppress(oneshot.Broken):
        assert oneshot._answer(answer).status >= 0


def test_https_is_spoken_only_with_who_speaks_it() -> None:
    from urllib.parse import urlsplit

    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            caller, _ = server.accept()
            with caller:
                caller.recv(65536)
                caller.sendall(HEAD + b"\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(OSError, match="SSL"):
            oneshot.connect(urlsplit(f"https://127.0.0.1:{server.getsockname()[1]}"), 5)
        thread.join(5)
