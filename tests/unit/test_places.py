"""Where a client looks for the daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from z2ctl.client import Endpoint, unreachable
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
