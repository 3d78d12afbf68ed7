"""Verbs that stay: wait, submit --wait and logs -f, in a pipe."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest

from tests.cli.conftest import Z2ctl
from tests.cli.fake import FakeDaemon, job, line
from tests.support import eventually_sync
from z2ctl import feeds
from z2ctl.cli import follow


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "PAUSES_S", (0.01, 0.02, 0.05))
    monkeypatch.setattr(follow, "DETAILS_EVERY_S", 0.01)


def meanwhile(daemon: FakeDaemon, act: Callable[[], object]) -> threading.Thread:
    """Do something once somebody watches."""

    def body() -> None:
        eventually_sync(daemon.listened)
        act()

    thread = threading.Thread(target=body)
    thread.start()
    return thread


def test_wait_for_what_is_finished(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.jobs = {1: job(1, status="COMPLETED"), 2: job(2, status="FAILED")}
    assert z2ctl("wait", 1) == (0, "1\tCOMPLETED\n", "")
    assert z2ctl("wait", 1, 2)[:2] == (1, "1\tCOMPLETED\n2\tFAILED\n")
    assert z2ctl("wait", 1, 9).code == 4
    assert json.loads(z2ctl("wait", 1, "--json").out)["id"] == 1


def test_wait_says_each_change_and_ends_with_the_last_job(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.jobs = {1: job(1), 2: job(2)}

    def act() -> None:
        asked = daemon.paths
        eventually_sync(lambda: asked().count("/api/jobs/2") == 2, what="the look at all jobs after the snapshot")
        daemon.put(job(1, status="RUNNING", stage="metadata"))
        daemon.tell({"type": "progress", "id": 1, "stage": "download", "progress": 0.4, "speed_bps": 1, "eta_s": 1})
        daemon.tell({"type": "progress", "id": 1, "stage": "download", "progress": 0.5, "speed_bps": 1, "eta_s": 1})
        daemon.tell({"type": "news of a later version"})
        daemon.put(job(1, status="COMPLETED"))
        daemon.put(job(2, status="CANCELLED"))

    thread = meanwhile(daemon, act)
    ended = z2ctl("wait", 1, 2)
    thread.join()
    assert ended[:2] == (1, "1\tCOMPLETED\n2\tCANCELLED\n")
    said = [each.split(" http")[0].strip() for each in ended.err.splitlines() if each.startswith("job 1")]
    assert said == ["job 1: queued", "job 1: metadata", "job 1: download", "job 1: done"]


def test_wait_says_why_a_job_failed(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.jobs = {1: job(1)}
    error = {"code": "GEO", "stage": "metadata", "message": "It is not shown here.", "hint": "A proxy may help."}
    thread = meanwhile(daemon, lambda: daemon.put(job(1, status="FAILED", title="A talk", error=error)))
    ended = z2ctl("wait", 1)
    thread.join()
    assert ended.code == 1
    assert "job 1: failed A talk: It is not shown here. A proxy may help." in ended.err


def test_wait_outlives_the_daemon(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.jobs = {1: job(1)}

    def act() -> None:
        asked = daemon.paths
        eventually_sync(lambda: asked().count("/api/jobs/1") == 2, what="the look at the job after the snapshot")
        daemon.stop()
        daemon.jobs[1] = job(1, status="COMPLETED")
        daemon.start()

    thread = meanwhile(daemon, act)
    ended = z2ctl("wait", 1)
    thread.join()
    assert ended[:2] == (0, "1\tCOMPLETED\n")
    assert "Trying again" in ended.err


def test_wait_notices_what_nobody_told(daemon: FakeDaemon, z2ctl: Z2ctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "LOOK_AGAIN_S", 0.05)
    daemon.jobs = {1: job(1)}
    thread = meanwhile(daemon, lambda: daemon.jobs.update({1: job(1, status="COMPLETED")}))
    assert z2ctl("wait", 1).code == 0
    thread.join()


def test_wait_for_a_job_that_is_deleted(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.jobs = {1: job(1)}
    thread = meanwhile(daemon, lambda: daemon.tell({"type": "deleted", "id": 1}))
    assert z2ctl("wait", 1).code == 4
    thread.join()


def test_wait_gives_up(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.jobs = {1: job(1)}
    ended = z2ctl("wait", 1, "--timeout", 0.1)
    assert (ended.code, ended.out) == (124, "")
    assert "after 0.1 s" in ended.err


@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "1e999", "-1"])
def test_a_time_that_is_none_is_not_waited(daemon: FakeDaemon, z2ctl: Z2ctl, seconds: str) -> None:
    daemon.jobs = {1: job(1)}
    ended = z2ctl("wait", 1, "--timeout", seconds)
    assert (ended.code, ended.out) == (2, "")
    assert f"Invalid value for '--timeout': {'' if seconds.startswith('-') else repr(seconds)}" in ended.err
    assert not daemon.asked


def test_submit_and_wait(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    thread = meanwhile(daemon, lambda: daemon.put(job(1, status="COMPLETED", url="http://a")))
    ended = z2ctl("submit", "http://a", "--wait")
    thread.join()
    assert ended[:2] == (0, "1\tCOMPLETED\n")
    thread = meanwhile(daemon, lambda: daemon.put(job(2, status="FAILED", url="http://b")))
    ended = z2ctl("submit", "http://a", "http://b", "--wait", "--json")
    thread.join()
    assert ended.code == 1
    assert [json.loads(each)["status"] for each in ended.out.splitlines()] == ["COMPLETED", "FAILED"]


def test_follow_a_log_to_its_end(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.jobs[1] = job(1, status="RUNNING")
    daemon.logs[1] = [line(1, "needle"), line(2, "hay"), line(3, "NEEDLES")]

    def act() -> None:
        daemon.logs[1].append(line(4, "last needle"))
        daemon.put(job(1, status="COMPLETED"))

    thread = meanwhile(daemon, act)
    ended = z2ctl("logs", 1, "-f", "--grep", "needle")
    thread.join()
    assert ended.code == 0
    assert [each.split(maxsplit=3)[3] for each in ended.out.splitlines()] == ["needle", "NEEDLES", "last needle"]
    assert ended.err == "Job 1: done.\n"
    assert [json.loads(each)["seq"] for each in z2ctl("logs", 1, "-f", "--tail", 2, "--json").out.splitlines()] == [
        3,
        4,
    ]
    assert z2ctl("logs", 7, "-f").code == 4
