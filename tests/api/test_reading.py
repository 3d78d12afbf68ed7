"""Input of every hostile shape is a 4xx that says where, never a 500, and never a row."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from yarl import URL as Address  # noqa: N811

from tests.api.world import World

URL = "https://a.example/x"


async def jobs_in(world: World) -> int:
    return int(await world.db.fetchval("SELECT count(*) FROM jobs"))


def body(**more: Any) -> bytes:
    return json.dumps({"url": URL, **more}).encode()


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'"text"', id="text"),
        pytest.param(b"[" * 500_000, id="deep list"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="deep object"),
        pytest.param(b'{"url":"https://a.example/x","priority":NaN}', id="NaN"),
        pytest.param(b'{"url":"https://a.example/x","priority":-Infinity}', id="infinity"),
        pytest.param(b'{"url":"https://a.example/x","priority":1e999}', id="too large"),
        pytest.param(b'{"url":"https://a.example/x","priority":' + b"9" * 100_000 + b"}", id="long number"),
        pytest.param(b'{"url":"https://a.example/x","priority":99999999999999999999}', id="big number"),
        pytest.param(b'{"url":"https://a.example/x","priority":1.0}', id="fraction"),
        pytest.param(b'{"url":"https://a.example/x","priority":"1"}', id="number as text"),
        pytest.param(b'{"url":"https://a.example/x","priority":true}', id="number as truth"),
        pytest.param(b'{"url":"https://a.example/x","force":1}', id="truth as number"),
        pytest.param(b'{"url":"https://a.example/x","url":"https://b.example/"}', id="key twice"),
        pytest.param(b'{"url":"https://a.example/\\ud800"}', id="lone surrogate"),
        pytest.param(b'{"url":"https://a.example/\xff"}', id="not UTF-8"),
        pytest.param(b"\xff\xfe{\x00}\x00", id="UTF-16"),
        pytest.param(b"\xef\xbb\xbf" + body(), id="byte order mark"),
        pytest.param(body(extra=1), id="unknown field"),
        pytest.param(body(options={"exec": "rm"}), id="unknown option"),
        pytest.param(body(options={"max_height": 1}), id="too low"),
        pytest.param(body(tags=["x"] * 33), id="too many tags"),
        pytest.param(body(tags=[""]), id="empty tag"),
        pytest.param(body(run_after="tomorrow"), id="no time"),
        pytest.param(body(run_after="2030-01-01T00:00:00"), id="time without offset"),
        pytest.param(body(run_after="9999-12-31T23:59:59-23:59"), id="end of times"),
        pytest.param(body(run_after=1900000000), id="time as number"),
    ],
)
async def test_what_does_not_fit_is_refused(world: World, sent: bytes) -> None:
    status, said = await world.call("POST", "/api/jobs", data=sent, headers={"Content-Type": "application/json"})
    assert status == 400, said
    assert said["code"] == "invalid_request"
    assert await jobs_in(world) == 0


async def test_the_answer_says_where(world: World) -> None:
    _, said = await world.call("POST", "/api/jobs", json={"url": URL, "options": {"max_height": 1}, "oops": 1})
    assert {fault["path"] for fault in said["errors"]} == {"options.max_height", "oops"}
    _, said = await world.call("GET", "/api/jobs?limit=0&nope=1")
    assert {fault["path"] for fault in said["errors"]} == {"limit", "nope"}


async def test_what_was_sent_is_not_sent_back(world: World) -> None:
    _, said = await world.call("POST", "/api/jobs", json={"url": URL, "priority": "s3cret-value"})
    assert "s3cret" not in json.dumps(said)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 201),
        ("application/json; charset=utf-8", 201),
        ("APPLICATION/JSON;charset=UTF-8", 201),
        ("application/json; charset=utf-16", 415),
        ("application/jsonp", 415),
        ("text/json", 415),
        ("text/plain", 415),
        ("application/json, text/plain", 415),
        ("", 415),
    ],
)
async def test_only_json_is_read(world: World, kind: str, status: int) -> None:
    found, _ = await world.call("POST", "/api/jobs", data=body(), headers={"Content-Type": kind})
    assert found == status


async def test_a_compressed_body_is_not_unpacked(world: World) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    found, _ = await world.call("POST", "/api/jobs", data=b"\x1f\x8b" + b"0" * 50, headers=headers)
    assert found in {400, 415}


async def test_a_body_has_a_largest_size(world: World) -> None:
    headers = {"Content-Type": "application/json"}
    found, said = await world.call("POST", "/api/jobs", data=io.BytesIO(b" " * (1024 * 1024 + 1)), headers=headers)
    assert (found, said["code"]) == (413, "payload_too_large")

    async def pieces() -> Any:
        for _ in range(20):
            yield b" " * 65536

    found, said = await world.call("POST", "/api/jobs", data=pieces(), headers=headers)
    assert (found, said["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/api/jobs/1"), ("GET", "/api/jobs"), ("GET", "/healthz")])
async def test_a_body_where_none_belongs_is_refused(world: World, method: str, path: str) -> None:
    assert (await world.call(method, path, json={"purge": True}))[0] == 400
    assert (await world.call(method, path, data="x", headers={"Content-Type": "text/plain"}))[0] == 415


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=-1",
        "limit=1.0",
        "limit=1_0",
        "limit=%201",
        "limit=",
        "limit=5&limit=6",
        "limit=99999999999999999999",
        "offset=-1",
        "offset=10001",
        "cursor=%00",
        "cursor=nonsense",
        "cursor=" + "A" * 3000,
        "status=queued",
        "status=RUNNING&status=nope",
        "sort=id",
        "order=up",
        "q=",
        "q=%00",
        "q=" + "x" * 201,
        "site=%1b[31m",
        "since=yesterday",
        "since=2026-01-01",
        "until=0000-01-01T00:00:00Z",
        "until=9999-12-31T23:59:59-23:59",
        "unknown=1",
        "Limit=5",
        "purge=true",
    ],
)
async def test_a_query_that_does_not_fit_is_refused(world: World, query: str) -> None:
    async with world.unix.get(Address(f"http://localhost/api/jobs?{query}", encoded=True)) as answer:
        said = await answer.json(content_type="application/problem+json")
        assert answer.status == 400, said
        assert said["code"] == "invalid_request"


@pytest.mark.parametrize("name", ["0", "-1", "1.0", "abc", "٣", "1e3", "9223372036854775808", "9" * 40, "%00", "1%2F2"])
async def test_what_is_no_number_of_a_job_names_no_job(world: World, name: str) -> None:
    for method, path in [("GET", ""), ("DELETE", ""), ("GET", "/logs"), ("GET", "/transcript"), ("GET", "/files/1")]:
        url = Address(f"http://localhost/api/jobs/{name}{path}", encoded=name.isascii())
        async with world.unix.request(method, url) as answer:
            assert answer.status == 404
            assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "schlüssel"])
async def test_a_key_that_does_not_fit_is_refused(world: World, key: str) -> None:
    status, said = await world.call("POST", "/api/jobs", json={"url": URL}, headers={"Idempotency-Key": key})
    assert (status, said["errors"][0]["path"]) == (400, "Idempotency-Key")


async def test_purge_is_not_accepted_yet(seeded: World) -> None:
    assert (await seeded.call("DELETE", "/api/jobs/1?purge=true"))[0] == 400
