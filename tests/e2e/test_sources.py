"""Lists, local files and looks, with the real programs."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from tests import site_media
from tests.e2e.harness import Daemon
from tests.site import Site
from tests.support import eventually_sync


def feed(site: Site, *items: str) -> str:
    return site.url(f"/list.rss?{urlencode([('item', item) for item in items])}")


@pytest.mark.slow
def test_a_look_a_list_and_a_file(daemon: Daemon, site: Site) -> None:
    daemon.start()
    url = feed(site, "/speech", "/status/410", "/speech?again")

    seen = daemon.json("probe", site.url("/speech"))
    assert (seen["kind"], seen["title"], seen["duplicate_of"]) == ("MEDIA", site_media.SPEECH_TITLE, None)
    assert seen["subtitles"]["manual"] == ["en"]
    assert daemon.json("probe", site.url("/status/404"), code=1)["error"]["code"] == "NOT_FOUND"
    assert [one["title"] for one in daemon.json("probe", url)["entries"]] == ["Entry 1", "Entry 2", "Entry 3"]
    assert daemon.client().jobs()["total"] == 0
    assert not list((daemon.folder / "state" / "probe").iterdir())

    ended = daemon.json("submit", url, "--wait", "--match", "entry [12]")
    assert (ended["status"], ended["outcome"]) == ("COMPLETED", "PARTIAL")
    shown = daemon.json("show", str(ended["id"]))
    assert [one["status"] for one in shown["children"]] == ["COMPLETED", "FAILED"]
    listed = daemon.z2ctl("list", f"parent:{ended['id']}", "--json").stdout.splitlines()
    assert len(listed) == 2
    assert daemon.json("probe", site.url("/speech"))["duplicate_of"] == shown["children"][0]["id"]

    talk = daemon.folder / "My talk.mp4"
    talk.write_bytes(site_media.speech_mp4().read_bytes())
    first = daemon.json("submit", str(talk), "--wait")
    assert (first["status"], first["title"]) == ("COMPLETED", "My talk")
    again = daemon.json("submit", str(talk))
    assert (again["id"], again["deduplicated"]) == (first["id"], True)
    [entry] = [path for path in (daemon.folder / "state" / "library").rglob("*.mp4") if "My talk" in str(path)]
    assert entry.read_bytes() == talk.read_bytes()


@pytest.mark.slow
def test_a_list_outlives_its_daemon(daemon: Daemon, site: Site) -> None:
    """Killed while a list waits for its children: they go on with the next start, and the list ends."""
    daemon.start()
    job = daemon.json("submit", feed(site, "/speech", "/slow.mp4?rate=400000"))

    def one_runs() -> bool:
        children = daemon.json("show", str(job["id"]))["children"]
        return any(one["status"] == "RUNNING" for one in children)

    eventually_sync(one_runs, 40, every=0.2, what="a child at work")
    daemon.stop(9)
    daemon.start()
    daemon.z2ctl("wait", str(job["id"]))
    ended = daemon.json("show", str(job["id"]))
    assert ended["status"] == "COMPLETED"
    assert {one["status"] for one in ended["children"]} == {"COMPLETED"}
