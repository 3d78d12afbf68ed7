"""A job that waits for its next attempt: which one and when, in the list, beside it and on its own screen."""

from __future__ import annotations

from datetime import timedelta

import pytest
from textual.pilot import Pilot

from tests.support import eventually
from tests.tui.conftest import LAYOUTS, SIZES, Clock, Open, app_of, screen_text, shows, table_of
from tests.tui.fake_api import EPOCH, FakeApi, Json, at
from z2ctl.tui.messages import Snapshot
from z2ctl.tui.paint import Painted
from z2ctl.tui.screens.dashboard import Dashboard
from z2ctl.tui.widgets.bars import ActiveJobs


def retrying(fake: FakeApi, number: int, in_s: float) -> Json:
    job = fake.jobs[number]
    error = {"code": "NETWORK", "stage": "download", "message": "cut off", "hint": "It is tried again by itself."}
    job.update(
        status="QUEUED", display_status="RETRYING", outcome=None, stage="download", wait_reason="RETRY", attempt=1,
        run_after=at(EPOCH + timedelta(seconds=in_s)), finished_at=None, error=error,
    )  # fmt: skip
    return job


def tick(pilot: Pilot[int], clock: Clock, by: float) -> None:
    """The clock goes on, and the screen on top is asked what reads differently."""
    clock.now += by
    app_of(pilot)._tick()


def lines_drawn(pilot: Pilot[int], view: Painted | None = None) -> list[int]:
    """The lines of the list, or of a document, that are painted from now on."""
    widget, drawn = view or table_of(pilot), []
    widget.render_line = lambda y: drawn.append(y) or type(widget).render_line(widget, y)  # type: ignore[method-assign,func-returns-value]
    return drawn


def row(box: ActiveJobs, y: int) -> str:
    """A line of the active jobs as it stands there now."""
    return ActiveJobs.render_line(box, y).text


@pytest.mark.parametrize("size", LAYOUTS)
async def test_the_list_says_which_attempt_comes_when(
    fake: FakeApi, dashboard: Open, clock: Clock, size: tuple[int, int]
) -> None:
    job = retrying(fake, 247, 12)
    async with dashboard(size) as pilot:
        await shows(pilot, "↻ retrying", "retry 2/3 in 12 s")
        tick(pilot, clock, 2)
        await shows(pilot, "retry 2/3 in 10 s")
        tick(pilot, clock, 11)
        await shows(pilot, "retry 2/3 due")
        await fake.change(job, status="RUNNING", attempt=2, run_after=None)
        await eventually(lambda: "retry" not in screen_text(pilot))


async def test_only_a_row_that_reads_differently_is_painted(fake: FakeApi, dashboard: Open, clock: Clock) -> None:
    for job in fake.jobs.values():  # nothing else counts
        job.update(status="COMPLETED", display_status="COMPLETED", created_at=at(EPOCH - timedelta(days=90)))
    retrying(fake, 248, 3600)
    retrying(fake, 247, 30)
    retrying(fake, 2, 30)  # far down
    async with dashboard((80, 24)) as pilot:
        await shows(pilot, "retry 2/3 in 60 min", "retry 2/3 in 30 s")
        drawn = lines_drawn(pilot)
        tick(pilot, clock, 1)
        await shows(pilot, "retry 2/3 in 59 min", "retry 2/3 in 29 s")
        assert len(drawn) == 2
        drawn.clear()
        tick(pilot, clock, 1)
        await shows(pilot, "retry 2/3 in 59 min", "retry 2/3 in 28 s")
        assert len(drawn) == 1
        await pilot.press("pagedown", "pagedown")
        await eventually(lambda: screen_text(pilot).count("retry") == 2, what="both among the active ones alone")
        drawn.clear()
        for _ in range(3):
            tick(pilot, clock, 1)
            await pilot.pause()
        assert not drawn


async def test_a_free_place_among_the_running_ones_says_what_is_tried_next(
    fake: FakeApi, dashboard: Open, clock: Clock
) -> None:
    first, second = [job for job in fake.jobs.values() if job["status"] == "RUNNING"]
    retrying(fake, 240, 3600)
    async with dashboard((80, 24)) as pilot:
        await shows(pilot, "Active 2/2", "retry 2/3 in 60 min")
        box = pilot.app.screen.query_one(ActiveJobs)
        assert (box.size.height, "240" in row(box, 1)) == (2, False), "running ones have all places"
        await fake.change(retrying(fake, int(second["id"]), 30))
        await shows(pilot, "Active 1/2")
        await eventually(lambda: "retry 2/3 in 30 s" in row(box, 1), what="the one that comes first")
        assert (box.size.height, str(second["id"]) in row(box, 1)) == (2, True)
        drawn = lines_drawn(pilot, box)
        await fake.progress(first, 0.5)
        await eventually(lambda: drawn == [0], what="the bar alone, painted")
        drawn.clear()
        tick(pilot, clock, 1)
        await eventually(lambda: "retry 2/3 in 29 s" in row(box, 1))
        await eventually(lambda: 1 in drawn)
        assert 0 not in drawn
        await fake.change(first, status="COMPLETED")
        await eventually(lambda: "retry 2/3 in 60 min" in row(box, 1) or "retry 2/3 in 59 min" in row(box, 1))
        await pilot.click(box, offset=(5, 0))
        await shows(pilot, f" {second['id']}  ", "Not before")
        await pilot.press("escape")
        for job in (second, fake.jobs[240]):
            await fake.change(job, status="CANCELLED", run_after=None)
        await eventually(lambda: "Active" not in screen_text(pilot))


