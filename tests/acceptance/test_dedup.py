"""One video is one job, whatever its address looks like; two videos are two, however alike their addresses are."""

from __future__ import annotations

import asyncio

import pytest

from tests.acceptance.conftest import Counter
from tests.site import Site
from tests.worker.rig import working
from z2d.wire.jobs import JobStatus, Outcome

X = "dQw4w9WgXcQ"
SPELLINGS = [
    f"https://www.youtube.com/watch?v={X}",
    f"https://youtu.be/{X}?t=4",
    f"https://www.youtube.com/shorts/{X}",
    f"youtube.com/watch?v={X}&list=PL0123456789abcdef&index=3",
    f"https://m.youtube.com/watch?app=desktop&v={X}#t=9",
    f"https://www.youtube.com/embed/{X}?start=4",
]


async def test_all_spellings_of_one_video_are_one_job(counter: Counter) -> None:
    answers = await asyncio.gather(*(counter.hand_in(url) for url in SPELLINGS * 7))
    assert len({job.id for job, _ in answers}) == 1
    assert [known for _, known in answers].count(False) == 1
    assert await counter.db.fetchval("SELECT count(*) FROM jobs") == 1


async def test_one_file_name_on_two_hosts_is_two_jobs(counter: Counter) -> None:
    first, _ = await counter.hand_in("http://h1.invalid/a/video.mp4")
    second, known = await counter.hand_in("http://h2.invalid/b/video.mp4")
    assert first.id != second.id
    assert not known


@pytest.mark.timeout(240)
async def test_the_same_to_the_end(dsn: str, counter: Counter, site: Site, elsewhere: Site) -> None:
    """Two hosts with a file of one name are two entries; an address that leads to a known file is none."""
    async with working(dsn, counter.state_dir):
        first = await counter.end_of(await counter.take(site.url("/audio.mp3")))
        second = await counter.end_of(await counter.take(elsewhere.url("/audio.mp3")))
        redirected = await counter.end_of(await counter.take(site.url(f"/redirect?to={site.url('/audio.mp3')}")))
    assert [job.status for job in (first, second, redirected)] == [JobStatus.COMPLETED] * 3
    assert Outcome.DUPLICATE not in (first.outcome, second.outcome)
    assert (redirected.outcome, redirected.duplicate_of) == (Outcome.DUPLICATE, first.id)
    assert len(list((counter.state_dir / "library").glob("*/*"))) == 2
