"""What jobs are made of: a look before anything is queued, and files sent instead of a URL."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.world import LARGEST_UPLOAD, World
from tests.support import eventually
from z2d.api.probe import PROBE
from z2d.api.uploads import AT_ONCE, MEDIA_TYPE, UPLOADS, Uploads
from z2d.daemon.uploads import remove_unwanted
from z2d.store import known
from z2d.wire.probe import ProbeAnswer
from z2d.wire.uploads import Upload, parse

OCTETS = {"Content-Type": MEDIA_TYPE}


async def submitted(world: World, url: str, **more: Any) -> dict[str, Any]:
    status, job = await world.call("POST", "/api/jobs", json={"url": url, **more})
    assert status in (200, 201), job
    return dict(job)


async def send(world: World, data: Any, name: str = "talk.mp4", **headers: str) -> tuple[int, Any]:
    data = io.BytesIO(data) if isinstance(data, bytes) else data
    return await world.call("POST", "/api/uploads", params={"name": name}, data=data, headers={**OCTETS, **headers})


def kept(world: World) -> list[Path]:
    return sorted(path for path in (world.folder / "uploads").rglob("*") if path.is_file())


async def test_a_look_says_what_is_there_and_queues_nothing(world: World) -> None:
    url = "https://media.example/talks/new.mp4"
    status, found = await world.call("POST", "/api/probe", json={"url": url})
    assert (status, found["kind"], found["title"], found["duplicate_of"]) == (200, "MEDIA", "Seen", None)
    job = await submitted(world, url)
    status, found = await world.call("POST", "/api/probe", json={"url": url})
    assert found["duplicate_of"] == job["id"]
    assert await world.db.fetchval("SELECT count(*) FROM jobs") == 1


async def test_a_look_ends_when_nobody_waits_for_it(world: World, caplog: pytest.LogCaptureFixture) -> None:
    looks: list[str] = []

    async def never(url: str, **_: Any) -> ProbeAnswer:
        looks.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            looks.append("ended")
        raise AssertionError

    world.app._frozen = False
    world.app[PROBE] = never
    body = b'{"url": "https://media.example/slow"}'
    head = (
        f"POST /api/probe HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\nContent-Type: application/json"
    )
    _, writer = await asyncio.open_unix_connection(str(world.socket))
    writer.write(head.encode() + b"\r\n\r\n" + body)
    await eventually(lambda: looks == ["begun"], what="the look under way")
    writer.close()
    await eventually(lambda: looks == ["begun", "ended"], 5, what="its end")
    assert not caplog.records, "that somebody hung up is no fault"


async def test_a_look_at_a_list_marks_the_entries_that_are_there(world: World) -> None:
    there = await submitted(world, "https://media.example/entry/1")
    body = {"url": "https://media.example/a.rss", "options": {"playlist": {"limit": 3}}}
    _, found = await world.call("POST", "/api/probe", json=body)
    assert [one["duplicate_of"] for one in found["entries"]] == [None, there["id"], None]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"url": "file:///etc/passwd"}, 422, "url_scheme"),
        ({"url": "http://127.0.0.1/x"}, 422, "url_private_address"),
        ({"url": Upload("0" * 64, "x.mp4").url}, 422, "url_unsupported"),
        ({"url": "https://a.example/", "profile": "nobody"}, 422, "profile_unknown"),
        ({"url": "https://a.example/", "options": {"playlist": {"match": "("}}}, 400, "invalid_request"),
        ({"url": "https://a.example/", "options": {"playlist": {"match": "a{99999999999}"}}}, 400, "invalid_request"),
        ({"url": "https://a.example/", "options": {"playlist": {"after": "2026-02-30"}}}, 400, "invalid_request"),
        ({"url": "https://a.example/", "options": {"playlist": {"limit": 1001}}}, 400, "invalid_request"),
    ],
)
async def test_what_is_not_looked_at(world: World, body: dict[str, Any], status: int, code: str) -> None:
    answered, found = await world.call("POST", "/api/probe", json=body)
    assert (answered, found["code"]) == (status, code)


async def test_a_file_is_kept_by_its_content(world: World) -> None:
    data = os.urandom(2_500_000)
    status, found = await send(world, data, "../../Ein Vortrag: „Eulen“?.mp4")
    assert status == 201
    sha256 = hashlib.sha256(data).hexdigest()
    assert (found["sha256"], found["size_bytes"]) == (sha256, len(data))
    upload = parse(found["url"])
    assert upload is not None
    assert upload == (sha256, found["name"])
    assert not {"/", ":", "?"} & set(found["name"])
    path = upload.path(world.folder / "uploads")
    assert kept(world) == [path]
    assert path.read_bytes() == data
    assert path.stat().st_mode & 0o777 == 0o600

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 100_000):
            yield data[start : start + 100_000]

    status, again = await send(world, pieces(), "other name.mkv")  # no Content-Length
    assert (status, again["sha256"], again["name"]) == (200, sha256, "other name.mkv")
    assert kept(world) == [path]


@pytest.mark.parametrize(
    ("data", "name", "headers", "status", "code"),
    [
        (b"", "a.mp4", {}, 400, "invalid_request"),
        (b"x", "a\x00b", {}, 400, "invalid_request"),
        (b"x", "", {}, 400, "invalid_request"),
        (b"x", "a.mp4", {"Content-Type": "video/mp4"}, 415, "unsupported_media_type"),
        (b"x", "a.mp4", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b"x", "a.mp4", {"Content-Encoding": "gzip"}, 400, "invalid_request"),
        (bytes(LARGEST_UPLOAD + 1), "a.mp4", {}, 413, "payload_too_large"),
    ],
    ids=["empty", "control", "nameless", "video", "text", "compressed", "large"],
)
async def test_what_is_not_received_leaves_nothing(
    world: World, data: bytes, name: str, headers: dict[str, str], status: int, code: str
) -> None:
    answered, found = await send(world, data, name, **headers)
    assert (answered, found["code"]) in {(status, code), (415, "unsupported_media_type")}
    assert kept(world) == []


async def test_a_file_without_an_announced_length_is_stopped_at_the_limit(world: World) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(100_000)

    status, found = await send(world, endless())
    assert (status, found["code"]) == (413, "payload_too_large")
    assert kept(world) == []


async def test_a_full_disk_is_told_before_anything_is_written(world: World) -> None:
    world.app._frozen = False
    world.app[UPLOADS] = Uploads(world.folder / "uploads", max_bytes=LARGEST_UPLOAD, min_free_bytes=1 << 60)
    status, found = await send(world, b"x")
    assert (status, found["code"]) == (507, "disk_full")
    assert kept(world) == []


async def test_senders_that_hang_up_or_hold_up_take_no_place_for_ever(world: World) -> None:
    head = (
        "POST /api/uploads?name=x.mp4 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
        f"Content-Type: {MEDIA_TYPE}\r\n\r\n"
    )
    writers = []
    for _ in range(AT_ONCE):
        _, writer = await asyncio.open_unix_connection(str(world.socket))
        writer.write(head.encode() + b"some")
        await writer.drain()
        writers.append(writer)
    await eventually(lambda: len(kept(world)) == AT_ONCE, what="all places taken")
    status, found = await send(world, b"one more")
    assert (status, found["code"]) == (429, "too_many_requests")
    for writer in writers:
        writer.close()
    await eventually(lambda: kept(world) == [], what="nothing left")
    assert (await send(world, b"now there is room"))[0] == 201


async def test_uploads_go_when_no_job_needs_them(world: World) -> None:
    urls = []
    for number in range(4):
        _, found = await send(world, f"file {number}".encode(), f"{number}.mp4")
        urls.append(found["url"])
    uploads = [upload for url in urls if (upload := parse(url))]
    paths = [upload.path(world.folder / "uploads") for upload in uploads]
    insert = (
        "INSERT INTO jobs (url, dedup_key, status, outcome, finished_at) VALUES ($1, $2, $3, $4, "
        "CASE WHEN $3 = 'COMPLETED' THEN now() END)"
    )
    await world.db.execute(insert, urls[0], uploads[0].key, "QUEUED", None)
    await world.db.execute(insert, urls[1], uploads[1].key, "COMPLETED", "FULL")  # its media has the same bytes
    (world.folder / "media.mp4").hardlink_to(paths[1])
    await world.db.execute(insert, urls[2], uploads[2].key, "COMPLETED", "FULL")  # its media was removed
    assert await remove_unwanted(world.db, world.folder / "uploads") == []
    removed = await remove_unwanted(world.db, world.folder / "uploads", older_than_s=-60)
    assert sorted(removed) == sorted(paths[2:])
    assert kept(world) == sorted(paths[:2])


async def test_an_upload_that_goes_by_itself_or_cannot_go_does_not_end_the_round(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found = [(await send(world, f"file {number}".encode(), f"{number}.mp4"))[1]["url"] for number in range(3)]
    uploads = [upload for url in found if (upload := parse(url))]
    gone, stuck, last = (upload.path(world.folder / "uploads") for upload in uploads)
    insert = (
        "INSERT INTO jobs (url, dedup_key, status, outcome, finished_at) VALUES ($1, $2, 'COMPLETED', 'FULL', now())"
    )
    await world.db.execute(insert, found[0], uploads[0].key)
    unlink = Path.unlink

    def fails(path: Path, missing_ok: bool = False) -> None:
        if path == stuck:
            raise OSError(errno.EIO, "Input/output error")
        unlink(path, missing_ok=missing_ok)

    async def uses(*args: Any) -> dict[str, bool]:
        unlink(gone)
        return await known.uses(*args)

    monkeypatch.setattr(Path, "unlink", fails)
    monkeypatch.setattr("z2d.daemon.uploads.uses", uses)
    assert await remove_unwanted(world.db, world.folder / "uploads", older_than_s=-60) == [last]
    assert "could not be removed: [Errno 5]" in caplog.text
