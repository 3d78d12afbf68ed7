from __future__ import annotations

import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import short_tmp
from z2d.daemon.places import host_names, is_loopback, tcp_socket, unix_socket
from z2d.daemon.trouble import DaemonTrouble


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_tmp() as path:
        yield path


def test_the_socket_is_for_owner_and_group_and_goes_with_the_block(folder: Path) -> None:
    path = folder / "new/z2d.sock"
    with unix_socket(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.exists()


def test_what_a_dead_daemon_left_is_replaced(folder: Path) -> None:
    path = folder / "z2d.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with unix_socket(path) as sock:
        sock.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_a_living_daemon_is_not_robbed_of_its_socket(folder: Path) -> None:
    path = folder / "z2d.sock"
    with unix_socket(path) as sock:
        sock.listen()
        with pytest.raises(DaemonTrouble, match="another z2d answers at") as caught, unix_socket(path):
            pass
        assert caught.value.exit_code == 75
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_a_file_of_somebody_is_not_removed(folder: Path) -> None:
    path = folder / "z2d.sock"
    path.write_text("mine")
    with pytest.raises(DaemonTrouble, match="is no socket"), unix_socket(path):
        pass
    assert path.read_text() == "mine"


def test_a_successor_keeps_its_socket_when_the_predecessor_ends_late(folder: Path) -> None:
    path = folder / "z2d.sock"
    with unix_socket(path):
        path.unlink()
        path.write_text("the successor's")
    assert path.exists()


def test_a_path_too_long_is_said(folder: Path) -> None:
    with pytest.raises(DaemonTrouble, match="too long for a socket"), unix_socket(folder / ("x" * 120)):
        pass


def test_a_taken_port_is_said() -> None:
    with tcp_socket("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(DaemonTrouble, match=f"port {port} of 127.0.0.1 is in use"), tcp_socket("127.0.0.1", port):
            pass


def test_an_address_that_is_not_ours_is_said() -> None:
    with pytest.raises(DaemonTrouble, match=r"cannot listen on 192\.0\.2\.1"), tcp_socket("192.0.2.1", 0):
        pass


@pytest.mark.parametrize("host", ["z2..test", "z" * 70, "a\udcff"])
def test_a_name_that_no_machine_can_have_is_said(host: str) -> None:
    with pytest.raises(DaemonTrouble, match="no machine can be called so") as caught, tcp_socket(host, 0):
        pass
    assert caught.value.exit_code == 78


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.2", False), ("localhost.example", False)],
)  # fmt: skip
def test_which_addresses_reach_this_machine_alone(host: str, alone: bool) -> None:
    assert is_loopback(host) is alone


def test_the_names_in_host_headers() -> None:
    assert host_names("127.0.0.1", 8642, ()) == {"127.0.0.1:8642", "localhost:8642", "[::1]:8642"}
    assert host_names("192.168.1.2", 80, ("Z2.example",)) == {"192.168.1.2:80", "z2.example"}
