"""Where a client looks for the daemon, and how it sees that one is at work."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest

from z2ctl.cli import repairs
from z2ctl.client import Endpoint, unreachable
from z2d.daemon import state
from z2d.wire import places


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's socket, there and usable."""
    path = tmp_path / "run-z2.sock"
    path.touch()
    monkeypatch.setattr(places, "SYSTEM_SOCKET", path)
    return path


def test_the_daemon_of_the_system_is_found_where_there_is_none_of_ones_own(tmp_path: Path, system: Path) -> None:
    assert places.socket_of_daemon({"Z2_STATE_DIR": str(tmp_path)}) == system


def test_a_daemon_of_ones_own_comes_first(tmp_path: Path, system: Path) -> None:
    own = tmp_path / "z2d.sock"
    own.touch()
    assert places.socket_of_daemon({"Z2_STATE_DIR": str(tmp_path)}) == own


def test_a_named_socket_is_the_socket(tmp_path: Path, system: Path) -> None:
    assert places.socket_of_daemon({"Z2_SOCKET": str(tmp_path / "named")}) == tmp_path / "named"


def test_the_system_s_is_none_of_an_account_that_may_not_use_it(
    tmp_path: Path, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places.os, "access", lambda path, mode: False)
    assert places.socket_of_daemon({"Z2_STATE_DIR": str(tmp_path)}) == tmp_path / "z2d.sock"


def test_the_service_s_account_finds_the_service_s_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places.os, "geteuid", lambda: 997)
    assert places.state_dir({"HOME": "/var/lib/z2"}) == Path("/var/lib/z2")
    assert places.state_dir({"HOME": "/home/alice", "XDG_STATE_HOME": "/home/alice/s"}) == Path("/home/alice/s/z2")


def test_who_may_not_use_the_system_s_daemon_is_told_what_to_do(tmp_path: Path, system: Path) -> None:
    said = unreachable(Endpoint(socket=tmp_path / "none"), FileNotFoundError()).detail
    assert "usermod -aG z2" in said
    system.unlink()
    assert "usermod" not in unreachable(Endpoint(socket=tmp_path / "none"), FileNotFoundError()).detail


def test_who_holds_the_lock_of_a_state_folder_is_seen(tmp_path: Path) -> None:
    assert places.is_locked(tmp_path) is False, "no daemon has ever been here"
    assert places.is_locked(tmp_path / "none") is False
    with state.locked(tmp_path):
        assert places.is_locked(tmp_path) is True
    assert places.is_locked(tmp_path) is False
    (tmp_path / "file").write_text("")
    assert places.is_locked(tmp_path / "file") is False


def test_a_lock_that_cannot_be_looked_at_may_be_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_args: object) -> int:
        raise PermissionError(errno.EACCES, "closed")

    with state.locked(tmp_path):
        monkeypatch.setattr(places.os, "open", refused)
        assert places.is_locked(tmp_path) is None


def test_neither_its_socket_is_removed_nor_its_database_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "z2d.sock"))
    monkeypatch.setattr(places, "is_locked", lambda _folder: None)
    assert repairs.faults(tmp_path, tmp_path / "z2d.sock", tmp_path / "token") == []
    monkeypatch.setattr(places, "is_locked", lambda _folder: False)
    assert [one.check.name for one in repairs.faults(tmp_path, tmp_path / "z2d.sock", tmp_path / "token")] == [
        "left-over socket"
    ]
