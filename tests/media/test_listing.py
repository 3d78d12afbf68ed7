"""Lists: which entries are taken, in which order, how far a list is read, and what cannot stop it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.media.conftest import Job
from tests.site import Site
from tests.support import fixture
from tests.youtube import Clip, Youtube
from z2d.media import listing
from z2d.media.access import Access
from z2d.media.admission import identify
from z2d.media.faults import MediaFault
from z2d.wire.jobs import JobOptions
from z2d.wire.lists import Listing, PlaylistOptions
from z2d.wire.reasons import ErrorClass

DAY = 86_400
NOW = 1_780_000_000


def entry(name: str, *, days_ago: float | None = None, **fields: Any) -> dict[str, Any]:
    stamp = {} if days_ago is None else {"timestamp": NOW - days_ago * DAY}
    return {"_type": "url", "url": f"https://v.example/{name}", "title": name, **stamp, **fields}


class Pages:
    """A list that comes page by page, and counts how far it was read."""

    def __init__(self, entries: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> None:
        self.read = 0
        self._entries = entries

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for one in self._entries:
            self.read += 1
            yield one


def read(entries: Any, ydl: Any = None, **wanted: Any) -> Listing:
    info = {"_type": "playlist", "id": "l", "webpage_url": "https://v.example/list", "entries": entries}
    assert listing.is_several(info, asked=True)
    options = PlaylistOptions(**wanted).model_dump()
    reader = listing.ListReader(ydl, options, allow_private=False, warn=lambda text: None)
    return Listing.model_validate(reader.read(info))


def titles(found: Listing) -> list[str | None]:
    return [one.title for one in found.entries]


def test_a_list_from_new_to_old_is_read_only_as_far_as_it_is_wanted() -> None:
    pages = Pages(entry(f"v{n}", days_ago=n) for n in range(10_000))
    assert len(read(pages).entries) == 50
    assert pages.read == 51
    pages = Pages(entry(f"v{n}", days_ago=n) for n in range(10_000))
    recent = read(pages, after="2026-05-20")
    assert 0 < len(recent.entries) < 20
    assert pages.read == len(recent.entries) + 1


def test_of_a_list_from_old_to_new_the_newest_are_taken() -> None:
    found = read([entry(f"v{n}", days_ago=5000 - n) for n in range(3000)], limit=2)
    assert titles(found) == ["v2999", "v2998"]
    pages = Pages(entry(f"v{n}", days_ago=5000 - n) for n in range(10_000))
    assert titles(read(pages, limit=1)) == ["v999"]
    assert pages.read == listing.MOST_READ


def test_the_recent_ones_of_a_list_from_old_to_new_are_found() -> None:
    found = read((entry(f"v{n}", days_ago=20 - n) for n in range(20)), after="2026-05-20")
    assert titles(found)[:2] == ["v19", "v18"]
    pages = Pages(entry(f"v{n}", days_ago=9000 + n) for n in range(10_000))
    assert (read(pages, after="2026-05-20").entries, pages.read) == ([], 2)


def test_without_dates_the_order_of_the_list_counts() -> None:
    pages = Pages(entry(f"v{n}") for n in range(10_000))
    found = read(pages, limit=3, after="2026-01-01")
    assert titles(found) == ["v0", "v1", "v2"]
    assert (found.undated, pages.read) == (3, 4)


def test_a_filter_by_title_looks_on_until_it_has_found_enough() -> None:
    found = read((entry(f"Talk {n}", days_ago=n) for n in range(500)), match=r"^talk \d*7$", limit=4)
    assert titles(found) == ["Talk 7", "Talk 17", "Talk 27", "Talk 37"]
    assert read([entry("Talk")], match="song").entries == []


def test_a_filter_that_would_take_for_ever_is_stopped() -> None:
    began = time.monotonic()
    with pytest.raises(MediaFault) as caught:
        read([entry("a" * 60 + "!")], match=r"^(a+)+$")
    assert caught.value.error_class is ErrorClass.BAD_OPTIONS
    assert time.monotonic() - began < listing.MATCHING_S + 2


def test_repeats_and_broken_entries_stop_nobody() -> None:
    found = read(
        [
            entry("one"),
            None,
            "no entry",
            entry("one"),
            entry("own", url="foo:123"),
            entry("local", url="http://127.0.0.1/x"),
            entry("smuggled", url="/relative#__youtubedl_smuggle=%7B%22a%22%3A+1%7D"),
            {"title": "in place", "formats": [{"url": "https://v.example/low.mp4"}, {"url": "/high.mp4"}]},
        ]
    )
    assert [(one.url, one.error_class) for one in found.entries] == [
        ("https://v.example/one", None),
        ("https://v.example/list#entry-3", "UNSUPPORTED"),
        ("http://127.0.0.1/x", "BLOCKED_ADDRESS"),
        ("https://v.example/relative", None),
        ("https://v.example/high.mp4", None),
    ]
    assert (found.repeated, found.broken) == (1, 2)


def test_hostile_entries_become_plain_values() -> None:
    odd: dict[str, Any] = {"title": "\ud800\x00", "timestamp": float("nan"), "duration": -1, "description": ["x"]}
    found = read([entry("x", **odd), entry("y", title=7, timestamp=1e300, duration=float("inf")), {"url": 5}, {}])
    assert len(found.entries) == 4
    assert found.model_dump_json()
    assert [one.published_at for one in found.entries] == [None] * 4


class Channel:
    """A yt-dlp whose channel has two tabs, one of which cannot be read."""

    def extract_info(self, url: str, **_: Any) -> dict[str, Any]:
        if "live" in url:
            raise listing.YoutubeDLError("no such tab")
        offset = 0.5 if "shorts" in url else 0
        entries = (entry(f"{url[-6:]}{n}", days_ago=n + offset) for n in range(1000))
        return {"_type": "playlist", "webpage_url": url, "entries": entries}


def test_the_tabs_of_a_channel_are_read_as_one_list() -> None:
    tabs = [
        {"_type": "url", "ie_key": "YoutubeTab", "url": f"https://www.youtube.com/c/x/{tab}"}
        for tab in ("videos", "live", "shorts")
    ]
    found = read(tabs, Channel(), limit=4)
    assert titles(found) == ["videos0"[-7:], "shorts0", "videos1"[-7:], "shorts1"]
    assert found.broken == 1


def test_one_entry_is_a_list_only_when_a_list_was_asked_for() -> None:
    info = {"_type": "playlist", "entries": iter([entry("one")])}
    assert not listing.is_several(info, asked=False)
    assert len(list(info["entries"])) == 1
    assert not listing.is_several({"_type": "playlist", "entries": iter([])}, asked=True)
    assert not listing.is_several({"_type": "video"}, asked=True)


async def test_a_feed_is_a_list_with_dates_and_titles_of_its_own(job: Job, site: Site) -> None:
    query = [("item", "/file.mp4"), ("item", "/speech.mp4"), ("date", "2026-01-01"), ("date", "2026-02-01")]
    found = await job.look(site.url(f"/list.rss?{urlencode(query)}"))
    assert isinstance(found, Listing)
    assert (found.title, found.description, found.undated) == ("A list", "Made for this test.", 0)
    newest = found.entries[0]
    assert (newest.url, newest.title, newest.describes) == (site.url("/speech.mp4"), "Entry 2", True)
    assert str(newest.published_at) == "2026-02-01 10:00:00+00:00"
    assert newest.dedup_key == f"url:{site.url('/speech.mp4')}"
    assert site.hits == {"/list.rss": 1}
    assert job.files() == ["source/list.json"]


async def test_several_videos_on_a_page_are_a_list_and_one_is_not(job: Job, site: Site) -> None:
    found = await job.look(site.url("/two"))
    assert isinstance(found, Listing)
    assert [one.url for one in found.entries] == [site.url("/file.mp4"), site.url("/speech.mp4")]
    assert isinstance(await job.look(site.url("/page")), dict)
    with pytest.raises(MediaFault) as caught:
        await job.extract(site.url("/two"))
    assert caught.value.error_class is ErrorClass.UNSUPPORTED


async def test_a_list_without_entries_is_no_list(job: Job, site: Site) -> None:
    job.options = JobOptions(playlist=PlaylistOptions())
    with pytest.raises(MediaFault) as caught:
        await job.look(site.url("/list.rss"))
    assert caught.value.error_class is ErrorClass.UNSUPPORTED


async def test_real_feeds_are_read(job: Job, site: Site) -> None:
    for name, entries in (
        ("transfermarkt_de.rss", 10),
        ("taverncast_malformed_start.rss", 50),
        ("dasding_de_malformed_start.rss", 32),
        ("podcast20_namespace_example.xml", 3),
    ):
        site.feed = fixture(f"rss/{name}").read_bytes()
        found = await job.look(site.url("/feed-of-test"))
        assert isinstance(found, Listing)
        assert len(found.entries) == entries
        dates = [one.published_at for one in found.entries if one.published_at]
        assert dates == sorted(dates, reverse=True)


ATOM = """
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/"><title>A channel</title>
<entry><title>New &amp; shiny</title><link rel="alternate" href="/speech"/>
<published>2026-02-03T04:05:06+00:00</published>
<media:group><media:description>What is said.</media:description></media:group></entry>
<entry><title>Old</title><link href="/page"/><link rel="enclosure" href="/file.mp4"/>
<updated>2026-01-01T00:00:00Z</updated></entry><entry/></feed>"""


async def test_an_atom_feed_with_white_space_before_it_is_read(job: Job, site: Site) -> None:
    site.feed = ATOM.encode()
    found = await job.look(site.url("/feed-of-test"))
    assert isinstance(found, Listing)
    assert [(one.title, one.url, one.description) for one in found.entries] == [
        ("New & shiny", site.url("/speech"), "What is said."),
        ("Old", site.url("/file.mp4"), None),
    ]
    assert str(found.entries[0].published_at) == "2026-02-03 04:05:06+00:00"


@pytest.mark.timeout(180)
async def test_a_video_of_a_youtube_list_is_one_video_unless_the_list_is_asked_for(
    lonely: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real extractor against pages of its site on loopback."""
    job = lonely  # the authority stands in the environment in which yt-dlp is loaded
    clips = [Clip("goodvideo01"), Clip("goodvideo02", title="Second")]
    url = f"https://www.youtube.com/watch?v={clips[0].id}&list=PL0123456789ABCDEF&index=1"
    async with Youtube(*clips) as tube:
        monkeypatch.setenv("SSL_CERT_FILE", str(tube.authority))

        async def look() -> Any:
            access, asked = Access(tube.proxy.url()), job.options.playlist is not None
            found = identify(url, playlist=asked).url
            return await job.yt.look(
                found, folder=job.folder, options=job.options, job_id=1, log=job.log, access=access
            )

        single = await look()
        assert isinstance(single, dict)
        assert single["id"] == clips[0].id
        job.options = JobOptions(playlist=PlaylistOptions())
        found = await look()
    assert isinstance(found, Listing)
    assert (found.title, found.extractor) == ("Speeches", "youtubetab")
    assert [(one.title, one.dedup_key, one.site) for one in found.entries] == [
        (clip.title, f"youtube:{clip.id}", "youtube") for clip in clips
    ]
