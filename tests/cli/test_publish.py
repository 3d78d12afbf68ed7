"""`z2ctl publish`, and what `z2ctl show` says of publications."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from tests.cli.conftest import Z2ctl
from tests.cli.fake import FakeDaemon, job
from z2ctl.text import PUBLICATION_LOOKS
from z2d.wire import errors
from z2d.wire.library import Publication, PublishStatus
from z2d.wire.publishing import TargetInfo

HOSTILE = "bell \x1b[31m\u202e<b>"


def published(**over: Any) -> dict[str, Any]:
    whole = {"target": "hook", "kind": "webhook", "event": "finished", "status": "PUBLISHED", "attempt": 1, **over}
    return Publication.model_validate(whole).model_dump(mode="json")


def test_every_state_has_a_word() -> None:
    assert set(PUBLICATION_LOOKS) == set(PublishStatus)


def test_publish_answers_for_each(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.jobs = {1: job(1, status="COMPLETED"), 2: job(2)}
    places = [published(remote_url="https://example.org/in"), published(target="talks", status="PENDING")]
    daemon.canned["/api/jobs/1/publish"] = [{"id": 1, "publishing": places}]
    daemon.refuse["/api/jobs/2/publish"] = errors.Conflict("Job 2 is QUEUED.")
    ended = z2ctl("publish", 1, 2, 9, "--target", "hook", "--force")
    assert ended.code == 5
    assert ended.out == "1\thook\tfinished\tPUBLISHED\thttps://example.org/in\n1\ttalks\tfinished\tPENDING\t\n"
    assert "Job 2 is QUEUED." in ended.err
    assert daemon.asked[0][2] == {"target": "hook", "force": True}
    assert json.loads(z2ctl("publish", 1, "--json").out) == {"id": 1, "publishing": places}
    assert daemon.asked[-1][2] == {"force": False}
    assert z2ctl("publish").code == 2


def test_by_filter_page_by_page_and_what_is_wrong_is_said(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    refused = {"id": 4, "code": "conflict", "detail": f"no {HOSTILE}"}
    daemon.canned["/api/publish"] = [
        {"done": [1, 2], "refused": [], "next_after": 2},
        {"done": [5], "refused": [refused], "next_after": None},
    ]
    ended = z2ctl("publish", "--filter", "tag:talk", "--failed", "--target", "hook")
    assert (ended.code, ended.out) == (5, "1\n2\n5\n")
    assert ended.err.startswith("Job 4: no bell") and "\x1b" not in ended.err
    asked = {"filter": "tag:talk", "failed": True, "force": False, "dry_run": False, "target": "hook"}
    assert [body for _, path, body in daemon.asked if path == "/api/publish"] == [asked, {**asked, "after": 2}]
    for wrong in (["1", "--failed"], ["1", "--filter", "x"], ["1", "--dry-run"], []):
        assert z2ctl("publish", *wrong).code == 2


def test_the_targets(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    library = TargetInfo(name="library", kind="library", configured=True, counts={PublishStatus.PUBLISHED: 3})
    counts = {PublishStatus.FAILED: 2, PublishStatus.PENDING: 1, PublishStatus.RUNNING: 1}
    at = datetime(2026, 11, 22, tzinfo=UTC)
    hook = TargetInfo(
        name="hook", kind="webhook", configured=True, counts=counts, disabled_at=at, disabled_why=f"gone {HOSTILE}"
    )
    items = [library.model_dump(mode="json"), hook.model_dump(mode="json")]
    daemon.canned["/api/targets"] = [{"items": items}]
    assert z2ctl("targets").out == "library\tlibrary\t3\t0\t0\t\t\nhook\twebhook\t0\t2\t2\t\tgone bell <b>\n"
    assert [json.loads(line) for line in z2ctl("targets", "--json").out.splitlines()] == items


def test_show_says_what_became_of_each_target(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.jobs[1] = job(
        1,
        status="COMPLETED",
        publishing=[
            published(remote_url="/library/one"),
            published(
                status="PENDING", attempt=2, run_after="2026-11-22T10:00:00Z", error_message=f"It broke {HOSTILE}"
            ),
        ],
    )
    out = z2ctl("show", 1).out
    assert "Publishing" in out
    assert "/library/one" in out
    assert "It broke bell <b>" in out
    assert "\x1b" not in out
    assert "\u202e" not in out
