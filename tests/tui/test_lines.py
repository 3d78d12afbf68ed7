"""The long-text view: following, pausing, finding, wrapping, older lines, and the cost of very many."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
from rich.cells import cell_len
from textual.app import ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widget import Widget

from tests.support import eventually
from z2ctl.tui.paint import Palette
from z2ctl.tui.widgets.log_view import KEPT, Entry, LogView
from z2ctl.tui.widgets.panes import LogPane
from z2ctl.tui.widgets.rows import Rows


def entries(first: int, last: int, level: str = "INFO", text: str = "line {}") -> list[Entry]:
    return [Entry(n, 1000.0 + n, level, "download", "yt-dlp", text.format(n)) for n in range(first, last + 1)]


class Shell(Palette[None]):
    """Nothing but a log."""

    CSS_PATH = "../../z2ctl/tui/app.tcss"

    def __init__(self) -> None:
        super().__init__()
        self.pane = LogPane()
        self.older: list[int] = []

    def compose(self) -> ComposeResult:
        yield self.pane

    def on_log_view_older_wanted(self, event: LogView.OlderWanted) -> None:
        self.older.append(event.before)


@asynccontextmanager
async def shell(size: tuple[int, int] = (80, 20)) -> AsyncIterator[tuple[Pilot[None], LogView]]:
    app = Shell()
    async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
        app.pane.view.clear(1)
        app.pane.focus_view()
        await pilot.pause()
        yield pilot, app.pane.view


def drawn(view: LogView) -> list[str]:
    return [view.render_line(y).text.rstrip() for y in range(view.size.height)]


async def test_it_follows_until_someone_scrolls_up_and_again_at_the_end() -> None:
    async with shell() as (pilot, view):
        view.add(entries(1, 100))
        await pilot.pause()
        assert drawn(view)[-1].endswith("line 100")
        await pilot.press("up", "up")
        assert not view.following
        before = drawn(view)
        view.add(entries(101, 137))
        await pilot.pause()
        assert drawn(view) == before, "what one reads does not move"
        assert view.new_below == 37
        assert "37 new below" in "".join(span.text for span in view.words())
        await pilot.press("end")
        assert view.following
        assert drawn(view)[-1].endswith("line 137")


async def test_the_wheel_pauses_and_coming_down_again_follows() -> None:
    async with shell() as (pilot, view):
        view.add(entries(1, 100))
        await pilot.pause()
        view.scroll_relative(y=-5, animate=False, force=True)
        await pilot.pause()
        assert not view.following
        view.scroll_relative(y=5, animate=False, force=True)
        await pilot.pause()
        assert view.following


async def test_a_view_that_becomes_higher_goes_on_following() -> None:
    async with shell() as (pilot, view):
        view.add(entries(1, 30))
        await pilot.pause()
        assert view.scroll_offset.y
        await pilot.resize_terminal(80, 60)
        await eventually(lambda: view.size.height > 40, what="the other size")
        await pilot.pause()
        assert view.following
        assert view.scroll_offset.y == 0


async def test_lines_that_came_twice_are_shown_once() -> None:
    async with shell() as (_pilot, view):
        view.add(entries(1, 10))
        view.add(entries(5, 12))
        assert [entry.seq for entry in view.entries] == list(range(1, 13))


async def test_older_lines_come_above_and_the_eye_stays_where_it_was() -> None:
    async with shell() as (pilot, view):
        view.first_seq = 1
        view.add(entries(501, 600))
        await pilot.press("home")
        await pilot.pause()
        assert pilot.app.older == [501]  # type: ignore[attr-defined]
        top = drawn(view)[0]
        view.add_older(entries(1, 500), 1)
        await pilot.pause()
        assert drawn(view)[0] == top
        assert [entry.seq for entry in view.entries] == list(range(1, 601))
        await pilot.press("home")
        assert drawn(view)[0].endswith("line 1")
        assert pilot.app.older == [501], "there is nothing before line 1"  # type: ignore[attr-defined]


async def test_find_marks_counts_and_goes_around() -> None:
    async with shell() as (pilot, view):
        view.add(entries(1, 40))
        view.add(entries(41, 41, text="the [red]needle[/red] {}"))
        view.add(entries(42, 80))
        await pilot.press("slash", *"NEEDLE", "enter")
        await pilot.pause()
        assert view.cursor == 40
        assert view.match_words() == "1/1"
        assert "[red]needle[/red]" in "".join(drawn(view))
        await pilot.press("ampersand")
        assert [entry.seq for entry in view.items] == [41]
        await pilot.press("ampersand")
        assert len(view.items) == 80
        await pilot.press("slash", *"zzz", "escape")
        assert view.pattern is None


async def test_levels_stages_and_errors() -> None:
    async with shell() as (pilot, view):
        view.add(entries(1, 20, "DEBUG"))
        view.add(entries(21, 30, "INFO"))
        view.add(entries(31, 31, "ERROR"))
        view.add(entries(32, 60, "INFO"))
        await pilot.press("2")
        assert len(view.items) == 40
        await pilot.press("4")
        assert [entry.seq for entry in view.items] == [31]
        await pilot.press("1", "home", "e")
        assert view.items[view.cursor or 0].seq == 31
        await pilot.press("s")
        assert view.stage == "download"
        await pilot.press("s")
        assert view.stage == ""


async def test_a_log_of_which_nothing_passes_says_so() -> None:
    async with shell() as (pilot, view):
        await pilot.press("4")
        assert view.empty_words == "No lines yet"
        view.add(entries(1, 20))
        await pilot.pause()
        assert "None of 20 lines here is of error or worse" in drawn(view)[0]


async def test_long_lines_wrap_or_scroll_sideways() -> None:
    async with shell() as (pilot, view):
        view.add(entries(1, 3, text="x" * 200 + "END{}"))
        await pilot.pause()
        assert "END" not in "".join(drawn(view))
        await pilot.press("w")
        await pilot.pause()
        assert sum("END" in line for line in drawn(view)) == 3
        await pilot.press("w", *["right"] * 20)
        await pilot.pause()
        assert "END1" in "".join(drawn(view))
        assert all(line.startswith((" 0", " 1", "")) for line in drawn(view)[:3]), "the heads stay"


async def test_times_are_turned_through() -> None:
    async with shell() as (pilot, view):
        view.origin = 1000.0
        view.add(entries(65, 65))
        await pilot.press("T")
        assert drawn(view)[0].startswith(" +0:01:05 INFO")
        await pilot.press("T")
        assert drawn(view)[0].startswith(" INFO")


async def test_a_very_long_line_is_cut_for_the_screen_only() -> None:
    async with shell() as (pilot, view):
        view.add(entries(1, 1, text="q" * 50_000))
        await pilot.press("up")
        assert "(50000 characters)" in view.rows_of(view.items[0])[0]
        assert view.line_text().count("q") == 50_000


async def test_a_busy_log_keeps_a_window() -> None:
    async with shell() as (_pilot, view):
        for start in range(1, 30_001, 1000):
            view.add(entries(start, start + 999))
        assert len(view.entries) <= KEPT + KEPT // 10
        assert view.last_seq == 30_000
        assert drawn(view)[-1].endswith("line 30000")


async def test_two_hundred_thousand_lines_stay_smooth() -> None:
    async with shell((120, 40)) as (pilot, view):
        await pilot.press("up")
        view.add(entries(1, 10))
        view.pause()
        view.add(entries(11, 200_000))
        await pilot.pause()
        began = time.process_time()
        for _ in range(20):
            view.page(5)
            drawn(view)
        assert (time.process_time() - began) / 20 < 0.05
        began = time.process_time()
        assert view.find("line 19999") == 11
        assert time.process_time() - began < 1.0


def cells_of(lines: Iterable[Strip]) -> list[list[tuple[str, object]]]:
    """What stands in each cell and how it looks; the second cell of a wide sign is empty."""
    return [
        [
            (part, (style.color, style.bgcolor, style.bold, style.dim, style.reverse) if style else None)
            for text, style, _ in line
            for sign in text
            for part in (sign, "")[: cell_len(sign)]
        ]
        for line in lines
    ]


async def test_what_is_painted_of_a_log_that_grows_is_all_that_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Line by line, cell by cell: what is not painted looks as before, and what is kept looks as if drawn again."""
    chance, painted = Random(8), list[Region]()
    async with shell((60, 12)) as (pilot, view):
        whole = Region(0, 0, *view.size)
        refresh = view.refresh

        def noted(*regions: Region, **options: Any) -> Widget:
            painted.extend(regions or [whole])
            return refresh(*regions, **options)

        monkeypatch.setattr(view, "refresh", noted)
        texts = ("", "short", "東京の夜景 " * 9, "a line that is longer than the pane is wide " * 3, "   ", "end ")
        for _ in range(40):
            await pilot.pause()
            painted.clear()
            before = cells_of(view.render_lines(whole))
            deed = chance.randrange(12)
            if deed == 0:
                view.pause()
            elif deed < 3:
                view.step(chance.randint(-6, 6))
            elif deed == 3:
                view.set_wrap(not view.wrapping)
            elif deed == 4:
                view.find(chance.choice(["", "line", "夜"]))
            elif deed == 5:
                view.sideways(chance.choice([-8, 8]))
            else:
                view.follow()
                painted.clear()
                before = cells_of(view.render_lines(whole))
                lines = [chance.choice(texts) for _ in range(chance.randint(1, 3))]
                view.add([Entry(view.last_seq + n, 1.0, "INFO", "", "", text) for n, text in enumerate(lines, 1)])
            after = cells_of(view.render_lines(whole))
            for y, (old, new) in enumerate(zip(before, after, strict=True)):
                for x in range(whole.width):
                    assert old[x] == new[x] or any(region.contains(x, y) for region in painted), (deed, x, y)
            refresh()
            assert cells_of(view.render_lines(whole)) == after, deed


