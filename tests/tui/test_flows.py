"""Submitting by key and by paste, one job on its screen, and a daemon that goes away and comes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from tests.support import eventually
from tests.tui.conftest import SIZES, Clock, Open, app_of, screen_text, shows, table_of
from tests.tui.fake_api import FakeApi, serving
from z2ctl.tui.screens.dashboard import Dashboard
from z2ctl.tui.screens.detail import Detail, moment_of
from z2ctl.tui.screens.log_screen import LogScreen
from z2ctl.tui.screens.submit import Submit, SubmitMany
from z2ctl.tui.state import Phase

NEW = "https://video.example/new"


async def paste(pilot: Pilot[int], text: str) -> None:
    """What a terminal sends for a paste."""
    pilot.app.post_message(events.Paste(text))
    await pilot.pause()


# -- submitting ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_a_url_pasted_anywhere_is_checked_and_submitted(
    fake: FakeApi, dashboard: Open, size: tuple[int, int]
) -> None:
    async with dashboard(size) as pilot:
        await paste(pilot, NEW + "\n")
        await shows(pilot, "New job", NEW, "✓ can be submitted")
        await pilot.press("enter")
        await shows(pilot, "Queued 251 (position 4)")
        assert app_of(pilot).state.selected == 251
        assert fake.jobs[251]["url"] == NEW


async def test_slips_are_said_while_typing_and_nothing_is_sent(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await pilot.press("n", *"notaurl")
        await shows(pilot, "✗ Not a URL: it must start with http:// or https://")
        await pilot.press("enter")
        await eventually(lambda: isinstance(pilot.app.screen, Submit))
        assert not any(call.startswith("POST /api/jobs") for call in fake.calls)


async def test_a_duplicate_is_opened_or_submitted_again(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        url = fake.jobs[17]["url"]
        await paste(pilot, url)
        await shows(pilot, "≡ job 17 has this video")
        await pilot.press("enter")
        await shows(pilot, "overview", "17  ")
        assert isinstance(pilot.app.screen, Detail)
        await pilot.press("escape")
        await paste(pilot, url)
        await shows(pilot, "≡ job 17")
        await pilot.press("ctrl+r")
        await shows(pilot, "Queued 251 (position 4)")


async def test_a_refusal_keeps_what_was_typed(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await paste(pilot, "https://private.example/x")
        await pilot.press("enter")
        await shows(pilot, "✗ leads into a private network", "https://private.example/x")
        assert pilot.app.screen.query_one(Input).value == "https://private.example/x"


async def test_many_lines_pasted_are_counted_submitted_and_the_bad_ones_come_back(
    fake: FakeApi, dashboard: Open
) -> None:
    async with dashboard((80, 24)) as pilot:
        known = fake.jobs[9]["url"]
        await paste(pilot, f"{NEW}/1\n{NEW}/2\n\n# a note\nnonsense\n{known}\nhttps://private.example/y\n")
        await shows(pilot, "✓ 2 new  ≡ 1 duplicate  ✗ 2 invalid", "line 4: Not a URL")
        await pilot.press("ctrl+s")
        await shows(pilot, "2 queued, 1 duplicate, 2 refused")
        await shows(pilot, "New jobs", "leads into a private network")
        assert "private.example" in pilot.app.screen.query_one(TextArea).text
        assert len(fake.jobs) == 252


@pytest.mark.parametrize("key", ["n", "N", "slash"])
async def test_a_paste_where_one_types_is_typed_and_nothing_else(fake: FakeApi, dashboard: Open, key: str) -> None:
    async with dashboard((80, 24)) as pilot:
        await pilot.press(key)
        await paste(pilot, "abc")
        depth = len(pilot.app.screen_stack)
        await pilot.pause()
        assert len(pilot.app.screen_stack) == depth
        if key == "N":
            assert pilot.app.screen.query_one(TextArea).text == "abc"
        else:
            assert isinstance(pilot.app.focused, Input)
            assert pilot.app.focused.value == "abc"


async def test_quitting_asks_only_when_something_would_be_lost(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await pilot.press("N", *"abc", "ctrl+q")
        await shows(pilot, "What is typed here would be lost.")
        await pilot.press("enter")
        await eventually(lambda: isinstance(pilot.app.screen, SubmitMany))
        await pilot.press("ctrl+q", "y")
        await eventually(lambda: pilot.app.return_value == 0)


# -- one job --------------------------------------------------------------------------------------------------------


def rich_job(fake: FakeApi) -> int:
    """The job that has everything."""
    return next(iter(fake.details))


async def open_rich(pilot: Pilot[int], fake: FakeApi) -> None:
    app_of(pilot).open_job(rich_job(fake))
    await shows(pilot, "overview", "metadata", "Description")


@pytest.mark.parametrize("size", SIZES)
async def test_every_tab_of_a_job(fake: FakeApi, dashboard: Open, size: tuple[int, int]) -> None:
    async with dashboard(size) as pilot:
        app_of(pilot).open_job(rich_job(fake))
        await shows(pilot, "overview", "✓ metadata")
        for key, words in (
            ("2", "· following"),
            ("right_square_bracket", "Sentence number 0"),
            ("right_square_bracket", "PostgreSQL keeps several versions"),
            ("right_square_bracket", "media/video.webm"),
            ("right_square_bracket", "✓ library"),
        ):
            await pilot.press(key)
            await shows(pilot, words)
        await pilot.press("escape")
        await eventually(lambda: isinstance(pilot.app.screen, Dashboard))


async def test_a_key_passage_leads_to_its_second(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((120, 40)) as pilot:
        await open_rich(pilot, fake)
        await pilot.press("4")
        await shows(pilot, "4:11 ✓ Versions replace locks", "VACUUM is the price")
        screen = pilot.app.screen
        assert isinstance(screen, Detail)
        view = screen.texts["analysis"].view
        view.move_cursor(next(i for i, item in enumerate(view.items) if "VACUUM is" in item.text))
        await pilot.press("enter")
        await shows(pilot, "Sentence number 200")
        transcript = screen.texts["transcript"].view
        await eventually(lambda: transcript.line_text().startswith("14:00"))


async def test_the_transcript_is_searched_and_jumped_in(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((120, 40)) as pilot:
        await open_rich(pilot, fake)
        await pilot.press("3")
        await shows(pilot, "Sentence number 0", "9 411 words · en · manual subs")
        await pilot.press("1", "colon", *"10:x", "enter")
        await shows(pilot, "✗ “10:x” is not a time: 1:23", "overview")
        await pilot.press("ctrl+u", *"10:30", "enter")
        await shows(pilot, "Sentence number 150")
        await pilot.press("slash", *"number 299", "enter")
        await shows(pilot, "Sentence number 299", "1/1")
        await pilot.press("escape", "escape")
        await eventually(lambda: isinstance(pilot.app.screen, Dashboard))


async def test_a_transcript_that_is_not_there_says_why(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        app_of(pilot).open_job(3)
        await shows(pilot, "overview")
        await pilot.press("3")
        await shows(pilot, "There is no transcript.")


async def test_what_is_not_there_says_whether_it_may_come_and_where_it_is_instead(
    fake: FakeApi, dashboard: Open
) -> None:
    original = fake.add("COMPLETED", title="The one that was there first")
    failed, waiting = fake.add("FAILED", ago_s=-1), fake.add("QUEUED", ago_s=-2)
    listed = fake.add("WAITING", ago_s=-3, kind="COLLECTION")
    twin = fake.add("COMPLETED", ago_s=-4, outcome="DUPLICATE", display_status="DUPLICATE")
    fake.details[twin["id"]] = {"duplicate_of": original["id"]}
    async with dashboard((80, 24)) as pilot:
        for job, said in (
            (failed, "There are no files: the job failed before."),
            (waiting, "There are no files yet."),
            (listed, "There are no files of a list"),
            (twin, f"There are no files here: the video is that of job {original['id']}"),
        ):
            app_of(pilot).open_job(job["id"])
            await shows(pilot, "overview", f" {job['id']}  ")
            await pilot.press("5")
            await shows(pilot, said)
            if job is not twin:
                await pilot.press("escape")
        await pilot.press("enter")
        await shows(pilot, f"{original['id']}  The one that was there first")


async def test_neighbours_without_closing(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await pilot.press("enter")
        await shows(pilot, "248  ")
        await pilot.press("J")
        await shows(pilot, "247  ")
        await pilot.press("K", "K")
        await shows(pilot, "This is the first job")
        await pilot.press("escape")
        assert app_of(pilot).state.selected == 248


async def test_a_job_changes_while_it_is_open(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        app_of(pilot).open_job(249)
        await shows(pilot, "download 62%")
        await fake.change(fake.jobs[249], status="FAILED", stage=None, error={
            "code": "REMOVED", "stage": "download", "message": "it is gone", "hint": "Nothing to do.",
        })  # fmt: skip
        await shows(pilot, "✗ failed", "download: it is gone", "Nothing to do.")
        await pilot.press("r")
        await eventually(lambda: fake.jobs[249]["status"] == "QUEUED")


async def test_an_unknown_job_is_said(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        app_of(pilot).open_job(9999)
        await shows(pilot, "There is no job with this id.")


async def test_the_list_below_costs_nothing_while_a_job_is_open(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((120, 40)) as pilot:
        await open_rich(pilot, fake)
        table, drawn = table_of(pilot), []
        table.render_line = lambda y: drawn.append(y) or type(table).render_line(table, y)  # type: ignore[method-assign,func-returns-value]
        for step in range(4):
            await fake.progress(fake.jobs[249], 0.7 + step / 100)
            await pilot.pause(0.1)
        assert not drawn


@pytest.mark.parametrize(
    "text, ms", [("83", 83_000), ("1:23", 83_000), ("1:02:03", 3_723_000), ("x", None), ("", None)]
)
def test_times_are_read(text: str, ms: int | None) -> None:
    assert moment_of(text) == ms


async def test_the_full_log_saves_and_copies(
    fake: FakeApi, dashboard: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    async with dashboard((80, 24)) as pilot:
        await pilot.press("j", "j", "j", "L")
        await eventually(lambda: isinstance(pilot.app.screen, LogScreen))
        await shows(pilot, "segment 00:12:08.2")
        await pilot.press("y")
        await shows(pilot, "Copied the line")
        await pilot.press("W")
        await shows(pilot, "70 lines, to:")
        field = pilot.app.screen.query_one(Input)
        field.value = str(tmp_path / "out.log")
        await pilot.press("enter")
        await shows(pilot, "Written:")
        assert (tmp_path / "out.log").read_text().count("\n") == 70
        await pilot.press("W")
        await eventually(
            lambda: isinstance(pilot.app.focused, Input), what="the line for the name, after the log is read"
        )
        pilot.app.screen.query_one(Input).value = str(tmp_path / "out.log")
        await pilot.press("enter")
        await shows(pilot, "✗", "is there already, and nothing is written over")
        field = pilot.app.screen.query_one(Input)
        for name, said in (
            (f"{tmp_path}/no/x.log", "There is no folder"),
            (str(tmp_path), "is a folder: name a file in it"),
            ("~who-is-this/x.log", "There is no folder ~who-is-this."),
        ):
            field.value = name
            await pilot.press("enter")
            await shows(pilot, said)
        assert field.value, "a name that is wrong stays, to be mended"


async def test_older_lines_are_fetched_when_one_scrolls_up(fake: FakeApi, dashboard: Open) -> None:
    fake.log(249, *(f"early {n}" for n in range(2000)))
    async with dashboard((80, 24)) as pilot:
        await pilot.press("j", "j", "j", "L")
        await shows(pilot, "early 1999")
        await pilot.press("home")
        await eventually(lambda: any("before=" in call for call in fake.calls))
        screen = pilot.app.screen
        assert isinstance(screen, LogScreen)
        await eventually(lambda: len(screen.log_pane.view.entries) == 1000)


# -- the line to the daemon -----------------------------------------------------------------------------------------


async def test_the_first_start_without_a_daemon_helps_and_goes_on_by_itself(
    dashboard: Open, socket: Path, clock: Clock
) -> None:
    async with dashboard((80, 24), live=False) as pilot:
        await shows(pilot, "z2d is not running at", "z2ctl doctor", "offline, retry in")
        fake = FakeApi()
        fake.add("COMPLETED")
        async with serving(fake, socket):
            await shows(pilot, "● live", "✓ done", within=40)  # the pauses between tries grow


async def test_away_and_back_with_no_line_missing(dashboard: Open, socket: Path, clock: Clock) -> None:
    fake = FakeApi()
    job = fake.add("RUNNING", ago_s=10)
    fake.log(job["id"], "one", "two")
    async with dashboard((120, 40), live=False) as pilot:
        async with serving(fake, socket):
            await shows(pilot, "● live", "two")
        await shows(pilot, "▲ offline, retry in")
        clock.now += 12
        await shows(pilot, "lost 12 s ago - showing the last known state", "two")
        await pilot.press("c")
        await shows(pilot, "offline: cannot cancel")
        assert isinstance(pilot.app.screen, Dashboard)
        fake.log(job["id"], "three", "four")
        fresh = fake.add("QUEUED", ago_s=-20)
        async with serving(fake, socket):
            await pilot.press("R")
            await shows(pilot, "● live", "Connected again", "four", f" {fresh['id']} ")
            await fake.say(job["id"], "five")
            await shows(pilot, "five")
            base = pilot.app.screen_stack[0]
            assert isinstance(base, Dashboard)
            messages = [entry.message for entry in base.log_pane.view.entries]
            assert messages == ["one", "two", "three", "four", "five"]
            assert "lost" not in screen_text(pilot)


async def test_a_wrong_token_is_said_with_its_file(fake: FakeApi, dashboard: Open) -> None:
    fake.refuse = 401
    async with dashboard((80, 24), live=False) as pilot:
        await shows(pilot, "▲ refused", "No token was sent")
        assert app_of(pilot).state.line.phase is Phase.REFUSED


async def test_another_api_is_read_only(fake: FakeApi, dashboard: Open) -> None:
    fake.api, fake.version = 2, "9.0"
    async with dashboard((120, 40)) as pilot:
        await shows(pilot, "This dashboard speaks API 1, z2d 9.0 speaks 2: reading only.")
        await pilot.press("n")
        await shows(pilot, "speaks another API")


async def test_silence_is_shown(fake: FakeApi, dashboard: Open, clock: Clock) -> None:
    async with dashboard((80, 24)) as pilot:
        clock.now += 45
        await shows(pilot, "◌ silent 45 s")
        await fake.tell({"type": "stats", "stats": fake.stats()})
        await shows(pilot, "● live")


async def test_messages_of_another_version_do_no_harm(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        for message in ({"type": "news"}, {"type": "job"}, {"type": "job", "job": {"id": "x"}}, {"type": "progress"}):
            await fake.tell(message)
        await fake.tell({"type": "job", "job": {**fake.jobs[248], "display_status": "DREAMING", "rev": 9}})
        await shows(pilot, "? dreaming")


def test_the_fake_speaks_the_contract() -> None:
    from z2d.wire.jobs import JobDetail, JobSummary
    from z2d.wire.service import Stats

    fake = FakeApi()
    for status in ("QUEUED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"):
        JobSummary.model_validate_json(json.dumps(fake.add(status)))
    Stats.model_validate_json(json.dumps(fake.stats()))
    assert set(fake.detail(fake.jobs[1])) <= set(JobDetail.model_fields)


async def test_a_log_opened_quickly_keeps_its_live_lines(fake: FakeApi, dashboard: Open) -> None:
    """What the list meant to do a moment later must not take the lines from the screen that is on top now."""
    fake.log(245, "the only line")
    async with dashboard((80, 24)) as pilot:
        app_of(pilot).memory.detail_tab = "log"
        await pilot.press("j", "j", "j", "j", "j", "enter")
        await shows(pilot, "Log 24", "· following")
        await pilot.pause(0.4)
        assert app_of(pilot)._following is not None
        await pilot.press("escape")
        app_of(pilot).open_job(245)
        await pilot.pause(0.4)
        await shows(pilot, "Log 245", "the only line")


async def test_below_a_dialog_nothing_moves_and_nothing_is_lost(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((120, 40)) as pilot:
        await pilot.press("j", "j", "j")
        await shows(pilot, "Log 249", "segment 00:12:08.2")
        await pilot.press("o")
        await pilot.pause()
        before = screen_text(pilot)
        await fake.say(249, "said below the dialog")
        await fake.progress(fake.jobs[249], 0.9)
        await pilot.pause(1.2)
        assert screen_text(pilot) == before
        await pilot.press("escape")
        await shows(pilot, "said below the dialog", "90%")


@pytest.mark.parametrize("submits", [True, False])
async def test_a_dialog_is_answered_once_however_fast_the_keys_come(
    fake: FakeApi, dashboard: Open, submits: bool
) -> None:
    async with dashboard((80, 24)) as pilot:
        await paste(pilot, NEW)
        await shows(pilot, "✓ can be submitted")
        form = pilot.app.screen
        assert isinstance(form, Submit)
        for _ in range(3):
            if submits:
                await form.query_one(Input).action_submit()
            else:
                form.action_leave()
        await eventually(lambda: isinstance(pilot.app.screen, Dashboard))
        await pilot.pause(0.1)
        assert pilot.app.is_running
        assert sum(job["url"] == NEW for job in fake.jobs.values()) == submits


async def test_what_is_typed_right_after_a_key_is_meant_for_the_line_it_opened(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        for key in ("slash", "s", "n", "q"):
            pilot.app.post_message(events.Key(key, "/" if key == "slash" else key))
        await eventually(lambda: app_of(pilot).state.window.query.words == "snq")
        assert isinstance(pilot.app.screen, Dashboard)
