"""Verbs that steer jobs and the queue: what they ask for, what they print, how they end."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.cli.conftest import Z2ctl
from tests.cli.fake import FakeDaemon, job, summary
from tests.cli.terminal import in_terminal, plain
from z2d.wire import errors
from z2d.wire.control import ManyAnswer, QueueState, Why

QUEUE: dict[str, Any] = {
    "mode": "ACTIVE",
    "slots": 2,
    "slots_per_worker": None,
    "site_slots": None,
    "workers": 1,
    "busy": 1,
    "ready": 2,
    "scheduled": 0,
    "paused": 1,
    "waiting": 0,
    "lanes": [
        {"stage": "download", "limit": None, "busy": 1, "waiting": 0, "parked": 0},
        {"stage": "transcript", "limit": 1, "busy": 1, "waiting": 2, "parked": 0},
        {"stage": "analysis", "limit": 0, "busy": 0, "waiting": 0, "parked": 1},
        {"stage": "publishing", "limit": 0, "busy": 1, "waiting": 0, "parked": 3},
    ],
    "gates": [],
    "next": [summary(job(7, title="One \x1b[31mred")), summary(job(9, priority=5))],
}


def many(*done: int, refused: tuple[int, ...] = (), next_after: int | None = None) -> dict[str, Any]:
    answer = {
        "done": list(done),
        "refused": [{"id": one, "code": "conflict", "detail": "No."} for one in refused],
        "next_after": next_after,
    }
    ManyAnswer.model_validate(answer)
    return answer


@pytest.fixture(autouse=True)
def filled(daemon: FakeDaemon) -> None:
    QueueState.model_validate_json(json.dumps(QUEUE))
    for number in (1, 2, 3):
        daemon.jobs[number] = job(number)
    for path in ("/api/queue", "/api/queue/pause", "/api/queue/resume"):
        daemon.canned[path] = [QUEUE]


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["pause", 1], ("POST", "/api/jobs/1/pause", {})),
        (["resume", 2], ("POST", "/api/jobs/2/resume", {})),
        (["restore", 2], ("POST", "/api/jobs/2/restore", {})),
        (["delete", 1], ("DELETE", "/api/jobs/1?purge=true", {})),
        (["delete", 1, "--files"], ("DELETE", "/api/jobs/1?purge=true&files=true", {})),
        (["edit", 1, "--priority", -3], ("PATCH", "/api/jobs/1", {"priority": -3})),
        (["edit", 1, "--no-tags", "--rev", 0], ("PATCH", "/api/jobs/1", {"tags": [], "rev": 0})),
        (
            ["edit", 1, "--tag", "a", "--tag", "b", "-o", "max_height=720"],
            ("PATCH", "/api/jobs/1", {"tags": ["a", "b"], "options": {"max_height": 720}}),
        ),
        (["queue", "drain"], ("POST", "/api/queue/pause", {"drain": True})),
        (["queue", "pause"], ("POST", "/api/queue/pause", {"drain": False})),
        (["queue", "resume"], ("POST", "/api/queue/resume", {})),
        (["queue", "slots", 4], ("PATCH", "/api/queue", {"slots": 4})),
        (["queue", "slots", "default"], ("PATCH", "/api/queue", {"slots": None})),
        (["queue", "site-slots", 1], ("PATCH", "/api/queue", {"site_slots": 1})),
        (
            ["queue", "lanes", "transcript=2", "download=closed", "analysis=default"],
            ("PATCH", "/api/queue", {"lanes": {"transcript": 2, "download": 0, "analysis": None}}),
        ),
        (["queue", "site-slots", "any"], ("PATCH", "/api/queue", {"site_slots": None})),
    ],
)
def test_what_a_verb_asks_for(
    daemon: FakeDaemon, z2ctl: Z2ctl, words: list[Any], asked: tuple[str, str, dict[str, Any]]
) -> None:
    ended = z2ctl(*words)
    assert (ended.code, ended.err) == (0, "")
    assert daemon.asked == [asked]


def test_jobs_are_moved_in_the_order_given(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    assert z2ctl("move", 1, 2, 3, "--first").code == 0
    assert [path for _, path, _ in daemon.asked] == [f"/api/jobs/{number}/move" for number in (3, 2, 1)]
    daemon.asked.clear()
    assert z2ctl("move", 1, 2, "--up").code == 0
    assert [body for _, _, body in daemon.asked] == [{"to": "up"}] * 2
    daemon.asked.clear()
    assert z2ctl("move", 1, 2, "--last").code == 0
    assert [path for _, path, _ in daemon.asked] == ["/api/jobs/1/move", "/api/jobs/2/move"]


def test_one_that_refuses_does_not_stop_the_others(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.refuse["/api/jobs/1/pause"] = errors.AlreadyFinished("Job 1 has already finished.")
    ended = z2ctl("pause", 1, 2, 99)
    assert (ended.code, ended.out) == (5, "2\tQUEUED\n")
    assert ended.err == "Job 1 has already finished.\nJob 99: There is no job with this id.\n"
    daemon.refuse["/api/jobs/3/pause"] = errors.JobNotFound("There is no job 3.")
    assert z2ctl("pause", 3).err == "There is no job 3.\n", "its id is said once"


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (["retry", "--failed"], {"action": "retry", "filter": "status:failed", "dry_run": False}),
        (
            ["retry", "--failed", "--filter", "site:a", "--from", "analysis"],
            {"action": "retry", "filter": "status:failed site:a", "dry_run": False, "from_stage": "analysis"},
        ),
        (["pause", "--all"], {"action": "pause", "filter": "", "dry_run": False}),
        (["resume", "--all"], {"action": "resume", "filter": "", "dry_run": False}),
        (["cancel", "--filter", "tag:a", "--dry-run"], {"action": "cancel", "filter": "tag:a", "dry_run": True}),
        (
            ["delete", "--filter", "age>30d", "--files"],
            {"action": "delete", "filter": "age>30d", "dry_run": False, "files": True},
        ),
    ],
)
def test_many_at_once(daemon: FakeDaemon, z2ctl: Z2ctl, words: list[str], body: dict[str, Any]) -> None:
    daemon.canned["/api/jobs/actions"] = [many(4, 5)]
    assert z2ctl(*words) == (0, "4\n5\n", "")
    assert daemon.asked == [("POST", "/api/jobs/actions", body)]


def test_more_than_fit_into_one_call(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.canned["/api/jobs/actions"] = [many(1, 2, next_after=2), many(3, refused=(4,))]
    ended = z2ctl("retry", "--failed")
    assert (ended.code, ended.out, ended.err) == (5, "1\n2\n3\n", "Job 4: No.\n")
    assert [body.get("after") for _, _, body in daemon.asked] == [None, 2]


def test_a_dry_run_by_ids_asks_nobody(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    assert z2ctl("delete", 1, 2, "--dry-run").out == "1\n2\n"
    assert daemon.asked == []


@pytest.mark.parametrize(
    "words",
    [
        ["pause"],
        ["pause", "1", "--all"],
        ["pause", "--all", "--filter", "a"],
        ["retry", "1", "--failed"],
        ["move", "1"],
        ["edit", "1"],
        ["edit", "1", "--tag", "a", "--no-tags"],
        ["queue", "slots", "0"],
        ["queue", "slots", "many"],
        ["queue", "site-slots", "default"],
    ],
)
def test_usage(z2ctl: Z2ctl, words: list[str], daemon: FakeDaemon) -> None:
    assert z2ctl(*words).code == 2
    assert daemon.asked == []


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume", "retry", "delete", "publish", "analyze"])
@pytest.mark.parametrize("line", ["", " "])
def test_an_empty_filter_is_not_taken_for_every_job(z2ctl: Z2ctl, daemon: FakeDaemon, verb: str, line: str) -> None:
    ended = z2ctl(verb, "--filter", line)
    assert ended.code == 2
    assert "would mean every job" in ended.err
    assert not daemon.asked


def test_the_queue_in_a_pipe(z2ctl: Z2ctl) -> None:
    lines = z2ctl("queue").out.splitlines()
    assert lines[0] == "1\t7\t0\t2026-11-22T07:00:00.000Z\tOne red\thttp://site.test/7.html"
    assert lines[1].startswith("2\t9\t5\t")
    assert json.loads(z2ctl("queue", "--json").out)["mode"] == "ACTIVE"
    assert json.loads(z2ctl("queue", "pause", "--json").out)["busy"] == 1


def test_why(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    said = {"id": 1, "status": "PAUSED", "code": "HELD", "sentence": "It is\npaused.", "until": None}
    Why.model_validate_json(json.dumps(said))
    daemon.canned |= {f"/api/jobs/{number}/why": [said] for number in (1, 2, 9)}
    assert z2ctl("why", 1) == (0, "It is paused.\n", "")
    ended = z2ctl("why", 1, 9, 2)
    assert (ended.code, ended.out) == (4, "1: It is paused.\n2: It is paused.\n")
    assert re.match("Job 9: .*no job", ended.err)
    assert json.loads(z2ctl("why", 1, "--json").out)["code"] == "HELD"


def test_the_lanes_of_the_queue(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    page = plain(in_terminal("queue", "lanes")[1])
    assert re.search(r"download +1, without a limit of its own", page)
    assert re.search(r"transcript +1 of 1, 2 in line", page)
    assert re.search(r"analysis +closed, 1 job waits for it", page)
    assert re.search(r"publishing +closed, 1 still in it, 3 jobs wait for it", page)
    assert daemon.asked == [("GET", "/api/queue?limit=0", {})]
    piped = z2ctl("queue", "lanes").out.splitlines()
    assert piped[0].split("\t") == ["download", "", "1", "0", "0"]
    assert "transcript 1 of 1, 2 in line · analysis closed" in plain(in_terminal("queue")[1])


@pytest.mark.parametrize("word", ["audio=1", "download", "download=65", "download=-1", "download=x", "=1"])
def test_words_that_are_no_lane(daemon: FakeDaemon, z2ctl: Z2ctl, word: str) -> None:
    ended = z2ctl("queue", "lanes", word)
    assert (ended.code, ended.out, daemon.asked) == (2, "", [])
    assert "is not LANE=N" in ended.err
    assert "N from 1 to 64, 0 or 'closed', or 'default'" in " ".join(ended.err.split())


@pytest.mark.parametrize(("word", "limit"), [("0", 0), ("closed", 0), ("default", None), ("64", 64)])
def test_what_a_lane_takes(daemon: FakeDaemon, z2ctl: Z2ctl, word: str, limit: int | None) -> None:
    assert z2ctl("queue", "lanes", f"download={word}").code == 0
    assert daemon.asked[-1] == ("PATCH", "/api/queue", {"lanes": {"download": limit}})


def test_a_held_job_says_when_it_starts_once_it_is_resumed(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.jobs[1] = job(1, display_status="PAUSED", wait_reason="USER", due_after="2030-01-01T22:00:00.000Z")
    assert re.search(r"once resumed +not before 20(29|30)-\d\d-\d\d \d\d:\d\d:00\n", z2ctl("show", 1).out)
    assert re.search(r"paused +1 .* - starts in \d+ d when resumed", plain(in_terminal("list")[1]))
    daemon.jobs[1]["due_after"] = None
    assert "once resumed" not in z2ctl("show", 1).out
    assert "when resumed" not in plain(in_terminal("list")[1])


def test_a_job_before_a_closed_lane_says_which(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.jobs[1] = job(1, stage="transcript", wait_reason="LANE_CLOSED")
    assert "transcript lane closed" in plain(in_terminal("list")[1])
    assert re.search(r"why it waits +the transcript lane, which is closed\n", z2ctl("show", 1).out)


def test_a_job_in_line_says_so_in_the_list(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.jobs[1] = job(1, status="RUNNING", display_status="RUNNING", stage="transcript", wait_reason="LANE")
    assert "transcript in line" in plain(in_terminal("list")[1])
    assert re.search(r"why it waits +a place in its lane\n", z2ctl("show", 1).out)
