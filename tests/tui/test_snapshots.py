"""How every state looks, at the sizes where it matters; see `snapshots` on how to read and renew the pictures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from tests.support import eventually
from tests.tui.conftest import Clock, Open, app_of, shows
from tests.tui.fake_api import EPOCH, FakeApi, at, rich_detail, serving
from tests.tui.snapshots import looks_as_before
from tests.tui.test_retrying import retrying
from tests.tui.test_targets import four
from z2ctl.tui.screens.options import OptionsForm
from z2ctl.tui.settings import Settings
from z2ctl.tui.widgets.top import own_version

SMALL, NORMAL, WIDE, LEAST = (80, 24), (120, 40), (200, 60), (60, 15)


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Log lines are shown in the person's own time of day."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr("z2ctl.client.Endpoint.words", lambda self: "localhost:8642")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
async def small(fake: FakeApi) -> AsyncIterator[FakeApi]:
    """The usual history, in a daemon of the same release."""
    fake.version = own_version()
    yield fake


def paste(text: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    async def go(pilot: Pilot[int]) -> None:
        pilot.app.post_message(events.Paste(text))

    return go


def opened(job_id: int, *keys: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    async def go(pilot: Pilot[int]) -> None:
        app_of(pilot).open_job(job_id)
        await shows(pilot, "overview", " metadata")
        await pilot.press(*keys)

    return go


async def log_paused(pilot: Pilot[int]) -> None:
    app_of(pilot).open_log(249)
    await shows(pilot, "segment 00:12:08.2")
    await pilot.press("up", "up", "slash", *"12:04", "enter")


def gates(fake: FakeApi) -> None:
    fake.mode, fake.slots, fake.site_slots = "PAUSED", 4, 1
    fake.gates = [{"site": "video.example", "until": at(EPOCH), "reason": "asked for proof of a person", "strikes": 2}]


def collection(fake: FakeApi) -> None:
    job = fake.add("WAITING", ago_s=20, kind="COLLECTION", title="Night school", progress=0.5)
    names = ("id", "url", "title", "status", "display_status", "outcome", "progress", "error")
    entries = [{name: fake.jobs[number][name] for name in names} for number in (249, 248, 240)]
    entries.append({**entries[2], "id": 233, "display_status": "FAILED", "error": {"message": "it is gone"}})
    fake.details[job["id"]] = {
        "children": [{**each, "position": n, "duplicate_of": None} for n, each in enumerate(entries)],
        "stages": [],
    }


def failed_target(fake: FakeApi) -> None:
    detail = rich_detail()
    detail["publishing"].append(
        {"target": "talks", "kind": "feed", "event": "publish", "status": "FAILED", "attempt": 8, "max_attempts": 8,
         "remote_url": None, "error_message": "The server said 503", "published_at": None}
    )  # fmt: skip
    detail["transcript"].update(engine="whisper", model="base", coverage=0.93, warnings=["a stretch of music"])
    fake.details[245] = detail


def waiting(fake: FakeApi) -> None:
    retrying(fake, 248, 12)
    retrying(fake, 243, 840)


def a_place_free(fake: FakeApi) -> None:
    retrying(fake, max(number for number, job in fake.jobs.items() if job["status"] == "RUNNING"), 42)


async def options_there(pilot: Pilot[int]) -> None:
    await shows(pilot, "enter accepts")
    form = pilot.app.screen
    assert isinstance(form, OptionsForm)
    await eventually(lambda: len(form.profile.values) == 2, what="the profiles")


async def chosen(pilot: Pilot[int]) -> None:
    await options_there(pilot)
    await pilot.press("l", "down", "down", *"2x", "down", "y", "down", "space")
    await shows(pilot, "lectures", "✗ no time")


async def lanes_slip(pilot: Pilot[int]) -> None:
    await shows(pilot, "Lanes        transcript 0 of 1")
    await pilot.press("L", *" x", "enter")


async def named(pilot: Pilot[int]) -> None:
    await options_there(pilot)
    await pilot.press(
        *["down"] * 5, *"talks", "down", *"max_height=720 nope", "down", "y", "down", *"0", "down", "down", "("
    )
    await shows(pilot, "✗ should be")


async def looked(pilot: Pilot[int]) -> None:
    await paste("https://video.example/new")(pilot)
    await shows(pilot, "✓ can be submitted")
    await pilot.press("ctrl+t")
    await shows(pilot, "not there yet")


@dataclass(frozen=True)
class Shot:
    """A state: how one comes there, and at which sizes it is looked at."""

    name: str
    sizes: tuple[tuple[int, int], ...] = (SMALL,)
    keys: tuple[str, ...] = ()
    then: Callable[[Pilot[int]], Awaitable[object]] | None = None
    before: Callable[[FakeApi], None] | None = None
    options: dict[str, Any] = field(default_factory=dict)


SHOTS = (
    Shot("list", (LEAST, SMALL, NORMAL, WIDE), ("j", "j", "j")),
    Shot("list-light", keys=("j",), options={"theme": "light"}),
    Shot("list-terminal", keys=("j",), options={"theme": "terminal"}),
    Shot("list-ascii", (SMALL, NORMAL), ("j", "j", "j"), options={"wishes": Settings(ascii=True)}),
    Shot("list-marked-read-only", keys=("space", "space"), options={"wishes": Settings(read_only=True)}),
    Shot("list-log", (SMALL,), ("j", "j", "j", "l")),
    Shot("list-retrying", (LEAST, SMALL, WIDE), before=waiting),
    Shot("list-active-retrying", (SMALL, NORMAL), before=a_place_free),
    Shot("job-retrying", then=opened(248), before=waiting),
    Shot("tab-failed", (SMALL, NORMAL), ("5",)),
    Shot("filter", keys=("slash", *"status:failed rust", "enter")),
    Shot("filter-wrong", keys=("slash", *"stat:failed")),
    Shot("no-match", keys=("slash", *"zzzz", "enter")),
    Shot("queue-paused", (SMALL, NORMAL), ("Q",), before=gates),
    Shot("cancel", (SMALL, NORMAL), ("j", "j", "j", "c")),
    Shot("delete", keys=("j", "j", "j", "j", "j", "d")),
    Shot("edit", keys=("e",)),
    Shot("submit", (LEAST, SMALL), then=paste("https://video.example/new")),
    Shot("submit-duplicate", then=paste("https://video.example/watch?v=00000011")),
    Shot("submit-slip", keys=("n", *"notaurl")),
    Shot("submit-many", (SMALL, NORMAL), then=paste("https://a.example/1\nhttps://a.example/2\nno\nhttps://private.x/")),
    Shot("submit-options", (LEAST, SMALL), ("n", "ctrl+o"), then=chosen),
    Shot("submit-options-list", (SMALL, NORMAL), ("n", "ctrl+o"), then=named),
    Shot("submit-looked-at", (LEAST, SMALL), then=looked),
    Shot("queue-lanes-slip", keys=("Q",), then=lanes_slip),
    Shot("targets", (SMALL, NORMAL), ("D",), then=lambda pilot: shows(pilot, "✗ news"), before=four),
    Shot("job-running", (SMALL, NORMAL), then=opened(249)),
    Shot("job-failed", then=opened(232)),
    Shot("job-list", (SMALL, NORMAL), ("g", "enter"), before=collection),
    Shot("job-overview", (NORMAL,), then=opened(245), before=failed_target),
    Shot("job-transcript", (SMALL, WIDE), then=opened(245, "3"), before=failed_target),
    Shot("job-analysis", (SMALL, NORMAL), then=opened(245, "4"), before=failed_target),
    Shot("job-publishing", then=opened(245, "6"), before=failed_target),
    Shot("log-paused", (SMALL, NORMAL), then=log_paused),
    Shot("search", (SMALL, NORMAL), ("ctrl+f", *"number 21", "enter")),
    Shot("statistics", (SMALL, NORMAL), ("i",)),
    Shot("help", (NORMAL,), ("question_mark",)),
    Shot("palette", keys=("ctrl+p", *"queue")),
    Shot("other-api", before=lambda fake: setattr(fake, "api", 2)),
)  # fmt: skip


AT_ALL_SIZES = {"list", "job-running", "submit-many"}
"""Those that are laid out otherwise at other sizes; of the others one size is enough for the quick run."""


def shots() -> Iterator[Any]:
    for shot in SHOTS:
        first = SMALL if SMALL in shot.sizes else shot.sizes[0]
        for size in shot.sizes:
            slow = size != first and shot.name not in AT_ALL_SIZES
            yield pytest.param(shot, size, id=f"{shot.name}-{size[0]}", marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize("shot, size", shots())
async def test_it_looks_as_before(small: FakeApi, dashboard: Open, shot: Shot, size: tuple[int, int]) -> None:
    if shot.before:
        shot.before(small)
    async with dashboard(size, **shot.options) as pilot:
        log = ("debug+",) if size[0] >= 100 and size[1] >= 30 else ()
        await shows(pilot, "TITLE", *log)  # what stands below a dialog does not change any more
        await pilot.press(*shot.keys)
        if shot.then:
            await shot.then(pilot)
        await looks_as_before(pilot, f"{shot.name}-{size[0]}x{size[1]}")


async def test_without_colour_the_cursor_is_reversed(
    small: FakeApi, dashboard: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with dashboard(SMALL) as pilot:
        await pilot.press("j")
        await looks_as_before(pilot, "list-no-colour-80x24")


async def test_the_states_of_the_line(dashboard: Open, socket: Any, clock: Clock) -> None:
    fake = FakeApi()
    fake.version = own_version()
    async with dashboard(SMALL, live=False) as pilot:
        await shows(pilot, "z2d is not running")
        await looks_as_before(pilot, "first-start-80x24")
        fake.hold = asyncio.Event()
        async with serving(fake, socket):
            await pilot.press("R")
            await shows(pilot, "● live", "Loading jobs…")
            await looks_as_before(pilot, "loading-80x24")
            fake.hold.set()
            await shows(pilot, "No jobs yet")
            await looks_as_before(pilot, "empty-80x24")
            job = fake.add("RUNNING", ago_s=10, progress=0.4)
            await fake.tell({"type": "job", "job": dict(job)})
            await shows(pilot, "● download")
            clock.now += 13
            await shows(pilot, "◌ silent 13 s")
            await looks_as_before(pilot, "silent-80x24")
        await shows(pilot, "offline, retry in")
        clock.now += 12
        await shows(pilot, "lost 12 s ago")
        await looks_as_before(pilot, "offline-80x24")


async def test_a_refused_client(small: FakeApi, dashboard: Open) -> None:
    small.refuse = 401
    async with dashboard(SMALL, live=False) as pilot:
        await eventually(lambda: app_of(pilot).state.line.reason)
        await looks_as_before(pilot, "refused-80x24")
