"""Asking few extractors instead of all must change no answer: compared with yt-dlp's own walk over all of them."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from z2d.media import extractors
from z2d.media.needles import folded, needles

ALL = extractors._extractors()


def takers(asked: Any, url: str) -> list[str]:
    return [one.ie_key() for one in asked if one.suitable(url)]


def same_answer(url: str) -> None:
    try:
        urlsplit(url)
    except ValueError:  # never admitted, and yt-dlp's own walk breaks off
        return
    assert takers(extractors._may_take(url), url) == takers(ALL, url), url


def urls_of(extractor: Any) -> Iterator[str]:
    """The URLs that yt-dlp tests an extractor with, those it shall not take too."""
    real = extractor.real_class
    yield from (test["url"] for test in real.get_testcases(include_onlymatching=True))
    yield from (test["url"] for test in getattr(real, "_WEBPAGE_TESTS", None) or ())


def spoilt(url: str, chance: random.Random) -> str:
    """The URL with something in it changed: letters in the other case or of another script, a piece away or doubled."""
    at, end = sorted(chance.randrange(len(url) + 1) for _ in range(2))
    piece = url[at:end]
    new = chance.choice([piece.swapcase(), "", piece * 2, piece.replace("s", "\u017f").replace("k", "\u212a"), "ä"])
    return url[:at] + new + url[end:]


def test_some_of_yt_dlps_own_urls() -> None:
    chance = random.Random(1)
    for extractor in ALL[::100]:
        for url in list(urls_of(extractor))[:2]:
            same_answer(url)
            same_answer(spoilt(url, chance))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_of_yt_dlps_own_urls() -> None:
    chance = random.Random(2)
    urls = {url for extractor in ALL for url in urls_of(extractor)}
    assert len(urls) > 5000
    for url in sorted(urls):
        same_answer(url)
        if chance.random() < 0.2:
            same_answer(spoilt(url, chance))


@settings(max_examples=40)
@given(st.builds("https://{}.{}/{}".format, *[st.text("abcfimotuvwxy0-./?=&Kſé", max_size=12)] * 3))
def test_any_url(url: str) -> None:
    same_answer(url)


def test_an_unknown_site_costs_few_questions() -> None:
    """Else all of this is for nothing: yt-dlp has changed its ways."""
    assert len(list(extractors._may_take("https://media.example/watch/1"))) < len(ALL) / 10


PATTERNS = {
    r"https?://(?:www\.)?foo\.com/(?P<id>\d+)": {"foo.com/"},
    r"(?i)https?://FOO\.com/[^/]+": {"://foo.com/"},
    r"https?://(?:one\.net|two\.org)/v": {"one.net", "two.org"},
    r"https?://(?:one\.net|[a-z]+)/v": None,
    r"https?://(?:www\.)?(?:foo\.com)?/": None,
    r"(?x) https?:// (?: www\. )? foo \. com  # a remark that no text holds": {"foo.com"},
    r"https?://(?!www\.foo\.com)[a-z]\.(?<!nothere)bar\.tv(?:/abcdefgh)*": {"bar.tv"},
    r"(?:https?:)?//(?:[^/]+\.)?(?:foo\.com/){2,3}": {"foo.com/"},
    r"(?:(?i:STRANGE)|(?:normal){1,})[xyz]{0,3}": {"strange", "normal"},
    r"foo:(?P<id>.*)": {"foo:"},
    r"straße|strasse": {"stra"},
    r".*": None,
}


@pytest.mark.parametrize(("pattern", "words"), PATTERNS.items())
def test_what_must_stand_in_a_text(pattern: str, words: set[str] | None) -> None:
    assert needles(pattern) == words


@settings(max_examples=100)
@given(st.data())
def test_whatever_matches_holds_a_needle(data: st.DataObject) -> None:
    pattern = data.draw(st.sampled_from([one for one, words in PATTERNS.items() if words]))
    text = data.draw(st.from_regex(pattern))
    form = folded(text[re.search(pattern, text).start() :])  # type: ignore[union-attr]
    assert form is None or any(word in form for word in needles(pattern) or ())


def test_the_letters_that_pass_for_ascii_are_all_known() -> None:
    """Where case does not count, a few letters match one of ASCII, and lower() does not always say so."""
    beyond = "".join(map(chr, range(128, sys.maxunicode + 1)))
    for plain in map(chr, range(128)):
        for sign in re.findall(re.escape(plain), beyond, re.IGNORECASE):
            assert folded(f"a{sign}b") is None
