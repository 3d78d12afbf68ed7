"""Which proxy and whose cookies a job gets, and that the API is told of no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from z2d.config import Settings
from z2d.daemon import sites
from z2d.wire.jobs import NewJobFields

COOKIE = ".youtube.com\tTRUE\t/\tTRUE\t4102444800\tname\tvalue\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {
            "state_dir": tmp_path,
            "proxy": "http://canary-all@proxy.example:3128",
            "options": {"max_height": 1080},
            "profiles": {
                "talk": {"max_height": 480},
                "far": {"description": "from elsewhere", "proxy": "socks5h://canary-far@127.0.0.1:9050"},
            },
        }
    )


def test_the_nearest_proxy_is_taken(settings: Settings) -> None:
    access = sites.access(settings)
    assert access("youtube", "default").proxy == "http://canary-all@proxy.example:3128"
    assert access("youtube", "talk").proxy == "http://canary-all@proxy.example:3128"
    assert access("youtube", "far").proxy == "socks5h://canary-far@127.0.0.1:9050"


def test_a_profile_that_is_gone_is_said(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    assert sites.access(settings)("youtube", "former").proxy == "http://canary-all@proxy.example:3128"
    assert "there is no profile former any more" in caplog.text


def test_cookies_given_while_it_runs_are_taken(settings: Settings) -> None:
    access = sites.access(settings)
    assert access("youtube", "default").cookies is None
    sites.cookies(settings).put("youtube", COOKIE)
    assert access("youtube", "default").cookies == settings.state_dir / "cookies/youtube.txt"
    assert access("vimeo", "default").cookies is None


def test_the_api_knows_options_and_no_secret(settings: Settings) -> None:
    profiles = sites.profiles(settings)
    assert [(one.name, one.proxy) for one in profiles.every()] == [("default", True), ("far", True), ("talk", True)]
    assert "canary" not in repr(profiles)
    assert profiles.settled(NewJobFields(profile="talk")).options.max_height == 480
    assert profiles.settled(NewJobFields(profile="far")).options.max_height == 1080