async def test_their_titles_begin_in_one_column(fake: FakeApi, dashboard: Open) -> None:
    fake.add("RUNNING", ago_s=1, progress=0.5, title="The newest", id=1234)
    fake.jobs[1234] = fake.jobs.pop(max(number for number, job in fake.jobs.items() if job["id"] == 1234))
    async with dashboard((80, 24)) as pilot:
        await shows(pilot, "Active 3/2", "● 1234 The newest", "● 250  🎉")


async def test_what_ran_before_the_line_broke_goes_from_the_active_ones(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await shows(pilot, "Active 2/2")
        pilot.app.post_message(Snapshot([], fake.stats()))
        await eventually(lambda: "Active" not in screen_text(pilot))


async def test_the_preview_counts_down_and_paints_one_line(fake: FakeApi, dashboard: Open, clock: Clock) -> None:
    retrying(fake, 248, 12)
    async with dashboard((200, 60)) as pilot:
        await shows(pilot, "↻ retry 2/3 in 12 s", "○ audio", "download: cut off")
        base = pilot.app.screen
        assert isinstance(base, Dashboard)
        drawn = lines_drawn(pilot, base.about)
        tick(pilot, clock, 1)
        await shows(pilot, "↻ retry 2/3 in 11 s")
        assert len(drawn) == 1


async def test_its_screen_counts_down(fake: FakeApi, dashboard: Open, clock: Clock) -> None:
    retrying(fake, 248, 12)
    async with dashboard((80, 24)) as pilot:
        app_of(pilot).open_job(248)
        await shows(pilot, "↻ retry 2/3 in 12 s", "Not before")
        tick(pilot, clock, 5)
        await shows(pilot, "↻ retry 2/3 in 7 s")


async def test_a_daemon_that_does_not_say_when_or_of_how_many(fake: FakeApi, dashboard: Open) -> None:
    job = retrying(fake, 248, 12)
    del job["run_after"], job["max_attempts"]
    async with dashboard((80, 24)) as pilot:
        assert "retry 2 " in await shows(pilot, "↻ retrying", "retry 2")


@pytest.mark.parametrize("size", SIZES)
async def test_a_running_job_says_that_it_stands_in_line(fake: FakeApi, dashboard: Open, size: tuple[int, int]) -> None:
    job = next(one for one in fake.jobs.values() if one["status"] == "RUNNING")
    job.update(stage="transcript", progress=0.5, eta_s=None, wait_reason="LANE")
    async with dashboard(size) as pilot:
        await eventually(
            lambda: screen_text(pilot).count("in line") == 2, what="the word among the active, and in the list"
        )
        await fake.change(job, wait_reason=None)
        await eventually(lambda: "in line" not in screen_text(pilot))


@pytest.mark.parametrize("size", SIZES)
async def test_a_job_before_a_closed_lane_says_which(fake: FakeApi, dashboard: Open, size: tuple[int, int]) -> None:
    job = next(one for one in fake.jobs.values() if one["status"] == "QUEUED")
    job.update(stage="analysis", wait_reason="LANE_CLOSED")
    async with dashboard(size) as pilot:
        await shows(pilot, "analysis lane closed")
        await fake.change(job, wait_reason=None)
        await eventually(lambda: "lane closed" not in screen_text(pilot))


@pytest.mark.parametrize("size", SIZES)
async def test_a_held_job_says_when_it_starts_once_resumed(
    fake: FakeApi, dashboard: Open, size: tuple[int, int]
) -> None:
    job = next(one for one in fake.jobs.values() if one["status"] == "QUEUED")
    job.update(display_status="PAUSED", wait_reason="USER", run_after=None, due_after="2026-11-22T15:00:00.000Z")
    async with dashboard(size) as pilot:
        await shows(pilot, "starts in 3 h when resumed")
        await fake.change(job, due_after=None)
        await eventually(lambda: "when resumed" not in screen_text(pilot))
