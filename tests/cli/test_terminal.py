"""On a terminal: tables, colour, bars - and nothing of what comes from outside may act on it."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from tests.cli.fake import FakeDaemon, Json, job, line
from tests.cli.terminal import foreign, in_terminal, plain
from tests.support import eventually_sync

HOSTILE = (
    "\x1b]0;PWNED\x07\x1b]52;c;UFdO\x1b\\\x1b[2J\x9b31m[/red][bold]a\tb\nERROR c\x00\x7f\u202egnp\u200b\u2028\x85{x}%s"
)


def hostile_job(job_id: int, **over: Any) -> Json:
    """A job with hostile text wherever text may stand."""
    return job(
        job_id,
        url=f"http://{HOSTILE}",
        title=HOSTILE,
        site=HOSTILE,
        channel=HOSTILE,
        tags=[HOSTILE],
        error={"code": HOSTILE, "stage": "download", "message": HOSTILE, "hint": HOSTILE},
        stages=[
            {
                "stage": "download",
                "status": "FAILED",
                "attempt": 1,
                "progress": 0.5,
                "detail": HOSTILE,
                "skip_reason": HOSTILE,
                "error_message": HOSTILE,
            }
        ],
        files=[
            {
                "id": 1,
                "stage": HOSTILE,
                "kind": "media",
                "path": HOSTILE,
                "size_bytes": 1,
                "sha256": None,
                "mime": HOSTILE,
                "language": None,
                "duration_ms": None,
                "state": "PRESENT",
                "created_at": "2026-11-22T07:00:00.000Z",
            }
        ],
        publishing=[{"target": "library", "kind": "library", "status": "PUBLISHED", "remote_url": HOSTILE}],
        analysis={
            "backend": "offline",
            "input_hash": "",
            "summary_short": HOSTILE,
            "summary": HOSTILE,
            "insights": [
                {
                    "text": HOSTILE,
                    "quote": HOSTILE,
                    "start_ms": 1,
                    "end_ms": 2,
                    "segment_from": 0,
                    "segment_to": 0,
                    "score": 1,
                    "verified": True,
                }
            ],
            "chapters": [{"start_ms": 0, "end_ms": 1, "title": HOSTILE}],
            "topics": [{"label": HOSTILE, "keywords": [], "weight": 1, "spans": []}],
        },
        **over,
    )


@pytest.fixture
def hostile(daemon: FakeDaemon) -> FakeDaemon:
    daemon.jobs = {1: hostile_job(1, status="FAILED"), 2: hostile_job(2, status="COMPLETED")}
    daemon.logs = {1: [line(1, HOSTILE, source=HOSTILE, stage=HOSTILE)]}
    daemon.transcripts = {1: HOSTILE}
    daemon.version["postgresql"] = HOSTILE
    daemon.health = {"status": "degraded", "parts": {HOSTILE: {"ok": False, "detail": HOSTILE}}}
    return daemon


@pytest.mark.parametrize(
    "words",
    [
        "list",
        "show 1",
        "show 2",
        "logs 1",
        "logs 1 -f",
        "logs 1 --json",
        "list --json",
        "show 1 --json",
        "wait 1 2",
        "transcript 1",
        "path 1",
        "open 1",
        "stats",
        "doctor",
        "version",
        "retry 1",
        "submit http://new.test/ http://second.test/",
        "run http://\x1b]0;PWNED\x07\x9b31m",
    ],
)
def test_hostile_text_does_not_act(hostile: FakeDaemon, words: str) -> None:
    if words.startswith("run"):
        hostile.jobs[2]["url"] = words.removeprefix("run ")
    code, written = in_terminal(*words.split(" "))
    assert foreign(written) == []
    assert "PWNED" not in written or "--json" in words
    assert "Traceback" not in written
    assert code in (0, 1)


def test_hostile_refusals_do_not_act(hostile: FakeDaemon) -> None:
    from z2d.wire import errors

    hostile.refuse["/api/jobs"] = errors.InvalidRequest(HOSTILE, errors=[{"path": HOSTILE, "message": HOSTILE}])
    code, written = in_terminal("list")
    assert (code, foreign(written)) == (5, [])
    code, written = in_terminal("list", f"--{HOSTILE}".replace("\x00", ""))
    assert (code, foreign(written)) == (2, [])


def test_a_live_wait_with_hostile_titles(hostile: FakeDaemon) -> None:
    running = hostile_job(3, status="RUNNING", stage="download", progress=0.2)
    hostile.jobs[3] = running

    def act() -> None:
        eventually_sync(hostile.watched)
        hostile.tell({"type": "progress", "id": 3, "stage": "download", "progress": 0.5, "speed_bps": 9, "eta_s": 5})
        hostile.drop()
        eventually_sync(hostile.watched)
        hostile.put(hostile_job(3, status="COMPLETED"))

    thread = threading.Thread(target=act)
    code, written = in_terminal("wait", "3", meanwhile=thread.start)
    thread.join()
    assert (code, foreign(written)) == (0, [])
    assert "━" in written
    assert "PWNED" not in written


def test_a_bar_is_one_line_on_a_narrow_terminal(daemon: FakeDaemon) -> None:
    daemon.jobs[7] = job(7, status="RUNNING", stage="download", title="a/" * 40, speed_bps=900_000, eta_s=60)
    written = plain(in_terminal("wait", "7", width=80, interrupt_when="download")[1])
    shown = [one for one in written.replace("\r", "\n").splitlines() if "7 a/" in one or "KiB/s" in one]
    assert shown
    for bar in shown:
        assert bar.startswith("● download")
        assert "…" in bar
        assert bar.rstrip().endswith("879 KiB/s -1:00")


def test_the_table_fits_and_gives_the_title_the_room(daemon: FakeDaemon) -> None:
    for at in range(1, 4):
        daemon.jobs[at] = job(at, title="東京の夜景 " * 20, channel="A channel", duration_ms=61_000)
    heads = {}
    for width in (30, 60, 80, 110, 160):
        code, written = in_terminal("list", width=width)
        shown = plain(written).splitlines()
        assert code == 0
        assert len(shown) == 4
        heads[width] = shown[0].split()
    assert heads[30] == ["STATE", "TITLE", "AGE"]
    assert heads[80] == ["STATE", "ID", "TITLE", "TOOK", "AGE"]
    assert heads[160] == ["STATE", "ID", "TITLE", "CHANNEL", "LENGTH", "TOOK", "AGE"]


def test_colour_only_where_it_is_wanted(daemon: FakeDaemon) -> None:
    daemon.jobs[1] = job(1, status="FAILED", title="T")
    assert "\x1b[31m" in in_terminal("list")[1]
    without = in_terminal("list", env={"NO_COLOR": "1"})[1]
    assert "\x1b[3" not in without
    assert "✗ failed" in without


def test_only_ascii_where_that_is_asked(daemon: FakeDaemon) -> None:
    daemon.jobs = {1: job(1, status="FAILED", title="T"), 2: job(2, status="RUNNING", title="U")}
    for words, env in ((["--ascii", "list"], {}), (["list"], {"PYTHONIOENCODING": "latin-1"})):
        written = plain(in_terminal(*words, env=env)[1])
        assert "x failed" in written
        assert "* running" in written


def test_ctrl_c_is_clean(daemon: FakeDaemon) -> None:
    daemon.jobs[1] = job(1, status="RUNNING", stage="download", title="Long one")
    for words in (["wait", "1"], ["logs", "1", "-f"]):
        code, written = in_terminal(*words, interrupt_when="Long one")
        assert code == 130
        assert plain(written).rstrip().endswith("Interrupted.")
        assert "Traceback" not in written
        waits = "Job 1 goes on: 'z2ctl wait 1' waits again, 'z2ctl cancel 1' ends it."
        assert (waits in plain(written)) is (words[0] == "wait")
        assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")


def test_json_on_a_terminal_is_whole_and_ascii(hostile: FakeDaemon) -> None:
    written = in_terminal("show", "1", "--json")[1]
    assert json.loads(written)["title"] == HOSTILE
    assert written.isascii()
