"""A fake API on a socket, and the dashboard in front of it on a terminal of a given size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.support import eventually, short_tmp
from tests.tui.fake_api import EPOCH, FakeApi, serving, showcase
from z2ctl.client import Endpoint
from z2ctl.tui.app import Z2App

SIZES = [(60, 15), (80, 24), (120, 40), (200, 60)]
Open = Callable[..., AbstractAsyncContextManager[Pilot[int]]]


@pytest.fixture
def socket() -> Iterator[Path]:
    with short_tmp() as folder:
        yield folder / "api.sock"


@pytest.fixture
async def fake(socket: Path) -> AsyncIterator[FakeApi]:
    """A history of 250 jobs, two of them running, three queued."""
    api = FakeApi()
    showcase(api, 250)
    async with serving(api, socket):
        yield api


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = EPOCH.timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dashboard(socket: Path, clock: Clock) -> Open:
    """Open the dashboard: `async with dashboard((80, 24)) as pilot`."""

    @asynccontextmanager
    async def opened(
        size: tuple[int, int] = (120, 40), *, live: bool = True, **options: Any
    ) -> AsyncIterator[Pilot[int]]:
        app = Z2App(lambda: Endpoint(socket=socket), clock=clock, **options)
        async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
            if live:
                await eventually(lambda: app.state.line.live and not app.state.window.loading, what="the line")
                await pilot.pause()
            yield pilot

    return opened


def screen_text(pilot: Pilot[int]) -> str:
    """What is on the terminal now, line by line."""
    screen = pilot.app.screen
    width, height = screen.size
    lines = screen._compositor.render_strips(screen.size)
    assert len(lines) == height
    return "\n".join(strip.text[:width].rstrip() for strip in lines)
