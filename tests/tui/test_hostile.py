"""Text from strangers in every field, on every screen: the app lives, no action runs, no sequence gets out.

Textual reads many strings as markup (a title could call an action) and writes control characters through; see
docs/architecture.md on the dashboard for what stands against it: `feed.clean`, `Content`, and the last net.
"""

from __future__ import annotations

import ast
import asyncio
import itertools
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import Input

import z2ctl.tui
from tests.support import eventually
from tests.tui.conftest import Open, app_of, screen_text, strips_of
from tests.tui.fake_api import FakeApi, profile, serving, target
from tests.tui.terminal import dashboard_on
from tests.tui.test_terminal import OWN_SEQUENCES
from z2ctl.tui.feed import clean
from z2ctl.tui.screens.dashboard import Dashboard

pytestmark = pytest.mark.slow

HOSTILE = (
    "[/",
    "[/red]",
    "x[/]y",
    "[ERROR] foo [/usr/bin]",
    "[@click=app.quit_now]click[/]",
    "[@click='app.bell']x",
    "$x [$primary]y [link=file:///etc/passwd]z[/link]",
    "\x1b]0;PWNED\x07title",
    "\x1b]52;c;UFdORUQ=\x07copy",
    "\x1b[2J\x1b[31mred\x1b[?1049l",
    "\x9b31mC1\x9d0;x\x9c",
    "\u202ecod.exe\u202c \u2066iso\u2069",
    "nul\x00byte \x7f \x85",
    "lone \ud800 surrogate",
    "two\nlines\r\nERROR forged\ttab\vvt",
    "w" * 10_000,
    "東京" * 400,
    "👨‍👩‍👧‍👦 family 🏳️‍🌈 flag e\u0301\u0301\u0301",
    "\u200b\u200d\ufeff\u00ad",
    "",
)
FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def hostile_world(fake: FakeApi, words: Iterator[str]) -> None:
    """Jobs in every state, with the next hostile text wherever a text can stand."""
    for number, status in enumerate(("COMPLETED", "FAILED", "CANCELLED", "QUEUED", "RUNNING")):
        fields = {name: next(words) for name in ("title", "channel", "site", "url", "wait_reason")}
        job = fake.add(status, ago_s=3000 - number, tags=[next(words)], **fields)
        if status == "FAILED":
            job["error"] = {name: next(words) for name in ("code", "stage", "message", "hint")}
        if status == "RUNNING":
            job["stage"] = next(words)
        fake.details[job["id"]] = hostile_detail(words)
        for text in HOSTILE:
            fake.log(job["id"], text, level="ERROR", stage=next(words))
        fake.logs[job["id"]][0].update(level=next(words), source=next(words))
    fake.jobs[4]["display_status"] = next(words) or "QUEUED"
    fake.version = next(words)
    fake.profiles = [profile(next(words), next(words)) for _ in range(4)]
    fake.targets = [target(next(words), next(words), {"FAILED": 1}, last_error=next(words)) for _ in range(4)]


def hostile_detail(words: Iterator[str]) -> dict[str, Any]:
    def some(*names: str, **others: Any) -> dict[str, Any]:
        return {**{name: next(words) for name in names}, **others}

    return {
        "metadata": some("description", "language", "license", "uploader", "published_at", "vcodec", width=1, height=1),
        "stages": [
            some("stage", "detail", "skip_reason", "error_message", "started_at", progress=0.5, status=status)
            for status in ("RUNNING", "SKIPPED", "FAILED", "DONE", next(words))
        ],
        "files": [some("kind", "path", "state", id=n, size_bytes=5) for n in range(len(HOSTILE))],
        "transcript": some("language", "source", words=5),
        "cues": [some("text", "speaker", start_ms=n * 1000, end_ms=0) for n in range(len(HOSTILE))],
        "analysis": {
            **some("backend", "model", "summary", "summary_short", basis="description"),
            "insights": [some("text", "quote", start_ms=5, verified=False) for _ in HOSTILE],
            "chapters": [some("title", start_ms=0) for _ in HOSTILE],
            "topics": [some("label", keywords=[next(words)], spans=[[0, 1]])],
            "keywords": [some("term", start_ms=None)],
            "warnings": [next(words)],
        },
        "publishing": [some("target", "status", "remote_url", "error_message", "published_at") for _ in range(4)],
        "attempts": [some("result", "error_message", "started_at", attempt=n) for n in (1, 2)],
        "warnings": 3,
    }


