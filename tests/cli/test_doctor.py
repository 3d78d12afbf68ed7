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
from tests.cli.fake import FakeDaemon, job
from z2ctl.cli import machine, self_test
from z2d.daemon import state
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
    for version, expected in (("2026.11.1", "ok"), ("2026.8.19", "warning"), ("2026.7.3", "wrong"), ("2027.1", "ok")):
        monkeypatch.setattr(machine.metadata, "version", lambda name, version=version: version)
        assert machine.yt_dlp_check(now).state == expected


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


def test_what_the_daemon_finds_is_shown_with_why_and_remedy(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.version["version"] = metadata.version("z2")
    daemon.findings = [
        {
            "name": "clock",
            "state": "warning",
            "detail": "9.0 s behind",
            "why": "They should agree.",
            "remedy": "Set it.",
        },
        {"name": "ffmpeg", "state": "ok", "detail": "7.1", "why": "Needed.", "remedy": ""},
    ]
    ended = z2ctl("doctor")
    assert "9.0 s behind" in ended.out
    assert "They should agree." in ended.out
    assert "Set it." in ended.out
    assert "Needed." not in ended.out, "what is in order is one line"
    checks = json.loads(z2ctl("doctor", "--json").out)["checks"]
    assert [check["detail"] for check in checks if check["name"] == "ffmpeg"] == ["7.1"], "the daemon sees its own best"
    assert next(check for check in checks if check["name"] == "clock")["why"] == "They should agree."
    daemon.refuse["/api/diagnosis"] = errors.NotFound()
    assert "diagnosis" not in states(z2ctl("doctor", "--json").out), "an older daemon has no word for it"


def test_hostile_words_of_a_daemon_reach_no_terminal(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.findings = [
        {"name": "x\x1b[2J", "state": "wrong", "detail": "\x1b]52;c;x\x07", "why": "\x9b", "remedy": "\u202e"}
    ]
    ended = z2ctl("doctor")
    assert not {sign for sign in ended.out if not sign.isprintable() and sign != "\n"}


@pytest.fixture
def neglected(place: Path) -> Path:
    """A state folder in which everything is wrong that can be repaired."""
    (place / "cookies").mkdir(mode=0o755)
    for name in ("token", "cookies/vimeo.txt"):
        (place / name).write_text("secret")
        (place / name).chmod(0o644)
    (place / "installation").write_text("one")
    place.chmod(0o777)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place / "z2d.sock"))
    return place


WRONG = {
    "mode of state folder",
    "mode of token",
    "mode of vimeo.txt",
    "mode of cookies",
    "folder jobs",
    "left-over socket",
}


def test_without_fix_nothing_is_touched(neglected: Path, z2ctl: Z2ctl) -> None:
    ended = z2ctl("doctor", "--json")
    assert ended.code == 1
    checks = {check["name"]: check for check in json.loads(ended.out)["checks"]}
    assert checks.keys() >= WRONG
    assert all(checks[name]["remedy"] and checks[name]["why"] for name in WRONG)
    assert (neglected / "token").stat().st_mode & 0o777 == 0o644
    assert (neglected / "z2d.sock").exists()
    assert not (neglected / "jobs").exists()


def test_fix_repairs_and_loses_nothing(neglected: Path, z2ctl: Z2ctl) -> None:
    found = states(z2ctl("doctor", "--fix", "--json").out)
    assert {name: found[name] for name in WRONG} == dict.fromkeys(WRONG, "ok")
    modes = {
        name: (neglected / name).stat().st_mode & 0o777
        for name in (".", "token", "cookies", "cookies/vimeo.txt", "jobs")
    }
    assert modes == {".": 0o711, "token": 0o600, "cookies": 0o700, "cookies/vimeo.txt": 0o600, "jobs": 0o700}
    assert (neglected / "token").read_text() == (neglected / "cookies/vimeo.txt").read_text() == "secret"
    assert not (neglected / "z2d.sock").exists()
    assert not WRONG & states(z2ctl("doctor", "--json").out).keys(), "the second time there is nothing to repair"


def test_a_socket_on_which_somebody_answers_is_left_alone(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    z2ctl("doctor", "--fix")
    assert daemon.socket.exists()


def test_a_socket_of_a_daemon_that_just_starts_is_left_alone(place: Path, z2ctl: Z2ctl) -> None:
    """It is bound and does not listen yet: only the lock says that somebody is there."""
    with state.locked(place), socket.socket(socket.AF_UNIX) as early:
        early.bind(str(place / "z2d.sock"))
        assert "left-over socket" not in states(z2ctl("doctor", "--fix", "--json").out)
        assert (place / "z2d.sock").exists()


def test_links_are_not_followed(place: Path, tmp_path: Path, z2ctl: Z2ctl) -> None:
    other = tmp_path / "other"
    other.write_text("of somebody else")
    other.chmod(0o644)
    (place / "token").symlink_to(other)
    z2ctl("doctor", "--fix")
    assert other.stat().st_mode & 0o777 == 0o644


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_made_by_mistake_is_given_back(place: Path, z2ctl: Z2ctl) -> None:
    (place / "jobs" / "0").mkdir(parents=True)
    os.chown(place, 12345, 12346)
    assert states(z2ctl("doctor", "--json").out)["owner of jobs"] == "wrong"
    assert states(z2ctl("doctor", "--fix", "--json").out)["owner of jobs"] == "ok"
    assert {(path.stat().st_uid, path.stat().st_gid) for path in (place / "jobs", place / "jobs/0")} == {(12345, 12346)}


def test_the_self_test_says_how_each_stage_went(
    daemon: FakeDaemon, z2ctl: Z2ctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.version["version"] = metadata.version("z2")
    stage = {
        "attempt": 1,
        "progress": 1.0,
        "started_at": "2026-11-22T07:00:00.000Z",
        "finished_at": "2026-11-22T07:00:01.500Z",
    }
    stages = [{"stage": name, "status": "DONE", **stage} for name in self_test.STAGES]
    stages[3] |= {"status": "SKIPPED", "skip_reason": "There is no engine."}
    real = FakeDaemon._take

    def finished(fake: FakeDaemon, url: str) -> dict[str, object]:
        found = real(fake, url)
        fake.jobs[1] = job(1, status="COMPLETED", stages=stages)
        return found

    monkeypatch.setattr(FakeDaemon, "_take", finished)
    ended = z2ctl("doctor", "--self-test", "--json")
    found = {check["name"]: check for check in json.loads(ended.out)["checks"]}
    assert found["self-test"]["state"] == "ok", found["self-test"]
    assert found["self-test: audio"]["detail"] == "done in 1.5 s"
    assert (found["self-test: transcript"]["state"], found["self-test: transcript"]["detail"]) == (
        "warning",
        "There is no engine.",
    )
    assert daemon.paths("DELETE") == ["/api/jobs/1?purge=true&files=true"]
