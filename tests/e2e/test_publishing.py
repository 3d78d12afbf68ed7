"""A daemon with targets in its z2.toml: a video becomes an episode, objects, and a call; no secret is ever seen."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import feedparser
import pytest

from tests.e2e.harness import Daemon
from tests.site import Site
from tests.support import ROOT, eventually_sync

CANARY = "whsec_Y2FuYXJ5LTcxMzQ5LWNhbmFyeS03MTM0OQ=="
TABLES = """
[targets.talks]
kind = "feed"
title = "Talks"
filter = "tag:talk"

[targets.all]
kind = "feed"

[targets.store]
kind = "objects"
url = "file://{folder}/store"

[targets.hook]
kind = "webhook"
url = "{site}/404"
secret_file = "{folder}/hook"
"""


def configure(daemon: Daemon, site: Site) -> None:
    """What a person would write."""
    home = daemon.folder / "config/z2"
    home.mkdir(parents=True)
    (home / "z2.toml").write_text(TABLES.format(folder=daemon.folder, site=site.url("")))
    (daemon.folder / "hook").write_text(CANARY)
    (daemon.folder / "hook").chmod(0o600)
    daemon.env["XDG_CONFIG_HOME"] = str(daemon.folder / "config")


def fetch(daemon: Daemon, path: str) -> bytes:
    words = [
        "curl",
        "-sS",
        "--fail",
        "--max-time",
        "20",
        "--unix-socket",
        str(daemon.socket),
        "http://localhost" + path,
    ]
    return subprocess.run(words, capture_output=True, check=True, timeout=30).stdout


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on this machine")
def test_a_video_reaches_its_targets(daemon: Daemon, site: Site) -> None:
    configure(daemon, site)
    daemon.start()
    daemon.z2ctl("submit", site.url("/speech"), "--wait", code=None)
    wanted = {"library", "all", "store", "hook"}  # the filter of talks does not choose it
    eventually_sync(lambda: {one["target"] for one in daemon.client().job(1)["publishing"]} == wanted, 60)
    eventually_sync(lambda: state(daemon, "all") == state(daemon, "store") == "PUBLISHED", 60)
    (episode,) = feedparser.parse(fetch(daemon, "/feeds/all.xml")).entries
    (sound,) = episode.enclosures
    assert len(fetch(daemon, sound.href.removeprefix("http://localhost"))) == int(sound.length) > 1000
    assert fetch(daemon, "/feeds/talks.xml") == fetch(daemon, "/feeds/talks.xml")
    assert {path.name for path in (daemon.folder / "store").rglob("*")} >= {"z2.json", "note.md", "movie.nfo"}
    eventually_sync(lambda: state(daemon, "hook", "attempt") == 1 and state(daemon, "hook") == "PENDING", 60)
    assert daemon.client().job(1)["display_status"] == "COMPLETED_PARTIAL"
    daemon.z2ctl("publish", "1", "--target", "talks")
    eventually_sync(lambda: state(daemon, "talks") == "PUBLISHED", 60)
    assert "404" in daemon.z2ctl("show", "1").stdout
    seen = daemon.z2ctl("show", "1", "--json").stdout + daemon.z2ctl("logs", "1").stdout + daemon.log.read_text()
    assert "canary" not in seen.lower()
    assert CANARY not in seen


def state(daemon: Daemon, target: str, name: str = "status") -> object:
    return {one["target"]: one for one in daemon.client().job(1)["publishing"]}.get(target, {}).get(name)


def test_a_table_that_cannot_be_used_is_refused_with_its_name(daemon: Daemon) -> None:
    path = Path(daemon.folder) / "z2.toml"
    path.write_text('[targets.hook]\nkind = "webhook"\nurl = "https://example.org/in"\nsecret_file = "/none"\n')
    ended = subprocess.run(
        [sys.executable, "-m", "z2d", "serve", "--config", str(path)],
        env=daemon.env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 78
    assert "[targets.hook]: /none: No such file or directory" in ended.stderr
