"""The first screen at four sizes: what it shows, what each key does, and that nothing moves by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Resize
from textual.geometry import Size

from tests.support import eventually
from tests.tui.conftest import LAYOUTS, Clock, Open, app_of, screen_text, shows, strips_of
from tests.tui.fake_api import FakeApi, serving
from z2ctl.tui.paint import width_of
from z2ctl.tui.screens.dashboard import Dashboard
from z2ctl.tui.screens.dialogs import Confirm, Help, Menu, Page
from z2ctl.tui.settings import Settings
from z2ctl.tui.widgets.job_table import JobTable


@pytest.mark.parametrize("size", LAYOUTS)
async def test_it_shows_the_jobs_at_every_size(fake: FakeApi, dashboard: Open, size: tuple[int, int]) -> None:
    async with dashboard(size) as pilot:
        below = ("debug+",) if size[1] >= 30 else ()
        text = await shows(pilot, "● live", "STATE", "TITLE", "queued", *below)
        lines = text.split("\n")
        assert len(lines) == size[1]
        assert all(len(line) <= size[0] for line in lines)
        assert ("CHANNEL" in text) is (size[0] >= 104)
        assert ("LENGTH" in text) is (size[0] >= 112)
        assert ("debug+" in text) is (size[1] >= 30)
        assert ("Job 24" in text) is (size[0] >= 160), "the preview"
        assert "q Quit" in text or size[0] < 80


@pytest.mark.parametrize("size", [(49, 20), (80, 9)])
async def test_a_tiny_terminal_gets_one_honest_line(fake: FakeApi, dashboard: Open, size: tuple[int, int]) -> None:
    async with dashboard(size) as pilot:
        text = await shows(pilot, "z2: 2 running 3 queued", "enlarge to 50x10")
        assert not any(line.strip() for line in text.split("\n")[2:]), (
            "nothing beside: no list, no rule over active jobs"
        )
        fake.add("QUEUED", ago_s=-5)
        await fake.tell({"type": "stats", "stats": fake.stats()})
        await shows(pilot, "z2: 2 running 4 queued")
        await pilot.resize_terminal(80, 24)
        await shows(pilot, "TITLE")


async def test_a_tiny_terminal_says_that_nobody_answers(dashboard: Open, socket: Path) -> None:
    async with dashboard((49, 9), live=False) as pilot:
        await shows(pilot, "z2: 0 running", "enlarge to 50x10", "offline, retry in")


async def test_the_cursor_stays_on_its_job_when_others_come(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        state = app_of(pilot).state
        await pilot.press("j", "j", "j", "j")
        job, before = state.selected, screen_text(pilot).split("\n")[6:]
        for _ in range(3):
            await fake.tell({"type": "job", "job": dict(fake.add("QUEUED", ago_s=-5))})
        text = await shows(pilot, "▲ 3 new (g)")
        assert state.selected == job
        assert text.split("\n")[6:] == before, "not one row moved"
        await pilot.press("g")
        text = await shows(pilot, "253")
        assert "▲" not in text.split("\n")[4]
        assert state.selected == 253


async def test_at_the_top_new_jobs_show_themselves_and_the_selected_job_stays_selected(
    fake: FakeApi, dashboard: Open
) -> None:
    async with dashboard((80, 24)) as pilot:
        state = app_of(pilot).state
        job = state.selected
        await fake.tell({"type": "job", "job": dict(fake.add("QUEUED", ago_s=-5))})
        await eventually(lambda: state.window.index_of(251) == 0)
        await pilot.pause()
        assert state.selected == job
        assert state.selected_index == 1


async def test_a_job_that_leaves_its_tab_stays_where_it_was_read(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        state = app_of(pilot).state
        await pilot.press("2")
        await eventually(lambda: len(state.window) == 2)
        await pilot.press("j", "k", "j")
        job = fake.jobs[250]
        await fake.change(job, status="COMPLETED", stage=None)
        await shows(pilot, "✓ done")
        assert len(state.window) == 2
        await pilot.press("g")
        await eventually(lambda: len(state.window) == 1)


async def test_deleted_rows_go_and_the_cursor_falls_to_its_neighbour(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        state = app_of(pilot).state
        await pilot.press("j", "j", "j")
        index, gone = state.selected_index, state.selected
        assert gone is not None
        del fake.jobs[gone]
        await fake.tell({"type": "deleted", "id": gone})
        await eventually(lambda: state.window.index_of(gone) is None)
        await pilot.pause()
        assert state.selected_index == index


async def test_pages_load_as_one_goes_down(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        state = app_of(pilot).state
        await shows(pilot, "1–100 of 250")
        await pilot.press("G")
        await shows(pilot, "1–200 of 250")
        await pilot.press("G")
        await eventually(lambda: len(state.window) == 250)
        await pilot.press("G")
        await pilot.pause()
        assert state.selected == 1


async def test_a_page_that_comes_while_the_list_goes_ends_nothing(fake: FakeApi, dashboard: Open) -> None:
    """Screens lose their widgets before their workers are told to stop."""
    async with dashboard((120, 40)) as pilot:
        app = app_of(pilot)
        await app.screen.query_one(JobTable).remove()
        app.load_list()
        await eventually(lambda: not app.state.window.loading, what="the page")
        assert app.is_running


async def test_tabs_by_number_by_letter_and_by_mouse(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((120, 40)) as pilot:
        window = app_of(pilot).state.window
        await pilot.press("5")
        await eventually(lambda: window.rows and all(job.status == "FAILED" for job in window.rows))
        await pilot.press("f")
        await eventually(lambda: window.rows and all(job.status == "CANCELLED" for job in window.rows))
        await pilot.press("F", "F")
        await eventually(lambda: window.rows and all(job.status == "COMPLETED" for job in window.rows))
        await pilot.click("TabsRule", offset=(12, 0))
        await eventually(lambda: window.query.tab == "all" and len(window) == 100)


async def test_counts_are_live(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((120, 40)) as pilot:
        await shows(pilot, "running 2", "● 2 running")
        await fake.change(fake.jobs[250], status="COMPLETED", stage=None)
        await shows(pilot, "running 1", "● 1 running")


async def test_search_filters_as_one_types_and_escape_clears(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((120, 40)) as pilot:
        window = app_of(pilot).state.window
        await pilot.press("slash", *"rust")
        await eventually(lambda: window.rows and all("Rust" in job.title for job in window.rows))
        assert any("filter=rust" in call for call in fake.calls)
        await pilot.press("enter")
        await shows(pilot, "/rust", "found")
        assert isinstance(pilot.app.focused, JobTable)
        await pilot.press("escape")
        await eventually(lambda: len(window) == 100 and not window.query.words)
        await pilot.press("slash", *"zzzz")
        await shows(pilot, "0 of 250 match “zzzz” - esc clears")
        await pilot.press("escape")
        await eventually(lambda: len(window) == 100)


async def test_sorting_by_menu_by_reverse_and_by_the_header(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((120, 40)) as pilot:
        window = app_of(pilot).state.window
        await pilot.press("s")
        await eventually(lambda: isinstance(pilot.app.screen, Menu))
        await pilot.press("t", "enter")
        await eventually(lambda: window.rows and window.rows[0].title.startswith("CppCon"))
        await shows(pilot, "TITLE ▲")
        await pilot.press("S")
        await eventually(lambda: window.rows[0].title.startswith("🎉"))
        await pilot.click(JobTable, offset=(3, 0))
        await eventually(lambda: window.query.sort == "status")


async def test_marks_and_a_bulk_cancel_that_needs_a_yes(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await pilot.press("space", "space", "space")
        await shows(pilot, "3 marked")
        await pilot.press("c")
        text = await shows(pilot, "Cancel 3 jobs?", "Keep running")
        await pilot.press("enter")
        assert "POST /api/jobs/actions" not in fake.calls, "enter is the safe answer"
        await pilot.press("c", "y")
        await eventually(lambda: sum(job["status"] == "CANCELLED" for job in fake.jobs.values()) > 3)
        await shows(pilot, "Cancelling 3 jobs")
        assert "247" in text


async def test_cancel_names_what_it_ends_and_shows_that_it_is_being_done(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await pilot.press("j", "j", "j")
        await pilot.press("c")
        await shows(pilot, "Job 249 is in stage download, 62%, for 1:10.")
        await pilot.press("escape")
        assert not isinstance(pilot.app.screen, Confirm)
        await pilot.press("c", "y")
        await shows(pilot, "cancelling")
        await fake.change(fake.jobs[249], status="CANCELLED", stage=None)
        await shows(pilot, "⊘ cancelled")


async def test_finished_jobs_cannot_be_cancelled_nor_running_ones_retried(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((120, 40)) as pilot:
        await pilot.press("r")
        await shows(pilot, "nothing to retry")
        await pilot.press("5")
        window = app_of(pilot).state.window
        await eventually(lambda: window.rows and all(job.status == "FAILED" for job in window.rows))
        await eventually(lambda: window.get(app_of(pilot).state.selected))
        await pilot.press("c")
        await shows(pilot, "nothing to cancel")


async def test_retry_at_once_for_a_failed_job_and_from_a_stage(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        window = app_of(pilot).state.window
        await pilot.press("5")
        await eventually(lambda: window.rows and window.rows[0].status == "FAILED")
        failed = window.rows[0].id
        await pilot.press("r")
        await eventually(lambda: fake.jobs[failed]["status"] == "QUEUED")
        await pilot.press("4")
        await eventually(lambda: window.rows and window.rows[0].status == "COMPLETED")
        await pilot.press("b", "3", "enter")
        await shows(pilot, "Run 1 job from audio on?")
        await pilot.press("y")
        await eventually(lambda: any(job["stage"] == "audio" for job in fake.jobs.values()))


async def test_read_only_refuses_with_the_reason(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24), wishes=Settings(read_only=True)) as pilot:
        await shows(pilot, "read-only")
        for key in ("n", "c", "r"):
            await pilot.press(key)
        await shows(pilot, "read-only: cannot retry")
        assert isinstance(pilot.app.screen, Dashboard)


async def test_help_shows_the_keys_as_they_are_bound(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((120, 40), wishes=Settings(keys={"list.new": "f5"})) as pilot:
        await pilot.press("question_mark")
        await eventually(lambda: isinstance(pilot.app.screen, Help))
        text = await shows(pilot, "Submit a URL", "in the list")
        line = next(line for line in text.split("\n") if "Submit a URL" in line)
        assert "f5" in line
        await pilot.press("escape", "n")
        assert isinstance(pilot.app.screen, Dashboard), "n is free now"
        await pilot.press("f5")
        await shows(pilot, "New job")


async def test_help_shows_that_it_has_more_and_cuts_no_words(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await pilot.press("question_mark")
        await shows(pilot, "in the list", "arrows scroll · esc closes")
        page = pilot.app.screen.query_one(Page)
        assert page.show_vertical_scrollbar
        assert (
            max(sum(width_of([span]) for span in line) for line in page.lines) <= page.scrollable_content_region.width
        )


async def test_the_palette_finds_commands_jobs_and_numbers(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((120, 40)) as pilot:
        await pilot.press("ctrl+p", *"failed jobs", "enter")
        await eventually(lambda: app_of(pilot).state.window.query.tab == "failed")
        await pilot.press("ctrl+p", *"17", "enter")
        await shows(pilot, "overview", "17  ")
        await pilot.press("escape", "ctrl+p", *"why", "enter")
        await shows(pilot, "Why is job", "It is over.")


async def test_the_theme_is_chosen_and_remembered(fake: FakeApi, dashboard: Open, tmp_path: Path) -> None:
    memory = tmp_path / "tui.json"
    async with dashboard((80, 24), memory_path=memory) as pilot:
        await pilot.press("T", "down", "enter")
        await pilot.pause()
        assert pilot.app.theme == "z2-light"
        await pilot.press("5", "j")
        await eventually(lambda: app_of(pilot).state.window.rows[0].status == "FAILED")
        await pilot.press("q")
    assert '"theme": "light"' in memory.read_text()
    async with dashboard((80, 24), memory_path=memory) as pilot:
        assert app_of(pilot).state.window.query.tab == "failed"


async def test_empty_and_loading_say_what_they_are(dashboard: Open, socket: Path) -> None:
    async with serving(FakeApi(), socket), dashboard((80, 24)) as pilot:
        await shows(pilot, "No jobs yet - press n")
        await pilot.press("5")
        await shows(pilot, "No failed jobs - 1 shows all")


async def test_the_log_takes_the_place_of_the_list_on_a_small_terminal(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await pilot.press("j", "j", "j", "l")
        text = await shows(pilot, "Log 249 · following", "nsig extraction failed")
        assert "TITLE" not in text
        await pilot.press("l")
        await shows(pilot, "TITLE")


async def test_the_log_pane_follows_the_selected_job(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((120, 40)) as pilot:
        await pilot.press("j", "j", "j")
        await shows(pilot, "Log 249 · following", "nsig extraction failed")
        await fake.say(249, "a line that comes now")
        await shows(pilot, "a line that comes now")
        await pilot.press("l")
        await eventually(lambda: "debug+" not in screen_text(pilot))
        await eventually(lambda: not fake.log_sockets, what="the socket of a hidden log is closed")


async def test_zoom_and_focus_move_between_the_parts(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((120, 40)) as pilot:
        await pilot.press("j", "j", "j", "tab", "plus")
        await pilot.pause()
        assert "TITLE" not in screen_text(pilot)
        await pilot.press("escape")
        await shows(pilot, "TITLE", "Log 249")
        await pilot.press("escape")
        assert isinstance(pilot.app.focused, JobTable)


async def test_statistics(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((120, 40)) as pilot:
        await pilot.press("i")
        await shows(pilot, "How long it takes", "Finished per day", "2026-11-22")
        await pilot.press("escape")
        await shows(pilot, "TITLE")


@pytest.mark.parametrize("keys", ["", "c"])
async def test_a_size_that_has_been_overtaken_is_not_laid_out(
    fake: FakeApi, dashboard: Open, monkeypatch: pytest.MonkeyPatch, keys: str
) -> None:
    """Two sizes in the queue of a screen followed each other for ever, as when a terminal changes at the start."""
    async with dashboard((120, 40)) as pilot:
        await shows(pilot, "TITLE")
        await pilot.press(*keys)
        await pilot.pause()
        screen = pilot.app.screen
        laid_out: list[Size] = []
        really = screen._refresh_layout
        monkeypatch.setattr(screen, "_refresh_layout", lambda size: (laid_out.append(size), really(size)))
        for size in (Size(80, 24), Size(120, 40), Size(80, 24), Size(120, 40)):
            screen.post_message(Resize(size, size))
            screen.call_later(lambda: None)  # two that stand side by side are made one
        await pilot.pause()
        assert screen.size == (120, 40)
        assert Size(80, 24) not in laid_out
        assert Size(120, 40) in laid_out


async def test_resizing_keeps_the_place_also_under_a_dialog(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((200, 60)) as pilot:
        await pilot.press(*"jjjjjjjjjjjjjjjjjjjjjjjjjjjjjj", "c")
        job = app_of(pilot).state.selected
        for size in ((60, 15), (120, 40), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        await pilot.press("escape")
        await pilot.pause()
        assert app_of(pilot).state.selected == job
        assert f" {job} " in screen_text(pilot)


async def test_ages_go_on_and_an_idle_minute_paints_little(fake: FakeApi, dashboard: Open, clock: Clock) -> None:
    async with dashboard((80, 24)) as pilot:
        assert "now" in screen_text(pilot)
        clock.now += 120
        await shows(pilot, "  2m")


async def test_ascii_is_ascii_everywhere(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((120, 40), wishes=Settings(ascii=True)) as pilot:
        for keys in ((), ("c",), ("escape", "n"), ("escape", "enter"), ("right_square_bracket",), ("question_mark",)):
            await pilot.press(*keys)
            await pilot.pause(0.1)
            drawn = strips_of(pilot)
            assert all(strip.text.isascii() for strip in drawn), [s.text for s in drawn if not s.text.isascii()]
