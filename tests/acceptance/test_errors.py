"""What each trouble of a site comes to: its class, the hint for a person, and how often the site was asked."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

import pytest

from tests.acceptance.conftest import Counter
from tests.site import Site
from tests.site_media import SPEECH_CUES
from tests.support import eventually
from tests.worker.rig import LIMITS, working
from z2d.media.access import Access
from z2d.store import gates
from z2d.wire.jobs import JobDetail, JobStatus, Outcome, StageName, StageStatus, WaitReason
from z2d.wire.reasons import ErrorClass as E
from z2d.wire.reasons import hint

IMPATIENT = replace(LIMITS, stall_window_s=3, stall_bytes=5000, max_bytes=4_000_000)
EVERY = 99
# path -> class, runs of the job at most, requests beyond one for each run
TROUBLES: dict[str, tuple[E, int, int]] = {
    "/status/401": (E.LOGIN_REQUIRED, 1, 0),
    "/status/403": (E.FORBIDDEN, 3, 0),
    "/status/404": (E.NOT_FOUND, 1, 0),
    "/status/410": (E.REMOVED, 1, 0),
    "/status/451": (E.GEO, 1, 0),
    "/status/500": (E.SERVER_ERROR, EVERY, 0),
    "/status/503": (E.SERVER_ERROR, EVERY, 0),
    "/truncated.mp4": (E.TRUNCATED, EVERY, 2),  # a look, and the first download goes on once by itself
    "/trickle.mp4": (E.STALLED, EVERY, 1),  # a look
    "/endless.mp4": (E.TOO_LARGE, 1, 2),  # a look, and once more with a plainer format
}


def unused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def check(job: JobDetail, error_class: E, runs: int, story: str) -> None:
    assert job.status is JobStatus.FAILED, story
    assert job.error is not None
    assert (job.error.code, job.attempt, len(job.attempts)) == (error_class.value, runs, runs), story
    assert job.error.hint == hint(error_class, job.site)
    assert job.error.message.endswith((".", "!", "?", "…"))
    assert f"{job.error.message} {job.error.hint}" in story, "the log's last words are cause and remedy"


@pytest.fixture
def quick_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a name server says so after a second, not after half a minute."""
    monkeypatch.setenv("RES_OPTIONS", "timeout:1 attempts:1")


# two runs tell how each trouble is counted, as five do; a busy machine takes its time for each
@pytest.mark.parametrize("attempts", [2, pytest.param(5, marks=[pytest.mark.slow, pytest.mark.timeout(400)])])
async def test_each_trouble_has_its_class_its_hint_and_its_number_of_requests(
    dsn: str, counter: Counter, site: Site, quick_resolver: None, attempts: int
) -> None:
    ids = {path: await counter.take(site.url(path)) for path in TROUBLES}
    loop = await counter.take(site.url("/loop"))
    refused = await counter.take(f"http://127.0.0.1:{unused_port()}/file.mp4")
    nowhere = await counter.take("http://no-such-host.invalid/file.mp4")
    await counter.db.execute("UPDATE jobs SET max_attempts = $1", attempts)
    async with working(dsn, counter.state_dir, slots=4, limits=IMPATIENT):
        jobs = {path: await counter.end_of(job_id, within=300) for path, job_id in ids.items()}
        others = [await counter.end_of(job_id, within=120) for job_id in (loop, refused, nowhere)]
    for path, (error_class, most, beyond) in TROUBLES.items():
        runs = min(most, attempts)
        check(jobs[path], error_class, runs, await counter.story(jobs[path].id))
        assert site.hits[path] == runs + beyond, path
    check(others[0], E.BAD_URL, 1, await counter.story(loop))
    check(others[1], E.NETWORK, attempts, await counter.story(refused))
    check(others[2], E.NETWORK, attempts, await counter.story(nowhere))


async def test_a_site_that_says_nothing_is_given_up(dsn: str, counter: Counter, site: Site) -> None:
    job_id = await counter.take(site.url("/hang"))
    await counter.db.execute("UPDATE jobs SET max_attempts = 2")
    async with working(dsn, counter.state_dir, limits=replace(LIMITS, socket_timeout_s=1)):
        job = await counter.end_of(job_id)
    check(job, E.TIMEOUT, 2, await counter.story(job_id))
    assert site.hits["/hang"] == 2


async def test_captions_that_are_none_and_captions_that_do_not_look_like_it(
    dsn: str, counter: Counter, site: Site
) -> None:
    async with working(dsn, counter.state_dir):
        ids = [await counter.take(site.url(path)) for path in ("/html-captions", "/odd-captions")]
        web_page, odd = [await counter.end_of(job_id) for job_id in ids]
    captions = {stage.stage: stage for stage in web_page.stages}[StageName.TRANSCRIPT]
    assert (web_page.status, web_page.outcome) == (JobStatus.COMPLETED, Outcome.PARTIAL)
    assert captions.status is StageStatus.SKIPPED
    assert captions.skip_reason
    spoken = sum(len(text.split()) for _, _, text in SPEECH_CUES)
    assert (odd.outcome, odd.transcript and odd.transcript.words) == (Outcome.FULL, spoken)


