"""What a person does to jobs and to the queue: a key reaches the API, asks where something is lost, says what came."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support import eventually
from tests.tui.conftest import Open, app_of, screen_text, shows
from tests.tui.fake_api import EPOCH, FakeApi, at, rich_detail
from z2ctl.tui import pages
from z2ctl.tui.screens.dashboard import Dashboard
from z2ctl.tui.screens.detail import Detail
from z2ctl.tui.screens.queue import Queue
from z2ctl.tui.screens.search import Search
from z2ctl.tui.settings import Settings


async def to(pilot: Pilot[int], job_id: int) -> None:
    """Put the cursor on a job."""
    app_of(pilot).select_job(job_id)
    await eventually(lambda: app_of(pilot).state.selected == job_id)


async def type_into(pilot: Pilot[int], text: str) -> None:
    """Replace what stands in the line of a question, and answer."""
    await eventually(lambda: isinstance(pilot.app.focused, Input))
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")


async def test_pause_puts_down_and_takes_up_again(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await to(pilot, 249)
        await pilot.press("P")
        await shows(pilot, "Pausing 1 job; P resumes", "○ paused")
        assert fake.jobs[249]["display_status"] == "PAUSED"
        await pilot.press("P")
        await shows(pilot, "Resumed 1 job")
        assert fake.jobs[249]["display_status"] == "QUEUED"
        await to(pilot, 240)
        await pilot.press("P")
        await shows(pilot, "nothing to pause")


@pytest.mark.parametrize("key, files", [("y", False), ("f", True)])
async def test_delete_asks_whether_files_go_too_and_can_be_undone(
    fake: FakeApi, dashboard: Open, key: str, files: bool
) -> None:
    async with dashboard((80, 24)) as pilot:
        await to(pilot, 240)
        await pilot.press("d")
        await shows(pilot, "Delete this job?", "Delete (y)", "Delete files too (f)")
        await pilot.press("enter")
        assert 240 in fake.jobs, "enter is the safe answer"
        await pilot.press("d", key)
        await shows(pilot, "Deleted 1 job; u restores")
        assert fake.deleted[240]["files"] is files
        await eventually(lambda: app_of(pilot).state.window.index_of(240) is None)
        await pilot.press("u")
        await shows(pilot, "Restored 1 job")
        await eventually(lambda: app_of(pilot).state.window.index_of(240) is not None)


async def test_a_running_job_is_not_deleted(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await to(pilot, 249)
        await pilot.press("d")
        await shows(pilot, "cancel first, then delete")
        assert isinstance(pilot.app.screen, Dashboard)


async def test_what_some_jobs_refuse_is_said_beside_what_was_done(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await to(pilot, 248)
        await pilot.press("space")
        fake.jobs[248]["status"] = "COMPLETED"  # the dashboard does not know it yet
        await to(pilot, 247)
        await pilot.press("space", "c", "y")
        await shows(pilot, "1 done; cancel 248: The job is not in a state")


async def test_priority_and_tags_are_edited(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await to(pilot, 248)
        await pilot.press("e", "p", "enter")
        await type_into(pilot, "900")
        await shows(pilot, "is no priority")
        await type_into(pilot, "20")
        await shows(pilot, "Priority 20: job 248")
        assert fake.jobs[248]["priority"] == 20
        await pilot.press("e", "t", "enter")
        await type_into(pilot, "talks,  german ")
        await eventually(lambda: fake.jobs[248]["tags"] == ["talks", "german"])


async def test_options_are_edited_while_a_job_waits(fake: FakeApi, dashboard: Open) -> None:
    fake.details[248] = {"options": {"max_height": 1080, "thumbnail": True, "languages": ["en", "de"]}}
    async with dashboard((80, 24)) as pilot:
        await to(pilot, 248)
        await pilot.press("e", "o", "enter")
        await shows(pilot, "Now: max_height=1080 languages=en,de.")
        await type_into(pilot, "max-height=720 nope")
        await shows(pilot, "✗ There is no option 'nope'")
        await type_into(pilot, "max-height=720 audio_only")
        await shows(pilot, "Options max-height=720 audio_only: job 248")
        assert fake.details[248]["options"]["max_height"] == 720
        assert fake.details[248]["options"]["audio_only"] is True
        await to(pilot, 247)
        await pilot.press("e", "o", "enter")
        await shows(pilot, "Now: the usual ones.")
        fake.jobs[247]["status"] = "COMPLETED"  # it is faster than the one who types
        await type_into(pilot, "audio_only")
        await shows(pilot, "✗ Job 247: The job is not in a state", "audio_only")
        assert pilot.app.screen.query_one(Input).value == "audio_only", "what was typed comes back with the refusal"


async def test_of_what_has_finished_only_the_tags_can_be_edited(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await to(pilot, 240)
        await pilot.press("e")
        text = await shows(pilot, "Edit job 240", "Tags…")
        assert not any(word in text for word in ("Priority…", "Options…", "To the front"))


async def test_the_place_in_the_queue_and_why(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await to(pilot, 248)
        await pilot.press("less_than_sign")
        await shows(pilot, "To the front of the queue: job 248")
        assert fake.order == [248]
        await pilot.press("w")
        await shows(pilot, "Why is job 248 queued?", "All 2 slots are busy")
        await pilot.press("escape", "enter")
        await shows(pilot, "In the queue", "place 1", "All 2 slots are busy")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"scheduled": 2}, "what is scheduled comes when its time has come"),
        ({"paused": 1}, "what is paused waits to be resumed"),
        ({}, "Nothing waits."),
    ],
)
def test_a_queue_of_which_nothing_is_next_says_why(state: dict[str, int], said: str) -> None:
    shown = pages.queue({"mode": "ACTIVE", "busy": 0, "slots": 2, "workers": 1, "ready": 0, "lanes": [], **state})
    assert said in shown[-1].text


async def test_the_queue_as_a_whole(fake: FakeApi, dashboard: Open) -> None:
    fake.gates = [{"site": "video.example", "until": at(EPOCH), "reason": "asked for proof of a person", "strikes": 2}]
    async with dashboard((120, 40)) as pilot:
        await pilot.press("Q")
        await shows(pilot, "Queue        active", "2 of 2 busy", "asked for proof of a person", "Next")
        await pilot.press("p")
        await shows(pilot, "Pause the whole queue?", "2 running jobs would be put down")
        await pilot.press("y")
        await shows(pilot, "paused: nothing runs", "queue paused")
        await pilot.press("p")
        await shows(pilot, "Queue        active")
        await pilot.press("d")
        await shows(pilot, "draining: what runs is finished", "queue draining")
        await pilot.press("s")
        await type_into(pilot, "many")
        await shows(pilot, "✗ “many” is no number of slots")
        await type_into(pilot, "5")
        await eventually(lambda: fake.slots == 5)
        await pilot.press("S")
        await type_into(pilot, "1")
        await shows(pilot, "at most 1 of one site")
        await pilot.press("L")
        await type_into(pilot, "transcript=9 audio=1")
        await shows(pilot, "✗ 'audio=1' is not LANE=N")
        assert pilot.app.screen.query_one(Input).value == "transcript=9 audio=1"
        await type_into(pilot, "transcript=2 download=closed")
        await shows(pilot, "Lanes        download closed · transcript 0 of 2")
        await pilot.press("end", "less_than_sign")
        await eventually(lambda: bool(fake.order))
        await pilot.press("enter")
        await eventually(lambda: isinstance(pilot.app.screen, Detail))
        await pilot.press("escape")
        await eventually(lambda: isinstance(pilot.app.screen, Queue))
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, Dashboard)


async def test_the_cursor_stays_on_a_job_that_moves(fake: FakeApi, dashboard: Open) -> None:
    def order() -> list[int]:
        return [job["id"] for job in fake.queue_state()["next"]]

    async with dashboard((120, 40)) as pilot:
        await pilot.press("Q")
        await shows(pilot, "Next")
        before = order()
        queue = pilot.app.screen
        assert isinstance(queue, Queue)
        await eventually(queue.one)
        for key, place in (("J", 1), ("shift+down", 2), ("K", 1), ("shift+up", 0), ("K", 0)):
            await pilot.press(key)
            await eventually(lambda place=place: order().index(before[0]) == place)  # type: ignore[misc]
            shown = f"{place + 1}  {before[0]}"
            await shows(pilot, shown)
            job = queue.one()
            assert job is not None
            assert job.id == before[0]
        assert order() == before
        assert "by one" not in screen_text(pilot), "it is seen, and words would lie over it"


async def test_the_cursor_goes_to_the_next_when_its_job_begins(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((80, 24)) as pilot:
        await pilot.press("Q")
        await shows(pilot, "Next")
        queue = pilot.app.screen
        assert isinstance(queue, Queue)
        await eventually(queue.one)
        await pilot.press("j")
        first, begun, after = [job["id"] for job in fake.queue_state()["next"]][:3]
        assert [job.id for job in queue.targets()] == [begun]
        fake.site_slots = 1  # and the lines above the jobs are others
        await fake.change(fake.jobs[begun], status="RUNNING", stage="download")
        await eventually(lambda: [job.id for job in queue.targets()] == [after], what="the job in its place")
        await fake.change(fake.jobs[after], status="RUNNING", stage="download")
        await eventually(lambda: [job.id for job in queue.targets()] == [first], what="the last that is there")


async def test_read_only_changes_nothing_anywhere(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((120, 40), wishes=Settings(read_only=True)) as pilot:
        await to(pilot, 248)
        for key, verb in (("P", "pause"), ("d", "delete"), ("e", "edit"), ("less_than_sign", "move"), ("u", "restore")):
            await pilot.press(key)
            await shows(pilot, f"read-only: cannot {verb}")
        await pilot.press("Q")
        await shows(pilot, "Queue        active")
        await pilot.press("p")
        await shows(pilot, "read-only: cannot pause the queue")
        await pilot.press("L")
        await shows(pilot, "read-only: cannot set the lanes")
        assert not any(call.startswith(("POST", "PATCH", "DELETE")) for call in fake.calls)


async def test_a_search_leads_to_the_second(fake: FakeApi, dashboard: Open) -> None:
    number = next(iter(fake.details))
    async with dashboard((120, 40)) as pilot:
        await pilot.press("ctrl+f", *"number 211")
        await shows(pilot, "1 found", f"job {number}", "14:46", "Sentence number 211")
        await pilot.press("enter", "down", "down", "enter")
        await eventually(lambda: isinstance(pilot.app.screen, Detail))
        screen = pilot.app.screen
        assert isinstance(screen, Detail)
        await eventually(lambda: screen.texts["transcript"].view.line_text().startswith("14:46"))
        await pilot.press("escape")
        await eventually(lambda: isinstance(pilot.app.screen, Search))
        await pilot.press("escape", "escape")
        assert isinstance(pilot.app.screen, Dashboard)


async def test_a_search_says_what_is_wrong_and_takes_a_filter(fake: FakeApi, dashboard: Open) -> None:
    fake.jobs[240]["tags"] = ["kept"]
    async with dashboard((120, 40)) as pilot:
        await pilot.press("ctrl+f", *"rust | sit:x")
        await shows(pilot, "did you mean site?")
        pilot.app.screen.query_one("#words", Input).value = "rust | tag:kept"
        await shows(pilot, "nothing found")
        pilot.app.screen.query_one("#words", Input).value = "zzz"
        await shows(pilot, "Nothing found.")
        pilot.app.screen.query_one("#words", Input).value = ""
        await shows(pilot, "both in one place")


async def test_more_is_found_as_one_goes_down(fake: FakeApi, dashboard: Open) -> None:
    async with dashboard((120, 40)) as pilot:
        await pilot.press("ctrl+f", *"rust", "enter")
        await shows(pilot, "20+ found")
        await pilot.press("end")
        await shows(pilot, "28 found")


async def test_the_list_takes_the_filter_language(fake: FakeApi, dashboard: Open) -> None:
    fake.jobs[200]["tags"] = ["talk"]
    async with dashboard((120, 40)) as pilot:
        window = app_of(pilot).state.window
        await pilot.press("slash", *"tag:talk")
        await eventually(lambda: [job.id for job in window.rows] == [200])
        await fake.tell({"type": "job", "job": dict(fake.add("QUEUED", ago_s=-5, tags=["talk"]))})
        await fake.tell({"type": "job", "job": dict(fake.add("QUEUED", ago_s=-6))})
        await eventually(lambda: [job.id for job in window.rows] == [251, 200])
        await pilot.press("backspace", *"k wrong:x")
        await shows(pilot, "there is no key")
        await pilot.press("enter")
        assert isinstance(pilot.app.focused, Input), "a line that cannot be read is not left behind"
        assert len(window.rows) == 2


async def test_a_list_shows_its_entries_and_each_leads_to_its_job(fake: FakeApi, dashboard: Open) -> None:
    parent = fake.add("WAITING", ago_s=20, kind="COLLECTION", title="Night school", progress=0.5)
    child = fake.jobs[245]
    child["parent_id"] = parent["id"]
    names = ("id", "url", "title", "status", "display_status", "outcome", "progress", "error")
    entry = {**{name: child[name] for name in names}, "position": 0, "duplicate_of": None}
    broken = {**entry, "id": 233, "title": "The broken one", "display_status": "FAILED",
              "error": {"code": "REMOVED", "stage": "metadata", "message": "it is gone", "hint": ""}}  # fmt: skip
    fake.details[parent["id"]] = {"children": [entry, broken], "stages": []}
    async with dashboard((120, 40)) as pilot:
        await shows(pilot, "○ list 50%")
        app_of(pilot).open_job(parent["id"])
        await shows(pilot, "2 entries", "✓ done", "The broken one  it is gone")
        screen = pilot.app.screen
        assert isinstance(screen, Detail)
        view = screen.texts["overview"].view
        view.move_cursor(next(i for i, doc in enumerate(view.items) if "it is gone" in doc.text) - 1)
        await pilot.press("enter")
        await shows(pilot, "Part of", f"job {parent['id']}")
        assert screen.job_id == 245


async def test_publishing_shows_each_target_and_sends_again(fake: FakeApi, dashboard: Open) -> None:
    detail = rich_detail()
    detail["publishing"].append(
        {"target": "talks", "kind": "feed", "event": "publish", "status": "FAILED", "attempt": 8, "max_attempts": 8,
         "remote_url": None, "error_message": "The server said 503", "published_at": None}
    )  # fmt: skip
    fake.details[240] = detail
    async with dashboard((120, 40)) as pilot:
        app_of(pilot).open_job(240)
        await shows(pilot, "Stages", "✓ publishing")
        await pilot.press("6")
        await shows(pilot, "✓ library", "✗ talks", "8 of 8", "The server said 503")
        await pilot.press("j", "j", "A")
        await shows(pilot, "Publish job 240 again", "To talks, what has changed", "To every target, although")
        await pilot.press("enter")
        await shows(pilot, "On its way to talks", "○ talks")
        assert detail["publishing"][0]["status"] == "PUBLISHED"


async def test_it_is_said_how_transcript_and_analysis_came_about(fake: FakeApi, dashboard: Open) -> None:
    detail = rich_detail()
    detail["transcript"].update(engine="whisper", model="base", coverage=0.93, warnings=["a stretch of music"])
    detail["analysis"]["provenance"] = {
        "z2": "0.1.0", "python": "3.11", "tools": {"yake": "0.6"}, "machine": "attic", "endpoint": None
    }  # fmt: skip
    fake.details[240] = detail
    async with dashboard((120, 50)) as pilot:
        app_of(pilot).open_job(240)
        await shows(pilot, "speech, by whisper base", "93%", "a stretch of music")
        await pilot.press("4")
        await shows(pilot, "How it came about", "attic", "yake 0.6")


async def test_the_whole_log_is_saved_also_what_was_never_loaded(
    fake: FakeApi, dashboard: Open, tmp_path: Path
) -> None:
    fake.log(249, *(f"early {n}" for n in range(1830)))
    async with dashboard((80, 24)) as pilot:
        app_of(pilot).open_log(249)
        await shows(pilot, "early 1829")
        await pilot.press("W")
        await shows(pilot, "1 900 lines, to:")
        await type_into(pilot, str(tmp_path / "out.log"))
        await shows(pilot, "Written:")
    lines = (tmp_path / "out.log").read_text().splitlines()
    assert len(lines) == 1900
    assert lines[0].endswith(fake.logs[249][0]["message"])
    assert lines[-1].endswith("early 1829")


async def test_what_the_mouse_selects_in_a_log_is_copied(
    fake: FakeApi, dashboard: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []
    monkeypatch.setattr("z2ctl.tui.terminal.copy", lambda text, write: copied.append(text) or "for the test")
    async with dashboard((100, 24)) as pilot:
        app_of(pilot).open_log(249)
        lines = (await shows(pilot, "segment 00:12:08.2")).split("\n")
        row = next(number for number, line in enumerate(lines) if "00:12:06.2" in line)
        await pilot.mouse_down(offset=(lines[row].index("segment"), row))
        await pilot.hover(offset=(lines[row + 1].index("→"), row + 1))
        await pilot.mouse_up(offset=(lines[row + 1].index("→"), row + 1))
        await pilot.press("ctrl+c")
        await eventually(lambda: copied, what="the copy")
    first, second = copied[0].rstrip().split("\n")
    assert first.startswith("segment 00:12:06.2")
    assert second.endswith("segment 00:12:07.2 →")


async def test_the_version_of_another_release_is_said(fake: FakeApi, dashboard: Open) -> None:
    fake.version = "99.1"
    async with dashboard((120, 40)) as pilot:
        await shows(pilot, "▲ z2d 99.1 ≠")
        assert "reading only" not in screen_text(pilot)
