"""yt-dlp's own YouTube extractor, offline: from the address to the library entry, and each way in which it is refused.

Private networks stay closed in these tests; the one private address that is open is the proxy's.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests import site_media
from tests.acceptance.conftest import Counter
from tests.support import eventually
from tests.worker.rig import working
from tests.youtube import COOKIES, SIGNED_IN, Clip, Youtube
from z2d.media.access import Access
from z2d.store import gates
from z2d.wire.jobs import JobDetail, JobStatus, Outcome, WaitReason
from z2d.wire.library import FileKind, TranscriptSource
from z2d.wire.reasons import ErrorClass as E
from z2d.wire.reasons import hint

GOOD = Clip("goodvideo01")
START = int(time.time()) + 86_400
GATED = Clip(
    "agegated001",
    status="LOGIN_REQUIRED",
    reason="Sign in to confirm your age",
    subreason="This video may be inappropriate for some users.",
    for_members_of_the_site=True,
)
REFUSED: dict[E, Clip] = {
    E.REMOVED: Clip("removed0001", status="ERROR", reason="Video unavailable",
                    subreason="This video has been removed by the uploader"),
    E.PRIVATE: Clip("private0001", status="LOGIN_REQUIRED", reason="Private video",
                    subreason="Sign in if you've been granted access to this video"),
    E.AGE_GATE: GATED,
    E.GEO: Clip("notinhere01", status="UNPLAYABLE", reason="Video unavailable",
                subreason="The uploader has not made this video available in your country"),
    E.MEMBERS_ONLY: Clip("members0001", status="UNPLAYABLE",
                         reason="Join this channel to get access to members-only content like this video."),
    E.NOT_FOUND: Clip("nothing0001", status="ERROR", reason="Video unavailable"),
}  # fmt: skip
UPCOMING = Clip(
    "upcoming001",
    status="LIVE_STREAM_OFFLINE",
    reason="This live event will begin in 24 hours.",
    details={"isUpcoming": True, "isLiveContent": True},
    start=datetime.fromtimestamp(START, UTC).isoformat(),
)
ROBOT = Clip("robotcheck1", status="LOGIN_REQUIRED", reason="Sign in to confirm you’re not a bot")
BUSY = Clip("ratelimited", status="UNPLAYABLE", reason="This content isn't available, try again later.")
CLIPS = (GOOD, *REFUSED.values(), UPCOMING, ROBOT, BUSY)

Working = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.fixture
async def tube(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Youtube]:
    async with Youtube(*CLIPS) as started:
        monkeypatch.setenv("SSL_CERT_FILE", str(started.authority))
        yield started


@pytest.fixture
def at_work(dsn: str, counter: Counter, tube: Youtube) -> Working:
    """A worker whose jobs go through the proxy, with the cookies that are kept when they do."""
    jars = counter.cookies

    def start(**more: Any) -> AbstractAsyncContextManager[Any]:
        def access(site: str | None, profile: str) -> Access:
            return Access(tube.proxy.url(), jars.find(site))

        return working(dsn, counter.state_dir, access=access, allow_private=False, **more)

    return start


def url(clip: Clip) -> str:
    return f"https://www.youtube.com/watch?v={clip.id}"


@pytest.mark.timeout(300)
async def test_a_video_with_captions_and_chapters(at_work: Working, counter: Counter, tube: Youtube) -> None:
    tube.segments = [
        {"segment": [3.3, 6.0], "category": "sponsor", "actionType": "skip", "videoDuration": 11.0, "description": ""}
    ]
    async with at_work():
        job = await counter.end_of(
            await counter.take(f"https://youtu.be/{GOOD.id}?t=4", options={"sponsorblock": ["sponsor"]}), within=120
        )
    story = await counter.story(job.id)
    assert (job.status, job.outcome, job.site) == (JobStatus.COMPLETED, Outcome.FULL, "youtube"), story
    found = job.metadata
    assert found is not None
    assert (found.media_key, found.title, found.channel) == (f"youtube:{GOOD.id}", GOOD.title, "The archive")
    assert (found.language, found.subtitles.manual, found.subtitles.auto) == ("en", ["de", "en"], ["en-orig"])
    assert [(one.title, one.origin, one.category) for one in found.chapters] == [
        ("Greeting", "source", None),
        ("The demand", "source", None),
        ("The turn", "source", None),
        ("Sponsor", "sponsorblock", "sponsor"),
    ]
    assert job.analysis is not None
    assert [one.title for one in job.analysis.chapters] == ["Greeting", "The demand", "The turn"]
    assert job.transcript is not None
    assert (job.transcript.source, job.transcript.language, job.transcript.format) == (
        TranscriptSource.MANUAL_SUBS, "en", "json3",
    )  # fmt: skip
    assert job.transcript.words == sum(len(text.split()) for *_, text in site_media.SPEECH_CUES)
    kinds = {file.kind: file for file in job.files}
    assert kinds[FileKind.THUMBNAIL].path == "media/thumbnail.jpg"
    assert (found.width, found.vcodec, found.acodec) == (320, "h264", "aac"), "picture and sound were put together"
    assert "format 136+140" in story
    # one page, one player call, each part once; names went to the proxy as they are
    assert tube.asked["www.youtube.com/watch"] == 1
    assert tube.clients == [("VISIONOS", GOOD.id)]
    assert tube.asked["rr1---sn-test.googlevideo.com/videoplayback"] == 2
    assert tube.asked["www.youtube.com/api/timedtext"] == 1
    assert all(target.endswith(":443") for target in tube.proxy.asked)
    assert (counter.state_dir / "library" / "The archive").is_dir()


async def test_automatic_captions_of_what_is_spoken_go_before_foreign_subtitles(
    at_work: Working, counter: Counter
) -> None:
    async with at_work():
        job = await counter.end_of(await counter.take(url(GOOD), options={"languages": ["fr"]}))
    assert job.transcript is not None, await counter.story(job.id)
    assert (job.transcript.source, job.transcript.language) == (TranscriptSource.AUTO_CAPTIONS, "en")
    assert not job.transcript.translated


@pytest.mark.timeout(300)
async def test_each_refusal_has_its_class_and_what_helps(at_work: Working, counter: Counter, tube: Youtube) -> None:
    async with at_work():
        ids = {error_class: await counter.take(url(clip)) for error_class, clip in REFUSED.items()}
        jobs = {error_class: await counter.end_of(job_id, within=120) for error_class, job_id in ids.items()}
    for error_class, job in jobs.items():
        story = await counter.story(job.id)
        assert job.status is JobStatus.FAILED, story
        assert job.error is not None
        assert job.error.code == error_class.value, story
        assert (job.attempt, job.error.hint) == (1, hint(error_class, "youtube"))
        assert "--cookies" not in job.error.message
        assert "http" not in job.error.message
    gated = jobs[E.AGE_GATE].error
    assert gated is not None
    assert gated.message == f"{GATED.reason}. {GATED.subreason}"
    assert "z2ctl cookies set youtube FILE" in gated.hint
    assert tube.asked["rr1---sn-test.googlevideo.com/videoplayback"] == 0


async def test_a_stream_to_come_is_scheduled_for_half_a_minute_after_its_start(
    at_work: Working, counter: Counter
) -> None:
    async with at_work():
        job_id = await counter.take(url(UPCOMING))

        async def scheduled() -> JobDetail | None:
            job = await counter.detail(job_id)
            return job if job.wait_reason is WaitReason.LIVE_NOT_STARTED else None

        job = await eventually(scheduled, 30, what="the schedule")
    assert job.run_after is not None
    assert abs(job.run_after.timestamp() - (START + 30)) < 3
    assert (job.status, job.attempt, job.display_status.value) == (JobStatus.QUEUED, 0, "SCHEDULED")
    assert job.error is not None
    assert job.error.message.startswith(f"“{UPCOMING.title}” has not begun; announced for ")


@pytest.mark.parametrize(("clip", "reason"), [(ROBOT, E.BOT_CHECK), (BUSY, E.RATE_LIMITED)])
async def test_a_check_for_robots_closes_the_site_and_not_the_job(
    at_work: Working, counter: Counter, clip: Clip, reason: E
) -> None:
    async with at_work(scale=1):
        job_id = await counter.take(url(clip))

        async def parked() -> bool:
            return (await counter.detail(job_id)).wait_reason is WaitReason.RATE_LIMITED

        await eventually(parked, 30, what="the gate")
    job = await counter.detail(job_id)
    assert (job.status, job.attempt) == (JobStatus.QUEUED, 0)
    gate = await counter.db.fetchrow("SELECT reason, not_before - now() AS wait FROM site_gates WHERE site = 'youtube'")
    assert gate["reason"] == reason.value
    assert gate["wait"].total_seconds() > (3500 if reason is E.BOT_CHECK else 850)


async def test_429_ends_the_visit_at_the_first_page(at_work: Working, counter: Counter, tube: Youtube) -> None:
    """The extractor itself would go on with two more pages and three player calls, and then find a bug of its own."""
    tube.limited = True
    async with at_work(scale=1):
        job_id = await counter.take(url(GOOD))

        async def parked() -> bool:
            return (await counter.detail(job_id)).wait_reason is WaitReason.RATE_LIMITED

        await eventually(parked, 30, what="the gate")
        assert sum(tube.asked.values()) == 1
        tube.limited = False
        assert await gates.release(counter.db, "youtube") == 1
        job = await counter.end_of(job_id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1), await counter.story(job_id)


@pytest.mark.timeout(300)
async def test_cookies_open_what_is_for_signed_in_people_and_are_found_nowhere(
    at_work: Working, counter: Counter, tube: Youtube
) -> None:
    async with at_work():
        counter.cookies.put("youtube", COOKIES)
        job = await counter.end_of(await counter.take(url(GATED)), within=120)
        refused = await counter.end_of(await counter.take(url(REFUSED[E.PRIVATE])))
    assert job.status is JobStatus.COMPLETED, await counter.story(job.id)
    assert refused.status is JobStatus.FAILED
    assert any(all(value in sent for value in SIGNED_IN.values()) for sent in tube.cookies)
    elsewhere = [sent for sent, host in zip(tube.cookies, tube.hosts, strict=True) if "youtube.com" not in host]
    assert elsewhere
    assert not any(value in sent for sent in elsewhere for value in SIGNED_IN.values())
    jar = counter.cookies.find("youtube")
    secrets = [value.encode() for value in SIGNED_IN.values()]
    holding = [path for path in files_below(counter.state_dir) if any(one in path.read_bytes() for one in secrets)]
    assert holding == [jar]
    stored = await everything_stored(counter)
    assert not any(one in stored for one in secrets)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def everything_stored(counter: Counter) -> bytes:
    """Every row of every table, as text."""
    names = await counter.db.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = [await counter.db.fetch(f'SELECT t::text FROM "{name["tablename"]}" t') for name in names]
    return "\n".join(str(row[0]) for table in rows for row in table).encode()


@pytest.mark.timeout(300)
async def test_a_playlist_becomes_its_videos(at_work: Working, counter: Counter, tube: Youtube) -> None:
    tube.clips = {clip.id: clip for clip in (GOOD, REFUSED[E.REMOVED])}
    async with at_work():
        parent = await counter.end_of(
            await counter.take("https://www.youtube.com/playlist?list=PL0123456789ABCDEF"), within=200
        )
    story = await counter.story(parent.id)
    assert (parent.status, parent.outcome, parent.title) == (JobStatus.COMPLETED, Outcome.PARTIAL, "Speeches"), story
    rows = await counter.db.fetch(
        "SELECT url, site, status, error_class FROM jobs WHERE parent_id = $1 ORDER BY id", parent.id
    )
    assert [tuple(row) for row in rows] == [
        (url(GOOD), "youtube", "COMPLETED", None),
        (url(REFUSED[E.REMOVED]), "youtube", "FAILED", "REMOVED"),
    ]
