"""`z2ctl probe`, lists and local files: what is sent, and what is shown of what comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Z2ctl
from tests.cli.fake import FakeDaemon, job
from z2ctl import batches
from z2ctl.client import Client
from z2d.wire import errors
from z2d.wire.probe import ProbeAnswer

URL = "https://site.test/list"


def answered(daemon: FakeDaemon, **fields: Any) -> None:
    found = ProbeAnswer(url=URL, **fields).model_dump(mode="json")
    daemon.canned["/api/probe"] = [json.loads(ProbeAnswer.model_validate(found).model_dump_json())]


def test_probe_shows_what_is_there(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    subtitles = {"manual": ["en"], "auto": ["de-orig"]}
    answered(
        daemon, kind="MEDIA", title="A \x1b[31mtalk", duration_ms=61_000, size_bytes=5 << 20, subtitles=subtitles,
        duplicate_of=7, width=640, height=360,
    )  # fmt: skip
    ended = z2ctl("probe", URL, "-o", "max_height=360")
    assert ended.code == 0
    assert "\x1b" not in ended.out
    for words in ("talk", "1:01", "about 5", "640x360", "automatic, in de-orig", "yes: job 7"):
        assert words in ended.out
    assert daemon.asked[-1] == ("POST", "/api/probe", {"url": URL, "options": {"max_height": 360}})
    found = json.loads(z2ctl("probe", URL, "--json").out)
    assert found["duplicate_of"] == 7


def test_probe_of_a_list_shows_its_entries(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    entries = [
        {"url": "https://site.test/1", "title": "One", "published_at": "2026-01-02T00:00:00Z", "duplicate_of": 3},
        {"url": "foo:2", "title": None, "error_class": "BAD_URL", "message": "Not a usable address."},
    ]
    answered(daemon, kind="COLLECTION", title="Talks", seen=9, entries=entries)
    ended = z2ctl("probe", URL, "--limit", "2", "--after", "2026-01-01", "--match", "talk")
    for words in ("2 wanted of 9", "2026-01-02", "already there: job 3", "foo:2", "Not a usable address."):
        assert words in ended.out
    wanted = {"playlist": {"limit": 2, "after": "2026-01-01", "match": "talk"}}
    assert daemon.asked[-1][2] == {"url": URL, "options": wanted}
    answered(daemon, kind="COLLECTION", title="Talks", seen=9)
    ended = z2ctl("probe", URL, "--match", "walk")
    assert "0 wanted of 9" in ended.out
    assert "length" not in ended.out, "it is no video"


def test_probe_of_what_would_fail_says_why_and_exits_1(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    error = {"code": "GEO", "stage": "metadata", "message": "Not in your country.", "hint": "A proxy may help."}
    answered(daemon, error=error)
    ended = z2ctl("probe", URL)
    assert ended.code == 1
    assert "Not in your country. A proxy may help. (GEO)" in ended.out


def test_a_list_is_asked_for_by_a_flag_alone(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    assert z2ctl("submit", URL, "--playlist").code == 0
    assert daemon.asked[-1][2] == {"url": URL, "options": {"playlist": {}}}
    z2ctl("submit", URL + "2")
    assert daemon.asked[-1][2] == {"url": URL + "2"}
    assert z2ctl("submit", URL, "--limit", "1001").code == 2


@pytest.mark.parametrize("verb", ["submit", "probe"])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--after", "tomorrow"), "'tomorrow' is no day: write year, month and day, like 2026-01-31."),
        (("--after", "2026-02-30"), "'2026-02-30' is no day"),
        (("--match", "a("), "'a(' is no regular expression: missing ), unterminated subpattern at position 1."),
        (("--match", "*"), "'*' is no regular expression: nothing to repeat at position 0."),
        (("--match", "x" * 201), "a regular expression of 1 to 200 characters is wanted"),
    ],
)
def test_what_is_wanted_of_a_list_is_looked_at_before_it_is_sent(
    daemon: FakeDaemon, z2ctl: Z2ctl, verb: str, words: tuple[str, str], said: str
) -> None:
    ended = z2ctl(verb, URL, *words)
    assert (ended.code, ended.out, daemon.asked) == (2, "", [])
    assert said in ended.err


def test_a_file_is_sent_and_its_address_submitted(daemon: FakeDaemon, z2ctl: Z2ctl, tmp_path: Path) -> None:
    talk = tmp_path / "Ein Vortrag ü.mp4"
    talk.write_bytes(bytes(range(256)) * 10_000)
    ended = z2ctl("submit", talk, "--tag", "own")
    assert ended == (0, "1\n", "")
    assert daemon.uploaded == talk.read_bytes()
    assert daemon.asked[-2][1] == "/api/uploads?name=Ein%20Vortrag%20%C3%BC.mp4"
    assert daemon.asked[-1][2]["url"].startswith("upload://")


def test_a_name_that_is_no_file_is_a_url_unless_it_is_written_like_a_path(
    daemon: FakeDaemon, z2ctl: Z2ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert z2ctl("submit", "site.test").code == 0
    assert daemon.asked[-1][2]["url"] == "site.test"
    (tmp_path / "site.test").write_bytes(b"x")
    z2ctl("submit", "site.test")
    assert daemon.asked[-1][2]["url"].startswith("upload://")
    ended = z2ctl("submit", "./gone.mp4")
    assert ended.code == 2
    assert "no file ./gone.mp4" in ended.err


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("nofile.mp4", "There is no file nofile.mp4; for a host of that name write https://nofile.mp4"),
        ("my talk.2024.MKV", "There is no file my talk.2024.MKV; for a host of that name write"),
        ("example.mov", "There is no file example.mov; for a host of that name write https://example.mov"),
        ("./videos", "./videos is a folder: name the files in it."),
        ("videos", "videos is a folder: name the files in it."),
        (".", ". is a folder: name the files in it."),
    ],
)
def test_a_word_that_names_no_file_is_not_taken_for_a_host(
    daemon: FakeDaemon, z2ctl: Z2ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "videos").mkdir()
    (tmp_path / "talk.mp4").write_bytes(b"x")
    ended = z2ctl("submit", "talk.mp4", word)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert not daemon.asked, "nothing is sent when one of them is wrong"


@pytest.mark.parametrize("word", ["https://example.mov", "site.test/nofile.mp4", "site.test", "example.mov:8080"])
def test_a_host_stays_one(
    daemon: FakeDaemon, z2ctl: Z2ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.test").mkdir()  # what a mirror of the site left here
    assert z2ctl("submit", word).code == 0
    assert daemon.asked[-1][2]["url"] == word


def test_a_file_that_is_refused_does_not_stop_the_others(daemon: FakeDaemon, z2ctl: Z2ctl, tmp_path: Path) -> None:
    talk = tmp_path / "a.mp4"
    talk.write_bytes(b"x")
    daemon.refuse["/api/uploads"] = errors.DiskFull()
    ended = z2ctl("submit", talk, URL)
    assert (ended.code, ended.out) == (1, "1\n")
    assert "not enough room" in ended.err


def test_a_file_and_a_url_that_are_both_refused_are_both_named(
    daemon: FakeDaemon, z2ctl: Z2ctl, tmp_path: Path
) -> None:
    talk = tmp_path / "a.mp4"
    talk.write_bytes(b"x")
    daemon.refuse = {"/api/uploads": errors.DiskFull(), URL: errors.UrlUnsupported("Nothing reads this.")}
    ended = z2ctl("submit", "--json", talk, URL)
    assert [json.loads(line)["url"] for line in ended.out.splitlines()] == [str(talk), URL]
    assert [f"{talk}: " in ended.err, f"{URL}: Nothing reads this." in ended.err] == [True, True]


def test_what_was_queued_is_said_even_where_the_daemon_goes_away_before_the_last(
    daemon: FakeDaemon, z2ctl: Z2ctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "URLS_PER_CALL", 2)
    taken = Client.submit_batch

    def once(self: Client, urls: list[str], **fields: object) -> list[dict[str, object]]:
        if len(daemon.asked) > 0:
            raise errors.DaemonUnreachable("It has gone.")
        return taken(self, urls, **fields)

    monkeypatch.setattr(Client, "submit_batch", once)
    ended = z2ctl("submit", *(f"{URL}/{number}" for number in range(3)))
    assert (ended.code, ended.out, ended.err) == (3, "1\n2\n", "It has gone.\n")


def test_show_of_a_list_shows_its_entries(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    child = {
        "id": 2, "position": 0, "url": URL, "title": "One", "status": "FAILED", "display_status": "FAILED",
        "outcome": None, "progress": 0.0, "duplicate_of": None,
        "error": {"code": "GONE", "stage": None, "message": "It is gone.", "hint": ""},
    }  # fmt: skip
    waiting = {"status": "WAITING", "display_status": "WAITING", "wait_reason": "CHILDREN", "progress": 0.5}
    daemon.put(job(1, kind="COLLECTION", children=[child], **waiting))
    ended = z2ctl("show", 1)
    for words in ("1 entry", "One - job: It is gone.", "waiting 50"):
        assert words in ended.out
    assert "Stages" not in ended.out
