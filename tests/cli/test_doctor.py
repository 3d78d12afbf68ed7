"""`z2ctl doctor`, with a daemon and without one."""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import pytest

from tests.cli.conftest import Z2ctl
from tests.cli.fake import FakeDaemon
from z2ctl.cli import machine
from z2d.wire import errors


def states(out: str) -> dict[str, str]:
    return {check["name"]: check["state"] for check in json.loads(out)["checks"]}


def test_without_a_daemon_it_says_what_to_do(place: Path, z2ctl: Z2ctl) -> None:
    ended = z2ctl("doctor")
    assert ended.code == 1
    assert "z2d serve" in ended.out
    found = json.loads(z2ctl("doctor", "--json").out)
    assert found["ok"] is False
    assert found["socket"] == str(place / "z2d.sock")
    by_name = states(z2ctl("doctor", "--json").out)
    assert (by_name["daemon"], by_name["socket"], by_name["ffmpeg"]) == ("wrong", "wrong", "ok")


def test_with_a_daemon_in_order(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.version["version"] = metadata.version("z2")
    daemon.socket.chmod(0o660)
    ended = z2ctl("doctor", "--json")
    assert ended.code == 0
    assert states(ended.out)["daemon: database"] == "ok"


def test_a_sick_part_is_named_with_its_remedy(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.health = {"status": "unavailable", "parts": {"database": {"ok": False, "detail": "no answer"}}}
    ended = z2ctl("doctor")
    assert ended.code == 1
    assert "no answer" in ended.out
    assert "Z2_DATABASE_URL" in ended.out


def test_another_version_or_another_api(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.version["version"] = "0.0.1"
    assert states(z2ctl("doctor", "--json").out)["daemon"] == "warning"
    daemon.version["api"] = 2
    assert states(z2ctl("doctor", "--json").out)["daemon"] == "wrong"
    daemon.refuse["/api/version"] = errors.Forbidden()
    assert states(z2ctl("doctor", "--json").out)["daemon"] == "wrong"


def test_a_daemon_elsewhere_is_asked_and_this_machine_is_not(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    names = states(z2ctl("--url", f"http://127.0.0.1:{daemon.port}", "doctor", "--json").out)
    assert "daemon" in names
    assert "ffmpeg" not in names


def test_the_socket(place: Path) -> None:
    path = place / "s"
    assert machine.socket_check(path).state == "wrong"
    path.write_text("")
    assert "not a socket" in machine.socket_check(path).detail
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o660)
        assert machine.socket_check(path).state == "ok"
        path.chmod(0o666)
        assert machine.socket_check(path).state == "warning"


def test_the_folder_and_its_room(place: Path) -> None:
    assert machine.folder_check(place).state == "ok"
    assert machine.folder_check(place / "none").state == "ok"
    (place / "file").write_text("")
    assert machine.folder_check(place / "file").state == "wrong"
    assert "free" in machine.room_check(place / "not" / "yet").detail


def test_programs_that_are_missing_or_broken(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda name: None)
    monkeypatch.setattr("sys.executable", str(place / "bin" / "python"))
    monkeypatch.setenv("PATH", str(place))
    assert machine.ffmpeg_check().state == "wrong"
    assert machine.javascript_check().state == "warning"
    assert machine.analysis_check().state == "wrong"
    for name in ("ffmpeg", "deno"):
        (place / name).write_text("#!/bin/sh\nexit 1\n")
        (place / name).chmod(0o755)
    assert machine.ffmpeg_check().state == "wrong"
    assert machine.javascript_check().state == "warning"
    assert os.access(place / "ffmpeg", os.X_OK)


def test_the_age_of_yt_dlp(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    for version, state in (("2026.11.1", "ok"), ("2026.8.19", "warning"), ("2026.7.3", "wrong"), ("2027.1", "ok")):
        monkeypatch.setattr(machine.metadata, "version", lambda name, version=version: version)
        assert machine.yt_dlp_check(now).state == state


@pytest.mark.parametrize(
    ("settings", "state", "words"),
    [
        ({"Z2_SPEECH": "off"}, "ok", "switched off"),
        ({"Z2_SPEECH_URL": "http://127.0.0.1:8000/v1"}, "ok", "a service"),
        ({"Z2_SPEECH": "openai"}, "wrong", "no address"),
        ({"Z2_SPEECH_MODEL_DIR": "/none"}, "wrong", "no model.bin in /none"),
        ({}, "warning", "no engine: captions only"),
        ({"Z2_SPEECH": "pocketsphinx"}, "wrong", "no engine"),
    ],
)
def test_which_engine_would_listen(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], state: str, words: str
) -> None:
    for name in ("Z2_SPEECH", "Z2_SPEECH_URL", "Z2_SPEECH_MODEL_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(machine, "find_spec", lambda _name: None)
    check = machine.speech_check()
    assert (check.state, words in check.detail) == (state, True), check
