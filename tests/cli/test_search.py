"""`z2ctl search`: what is asked, and how the answer reads in a pipe, as JSON and on a terminal."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.cli.conftest import Z2ctl
from tests.cli.fake import FakeDaemon, job, summary
from z2ctl.cli.output import Output, RichPage
from z2ctl.cli.search import asked, show
from z2d.wire.search import SearchPage


def hit(number: int = 1, *, moments: int = 2, title: str = "A talk") -> dict[str, Any]:
    places = [
        {
            "start_ms": 3_723_000 + at,
            "end_ms": 3_725_000,
            "snippet": "The owls, flying\x1b[31m low.",
            "marks": [[4, 8], [10, 16]],
            "link": f"https://site.test/{number}#t=3723",
        }
        for at in range(moments)
    ]
    best = places[0] if places else {"snippet": title, "marks": [[0, 1]]}
    return {
        "job": summary(job(number, status="COMPLETED", title=title, channel="Night School")),
        "score": 0.5,
        "field": "transcript" if places else "title",
        "snippet": best["snippet"],
        "marks": best["marks"],
        "start_ms": best.get("start_ms"),
        "moments": places,
        "more_moments": bool(places),
    }


def answer(daemon: FakeDaemon, *pages: list[dict[str, Any]], complete: bool = True) -> None:
    daemon.searches = [
        {"items": page, "next_cursor": "next" if page is not pages[-1] else None, "limit": 20, "complete": complete}
        for page in pages
    ]
    for page in daemon.searches:
        SearchPage.model_validate_json(json.dumps(page))


def sent(daemon: FakeDaemon) -> list[dict[str, list[str]]]:
    return [parse_qs(urlsplit(path).query) for path in daemon.paths() if path.startswith("/api/search")]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("neural", "network"), "neural network"),
        (("neural network",), '"neural network"'),
        (("stop it", "or", '"right now" -here'), '"stop it" or "right now" -here'),
        (("-jaguar",), "-jaguar"),
    ],
)
def test_the_quotes_that_the_shell_took_come_back(words: tuple[str, ...], line: str) -> None:
    assert asked(words) == line


def test_in_a_pipe_each_moment_is_a_line(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    answer(daemon, [hit(1, moments=2), hit(2, moments=0, title="Owls\nof the north")])
    ended = z2ctl("search", "owls flying", "-f", "tag:x", "--moments", 5)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "1\t3723000\thttps://site.test/1#t=3723\tA talk\tThe owls, flying low.",
        "1\t3723001\thttps://site.test/1#t=3723\tA talk\tThe owls, flying low.",
        "2\t\thttp://site.test/2.html\tOwls of the north\tOwls of the north",
    ]
    assert sent(daemon) == [{"q": ['"owls flying"'], "filter": ["tag:x"], "moments": ["5"], "limit": ["20"]}]


def test_pages_are_followed_up_to_the_limit(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    answer(daemon, [hit(1)] * 100, [hit(2)] * 30, [hit(3)] * 3)
    ended = z2ctl("search", "owls", "--limit", 130, "--json")
    found = [json.loads(line) for line in ended.out.splitlines()]
    assert [one["job"]["id"] for one in found] == [1] * 100 + [2] * 30
    assert [query["limit"] for query in sent(daemon)] == [["100"], ["30"]]
    assert sent(daemon)[1]["cursor"] == ["next"]


def test_nothing_and_too_much_are_said(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    answer(daemon, [])
    assert z2ctl("search", "owls") == (0, "", "Nothing found.\n")
    answer(daemon, [hit()], complete=False)
    assert "more words tell more" in z2ctl("search", "owls").err
    assert z2ctl("search").code == 2
    for word in ("", " "):
        ended = z2ctl("search", word)
        assert (ended.code, ended.out) == (2, "")
        assert "Say what to search for." in ended.err
    assert len(sent(daemon)) == 2


def test_on_a_terminal_the_words_stand_out_and_links_stay_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"COLUMNS": "40", "FORCE_COLOR": "1", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    show(RichPage(Output()), hit())
    shown = capsys.readouterr().out
    assert "\x1b[1mowls\x1b[0m, \x1b[1mflying\x1b[0m low." in shown
    assert " https://site.test/1#t=3723\n" in shown
    assert "1:02:03" in shown
    assert "\x1b[31m" not in shown
