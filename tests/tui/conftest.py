"""A fake API on a socket, and the dashboard in front of it on a terminal of a given size."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual._context import visible_screen_stack
from textual.app import App
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Input, TextArea

from tests.support import eventually, short_tmp
from tests.tui.fake_api import EPOCH, FakeApi, serving, showcase
from z2ctl.client import Endpoint
from z2ctl.tui import ground
from z2ctl.tui.app import Z2App
from z2ctl.tui.screens.dashboard import Dashboard
from z2ctl.tui.widgets.job_table import JobTable

ROUNDS = 3
"""A key passes the app, the screen and the widget, each with a queue of its own."""
LAYOUTS = [
    pytest.param((60, 15), marks=pytest.mark.slow),
    (80, 24),
    (120, 40),
    pytest.param((200, 60), marks=pytest.mark.slow),
]
"""For what the size changes."""
SIZES = [(80, 24), *(pytest.param(size, marks=pytest.mark.slow) for size in ((60, 15), (120, 40), (200, 60)))]
"""For what is the same at every size."""
Open = Callable[..., AbstractAsyncContextManager[Pilot[int]]]


@pytest.fixture(autouse=True)
def toasts_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test looks at a toast after what a key has led to, which takes long where others use the machine."""
    monkeypatch.setattr(ground, "TOAST_S", 40.0)


@pytest.fixture(autouse=True)
def settle_by_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for messages, not for a quiet processor: Textual's own way costs up to two seconds a key."""

    async def settled(app: App[Any]) -> None:
        for _ in range(ROUNDS):
            await Pilot(app)._wait_for_screen()

    async def press_keys(app: App[Any], keys: Iterable[str]) -> None:
        for key, then in pairwise([*keys, ""]):
            typed = isinstance(app.focused, Input | TextArea) and len(key) == len(then) == 1
            key = key if len(key) > 1 or key.isalnum() else _character_to_key(key)
            character = key if len(key) == 1 else _sign(key)
            assert app._driver is not None
            event = events.Key(key, character)
            event.set_sender(app)
            app._driver.send_message(event)
            if not typed:  # a word is typed faster than a screen is laid out
                await settled(app)

    async def pause(pilot: Pilot[Any], delay: float | None = None) -> None:
        if delay:
            await asyncio.sleep(delay)
        await settled(pilot.app)
        pilot.app.screen._on_timer_update()

    monkeypatch.setattr(App, "_press_keys", press_keys)
    monkeypatch.setattr(Pilot, "pause", pause)


@pytest.fixture(autouse=True)
def styles_are_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every app has the same style sheets: to parse them was a seventh of what a test of the dashboard cost."""

    def parse(sheet: Stylesheet, css: str, *more: Any, **named: Any) -> list[RuleSet]:
        key = (css, *more, *named.items(), frozenset(sheet._variables.items()))
        if key not in _parsed:
            _parsed[key] = _parse_rules(sheet, css, *more, **named)
        return _parsed[key]

    monkeypatch.setattr(Stylesheet, "_parse_rules", parse)


_parse_rules = Stylesheet._parse_rules
_parsed: dict[Any, list[RuleSet]] = {}


def _sign(key: str) -> str | None:
    """The sign that a key writes: "slash" is "/"; None for one that writes none."""
    try:
        return unicodedata.lookup(_get_unicode_name_from_key(REPLACED_KEYS.get(key, key)))
    except KeyError:
        return None


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


def strips_of(pilot: Pilot[int]) -> list[Strip]:
    """What is on the terminal now; nothing between two layouts."""
    screen = pilot.app.screen
    visible_screen_stack.set(pilot.app._background_screens)  # what lies below a dialog is painted too
    strips = screen._compositor.render_strips(screen.size)
    return strips if len(strips) == screen.size.height else []


def screen_text(pilot: Pilot[int]) -> str:
    """The same as text, line by line."""
    return "\n".join(strip.text.rstrip() for strip in strips_of(pilot))


def app_of(pilot: Pilot[int]) -> Z2App:
    assert isinstance(pilot.app, Z2App)
    return pilot.app


def table_of(pilot: Pilot[int]) -> JobTable:
    base = pilot.app.screen_stack[0]
    assert isinstance(base, Dashboard)
    return base.table


async def shows(pilot: Pilot[int], *words: str, within: float = 15.0) -> str:
    """Wait until the terminal shows all the words; what it shows."""

    def seen() -> str:
        text = screen_text(pilot)
        return text if all(word in text for word in words) else ""

    return str(await eventually(seen, within, what=f"{words} on the screen"))
