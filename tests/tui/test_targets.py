"""The publishing targets: how each stands, what waits, what failed; and every state of the page."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from tests.support import eventually
from tests.tui.conftest import SIZES, Open, app_of, shows, strips_of
from tests.tui.fake_api import EPOCH, FakeApi, at, serving, target
from tests.tui.test_hostile import FORBIDDEN, HOSTILE
from z2ctl.tui.screens.dashboard import Dashboard
from z2ctl.tui.screens.targets import Targets
from z2ctl.tui.widgets.doc_view import Take


def four(fake: FakeApi) -> None:
    """One of each state, beside the library."""
    fake.targets += [
        target("podcast", "feed", {"PUBLISHED": 320, "PENDING": 2, "RUNNING": 1}, at(EPOCH), filter="tag:talk"),
        target("hook", "webhook", {"PUBLISHED": 80, "PENDING": 2, "FAILED": 3}, events=["finished", "failed"],
               retrying=1, last_error="The server said 503"),
        target("attic", "objects", {"PUBLISHED": 1}, configured=False),
        target("news", "notification", {}, disabled_at=at(EPOCH), disabled_why="410: gone", installations=["a", "b"]),
    ]  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
async def test_every_target_with_its_state(fake: FakeApi, dashboard: Open, size: tuple[int, int]) -> None:
    four(fake)
    async with dashboard(size) as pilot:
        await pilot.press("D")
        await shows(
            pilot, "Publishing · 5 targets", "✓ library", "226, the last 2026-11-22", "✓ podcast", "To be sent 3"
        )
        await pilot.press("end")
        await shows(pilot, "✗ news", "410: gone", "Named by   a, b")
        if size[1] < 24:
            await pilot.press("pageup")
        await shows(pilot, "⊘ attic", "no longer in z2.toml")
        await pilot.press("escape")
        await eventually(lambda: isinstance(pilot.app.screen, Dashboard))


async def test_what_failed_leads_to_the_verb_that_sends_it_again(
    fake: FakeApi, dashboard: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    four(fake)
    async with dashboard((80, 24)) as pilot:
        await pilot.press("ctrl+p", *"targets", "enter")
        await shows(pilot, "▲ hook", "Is sent    finished, failed", "2, 1 of them tried before", "The server said 503")
        screen = pilot.app.screen
        assert isinstance(screen, Targets)
        view = screen.pane.view
        view.move_cursor(next(i for i, doc in enumerate(view.items) if "--failed" in doc.text))
        await pilot.press("enter")
        await shows(pilot, "Copied the command")
        assert view.target() == Take("command", "z2ctl publish --failed --target hook")


async def test_loading_an_error_and_no_further_targets(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        fake.hold = asyncio.Event()
        await pilot.press("D")
        await shows(pilot, "Publishing", "Loading…")
        fake.refuse = 503
        fake.hold.set()
        await pilot.press("R")
        await shows(pilot, "refused by the test")
        fake.refuse = None
        await pilot.press("escape", "D")
        await shows(pilot, "✓ library", "No others are set up: z2.toml names them")
        fake.targets.clear()
        await pilot.press("escape", "D")
        await shows(pilot, "There are no publishing targets.")


async def test_without_a_line_the_last_state_stays_and_is_read_again(dashboard: Open, socket: Path) -> None:
    fake = FakeApi()
    async with dashboard((80, 24), live=False) as pilot:
        async with serving(fake, socket):
            await shows(pilot, "● live")
            await pilot.press("D")
            await shows(pilot, "226, the last")
        await shows(pilot, "▲ offline", "226, the last")
        fake.targets[0]["counts"]["FAILED"] = 7
        async with serving(fake, socket):
            await pilot.press("R")
            await shows(pilot, "● live", "7; z2ctl publish --failed --target library")


async def test_opened_without_a_line_it_says_why(dashboard: Open) -> None:
    async with dashboard((80, 24), live=False) as pilot:
        await shows(pilot, "▲ offline")
        await pilot.press("D")
        await shows(pilot, "Publishing", "z2d is not running")


async def test_a_job_that_ends_is_seen(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await pilot.press("D")
        await shows(pilot, "226, the last")
        fake.targets[0]["counts"]["PUBLISHED"] = 227
        await fake.change(fake.jobs[249], status="COMPLETED", outcome="FULL", finished_at=at(EPOCH))
        await shows(pilot, "227, the last")


@pytest.mark.parametrize("size", SIZES[:2])
async def test_hostile_words_are_only_words(fake: FakeApi, dashboard: Open, size: tuple[int, int]) -> None:
    words = itertools.cycle(HOSTILE)
    fake.targets = [
        target(next(words), next(words), {"PUBLISHED": 1, "FAILED": 1}, next(words), filter=next(words),
               events=[next(words)], installations=[next(words), next(words)],
               disabled_at=next(words), disabled_why=next(words), last_error=next(words))
        for _ in HOSTILE
    ]  # fmt: skip
    async with dashboard(size) as pilot:
        await pilot.press("D")
        await shows(pilot, f"Publishing · {len(HOSTILE)} targets")
        for key in ("end", "enter", "home", "enter", "slash", "x", "enter"):
            await pilot.press(key)
            assert not any(FORBIDDEN.search(strip.text) for strip in strips_of(pilot))
        await eventually(lambda: app_of(pilot).is_running)