async def test_a_log_that_grows_lays_nothing_out_and_its_bar_is_right() -> None:
    layouts: list[object] = []
    async with shell() as (pilot, view):
        view.add(entries(1, 30))
        await pilot.pause()
        view.screen.screen_layout_refresh_signal.subscribe(view, layouts.append, immediate=True)
        bar, whole = view.vertical_scrollbar, Region(0, 0, 1, view.size.height)
        for start in range(31, 200, 21):
            view.add(entries(start, start + 20))
            await pilot.pause()
            shown = cells_of(bar.render_lines(whole))
            bar.refresh()
            assert shown == cells_of(bar.render_lines(whole)), start
        assert not layouts


def test_rows_know_their_items() -> None:
    rows, heights = Rows(), [1, 3, 1, 2]
    rows.wrapped(heights[:2])
    rows.wrapped(heights[2:], 2)
    places = [(index, part) for index, height in enumerate(heights) for part in range(height)]
    assert [rows.at(row) for row in range(7)] == places
    assert [rows.start(index) for index in range(5)] == [0, 1, 4, 5, 7]
    assert rows.size == (0, 7)
    assert rows.count == 4
    rows.single([5, 9])
    rows.single([7], 2)
    assert [rows.at(row) for row in range(3)] == [(0, 0), (1, 0), (2, 0)]
    assert rows.size == (9, 3)
    assert rows.count == 3
