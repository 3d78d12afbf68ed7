"""One-shot calls: over both transports, and through everything that can go wrong with them."""

from __future__ import annotations

import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Z2ctl
from tests.cli.fake import FakeDaemon, job
from z2ctl.client import Client, Endpoint
from z2d.wire import errors


@contextmanager
def answering(path: Path, answer: bytes | None) -> Iterator[None]:
    """A socket on which each caller gets the same bytes; None: nothing, for as long as it waits."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    held = []

    def serve() -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            if answer is None:
                held.append(caller)
            else:
                caller.recv(65536)
                caller.sendall(answer)
                caller.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        for caller in held:
            caller.close()


def test_the_place_of_the_daemon(place: Path) -> None:
    env = {"Z2_STATE_DIR": str(place)}
    assert Endpoint.find(env=env).socket == place / "z2d.sock"
    assert Endpoint.find(env=env | {"Z2_SOCKET": "/run/x.sock"}).socket == Path("/run/x.sock")
    by_url = env | {"Z2_URL": "https://z2.test/base/"}
    assert Endpoint.find(env=by_url)[:3] == (None, "https://z2.test/base", None)
    assert "No such file" in Endpoint.find(env=by_url).token_source
    assert Endpoint.find(env=by_url, socket_path=Path("/s")).socket == Path("/s")
    (place / "token").write_text(" secret\n")
    assert Endpoint.find(env=by_url).token == "secret"
    assert Endpoint.find(env=by_url | {"Z2_TOKEN": "other"}).token == "other"
    with pytest.raises(errors.UrlScheme):
        Endpoint.find(url="ftp://x", env=env)


@pytest.mark.parametrize(
    "url",
    ["http://[::1", "http://z2.test:99999", "http://z2.test:port", "http://", "https://:8642", "HTTP://z2.test:0"],
)
def test_an_address_that_is_none_is_said_and_not_tried(url: str, z2ctl: Z2ctl) -> None:
    ended = z2ctl("--url", url, "list")
    assert ended.code == 5
    assert ended.err == f"The daemon's address must be like http://127.0.0.1:8642, not '{url}'.\n"


@pytest.mark.parametrize(
    "url", ["http://me:hunter2@z2.test", "http://me:hunter2@[::1", "ftp://hunter2@z2.test", "me:hunter2@z2.test"]
)
def test_a_password_in_the_address_is_refused_and_not_repeated(url: str, z2ctl: Z2ctl) -> None:
    ended = z2ctl("--url", url, "logs", 1, "-f")
    assert ended.code == 5
    assert "Z2_TOKEN" in ended.err
    assert "hunter2" not in ended.err


@pytest.mark.parametrize("end", ["?token=hunter2", "/base?", "/#hunter2", "#", "?me@z2.test"])
def test_an_address_ends_with_its_path(end: str, z2ctl: Z2ctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("Z2CTL_URL", f"http://127.0.0.1:1{end}")
    ended = z2ctl("list")
    mark = "?" if "?" in end else "#"
    assert ended.code == 5
    said = f"The daemon's address ends with its path, like https://z2.example/base: there is a '{mark}' in it.\n"
    assert ended.err == said


@pytest.mark.parametrize("host", ["z2..test", "z" * 70 + ".test"])
def test_a_name_that_no_machine_can_have_is_a_daemon_that_does_not_answer(host: str, z2ctl: Z2ctl) -> None:
    ended = z2ctl("--url", f"http://{host}", "list")
    assert ended.code == 3
    assert f"no machine can be called {host}" in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ("list", "-q", "\udcff"),
        ("search", "caf\udce9"),
        ("logs", 1, "--grep", "\udcff"),
        ("submit", "--tag", "\udcff", "https://site.test/a"),
    ],
)
def test_bytes_that_are_no_text_are_said(daemon: FakeDaemon, words: tuple[object, ...], z2ctl: Z2ctl) -> None:
    ended = z2ctl(*words)
    assert (ended.code, ended.err) == (5, "What was given holds bytes that are not text in UTF-8.\n")
    assert not daemon.asked


def test_a_site_of_bytes_that_are_no_text_is_one_that_the_daemon_does_not_know(
    daemon: FakeDaemon, z2ctl: Z2ctl
) -> None:
    z2ctl("cookies", "remove", "\udcff")
    assert [one[:2] for one in daemon.asked] == [("DELETE", "/api/cookies/%3F")]


def test_over_tcp_the_token_is_sent(daemon: FakeDaemon, place: Path, z2ctl: Z2ctl) -> None:
    (place / "token").write_text("t0ken")
    daemon.jobs[1] = job(1)
    assert z2ctl("--url", f"http://127.0.0.1:{daemon.port}", "list", "--json").code == 0
    assert daemon.headers[0]["Authorization"] == "Bearer t0ken"
    assert daemon.headers[0]["Host"] == f"127.0.0.1:{daemon.port}"


def test_over_the_socket_no_token_is_sent(daemon: FakeDaemon, place: Path, z2ctl: Z2ctl) -> None:
    (place / "token").write_text("t0ken")
    z2ctl("stats")
    assert "Authorization" not in daemon.headers[0]
    assert daemon.headers[0]["Host"] == "localhost"


def test_a_refused_token_names_where_it_came_from(daemon: FakeDaemon, place: Path, z2ctl: Z2ctl) -> None:
    daemon.refuse["/api/stats"] = errors.Unauthorized()
    url = f"http://127.0.0.1:{daemon.port}"
    missing = z2ctl("--url", url, "stats")
    assert (missing.code, str(place / "token") in missing.err) == (5, True)
    (place / "token").write_text("wrong")
    assert "was refused" in z2ctl("--url", url, "stats").err


def test_a_broken_answer_is_asked_for_again(daemon: FakeDaemon, place: Path) -> None:
    client = Client(Endpoint(place / "z2d.sock"))
    daemon.breaks = ["/api/jobs"]
    assert client.submit("http://a")["id"] == 1
    keys = [header["Idempotency-Key"] for header in daemon.headers]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    daemon.breaks = ["/api/jobs/1/retry"]
    with pytest.raises(errors.DaemonUnreachable, match="may or may not"):
        client.retry(1)
    assert daemon.paths("POST").count("/api/jobs/1/retry") == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"[" * 100_000,
        b"SSH-2.0-OpenSSH\r\n",
        b"",
    ],
)
def test_what_is_not_z2d_is_said_to_be_unreachable(place: Path, answer: bytes) -> None:
    with answering(place / "s", answer), pytest.raises(errors.DaemonUnreachable):
        Client(Endpoint(place / "s"), timeout=5).stats()


def test_a_silent_daemon_is_not_waited_for(place: Path) -> None:
    with answering(place / "s", None), pytest.raises(errors.DaemonUnreachable, match=r"longer than 0\.2 s"):
        Client(Endpoint(place / "s"), timeout=0.2).stats()


def test_a_call_is_given_up_from_beside_and_not_repeated(place: Path) -> None:
    with answering(place / "s", None):
        client = Client(Endpoint(place / "s"), timeout=30)
        cutter = threading.Timer(0.1, client.line.cut)
        cutter.start()
        with pytest.raises(errors.DaemonUnreachable, match="given up"):
            client.probe("https://video.example/")
        cutter.join()
        with pytest.raises(errors.DaemonUnreachable, match="given up"):
            client.stats()


def test_a_stale_socket_and_a_port_nobody_listens_on(place: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(place / "s"))
    left.close()
    assert stat.S_ISSOCK((place / "s").stat().st_mode)
    with pytest.raises(errors.DaemonUnreachable, match="not running, or has only just been started"):
        Client(Endpoint(place / "s")).stats()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(errors.DaemonUnreachable, match=r"Check the address.*Z2_LISTEN"):
            Client(Endpoint(url=f"http://127.0.0.1:{taken.getsockname()[1]}")).stats()


def test_every_error_of_the_wire_comes_back_as_itself(daemon: FakeDaemon, place: Path) -> None:
    client = Client(Endpoint(place / "z2d.sock"))
    for code, kind in errors.by_code().items():
        daemon.refuse["/api/stats"] = kind(f"about {code}")
        with pytest.raises(errors.Z2Error) as caught:
            client.stats()
        assert type(caught.value) is kind
