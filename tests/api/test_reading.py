"""Input of every hostile shape is a 4xx that says where, never a 500, and never a row."""

from __future__ import annotations

import io
import itertools
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


BODIES = {
    "nothing": b"",
    "half": b"{",
    "null": b"null",
    "list": b"[]",
    "text": b'"text"',
    "deep list": b"[" * 500_000,
    "deep object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "NaN": b'{"url":"https://a.example/x","priority":NaN}',
    "infinity": b'{"url":"https://a.example/x","priority":-Infinity}',
    "no option's number": b'{"url":"https://a.example/x","options":{"sleep_s":NaN}}',
    "too large an option": b'{"url":"https://a.example/x","options":{"sleep_s":1e999}}',
    "too large": b'{"url":"https://a.example/x","priority":1e999}',
    "long number": b'{"url":"https://a.example/x","priority":' + b"9" * 100_000 + b"}",
    "big number": b'{"url":"https://a.example/x","priority":99999999999999999999}',
    "fraction": b'{"url":"https://a.example/x","priority":1.0}',
    "number as text": b'{"url":"https://a.example/x","priority":"1"}',
    "number as truth": b'{"url":"https://a.example/x","priority":true}',
    "truth as number": b'{"url":"https://a.example/x","force":1}',
    "key twice": b'{"url":"https://a.example/x","url":"https://b.example/"}',
    "lone surrogate": b'{"url":"https://a.example/\\ud800"}',
    "not UTF-8": b'{"url":"https://a.example/\xff"}',
    "UTF-16": b"\xff\xfe{\x00}\x00",
    "byte order mark": b"\xef\xbb\xbf" + body(),
    "unknown field": body(extra=1),
    "unknown option": body(options={"exec": "rm"}),
    "too low": body(options={"max_height": 1}),
    "too many tags": body(tags=["x"] * 33),
    "empty tag": body(tags=[""]),
    "no time": body(run_after="tomorrow"),
    "time without offset": body(run_after="2030-01-01T00:00:00"),
    "end of times": body(run_after="9999-12-31T23:59:59-23:59"),
    "time as number": body(run_after=1900000000),
}


async def test_what_does_not_fit_is_refused(world: World) -> None:
    for name, sent in BODIES.items():
        headers = {"Content-Type": "application/json"}
        status, said = await world.call("POST", "/api/jobs", data=sent, headers=headers)
        assert (status, said["code"]) == (400, "invalid_request"), (name, said)
    assert await jobs_in(world) == 0


async def test_the_answer_says_where(world: World) -> None:
    _, said = await world.call("POST", "/api/jobs", json={"url": URL, "options": {"max_height": 1}, "oops": 1})
    assert {fault["path"] for fault in said["errors"]} == {"options.max_height", "oops"}
    _, said = await world.call("GET", "/api/jobs?limit=0&nope=1")
    assert {fault["path"] for fault in said["errors"]} == {"limit", "nope"}


async def test_what_was_sent_is_not_sent_back(world: World) -> None:
    _, said = await world.call("POST", "/api/jobs", json={"url": URL, "priority": "s3cret-value"})
    assert "s3cret" not in json.dumps(said)


KINDS = {
    "application/json": 201,
    "application/json; charset=utf-8": 201,
    "APPLICATION/JSON;charset=UTF-8": 201,
    "application/json; charset=utf-16": 415,
    "application/jsonp": 415,
    "text/json": 415,
    "text/plain": 415,
    "application/json, text/plain": 415,
    "": 415,
}


async def test_only_json_is_read(world: World) -> None:
    for number, (kind, status) in enumerate(KINDS.items()):
        sent = json.dumps({"url": f"{URL}/{number}"}).encode()
        found, _ = await world.call("POST", "/api/jobs", data=sent, headers={"Content-Type": kind})
        assert found == status, kind


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


async def test_a_body_where_none_belongs_is_refused(world: World) -> None:
    for method, path in [("DELETE", "/api/jobs/1"), ("GET", "/api/jobs"), ("GET", "/healthz")]:
        assert (await world.call(method, path, json={"purge": True}))[0] == 400
        assert (await world.call(method, path, data="x", headers={"Content-Type": "text/plain"}))[0] == 415


@pytest.mark.parametrize("kind", ["application/octet-stream", "text/plain", "", "application/x-www-form-urlencoded"])
async def test_who_sends_nothing_may_call_it_anything(seeded: World, kind: str) -> None:
    for path in ("/api/jobs/4/retry", "/api/jobs/4/pause", "/api/queue/resume"):
        found, said = await seeded.call("POST", path, data=b"", headers={"Content-Type": kind})
        assert found == 200, (path, said)
    found, said = await seeded.call("POST", "/api/jobs/1/retry", data=b"{}", headers={"Content-Type": "text/plain"})
    assert (found, said["code"]) == (415, "unsupported_media_type")
    found, said = await seeded.call("POST", "/api/jobs", data=b"", headers={"Content-Type": kind})
    assert found in {400, 415}


QUERIES = [
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
]


async def test_a_query_that_does_not_fit_is_refused(world: World) -> None:
    for query in QUERIES:
        async with world.unix.get(Address(f"http://localhost/api/jobs?{query}", encoded=True)) as answer:
            said = await answer.json(content_type="application/problem+json")
            assert (answer.status, said["code"]) == (400, "invalid_request"), (query, said)


NO_IDS = ["0", "-1", "1.0", "abc", "٣", "1e3", "9223372036854775808", "9" * 40, "%00", "1%2F2"]


async def test_what_is_no_number_of_a_job_names_no_job(world: World) -> None:
    calls = [("GET", ""), ("DELETE", ""), ("GET", "/logs"), ("GET", "/transcript"), ("GET", "/files/1")]
    for name, (method, path) in itertools.product(NO_IDS, calls):
        url = Address(f"http://localhost/api/jobs/{name}{path}", encoded=name.isascii())
        async with world.unix.request(method, url) as answer:
            assert answer.status == 404, url
            assert answer.content_type == "application/problem+json"


async def test_a_key_that_does_not_fit_is_refused(world: World) -> None:
    for key in ["", "a b", "x" * 201, "schlüssel"]:
        status, said = await world.call("POST", "/api/jobs", json={"url": URL}, headers={"Idempotency-Key": key})
        assert (status, said["errors"][0]["path"]) == (400, "Idempotency-Key"), key