async def waiting(counter: Counter, site_name: str) -> int:
    """How many jobs of the site wait because it asked to slow down."""
    found: int = await counter.db.fetchval(
        "SELECT count(*) FROM jobs WHERE site = $1 AND wait_reason = $2", site_name, WaitReason.RATE_LIMITED.value
    )
    return found


@pytest.mark.timeout(400)
async def test_a_site_that_asks_to_slow_down_is_left_alone_until_there_are_new_cookies(
    dsn: str, counter: Counter, site: Site, elsewhere: Site
) -> None:
    """The gate stays closed for a quarter of an hour here; nothing but new cookies opens it."""
    async with working(dsn, counter.state_dir, slots=2, scale=1):
        for number in range(20):
            await counter.take(site.url(f"/limited/{number}.mp3"))
        await eventually(lambda: waiting(counter, "127.0.0.1"), 30, what="the gate")
        other = await counter.end_of(await counter.take(elsewhere.url("/audio.mp3")))
        assert other.status is JobStatus.COMPLETED
        before = requests_to(site)
        assert before <= 2, "no more than were under way at once"
        await gates.release(counter.db, "127.0.0.1")  # as new cookies do
        await eventually(lambda: requests_to(site) > before, 20, what="the one that tries")
        await eventually(lambda: idle(counter), 20, what="its end")
        assert requests_to(site) == before + 1 <= 3
        assert await count(counter, JobStatus.FAILED) == 0
        assert await counter.db.fetchval("SELECT max(attempt) FROM jobs WHERE site = '127.0.0.1'") == 0

        site.limited = False
        assert await gates.release(counter.db, "127.0.0.1") >= 1
        assert await attempts_of_five(counter, "127.0.0.1") == {1}
        assert await count(counter, JobStatus.FAILED) == 0
    assert await counter.db.fetchval("SELECT count(*) FROM site_gates") == 0


@pytest.mark.timeout(400)
async def test_it_is_tried_again_by_one_job_and_opens_for_all(dsn: str, counter: Counter, site: Site) -> None:
    """15 minutes are a second here: while they last nobody asks; then one does, and the rest follow."""
    async with working(dsn, counter.state_dir, slots=2, scale=1 / 900):
        for number in range(20):
            await counter.take(site.url(f"/limited/{number}.mp3"))
        await eventually(lambda: waiting(counter, "127.0.0.1"), 30, what="the gate")
        before = requests_to(site)
        assert before <= 2
        await eventually(lambda: requests_to(site) > before, 20, what="the one that tries")
        assert requests_to(site) == before + 1 <= 3
        site.limited = False
        assert await attempts_of_five(counter, "127.0.0.1") == {1}
        assert await count(counter, JobStatus.FAILED) == 0
        assert await counter.db.fetchval("SELECT count(*) FROM site_gates") == 0


def requests_to(site: Site) -> int:
    return sum(number for path, number in site.hits.items() if path.startswith("/limited/"))


async def count(counter: Counter, status: JobStatus) -> int:
    found: int = await counter.db.fetchval("SELECT count(*) FROM jobs WHERE status = $1", status.value)
    return found


async def attempts_of_five(counter: Counter, site_name: str) -> set[int]:
    """In how many attempts jobs of the site were completed, when five or more are."""

    async def completed() -> list[int] | None:
        rows = await counter.db.fetch("SELECT attempt FROM jobs WHERE site = $1 AND status = 'COMPLETED'", site_name)
        return [row["attempt"] for row in rows] if len(rows) >= 5 else None

    return set(await eventually(completed, 60, every=0.1, what="five completed jobs"))


async def idle(counter: Counter) -> bool:
    return await count(counter, JobStatus.RUNNING) == 0


async def test_cookies_let_a_job_in(dsn: str, counter: Counter, site: Site) -> None:
    jars = counter.cookies
    async with working(dsn, counter.state_dir, access=lambda site, profile: Access(cookies=jars.find(site))):
        job = await counter.end_of(await counter.take(site.url("/signed-in.mp4")))
        assert job.error is not None
        assert job.error.code == E.LOGIN_REQUIRED
        assert job.error.hint.endswith("z2ctl cookies set 127.0.0.1 FILE.")
        text = "127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tsession\topen\n"
        await asyncio.to_thread(jars.put, "127.0.0.1", text)
        job = await counter.end_of(await counter.take(site.url("/signed-in.mp4")))
    assert job.status is JobStatus.COMPLETED, await counter.story(job.id)
    on_disk = [path for path in counter.state_dir.rglob("*") if path.is_file() and b"session" in path.read_bytes()]
    assert on_disk == [jars.find("127.0.0.1")]
    assert "open" not in str(await counter.db.fetch("SELECT * FROM job_metadata")).replace("opening", "")
