"""The options of a submission: a line in both forms, opened by a key, filled in without a mouse, sent with the URLs."""

from __future__ import annotations

import asyncio

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from tests.support import eventually
from tests.tui.conftest import SIZES, Open, app_of, screen_text, shows
from tests.tui.fake_api import EPOCH, FakeApi, profile
from z2ctl.tui.options import Options
from z2ctl.tui.screens.dashboard import Dashboard
from z2ctl.tui.screens.options import OptionsForm
from z2ctl.tui.screens.submit import Submit, SubmitMany

NEW = "https://video.example/new"
NOW = EPOCH.timestamp()


def fields_of(pilot: Pilot[int]) -> OptionsForm:
    form = pilot.app.screen
    assert isinstance(form, OptionsForm)
    return form


@pytest.mark.parametrize("size", SIZES)
async def test_every_option_is_chosen_by_keys_and_sent(fake: FakeApi, dashboard: Open, size: tuple[int, int]) -> None:
    async with dashboard(size) as pilot:
        app_of(pilot).ask_new(NEW)
        await shows(pilot, "New job", "options: default · ctrl+o")
        await pilot.press("ctrl+o")
        await shows(pilot, "profile", "priority", "at", "hold", "force", "enter accepts")
        await eventually(lambda: len(fields_of(pilot).profile.values) == 2)
        await pilot.press("right", "down", "backspace", *"-5", "down", *"2h", "down", "down", "space")
        await shows(pilot, "lectures", "Sound alone", "not before")
        await pilot.press("enter")
        await shows(pilot, "New job", "options: profile lectures, priority -5, at 2h")
        await pilot.press("enter")
        await shows(pilot, "Queued 251, not before")
        assert fake.submitted[-1] == {
            "url": NEW, "profile": "lectures", "priority": -5, "run_after": "2026-11-22T14:00:00Z", "force": True,
        }  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
async def test_the_options_of_many(fake: FakeApi, dashboard: Open, size: tuple[int, int]) -> None:
    async with dashboard(size) as pilot:
        app_of(pilot).ask_many(f"{NEW}/1\n{NEW}/2\nno\nhttps://private.example/z")
        await shows(pilot, "✓ 2 new", "✗ 2 invalid", "options: default · ctrl+o", "ctrl+s submits")
        await pilot.press("ctrl+o", "up", "up", *"y")
        await shows(pilot, "queue it paused")
        await pilot.press("enter")
        await shows(pilot, "options: hold", "✓ 2 new")
        await pilot.press("ctrl+s")
        await shows(pilot, "2 queued, 0 duplicates, 2 refused", "options: hold")
        assert fake.submitted[-1]["hold"] is True
        assert len(fake.submitted[-1]["urls"]) == 4
        assert isinstance(pilot.app.screen, SubmitMany)
        assert "private.example" in pilot.app.screen.query_one(TextArea).text