def drawn_safely(pilot: Pilot[int]) -> None:
    for strip in strips_of(pilot):
        found = FORBIDDEN.search(strip.text)
        assert not found, (strip.text, found)
        for segment in strip:
            assert not (segment.style and (segment.style.meta.get("@click") or segment.style.link)), strip.text


async def walk(pilot: Pilot[int]) -> None:
    """Through every screen and dialog, with clicks on what is shown."""
    tour = (
        [], ["j"], ["j"], ["j"], ["j"], ["space"], ["minus"], ["slash", "x", "escape"], ["5"], ["1"], ["c"], ["escape"],
        ["o"], ["escape"], ["b"], ["escape"], ["s"], ["escape"], ["i"], ["escape"], ["question_mark"], ["escape"],
        ["ctrl+p"], ["escape"], ["y"], ["t"], ["tab"], ["w"], ["e"], ["T"], ["slash", "r", "enter"], ["ampersand"],
        ["escape"], ["escape"], ["L"], ["s"], ["y"], ["escape"], ["enter"], *(["right_square_bracket"],) * 6, ["enter"],
        ["y"], ["r"], ["escape"], ["escape"], ["D"], ["end"], ["enter"], ["escape"], ["n"], ["ctrl+o"], ["right"],
        ["right"], ["enter"], ["escape"],
    )  # fmt: skip
    for step, keys in enumerate(tour):
        await pilot.press(*keys)
        drawn_safely(pilot)
        width, height = pilot.app.screen.size
        if step % 5 == 0:
            await pilot.click(offset=(width // 2, height // 3))
            await pilot.hover(offset=(width // 3, height // 2))
            drawn_safely(pilot)


@pytest.mark.parametrize("first, size", [(0, (200, 60)), (7, (120, 40)), (13, (80, 24))])
async def test_hostile_text_on_every_screen(
    socket: Path, dashboard: Open, first: int, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    fake = FakeApi()
    hostile_world(fake, itertools.cycle(HOSTILE[first:] + HOSTILE[:first]))
    async with serving(fake, socket), dashboard(size) as pilot:
        app = app_of(pilot)
        await eventually(lambda: len(app.state.window) == 5)
        await walk(pilot)
        assert app.is_running
        assert {"GET /api/targets", "GET /api/profiles"} <= set(fake.calls), "the tour came to every screen"
        assert app.return_value is None
        for _ in range(5):
            await pilot.press("escape")
        assert isinstance(app.screen, Dashboard)
        assert "STATE" in screen_text(pilot)


async def test_hostile_errors_and_pastes(socket: Path, dashboard: Open) -> None:
    fake = FakeApi()
    async with serving(fake, socket), dashboard((80, 24)) as pilot:
        app = app_of(pilot)
        for text in HOSTILE:
            for shown in (text, f"{text}\n{text} x")[: 1 + (len(text) < 20)]:
                app.pasted(shown)
                await pilot.pause()
                drawn_safely(pilot)
                await pilot.press("escape")
            app.say(text)
            app.say(text, "error")
            app.ask_new("https://a.example", text)
            await pilot.pause()
            drawn_safely(pilot)
            await pilot.press("escape")
        assert app.is_running


async def test_hostile_text_in_forms_and_in_what_is_looked_at(socket: Path, dashboard: Open) -> None:
    fake = FakeApi()
    job = fake.add("QUEUED")
    async with serving(fake, socket), dashboard((80, 24)) as pilot:
        app = app_of(pilot)
        await eventually(lambda: app.state.window.rows)
        words = itertools.cycle(HOSTILE)
        for _ in range(6):
            fake.probed = {name: next(words) for name in ("title", "site", "channel", "published_at", "live_status")}
            fake.probed |= {"subtitles": {"manual": [next(words)], "auto": [next(words)]}, "height": next(words)}
            fake.probed["entries"] = [{name: next(words) for name in ("title", "published_at", "message")}] * 2
            fake.details[job["id"]] = {"options": {next(words): next(words), "languages": [next(words)]}}
            app.ask_new("https://a.example")
            await pilot.press("ctrl+t")
            await eventually(lambda: "esc closes" in screen_text(pilot) and "Looking…" not in screen_text(pilot))
            drawn_safely(pilot)
            await pilot.press("end", "escape", "ctrl+o")
            for line in pilot.app.screen.query(Input):
                line.value = next(words)
            await pilot.press("enter")
            drawn_safely(pilot)
            await pilot.press(*["escape"] * 3, "e", "o", "enter")
            await eventually(lambda: "what is not named" in screen_text(pilot))
            pilot.app.screen.query_one(Input).value = next(words)
            await pilot.press("enter")
            drawn_safely(pilot)
            await pilot.press(*["escape"] * 3)
        assert app.is_running


def test_no_sequence_of_a_stranger_reaches_a_real_terminal(tmp_path: Path, socket: Path) -> None:
    fake = FakeApi()
    hostile_world(fake, itertools.cycle(HOSTILE))
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        async with serving(fake, socket):
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        with dashboard_on(socket, (200, 60), home=tmp_path) as terminal:
            terminal.shows("queued", 30)
            for keys in ("jjj", "\r", "]", "]", "]", "]", "]", "\x1b", "L", "\x1b", "c", "\x1b", "o", "\x1b", "i"):
                terminal.press(keys)
                terminal.quiet(0.2)
            rest = OWN_SEQUENCES.sub(b"", bytes(terminal.output)).decode("utf-8")
            assert "\x1b" not in rest
            assert not re.search("[\x00-\x06\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", rest)
            assert b"PWNED" not in terminal.output
            assert b"]52;" not in terminal.output
            assert terminal.process.poll() is None
    finally:
        stop.set()
        thread.join(10)


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))
def test_whatever_comes_in_is_clean(value: Any) -> None:
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", str(flat(clean(value)))
    )


def flat(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(k + flat(v) for k, v in value.items())
    return "".join(map(flat, value)) if isinstance(value, list) else value


# -- the same, before it runs -----------------------------------------------------------------------------------------

SINKS = {"Static", "Label", "Button", "Collapsible", "Option", "OptionList", "Tab", "TabPane", "Select", "Tooltip"}
MARKUP = {"from_markup", "from_rich_markup", "RichLog", "Markdown", "DataTable", "ProgressBar", "LoadingIndicator"}


def calls() -> list[tuple[str, ast.Call, str]]:
    found = []
    for path in Path(z2ctl.tui.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                found.append((name, node, f"{path.name}:{node.lineno}"))
    return found


def test_no_string_is_given_to_what_reads_markup() -> None:
    for name, call, place in calls():
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        off = isinstance(value := keywords.get("markup"), ast.Constant) and value.value is False
        if name in SINKS:
            first = call.args[0] if call.args else None
            wrapped = isinstance(first, ast.Call) and getattr(first.func, "id", "") == "Content"
            empty = isinstance(first, ast.Constant) and first.value == ""
            assert off or wrapped or empty or first is None, f"{place}: {name} needs Content(...) or markup=False"
        if name == "notify":
            assert off, f"{place}: notify needs markup=False"
        assert name not in MARKUP, f"{place}: {name} is not used in the dashboard (see the design)"
        assert not (name == "update" and call.args and isinstance(call.args[0], ast.Constant | ast.JoinedStr)), place


def test_titles_of_borders_and_tips_are_content() -> None:
    for path in Path(z2ctl.tui.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Attribute) and target.attr in (
                        "border_title",
                        "border_subtitle",
                        "tooltip",
                    ):
                        assert isinstance(node.value, ast.Call), f"{path.name}:{node.lineno}"
                        assert getattr(node.value.func, "id", "") == "Content", f"{path.name}:{node.lineno}"
