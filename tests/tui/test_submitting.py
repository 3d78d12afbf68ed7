"""The options of a submission: a line in both forms, opened by a key, filled in without a mouse, sent with the URLs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from tests.support import eventually
from tests.tui.conftest import SIZES, Open, app_of, screen_text, shows
from tests.tui.fake_api import EPOCH, FakeApi, profile
from z2ctl import batches
from z2ctl.client import Client
from z2ctl.tui.messages import Lost
from z2ctl.tui.options import Options
from z2ctl.tui.screens.dashboard import Dashboard
from z2ctl.tui.screens.options import OptionsForm
from z2ctl.tui.screens.submit import Submit, SubmitMany
from z2d.wire import errors

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
        await pilot.press("ctrl+o", *["down"] * 3, *"y")
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


async def test_a_job_on_hold_keeps_the_time_it_was_given(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await pilot.press("n", *NEW, "ctrl+o", "down", "down", *"2h", "down", "y", "enter", "enter")
        await shows(pilot, "Queued 251 on hold")
        assert fake.submitted[-1] == {"url": NEW, "run_after": "2026-11-22T14:00:00Z", "hold": True}
        fake.jobs[251]["due_after"] = "2026-11-22T14:00:00.000Z"
        await pilot.press("enter")
        await shows(pilot, "Once resumed", "not before 2026-11-22")


SLIPS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("down", "backspace", *"101"), "✗ no number from -100 to 100", "priority"),
    (("down", "backspace", *"x"), "✗ no number from -100 to 100", "priority"),
    (("down", "down", *"soon"), "✗ no time: 23:00, 2h, 2026-11-22 23:00", "at"),
    (("down", "down", *"2020-01-01"), "✗ has passed", "at"),
    ((*["down"] * 5, *"x" * 65), "✗ String should have at most 64", "tags"),
    ((*["down"] * 6, *"exec=rm"), "✗ There is no option 'exec'; there is audio_only", "options"),
    ((*["down"] * 6, *"max_height=1"), "✗ Option max_height: it should be greater", "options"),
    (("up", "up", "up", *"0"), "✗ no number from 1 to 1000", "limit"),
    (("up", "up", *"2026-02-30"), "✗ no day: 2026-11-22", "after"),
    (("up", *"("), "✗ should be a regular expression", "match"),
)
"""Keys, what is said, and the field where it is said."""


async def test_a_slip_is_said_at_its_field_and_nothing_is_taken(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await pilot.press("n")
        for keys, said, at in SLIPS:
            await pilot.press("ctrl+o")
            await eventually(lambda: isinstance(pilot.app.screen, OptionsForm))
            await pilot.press(*keys)
            await shows(pilot, said)
            await pilot.press("enter")
            assert fields_of(pilot).focused is fields_of(pilot).query_one(f"#{at}")
            await pilot.press("escape")
            await eventually(lambda: isinstance(pilot.app.screen, Submit))
            await shows(pilot, "options: default")


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
        await pilot.press("ctrl+o", *["down"] * 4, "y", "enter")
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


@pytest.mark.parametrize("size", SIZES)
async def test_tags_named_options_and_what_is_wanted_of_a_list(
    fake: FakeApi, dashboard: Open, size: tuple[int, int]
) -> None:
    async with dashboard(size) as pilot:
        app_of(pilot).ask_new(NEW)
        await shows(pilot, "✓ can be submitted")
        await pilot.press(
            "ctrl+o", *["down"] * 5, *"talks, german", "down", *"max-height=720 languages=en,de", "down", "y"
        )
        await pilot.press("down", *"5", "down", *"2026-01-31", "down", *"^Part", "enter")
        await shows(pilot, "options: playlist, tags talks, german,")
        await pilot.press("ctrl+o", "up")
        await shows(pilot, "match      ^Part")
        await pilot.press("escape", "enter")
        await shows(pilot, "Queued 251")
        wanted = {"limit": 5, "after": "2026-01-31", "match": "^Part"}
        options = {"max_height": 720, "languages": ["en", "de"], "playlist": wanted}
        assert fake.submitted[-1] == {"url": NEW, "tags": ["talks", "german"], "options": options}


async def test_what_the_daemon_refuses_of_them_comes_back_with_them(fake: FakeApi, dashboard: Open) -> None:
    options = Options(tags="one, two", named="audio_only", limit="7")
    async with dashboard((80, 24)) as pilot:
        app_of(pilot).ask_new("https://private.example/x", options=options)
        await shows(pilot, "options: tags one, two, audio_only, limit 7")
        await pilot.press("enter")
        await shows(pilot, "✗ leads into a private network", "options: tags one, two, audio_only, limit 7")


async def test_a_file_of_this_machine_is_sent(
    fake: FakeApi, dashboard: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my clip.mp4").write_bytes(b"x" * 2048)
    async with dashboard((80, 24)) as pilot:
        await pilot.press("n")
        await eventually(lambda: isinstance(pilot.app.focused, Input))
        line = pilot.app.screen.query_one(Input)
        line.value = "./none.mp4"
        await shows(pilot, "✗ There is no file ./none.mp4.")
        await pilot.press("enter")
        await eventually(lambda: isinstance(pilot.app.screen, Submit))
        line.value = "my clip.mp4"
        await shows(pilot, "✓ a file of this machine, 2.0 KiB: enter sends it")
        await pilot.press("ctrl+t")
        await shows(pilot, "✗ only what has an address can be looked at")
        await pilot.press("enter")
        await shows(pilot, "Sending my clip.mp4, 2.0 KiB…")
        await shows(pilot, "Queued 251")
        assert fake.uploads == {"my clip.mp4": b"x" * 2048}
        assert fake.submitted[-1] == {"url": "https://uploads.example/my clip.mp4"}


async def test_files_are_sent_among_many_addresses(
    fake: FakeApi, dashboard: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").write_bytes(b"a")
    (tmp_path / "b.mp4").write_bytes(b"b")
    async with dashboard((80, 24)) as pilot:
        app_of(pilot).ask_many(f"{NEW}\na.mp4\n./none.mp4\n{tmp_path}/b.mp4")
        await shows(pilot, "✓ 1 new  ✓ 2 files to send  ✗ 1 invalid", "line 3: There is no file ./none.mp4.")
        (tmp_path / "b.mp4").unlink()
        await pilot.press("ctrl+s")
        await shows(pilot, "2 queued, 0 duplicates, 2 refused", "✗ There is no file ./none.mp4.")
        assert fake.uploads == {"a.mp4": b"a"}
        assert fake.submitted[-1] == {"urls": [NEW, "https://uploads.example/a.mp4"]}
        area = pilot.app.screen.query_one(TextArea)
        assert area.text == f"./none.mp4\n{tmp_path}/b.mp4"
        area.text = "a.mp4"
        await shows(pilot, "✓ 1 file to send")
        fake.refuse = 503
        await pilot.press("ctrl+s")
        await shows(pilot, "0 queued, 0 duplicates, 1 refused", "✗ a.mp4: refused by the test")
        assert pilot.app.screen.query_one(TextArea).text == "a.mp4"


async def test_what_the_api_would_refuse_as_a_whole_is_said_line_by_line(fake: FakeApi, dashboard: Open) -> None:
    long = f"{NEW}/{'x' * 5000}"
    async with dashboard((80, 24)) as pilot:
        app_of(pilot).ask_many(f"{NEW}\n{long}\n{NEW}2")
        await shows(pilot, "✓ 2 new  ✗ 1 invalid", "line 2: It is longer than 4096 characters.")
        await pilot.press("ctrl+s")
        await shows(pilot, "2 queued, 0 duplicates, 1 refused")
        area = pilot.app.screen.query_one(TextArea)
        assert (fake.submitted[-1]["urls"], area.text) == ([NEW, f"{NEW}2"], long)
        area.text = "\n".join(f"{NEW}/{number}" for number in range(1001))
        await shows(pilot, "✗ 1001 at once are too many: 1000 at most")
        area.text += "/"
        await pilot.press("ctrl+s")
        await shows(pilot, "✗ 1001 at once are too many: 1000 at most")
        area.text = "\n".join(f"{NEW}/{number}" for number in range(300))
        await shows(pilot, "✓ 300 new")
        await pilot.press("ctrl+s")
        await shows(pilot, "300 queued, 0 duplicates")
        assert [len(one["urls"]) for one in fake.submitted[-2:]] == [200, 100]


async def test_what_was_taken_before_the_line_broke_does_not_come_back(
    fake: FakeApi, dashboard: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "URLS_PER_CALL", 2)
    taken = Client.submit_batch

    def once(self: Client, urls: list[str], **fields: object) -> list[dict[str, object]]:
        if fake.submitted and not fields.get("dry_run"):
            raise errors.DaemonUnreachable("It has gone.")
        return taken(self, urls, **fields)

    monkeypatch.setattr(Client, "submit_batch", once)
    async with dashboard((80, 24)) as pilot:
        app_of(pilot).ask_many("\n".join(f"{NEW}{number}" for number in range(3)), options=Options(force=True))
        await shows(pilot, "✓ 3 new")
        await pilot.press("ctrl+s")
        await shows(pilot, "2 queued, 0 duplicates", "✗ It has gone.")
        assert pilot.app.screen.query_one(TextArea).text == f"{NEW}2"


async def test_what_is_typed_while_nobody_answers_comes_back(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        app_of(pilot).ask_many(f"{NEW}\n{NEW}2")
        await shows(pilot, "✓ 2 new")
        fake.refuse = 503
        pilot.app.post_message(Lost("gone", 60.0, 1))
        await eventually(lambda: not app_of(pilot).state.line.live)
        await pilot.press("ctrl+s")
        await shows(pilot, "✗ refused by the test")
        assert pilot.app.screen.query_one(TextArea).text == f"{NEW}\n{NEW}2"
        await pilot.press("escape", "n")
        await shows(pilot, "offline: cannot submit")
        app_of(pilot).ask_new(NEW, "a trouble")
        await eventually(lambda: isinstance(pilot.app.screen, Submit))
        await pilot.press("enter")
        await shows(pilot, "✗ refused by the test")
        assert pilot.app.screen.query_one(Input).value == NEW


async def test_escape_asks_before_it_throws_many_lines_away(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await pilot.press("N", "a", "escape")
        await eventually(lambda: isinstance(pilot.app.screen, Dashboard), what="one word is no loss")
        app_of(pilot).ask_many("\n".join(f"{NEW}{number}" for number in range(5)))
        await shows(pilot, "✓ 5 new")
        await pilot.press("escape")
        await shows(pilot, "What is typed here would be lost.")
        await pilot.press("enter")
        await eventually(lambda: isinstance(pilot.app.screen, SubmitMany))
        await pilot.press("escape")
        await shows(pilot, "What is typed here would be lost.")
        await pilot.press("y")
        await eventually(lambda: isinstance(pilot.app.screen, Dashboard))


async def test_a_file_that_is_not_taken_keeps_its_name(fake: FakeApi, dashboard: Open, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    async with dashboard((80, 24)) as pilot:
        app_of(pilot).ask_new(str(tmp_path / "a.mp4"))
        await shows(pilot, "✓ a file of this machine")
        fake.refuse = 503
        await pilot.press("enter")
        await shows(pilot, "✗ refused by the test")
        assert pilot.app.screen.query_one(Input).value == str(tmp_path / "a.mp4")


@pytest.mark.parametrize("size", SIZES)
async def test_a_look_before_anything_is_queued(fake: FakeApi, dashboard: Open, size: tuple[int, int]) -> None:
    fake.probed |= {"subtitles": {"manual": ["en"], "auto": ["de", "fr"]}, "height": 720, "width": 1280}
    async with dashboard(size) as pilot:
        app_of(pilot).ask_new(fake.jobs[17]["url"], options=Options(profile="lectures", named="audio_only", force=True))
        await shows(pilot, "submits it again")
        await pilot.press("ctrl+t")
        await shows(pilot, "What is there", "job 17 has it already", "1:01", "about 1.0 MiB", "1280x720")
        options = {"audio_only": True}
        assert fake.probes == [{"url": fake.jobs[17]["url"], "profile": "lectures", "options": options}]
        await pilot.press("down", "down", "pagedown", "escape")
        await eventually(lambda: isinstance(pilot.app.screen, Submit))
        assert pilot.app.screen.query_one(Input).value == fake.jobs[17]["url"]
        await pilot.press("escape", "ctrl+t")
        await shows(pilot, "The address to look at")
        await pilot.press(*"no", "enter")
        await shows(pilot, "✗ Not a URL")
        pilot.app.screen.query_one(Input).value = NEW
        await pilot.press("enter")
        await shows(pilot, "not there yet", "enter goes on to submit")
        await pilot.press("enter")
        await shows(pilot, "New job", "✓ can be submitted")
        assert not fake.submitted


async def test_a_look_waits_is_given_up_and_says_what_went_wrong(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        app_of(pilot).ask_many(f"{NEW}/1\n{NEW}/2")
        await shows(pilot, "✓ 2 new")
        fake.hold = asyncio.Event()
        await pilot.press("down", "ctrl+t")
        await shows(pilot, "Looking… this takes as long", f"{NEW}/2")
        asked = fake.calls.count("POST /api/probe")
        await pilot.press("escape")
        await shows(pilot, "New jobs")
        await eventually(lambda: "/api/probe" in fake.given_up, what="the daemon hears that nobody waits")
        assert fake.calls.count("POST /api/probe") == asked == 1, "what was given up is not asked again"
        fake.hold.set()
        fake.probed = {"error": {"code": "REMOVED", "message": "It is gone.", "hint": "It has been taken down."}}
        await pilot.press("ctrl+t")
        await shows(pilot, "✗ It is gone. It has been taken down. (REMOVED)")
        await pilot.press("escape")
        fake.refuse = 503
        await pilot.press("ctrl+t")
        await shows(pilot, "✗ refused by the test")
        await pilot.press("enter")
        await eventually(lambda: isinstance(pilot.app.screen, SubmitMany))


async def test_a_look_at_a_list_says_what_would_become_of_its_entries(fake: FakeApi, dashboard: Open) -> None:
    entry = {"url": NEW, "title": "The first", "duration_ms": 61_000, "published_at": "2026-11-01T00:00:00Z"}
    fake.probed = {
        "title": "Night school",
        "kind": "COLLECTION",
        "seen": 60,
        "entries": [entry, {**entry, "duplicate_of": 17}, {**entry, "message": "It is private."}],
    }
    async with dashboard((80, 24)) as pilot:
        app_of(pilot).ask_new(NEW)
        await shows(pilot, "✓ can be submitted")
        await pilot.press("ctrl+t")
        await shows(pilot, "Night school", "3 wanted of 60 looked at", "2026-11-01     1:01  The first")
        await shows(pilot, "The first  there already: job 17", "The first  It is private.")
        fake.probed["entries"] = []
        await pilot.press("escape", "ctrl+t")
        assert "Length" not in await shows(pilot, "Night school", "0 wanted of 60 looked at"), "it is no video"


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
        await eventually(lambda: isinstance(pilot.app.screen, Dashboard))


@pytest.mark.parametrize(
    "options, fields, said",
    [
        (Options(), {}, "default"),
        (Options(at="1h"), {"run_after": "2026-11-22T13:00:00Z"}, "at 1h"),
        (Options("talks", -1, "", True, True), {"profile": "talks", "priority": -1, "hold": True, "force": True},
         "profile talks, priority -1, hold, force"),
        (Options(playlist=True), {"options": {"playlist": {}}}, "playlist"),
    ],
)  # fmt: skip
def test_options_as_fields_and_words(options: Options, fields: dict[str, object], said: str) -> None:
    assert options.fields(NOW) == fields
    assert options.words() == said