async def test_a_fast_hand_fills_them_in(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        app_of(pilot).ask_new(NEW)
        await shows(pilot, "✓ can be submitted")
        await pilot.press("ctrl+o")
        await shows(pilot, "enter accepts")
        for key in ("down", "5", "down", "2", "h", "down", "down", "y", "enter"):
            pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await shows(pilot, "options: priority 5, at 2h, force")
        assert isinstance(pilot.app.screen, Submit)


async def test_without_options_nothing_is_sent_but_the_url(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await pilot.press("n", *NEW, "enter")
        await shows(pilot, "Queued 251 (position 4)")
        assert fake.submitted[-1] == {"url": NEW}


@pytest.mark.parametrize(
    "keys, said, at",
    [
        (("down", "backspace", *"101"), "✗ no number from -100 to 100", "priority"),
        (("down", "backspace", *"x"), "✗ no number from -100 to 100", "priority"),
        (("down", "down", *"soon"), "✗ no time: 23:00, 2h, 2026-11-22 23:00", "at"),
        (("down", "down", *"2020-01-01"), "✗ has passed", "at"),
        (("down", "down", *"2h", "down", "y"), "✗ hold has no time: resume", "at"),
    ],
)
async def test_a_slip_is_said_at_its_field_and_nothing_is_taken(
    fake: FakeApi, dashboard: Open, keys: tuple[str, ...], said: str, at: str
) -> None:
    async with dashboard((80, 24)) as pilot:
        await pilot.press("n", "ctrl+o", *keys)
        await shows(pilot, said)
        await pilot.press("enter")
        assert fields_of(pilot).focused is fields_of(pilot).query_one(f"#{at}")
        await pilot.press("escape")
        await shows(pilot, "options: default")
        assert isinstance(pilot.app.screen, Submit)


async def test_what_is_typed_stays_and_a_refusal_keeps_the_options(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await pilot.press("n", *"https://private.example/x", "f4", "l")
        await eventually(lambda: len(fields_of(pilot).profile.values) == 2)
        await pilot.press("l", "enter")
        await shows(pilot, "private.example/x", "options: profile lectures")
        await pilot.press("enter")
        await shows(pilot, "✗ leads into a private network", "options: profile lectures")
        assert pilot.app.screen.query_one(Input).value == "https://private.example/x"


async def test_force_submits_what_is_there_already(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        app_of(pilot).ask_new(fake.jobs[17]["url"])
        await shows(pilot, "≡ job 17 has this video: enter opens it")
        await pilot.press("ctrl+o", "up", "y", "enter")
        await shows(pilot, "≡ job 17 has this video: enter submits it again")
        await pilot.press("enter")
        await shows(pilot, "Queued 251 (position 4)")
        assert fake.submitted[-1]["force"] is True


async def test_on_hold_it_has_no_place(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        app_of(pilot).ask_new(NEW, options=Options(hold=True))
        await shows(pilot, "options: hold")
        await pilot.press("enter")
        await shows(pilot, "Queued 251 on hold; P lets it go on")


async def test_a_job_that_started_at_once_has_no_place(
    fake: FakeApi, dashboard: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It started between the answer and the question; and a daemon that does not answer the question loses nothing."""
    monkeypatch.setattr(fake, "queue_state", lambda: {"next": []})
    async with dashboard((80, 24)) as pilot:
        app_of(pilot).ask_new(NEW)
        await pilot.press("enter")
        await shows(pilot, "Queued 251")
        await eventually(lambda: any(call == "GET /api/jobs/251/why" for call in fake.calls))
        assert "position" not in screen_text(pilot)


async def test_profiles_that_cannot_be_read_are_said_and_the_default_works(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await pilot.press("n", *NEW)
        await shows(pilot, "✓ can be submitted")
        fake.hold = asyncio.Event()
        await pilot.press("ctrl+o")
        await shows(pilot, "reading the profiles…")
        fake.refuse = 503
        fake.hold.set()
        await pilot.press("escape", "ctrl+o")
        await shows(pilot, "the others cannot be read")
        fake.refuse = None
        await pilot.press("down", "backspace", *"7", "enter", "enter")
        await shows(pilot, "Queued 251")
        assert fake.submitted[-1] == {"url": NEW, "priority": 7}


async def test_a_profile_with_a_hostile_name_is_only_words(fake: FakeApi, dashboard: Open) -> None:
    fake.profiles += [profile("[/red]", "[@click=app.quit_now]x[/]"), profile("\x1b]0;PWNED\x07x" * 40, "w" * 5000)]
    async with dashboard((80, 24)) as pilot:
        await pilot.press("n", "ctrl+o")
        await eventually(lambda: len(fields_of(pilot).profile.values) == 4)
        await pilot.press("left", "left")
        await shows(pilot, "< [/red]", "[@click=app.quit_now]x[/]")
        await pilot.press("right", "enter")
        await shows(pilot, "options: profile xxx")
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, Dashboard)


@pytest.mark.parametrize(
    "options, fields, said",
    [
        (Options(), {}, "default"),
        (Options(at="1h"), {"run_after": "2026-11-22T13:00:00Z"}, "at 1h"),
        (Options("talks", -1, "", True, True), {"profile": "talks", "priority": -1, "hold": True, "force": True},
         "profile talks, priority -1, hold, force"),
    ],
)  # fmt: skip
def test_options_as_fields_and_words(options: Options, fields: dict[str, object], said: str) -> None:
    assert options.fields(NOW) == fields
    assert options.words() == said
