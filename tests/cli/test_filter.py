"""`z2ctl list FILTER`: what reaches the API, and what is said of a filter that cannot be understood."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.cli.conftest import Z2ctl
from tests.cli.fake import FakeDaemon
from z2ctl.cli.parameters import filter_of
from z2d.wire import errors
from z2d.wire.filters import parse


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), None),
        (("status:failed", "age<7d"), "status:failed age<7d"),
        (('status:failed "two words"',), 'status:failed "two words"'),
        (("channel:X Y", "two words", "one"), 'channel:"X Y" "two words" one'),
        (("-channel:X Y", 'tag:"a b"'), '-channel:"X Y" tag:"a b"'),
    ],
)
def test_arguments_become_one_line(words: tuple[str, ...], line: str | None) -> None:
    assert filter_of(words) == line
    parse(line or "")


def test_it_is_sent_as_it_is(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    ended = z2ctl("list", "--limit", 3, "--", "-tag:x", "two words")
    assert ended == (0, "", "")
    sent = parse_qs(urlsplit(daemon.paths()[0]).query)
    assert sent["filter"] == ['-tag:x "two words"']
    z2ctl("list")
    assert "filter" not in daemon.paths()[1]


def test_a_wrong_filter_is_a_matter_of_usage(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    said = 'The filter, at character 1: there is no key "statsu"; did you mean status?'
    daemon.refuse["/api/jobs"] = errors.FilterInvalid(said)
    assert z2ctl("list", "statsu:failed") == (2, "", said + "\n")
