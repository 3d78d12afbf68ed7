"""Profiles, cookies and options on the command line, against the real API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import click
import pytest

from tests.api.test_sites import CANARY, COOKIES, PROFILES
from tests.api.world import running
from tests.cli.conftest import Ended, Z2ctl
from tests.cli.fake import FakeDaemon, job, line
from z2ctl.cli.options import read_options
from z2d.store.database import Database

Call = Callable[..., "asyncio.Future[Ended]"]


@pytest.fixture
async def call(dsn: str, db: Database, place: Path, z2ctl: Z2ctl) -> AsyncIterator[Call]:
    """One command line in a thread, against an API on the usual socket."""
    async with running(dsn, db, place, profiles=PROFILES):
        yield lambda *words: asyncio.ensure_future(asyncio.to_thread(z2ctl, *words))


async def test_profiles_say_what_they_change(call: Call) -> None:
    ended = await call("profiles")
    assert (ended.code, ended.err) == (0, "")
    first, second, *rest = ended.out.splitlines()
    assert first == "default"
    assert {"max_height=1080", "languages=en", "sleep_s=1.0"} <= set(second.strip().split(", "))
    assert rest == [
        "",
        "sound",
        "  audio_only=true, max_height=none",
        "",
        "talk",
        "  Lectures",
        "  max_height=480, sponsorblock=sponsor, through a proxy",
    ]
    named = [json.loads(each)["name"] for each in (await call("profiles", "--json")).out.splitlines()]
    assert named == ["default", "sound", "talk"]


async def test_cookies_are_set_listed_and_removed(call: Call, place: Path, db: Database) -> None:
    (place / "jar.txt").write_text(COOKIES)
    assert (await call("cookies", "list")) == (0, "", "")
    done = await call("cookies", "set", "media.example", place / "jar.txt")
    assert done == (0, "", "media.example: 2 cookies kept.\n")
    listed = await call("cookies", "list")
    assert listed.out.split("\t")[:2] == ["media.example", "2"]
    assert CANARY not in str([done, listed, await call("cookies", "list", "--json")])
    assert (await call("cookies", "remove", "media.example")).err == "media.example: 2 cookies forgotten.\n"
    assert (await call("cookies", "remove", "media.example")).code == 4


async def test_what_cannot_be_kept_is_said(call: Call, place: Path) -> None:
    (place / "jar.txt").write_text(f"nonsense {CANARY}")
    refused = await call("cookies", "set", "youtube", place / "jar.txt")
    assert (refused.code, refused.out) == (5, "")
    assert "Line 1 is no cookie" in refused.err
    assert CANARY not in refused.err
    unknown = await call("cookies", "set", "yuotube", place / "jar.txt")
    assert "did you mean 'youtube'?" in unknown.err
    (place / "jar.txt").write_bytes(b"\xff\xfe")
    assert (await call("cookies", "set", "youtube", place / "jar.txt")).code == 2
    (place / "jar.txt").write_text(" ")
    assert (await call("cookies", "set", "youtube", place / "jar.txt")).code == 2
    assert (await call("cookies", "set", "youtube", place / "none.txt")).code == 2


async def test_a_job_is_submitted_with_profile_and_options(call: Call) -> None:
    words = ("submit", "https://media.example/1", "--profile", "talk", "-o", "max_height=720", "-o", "audio_only")
    ended = await call(*words)
    assert ended.code == 0, ended
    shown = json.loads((await call("show", ended.out.strip(), "--json")).out)
    assert (shown["profile"], shown["options"]["max_height"]) == ("talk", 720)
    assert (shown["options"]["audio_only"], shown["options"]["sponsorblock"]) == (True, ["sponsor"])
    refused = await call("submit", "https://media.example/2", "--profile", "tlak")
    assert (refused.code, "there is default, sound, talk" in refused.err) == (5, True)


def test_options_are_read_by_their_kind() -> None:
    given = ("max-height=720", "languages=en, de-AT", "thumbnail=no", "live=record", "sleep_s=1.5", "audio_only")
    assert read_options(given) == {
        "max_height": 720,
        "languages": ["en", "de-AT"],
        "thumbnail": False,
        "live": "record",
        "sleep_s": 1.5,
        "audio_only": True,
    }
    assert read_options(()) == {}


@pytest.mark.parametrize(
    "given", ["exec=rm", "max_height=tall", "max_height=1", "languages=english language", "live=no"]
)
def test_options_that_are_none(given: str) -> None:
    with pytest.raises(click.UsageError):
        read_options((given,))


def test_a_failed_job_shows_its_last_lines(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    error = {"code": "LOGIN_REQUIRED", "stage": "metadata", "message": "No.", "hint": "Do this."}
    daemon.put(job(4, status="FAILED", error=error))
    daemon.logs[4] = [line(number) for number in range(1, 31)]
    shown = z2ctl("show", "4").out
    assert "The last lines of its log" in shown
    assert "line 30" in shown
    assert "line 11" in shown
    assert "line 10\n" not in shown
    daemon.put(job(5, status="COMPLETED"))
    assert "The last lines" not in z2ctl("show", "5").out
