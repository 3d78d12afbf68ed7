"""SIGHUP on a daemon that runs: what can change does, what is wrong changes nothing, what needs a restart is named."""

from __future__ import annotations

import http.client
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.daemon.running import Z2d, z2d
from tests.daemon.test_serving import folder, manager, told
from tests.support import eventually_sync
from z2d.config import NEEDS_RESTART, Settings

__all__ = ["folder", "manager"]

BEGIN = """
slots = 2
listen = "127.0.0.1:0"
token_file = "{folder}/token"
poll_s = 5
"""
OTHER = """
slots = 3
listen = "127.0.0.1:0"
token_file = "{folder}/token"
poll_s = 7
log_level = "debug"
keep_failed_days = 30
origins = ["https://z2.example"]
llm_url = "http://127.0.0.1:9/v1"
llm_model = "tiny"

[profiles.talk]
audio_only = true

[targets.talks]
kind = "feed"
title = "Talks"
public = true
"""
BAD = {
    "slots = 3\nslotz = 4\n": "there is no such setting; did you mean slots?",
    'slots = "many"\n': "a whole number is needed",
    "slots = [": "not TOML",
    'slots = 5\nllm_url = "http://127.0.0.1:9/v1"\n': "Z2_LLM_MODEL is needed to say which model",
    'slots = 5\n[targets.talks]\nkind = "feed"\ntitel = "Talks"\n': "the publishing targets cannot be used",
}


def status(own: Z2d, path: str, token: str, **headers: str) -> int:
    """The status of a GET over TCP."""
    address = own.words().partition("is ready at")[2].partition("http://")[2].split()[0]
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} | headers)
    with connection.getresponse() as answer:
        answer.read()
    connection.close()
    return answer.status


def reload(own: Z2d, manager: socket.socket) -> bytes:
    """Ask for it and wait for its end; what systemd is told then."""
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    own.process.send_signal(signal.SIGHUP)
    first, _, second = told(manager).partition(b"\nMONOTONIC_USEC=")
    assert first == b"RELOADING=1"
    assert int(second) >= before
    said = told(manager)
    assert said.startswith(b"READY=1\nSTATUS=")
    return said


def slots(own: Z2d) -> int:
    return int(own.get("/api/queue")[1]["slots"])


def test_settings_change_while_it_runs(folder: Path, manager: socket.socket) -> None:
    config, token = folder / "z2.toml", folder / "token"
    config.write_text(BEGIN.format(folder=folder))
    with z2d(folder, "serve", "--config", str(config), NOTIFY_SOCKET=str(folder / "notify")) as own:
        assert told(manager).startswith(b"READY=1\n")
        own.says("is ready at")  # the word for a person comes after that for systemd
        old = token.read_text().strip()
        assert status(own, "/api/stats", old, Origin="https://z2.example") == 403

        config.write_text(OTHER.format(folder=folder))
        token.write_text("a-new-token-of-some-length\n")
        assert b"STATUS=Ready at " in reload(own, manager)
        assert "the settings are reloaded: the token, origins, slots 2 -> 3, keep_failed_days none -> 30" in own.words()
        assert "these settings take effect at the next start only: poll_s" in own.words()
        eventually_sync(lambda: slots(own) == 3, what="three slots")
        assert "talk" in [one["name"] for one in own.get("/api/profiles")[1]["profiles"]]
        assert status(own, "/api/stats", old) == 401
        assert status(own, "/api/stats", "a-new-token-of-some-length", Origin="https://z2.example") == 200
        assert status(own, "/feeds/talks.xml", "none") == 200, "the new feed is there, and open"
        assert " DEBUG " not in own.words().partition("reading the settings anew")[0]

        for number, (text, words) in enumerate(BAD.items(), 1):
            config.write_text(text)
            assert b"STATUS=The settings could not be reloaded: " in reload(own, manager)
            assert own.words().count("the old ones stay") == number, text
            assert words in own.words().splitlines()[-1], text
            assert slots(own) == 3
        config.unlink()
        reload(own, manager)
        assert slots(own) == 3
        assert own.get("/readyz")[0] == 200

        config.write_text(OTHER.format(folder=folder))
        reload(own, manager)
        assert "the settings are reloaded: nothing has changed" in own.words()
        assert own.words().count("next start only: poll_s") == 2, "it still waits for that"
        assert own.stop() == 0
        assert "Traceback" not in own.words()


@pytest.mark.parametrize("name", sorted(NEEDS_RESTART))
def test_what_needs_a_restart_is_a_setting(name: str) -> None:
    assert name in Settings.model_fields
