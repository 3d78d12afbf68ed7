"""Submitting, listing, cancelling and retrying over HTTP, and what the daemon says of itself."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from tests.api.seed import hire, queue
from tests.api.test_doors import raw_request
from tests.api.world import TOKEN, World
from tests.support import eventually
from z2d.api import service_parts
from z2d.bus import JobChanged
from z2d.media.installed import ytdlp_version
from z2d.store import reads
from z2d.wire.errors import DatabaseUnavailable
from z2d.wire.jobs import JobDetail, JobSummary, LogPage, Page, SubmittedJob

URL = "https://media.example/one"


async def test_a_new_job_and_its_double(world: World) -> None:
    status, said = await world.call("POST", "/api/jobs", json={"url": URL, "tags": ["a"], "priority": 3})
    job = SubmittedJob.model_validate(said)
    assert (status, job.id, job.status, job.deduplicated, job.tags, job.priority) == (201, 1, "QUEUED", False, ["a"], 3)
    status, said = await world.call("POST", "/api/jobs", json={"url": URL})
    assert (status, said["id"], said["deduplicated"]) == (200, 1, True)


async def test_forty_submissions_of_one_video_at_once_make_one_job(world: World) -> None:
    answers = await asyncio.gather(*(world.call("POST", "/api/jobs", json={"url": URL}) for _ in range(40)))
    assert sorted(status for status, _ in answers) == [200] * 39 + [201]
    assert {said["id"] for _, said in answers} == {1} == {await world.db.fetchval("SELECT count(*) FROM jobs")}


async def test_a_key_makes_a_repeated_submission_safe(world: World) -> None:
    body, headers = {"url": URL, "force": True}, {"Idempotency-Key": "k1"}
    first = await world.call("POST", "/api/jobs", json=body, headers=headers)
    again = await world.call("POST", "/api/jobs", json=body, headers=headers)
    assert (first[0], again[0], again[1]["id"]) == (201, 200, first[1]["id"])
    other = await world.call("POST", "/api/jobs", json={"url": URL + "2"}, headers=headers)
    assert (other[0], other[1]["code"]) == (409, "conflict")


async def test_a_scheduled_and_a_held_job(world: World) -> None:
    _, said = await world.call("POST", "/api/jobs", json={"url": URL, "run_after": "2099-01-01T00:00:00+02:00"})
    assert said["display_status"] == "SCHEDULED"
    assert (await world.call("GET", f"/api/jobs/{said['id']}"))[1]["run_after"] == "2098-12-31T22:00:00.000Z"
    _, said = await world.call("POST", "/api/jobs", json={"url": URL + "2", "hold": True})
    assert said["display_status"] == "PAUSED"


async def test_a_batch_answers_for_each_url_in_order(world: World) -> None:
    await queue(world.db, URL)
    urls = [URL, "https://media.example/2", "file:///x", "https://media.example/2", "http://127.0.0.1/", "", "x" * 4097]
    expected = [
        ("duplicate", 1, None),
        ("queued", None, None),
        ("rejected", None, "url_scheme"),
        ("duplicate", None, None),
        ("rejected", None, "url_private_address"),
        *[("rejected", None, "url_scheme")] * 2,
    ]
    status, said = await world.call("POST", "/api/jobs/batch", json={"urls": urls, "dry_run": True})
    assert status == 200
    assert [(one["result"], one["job_id"], one["code"]) for one in said["results"]] == expected
    assert await world.db.fetchval("SELECT count(*) FROM jobs") == 1
    for _ in range(2):
        _, said = await world.call(
            "POST", "/api/jobs/batch", json={"urls": urls, "force": False}, headers={"Idempotency-Key": "b"}
        )
    assert [one["result"] for one in said["results"]] == [
        *["duplicate", "duplicate", "rejected", "duplicate"],
        *["rejected"] * 3,
    ]
    assert [one["url"] for one in said["results"]] == urls
    assert await world.db.fetchval("SELECT count(*) FROM jobs") == 2


async def test_a_repeated_batch_of_forced_jobs_makes_them_once(world: World) -> None:
    body = {"urls": [f"https://media.example/{n}" for n in range(3)], "force": True}
    first = await world.call("POST", "/api/jobs/batch", json=body, headers={"Idempotency-Key": "b"})
    again = await world.call("POST", "/api/jobs/batch", json=body, headers={"Idempotency-Key": "b"})
    assert [one["job_id"] for one in first[1]["results"]] == [one["job_id"] for one in again[1]["results"]]


async def test_what_a_dry_run_foretells_of_forced_jobs_happens(world: World) -> None:
    done, waiting = URL, "https://media.example/2"
    await world.call("POST", "/api/jobs", json={"url": done})
    await world.call("DELETE", "/api/jobs/1")
    await world.db.execute(
        "INSERT INTO jobs (url, dedup_key, status, outcome, finished_at) "
        "SELECT url, dedup_key, 'COMPLETED', 'FULL', now() FROM jobs"
    )
    await world.call("POST", "/api/jobs", json={"url": waiting})
    body = {"urls": [done, waiting, "https://media.example/3", "https://media.example/3"], "force": True}
    found = []
    for dry_run in (True, False):
        _, said = await world.call("POST", "/api/jobs/batch", json=body | {"dry_run": dry_run})
        found.append([one["result"] for one in said["results"]])
    assert found == [["queued", "duplicate", "queued", "duplicate"]] * 2


async def test_pages_by_cursor_see_each_job_once(world: World) -> None:
    for number in range(25):
        await queue(world.db, f"https://media.example/{number}")
    seen: list[int] = []
    cursor = ""
    while True:
        query = {"limit": "10"} | ({"cursor": cursor} if cursor else {})
        _, said = await world.call("GET", "/api/jobs", params=query)
        page = Page[JobSummary].model_validate(said)
        seen += [job.id for job in page.items]
        assert page.total == 25
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert seen == list(range(25, 0, -1))
    _, said = await world.call("GET", "/api/jobs?offset=20&order=asc")
    assert [job["id"] for job in said["items"]] == [21, 22, 23, 24, 25]


async def test_filters(seeded: World) -> None:
    async def ids(query: str) -> list[int]:
        return sorted(job["id"] for job in (await seeded.call("GET", f"/api/jobs?{query}"))[1]["items"])

    assert await ids("status=QUEUED&status=FAILED") == [3, 4]
    assert await ids("q=owls") == [1]
    assert await ids("channel=Night%20school") == [1]
    assert await ids("tag=talks") == [1, 2, 3]
    assert await ids("site=media.example&since=2000-01-01T00:00:00Z") == [1, 2, 3, 4]
    assert await ids("until=2000-01-01T00:00:00%2B01:00") == []
    assert await ids("q=%25_'%22;--") == []


async def test_the_whole_job(seeded: World) -> None:
    job = JobDetail.model_validate((await seeded.call("GET", "/api/jobs/1"))[1])
    assert job.metadata is not None
    assert job.metadata.title == job.title == "How owls hunt"
    assert (job.status, job.display_status, job.outcome) == ("COMPLETED", "COMPLETED_PARTIAL", "PARTIAL")
    assert [file.path for file in job.files] == ["media/owls.mp4"]
    assert job.transcript is not None
    failed = JobDetail.model_validate((await seeded.call("GET", "/api/jobs/4"))[1])
    assert failed.error is not None
    assert (failed.error.code, failed.error.hint != "") == ("NOT_FOUND", True)


async def test_cancelling_is_said_the_same_way_each_time(seeded: World) -> None:
    for _ in range(3):
        status, said = await seeded.call("DELETE", "/api/jobs/3")
        assert (status, said["status"]) == (200, "CANCELLED")
        status, said = await seeded.call("DELETE", "/api/jobs/2")
        assert (status, said["display_status"]) == (202, "CANCELLING")
        status, said = await seeded.call("DELETE", "/api/jobs/1")
        assert (status, said["code"]) == (409, "already_finished")
    row = await seeded.db.fetchrow("SELECT cancel_requested_by FROM jobs WHERE id = 2")
    assert row["cancel_requested_by"] == "local"


async def test_retrying(seeded: World) -> None:
    status, raw = await raw_request(str(seeded.socket), "POST", "/api/jobs/4/retry", [("Host", "localhost")])
    assert (status, json.loads(raw.partition(b"\r\n\r\n")[2])["status"]) == (200, "QUEUED")
    assert (await seeded.call("POST", "/api/jobs/1/retry", json={"from_stage": "upload"}))[0] == 400
    status, said = await seeded.call("POST", "/api/jobs/1/retry", json={"from_stage": "transcript"})
    assert (status, said["status"]) == (200, "QUEUED")
    assert (await seeded.call("POST", "/api/jobs/1/retry", json={}))[1]["code"] == "conflict"
    assert (await seeded.call("POST", "/api/jobs/99/retry", json={}))[1]["code"] == "job_not_found"


async def test_pages_of_a_log(seeded: World) -> None:
    async def seqs(query: str) -> list[int]:
        page = LogPage.model_validate((await seeded.call("GET", f"/api/jobs/1/logs?{query}"))[1])
        return [line.seq for line in page.items]

    everything = await seqs("")
    assert everything == list(range(1, len(everything) + 1))
    last = everything[-1]
    assert await seqs(f"after={last - 1}") == [last]
    assert await seqs("limit=2") == [1, 2]
    assert await seqs(f"before={last}&limit=1") == [last - 1]
    assert await seqs("after=1&before=3") == [2]
    assert await seqs("level=WARNING&stage=download&q=SLOW") != []
    assert await seqs("q=%25") == []
    assert (await seeded.call("GET", "/api/jobs/99/logs"))[1]["code"] == "job_not_found"


async def test_the_same_over_tcp_with_a_token(seeded: World) -> None:
    async with seeded.tcp.post("/api/jobs", json={"url": URL}) as answer:
        assert answer.status == 201
    async with seeded.tcp.get("/api/jobs/1/files/1", headers={"Range": "bytes=0-9"}) as answer:
        assert (answer.status, len(await answer.read())) == (206, 10)
    async with seeded.tcp.ws_connect("/ws/jobs/1/logs") as ws:
        assert (await ws.receive_json(timeout=5))["type"] == "hello"


async def test_head_is_get_without_the_body(seeded: World) -> None:
    for path in ("/api/jobs", "/api/jobs/1", "/api/stats", "/healthz", "/api/jobs/1/transcript?format=vtt"):
        async with seeded.unix.get(path) as answer:
            length, kind = len(await answer.read()), answer.headers["Content-Type"]
        async with seeded.unix.head(path) as answer:
            assert (answer.status, answer.headers["Content-Type"], await answer.read()) == (200, kind, b"")
            if path != "/api/stats":  # holds the time
                assert int(answer.headers["Content-Length"]) == length


async def test_readiness_names_each_part(world: World) -> None:
    status, said = await world.call("GET", "/readyz")
    assert (status, said["status"]) == (503, "unavailable")
    assert set(said["parts"]) == {"database", "listener", "disk", "worker"}
    assert not said["parts"]["worker"]["ok"]
    await hire(world.db)
    await eventually(lambda: world.listener.connected)
    assert (await world.call("GET", "/readyz"))[1]["status"] == "ok"


async def test_a_lost_listener_is_told_and_mended(world: World) -> None:
    await hire(world.db)
    await eventually(lambda: world.listener.connected)
    world.listener.connected = False
    status, said = await world.call("GET", "/readyz")
    assert (status, said["status"], said["parts"]["listener"]["ok"]) == (200, "degraded", False)
    world.listener.connected = True
    assert (await world.call("GET", "/readyz"))[1]["status"] == "ok"


async def test_a_full_disk_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await hire(world.db)
    monkeypatch.setattr(service_parts, "DISK_RESERVE", 2**62)
    status, said = await world.call("GET", "/readyz")
    assert (status, said["parts"]["disk"]["ok"]) == (503, False)


async def test_without_the_database_answers_are_503_and_come_back(
    seeded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> Any:
        raise DatabaseUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(reads, "page", away)
        patch.setattr("z2d.store.health.ping", away)
        async with seeded.unix.get("/api/jobs") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
            assert (await answer.json(content_type=None))["code"] == "database_unavailable"
        assert (await seeded.call("GET", "/readyz"))[1]["parts"]["database"]["ok"] is False
        assert (await seeded.call("GET", "/healthz"))[0] == 200
    assert (await seeded.call("GET", "/api/jobs"))[0] == 200


async def test_a_fault_of_ours_is_logged_and_not_told(
    seeded: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the secret detail")

    monkeypatch.setattr(reads, "detail", broken)
    with caplog.at_level(logging.ERROR):
        async with seeded.tcp.get("/api/jobs/1") as answer:
            text = await answer.text()
            assert (answer.status, answer.content_type) == (500, "application/problem+json")
    assert "secret" not in text
    assert "Traceback" not in text
    assert "the secret detail" in caplog.text
    assert TOKEN not in caplog.text


async def test_statistics_and_versions(seeded: World) -> None:
    _, stats = await seeded.call("GET", "/api/stats")
    assert stats["slots"] == 2
    assert stats["disk_free_bytes"] > 0
    _, version = await seeded.call("GET", "/api/version")
    assert version == {
        "version": "0.1.0",
        "api": 1,
        "schema": 1,
        "yt_dlp": ytdlp_version(),  # read anew each time: it may be updated while the daemon runs
        "ffmpeg": "7.1",
        "postgresql": "15.18",
    }


async def test_a_feed_that_dies_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a fault")

    monkeypatch.setattr(reads, "summaries", broken)

    async def told() -> bool:
        world.bus.publish(JobChanged(id=1, status="QUEUED", rev=1, cancel=False, pause=False, deleted=False))
        return "feeds" in (await world.call("GET", "/readyz"))[1]["parts"]

    await eventually(told)
    assert "live feeds" in caplog.text
