"""Steering over HTTP: what is answered, what is refused, what the live feed says of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.api.seed import OTHER, hire, queue, take
from tests.api.world import World
from z2d.store import claims, workers
from z2d.wire.jobs import WaitReason


async def ok(world: World, method: str, path: str, body: Any = None, *, expect: int = 200) -> Any:
    status, answer = await world.call(method, path, **({} if body is None else {"json": body}))
    assert status == expect, answer
    return answer


async def test_pause_and_resume(seeded: World) -> None:
    assert (await ok(seeded, "POST", "/api/jobs/3/pause"))["display_status"] == "PAUSED"
    assert (await ok(seeded, "POST", "/api/jobs/3/resume"))["display_status"] == "QUEUED"
    assert (await ok(seeded, "POST", "/api/jobs/2/pause", expect=202))["display_status"] == "PAUSING"
    assert (await ok(seeded, "POST", "/api/jobs/2/pause", expect=202))["display_status"] == "PAUSING"
    assert (await ok(seeded, "POST", "/api/jobs/2/resume"))["display_status"] == "RUNNING"
    for call, code in (
        ("1/pause", "already_finished"),
        ("4/resume", "already_finished"),
        ("99/pause", "job_not_found"),
    ):
        status, answer = await seeded.call("POST", f"/api/jobs/{call}")
        assert (status, answer["code"]) == (404 if "not_found" in code else 409, code)


async def test_a_change_is_guarded_by_the_rev(seeded: World) -> None:
    rev = (await ok(seeded, "GET", "/api/jobs/3"))["rev"]
    async with seeded.unix.patch("/api/jobs/3", json={"priority": 9}, headers={"If-Match": f'"{rev}"'}) as answer:
        assert answer.status == 200
        tag, changed = answer.headers["ETag"], await answer.json()
    assert (changed["priority"], tag) == (9, f'"{changed["rev"]}"')
    for more in ({"headers": {"If-Match": str(rev)}}, {}):
        body = {"tags": ["late"]} | ({} if more else {"rev": rev})
        status, answer = await seeded.call("PATCH", "/api/jobs/3", json=body, **more)
        assert (status, answer["code"]) == (412, "precondition_failed")
    status, answer = await seeded.call("PATCH", "/api/jobs/3", json={}, headers={"If-Match": "W/x"})
    assert (status, answer["errors"][0]["path"]) == (400, "If-Match")
    assert (await ok(seeded, "GET", "/api/jobs/3"))["tags"] == ["talks"]


@pytest.mark.parametrize(
    "body",
    [
        {"priority": 101},
        {"priority": "1"},
        {"tags": [""]},
        {"options": {"exec": "rm"}},
        {"options": {"max_height": 1}},
        {"status": "COMPLETED"},
        {"url": "https://a.example"},
    ],
)
async def test_what_cannot_be_changed(seeded: World, body: Any) -> None:
    assert (await ok(seeded, "PATCH", "/api/jobs/3", body, expect=400))["code"] == "invalid_request"


async def test_the_queue_in_its_order(seeded: World) -> None:
    fifth, sixth = await queue(seeded.db, OTHER + "?5"), await queue(seeded.db, OTHER + "?6")
    await ok(seeded, "POST", f"/api/jobs/{sixth}/move", {"to": "first"})
    await ok(seeded, "POST", "/api/jobs/3/move", {"to": "last"})
    state = await ok(seeded, "GET", "/api/queue")
    assert [job["id"] for job in state["next"]] == [sixth, fifth, 3]
    assert (state["mode"], state["busy"], state["ready"], state["slots"]) == ("ACTIVE", 1, 3, 2)
    assert (await ok(seeded, "GET", "/api/jobs/3"))["queue_position"] == 3
    assert len((await ok(seeded, "GET", "/api/queue?limit=1"))["next"]) == 1
    why = await ok(seeded, "GET", "/api/jobs/3/why")
    assert (why["code"], why["queue_position"], why["status"]) == ("STARTING", 3, "QUEUED")


async def test_the_queue_as_a_whole(seeded: World) -> None:
    assert (await ok(seeded, "POST", "/api/queue/pause", {}))["mode"] == "PAUSED"
    assert (await ok(seeded, "POST", "/api/queue/pause", {"drain": True}))["mode"] == "DRAINING"
    assert (await ok(seeded, "GET", "/api/jobs/3/why"))["code"] == "QUEUE_DRAINING"
    assert (await ok(seeded, "POST", "/api/queue/resume"))["mode"] == "ACTIVE"
    assert (await ok(seeded, "PATCH", "/api/queue", {"slots": 7}))["slots_per_worker"] == 7
    assert (await ok(seeded, "PATCH", "/api/queue", {"slots": None}))["slots_per_worker"] is None
    polite = await ok(seeded, "PATCH", "/api/queue", {"site_slots": 2})
    assert (polite["site_slots"], polite["slots_per_worker"]) == (2, None)
    assert (await ok(seeded, "PATCH", "/api/queue", {"slots": 7}))["site_slots"] == 2, "what is not named stays"
    closed = await ok(seeded, "PATCH", "/api/queue", {"lanes": {"download": 0, "transcript": 3}})
    assert {lane["stage"]: lane["limit"] for lane in closed["lanes"]} == {
        "download": 0,
        "transcript": 3,
        "analysis": None,
        "publishing": None,
    }
    opened = await ok(seeded, "PATCH", "/api/queue", {"lanes": {"download": None}})
    assert [lane["limit"] for lane in opened["lanes"]] == [None, 3, None, None]
    for body in ({}, {"site_slots": 0}, {"slots": 0}, {"slots": 65}, {"slots": 2.5}, {"slots": True}):
        await ok(seeded, "PATCH", "/api/queue", body, expect=400)
    for lanes in ({}, None, [], {"audio": 1}, {"download": -1}, {"download": 65}, {"download": "1"}):
        await ok(seeded, "PATCH", "/api/queue", {"lanes": lanes}, expect=400)


async def test_statistics_know_the_queue(seeded: World) -> None:
    async with seeded.unix.ws_connect("/ws/jobs/status") as socket:

        async def stats(kind: str) -> dict[str, Any]:
            async with asyncio.timeout(15):
                while (message := await socket.receive_json())["type"] != kind:
                    pass
            found: dict[str, Any] = message["stats"]
            return found

        assert (await stats("snapshot"))["queue"] == "ACTIVE"
        await ok(seeded, "POST", "/api/queue/pause", {})
        assert (await stats("stats"))["queue"] == "PAUSED"


async def test_delete_and_restore(seeded: World) -> None:
    assert (await ok(seeded, "DELETE", "/api/jobs/1?purge=true"))["id"] == 1
    for method, path in (("GET", "/api/jobs/1"), ("GET", "/api/jobs/1/transcript"), ("DELETE", "/api/jobs/1")):
        await ok(seeded, method, path, expect=404)
    assert (await ok(seeded, "GET", "/api/jobs"))["total"] == 3
    assert (await ok(seeded, "POST", "/api/jobs/1/restore"))["status"] == "COMPLETED"
    assert (await ok(seeded, "GET", "/api/jobs"))["total"] == 4
    assert (await ok(seeded, "DELETE", "/api/jobs/3?purge=true&files=true", expect=409))["code"] == "conflict"
    await ok(seeded, "DELETE", "/api/jobs/1?files=true", expect=400)
    await ok(seeded, "POST", "/api/jobs/99/restore", expect=404)


async def test_many_at_once(seeded: World) -> None:
    answer = await ok(seeded, "POST", "/api/jobs/actions", {"action": "cancel", "ids": [3, 1, 99, 3]})
    assert answer["done"] == [3]
    assert [(one["id"], one["code"]) for one in answer["refused"]] == [(1, "already_finished"), (99, "job_not_found")]
    answer = await ok(seeded, "POST", "/api/jobs/actions", {"action": "retry", "filter": "status:failed,cancelled"})
    assert answer == {"done": [3, 4], "refused": [], "next_after": None}
    answer = await ok(seeded, "POST", "/api/jobs/actions", {"action": "pause", "filter": ""})
    assert answer["done"] == [2, 3, 4]
    answer = await ok(seeded, "POST", "/api/jobs/actions", {"action": "resume", "filter": "", "after": 2})
    assert answer["done"] == [3, 4]
    rerun = {"action": "retry", "filter": "status:done", "from_stage": "analysis"}
    assert (await ok(seeded, "POST", "/api/jobs/actions", rerun | {"dry_run": True}))["done"] == [1]
    assert (await ok(seeded, "GET", "/api/jobs/1"))["status"] == "COMPLETED"
    assert (await ok(seeded, "POST", "/api/jobs/actions", rerun))["done"] == [1]
    assert (await ok(seeded, "GET", "/api/jobs/1"))["status"] == "QUEUED"


async def test_many_deleted_and_restored(seeded: World) -> None:
    answer = await ok(seeded, "POST", "/api/jobs/actions", {"action": "delete", "filter": "", "files": True})
    assert answer["done"] == [1, 4]
    assert (await ok(seeded, "GET", "/api/jobs"))["total"] == 2
    answer = await ok(seeded, "POST", "/api/jobs/actions", {"action": "restore", "ids": [1, 4]})
    assert answer["done"] == [1, 4]


async def test_more_jobs_than_fit_into_one_call(seeded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("z2d.api.many.MOST_JOBS", 1)
    answer = await ok(seeded, "POST", "/api/jobs/actions", {"action": "pause", "filter": ""})
    assert (answer["done"], answer["next_after"]) == ([2], 2)
    answer = await ok(seeded, "POST", "/api/jobs/actions", {"action": "pause", "filter": "", "after": 2})
    assert (answer["done"], answer["next_after"]) == ([3], None)


@pytest.mark.parametrize(
    "body",
    [
        {"action": "pause"},
        {"action": "pause", "ids": [1], "filter": ""},
        {"action": "pause", "ids": []},
        {"action": "pause", "ids": list(range(1, 1002))},
        {"action": "explode", "ids": [1]},
        {"action": "pause", "filter": "statsu:failed"},
    ],
)
async def test_actions_that_are_refused(seeded: World, body: Any) -> None:
    await ok(seeded, "POST", "/api/jobs/actions", body, expect=400)


async def test_what_ran_when_the_queue_was_paused_is_said(seeded: World) -> None:
    await hire(seeded.db, "second")
    claim = await take(seeded.db, 3, "second")
    await ok(seeded, "POST", "/api/queue/pause", {})
    await claims.requeue(seeded.db, claim, WaitReason.QUEUE_PAUSED, 0, attempt_used=False)
    job = await ok(seeded, "GET", "/api/jobs/3")
    assert (job["status"], job["wait_reason"], job["attempt"]) == ("QUEUED", "QUEUE_PAUSED", 0)
    assert (await ok(seeded, "GET", "/api/jobs/3/why"))["sentence"].startswith("The whole queue is paused")
    await workers.retire_worker(seeded.db, "second")
