from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from z2d.daemon import state
from z2d.daemon.trouble import DaemonTrouble


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_is_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "a/state"
    state.prepare(folder)
    assert mode(folder) == (0o711 if os.geteuid() == 0 else 0o700)
    assert mode(folder / "jobs") == 0o700
    folder.chmod(0o777)
    state.prepare(folder)
    assert mode(folder) == (0o711 if os.geteuid() == 0 else 0o710)  # a group that may pass still may


def test_a_place_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(DaemonTrouble, match=r"cannot use the state folder .*/state: .*; choose another"):
        state.prepare(tmp_path / "state")


def test_the_lock_is_held_by_one_and_goes_with_its_holder(tmp_path: Path) -> None:
    hold = f"from z2d.daemon.state import locked; from pathlib import Path\nwith locked(Path({str(tmp_path)!r})): "
    with state.locked(tmp_path):
        words = rf"another z2d \(pid {os.getpid()}\) is at work in"
        with pytest.raises(DaemonTrouble, match=words) as caught, state.locked(tmp_path):
            pass
        assert caught.value.exit_code == 75
    child = subprocess.Popen(
        [sys.executable, "-c", hold + "print(flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout
        child.stdout.readline()
        with pytest.raises(DaemonTrouble, match=rf"pid {child.pid}\b"), state.locked(tmp_path):
            pass
        child.kill()
        child.wait()
        with state.locked(tmp_path):
            pass


def test_the_installation_keeps_its_name(tmp_path: Path) -> None:
    first = state.installation(tmp_path)
    assert first.endswith(f"@{tmp_path}")
    assert state.installation(tmp_path) == first
    (tmp_path / "other").mkdir()
    assert state.installation(tmp_path / "other").split("@")[0] != first.split("@")[0]


def test_a_token_is_made_once_and_is_ours_alone(tmp_path: Path) -> None:
    path = tmp_path / "token"
    assert state.token(path, given=None, make=False) is None
    made = state.token(path, given=None, make=True)
    assert made is not None
    assert len(made) > 30
    assert mode(path) == 0o600
    assert state.token(path, given=None, make=True) == made
    assert state.token(path, given="another", make=True) == "another"
    assert [path.name for path in tmp_path.iterdir()] == ["token"]


def test_a_token_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("secret\n")
    path.chmod(0o644)
    with pytest.raises(DaemonTrouble, match="open to other accounts: chmod 600"):
        state.token(path, given=None, make=True)
    path.chmod(0o600)
    assert state.token(path, given=None, make=True) == "secret"
    path.write_text("\n")
    with pytest.raises(DaemonTrouble, match="is empty"):
        state.token(path, given=None, make=True)
    path.write_bytes(b"\xff\xfesecret")
    with pytest.raises(DaemonTrouble, match="is not text in UTF-8"):
        state.token(path, given=None, make=True)
