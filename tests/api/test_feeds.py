"""Podcast feeds over HTTP: read by players, unchanged to the byte, and closed to whom they are not meant for."""

from __future__ import annotations

from datetime import UTC, datetime

import aiohttp
import feedparser
import pytest

from tests.api.seed import MEDIA
from tests.api.world import World
from z2d.store import outbox

FEED = "/feeds/talks.xml"


@pytest.fixture
async def filled(seeded: World) -> World:
    """Job 1 is in both feeds."""
    for name in ("talks", "open"):
        await seeded.db.execute(
            """
            INSERT INTO job_publishing (job_id, target, kind, status, idempotency_key, published_at)
            VALUES (1, $1, 'feed', 'PUBLISHED', $1, $2)
            """,
            name,
            datetime(2026, 11, 22, tzinfo=UTC),
        )
    return seeded


async def read(world: World, path: str = FEED, **headers: str) -> tuple[int, bytes, str]:
    async with world.unix.get(path, headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers.get("ETag", "")


async def test_an_unchanged_feed_is_the_same_to_the_byte_and_answers_304(filled: World) -> None:
    status, body, etag = await read(filled)
    assert status == 200
    assert (await read(filled))[1:] == (body, etag)
    assert await read(filled, **{"If-None-Match": etag}) == (304, b"", etag)
    await filled.db.execute("UPDATE job_metadata SET title = 'Owls, again' WHERE job_id = 1")
    status, changed, other = await read(filled, **{"If-None-Match": etag})
    assert (status, other != etag) == (200, True)
    assert b"Owls, again" in changed


async def test_players_find_what_the_feed_names(filled: World) -> None:
    _, body, _ = await read(filled)
    found = feedparser.parse(body)
    assert not found.bozo
    (episode,) = found.entries
    (sound,) = episode.enclosures
    path = sound.href.removeprefix("http://localhost")
    assert path == "/feeds/talks/1/media.mp4"
    status, media, etag = await read(filled, path)
    assert (status, media, int(sound.length)) == (200, MEDIA, len(MEDIA))
    async with filled.unix.get(path, headers={"Range": "bytes=100-199", "If-Range": etag}) as part:
        assert (part.status, await part.read()) == (206, MEDIA[100:200])
        assert part.headers["Content-Range"] == f"bytes 100-199/{len(MEDIA)}"
        assert part.headers["Content-Type"] == sound.type == "video/mp4"
    assert (await read(filled, path, **{"If-None-Match": etag}))[0] == 304
    status, spoken, _ = await read(filled, "/feeds/talks/1/transcript.vtt")
    assert (status, spoken[:6]) == (200, b"WEBVTT")
    async with filled.unix.get(FEED, headers={"Range": "bytes=0-4"}) as part:
        assert (part.status, await part.read()) == (206, b"<?xml")
    async with filled.unix.head(FEED) as head:
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(body)))


@pytest.mark.parametrize(
    "path",
    [
        "/feeds/nothing.xml",
        "/feeds/talks/2/media.mp4",
        "/feeds/talks/1/media.exe",
        "/feeds/talks/1/owls.mp4",
        "/feeds/talks/1/picture",
        "/feeds/talks/1/chapters.json",
        "/feeds/talks/1/..%2f..%2fmedia.mp4",
        "/feeds/nothing/1/media.mp4",
        "/feeds/talks/x/media.mp4",
    ],
)
async def test_nothing_else_can_be_had(filled: World, path: str) -> None:
    assert (await read(filled, path))[0] == 404


async def test_a_job_that_is_deleted_or_not_published_is_in_no_feed(filled: World) -> None:
    await filled.db.execute("UPDATE jobs SET deleted_at = now() WHERE id = 1")
    assert b"<item>" not in (await read(filled))[1]
    assert (await read(filled, "/feeds/talks/1/media.mp4"))[0] == 404


async def test_over_tcp_a_feed_needs_the_token_unless_it_is_public(filled: World) -> None:
    base = f"http://127.0.0.1:{filled.port}"
    async with aiohttp.ClientSession(base) as stranger:
        for path, status in {
            "/feeds/talks.xml": 401,
            "/feeds/talks/1/media.mp4": 401,
            "/feeds/nothing.xml": 401,
            "/feeds/open.xml": 200,
            "/feeds/open/1/media.mp4": 200,
            "/feeds/open/2/media.mp4": 404,
            "/feeds/open%2F1.xml": 401,
            "/api/jobs/1/publish": 401,
            "/feeds/open/1/..%2f..%2f..%2f..%2fapi%2fstats": 404,
        }.items():
            async with stranger.get(path) as answer:
                assert answer.status == status, path
        async with stranger.get("/feeds/open.xml") as answer:
            assert b"https://z2.example/feeds/open/1/media.mp4" in await answer.read()
        async with stranger.get("/feeds/open.xml", headers={"Host": "evil.example"}) as answer:
            assert answer.status == 403


async def test_publishing_again_over_http(filled: World) -> None:
    await outbox.declare_targets(filled.db, "test", [outbox.TargetRow("talks", "feed", ("publish",), "")])
    status, said = await filled.call("POST", "/api/jobs/1/publish", json={"target": "talks"})
    assert status == 200
    states = {one["target"]: one["status"] for one in said["publishing"]}
    assert states == {"talks": "PENDING", "open": "PUBLISHED"}
    shown = (await filled.call("GET", "/api/jobs/1"))[1]
    assert shown["publishing"] == said["publishing"]
    assert b"<item>" in (await read(filled))[1], "an episode does not vanish while it is published anew"
    assert (await filled.call("POST", "/api/jobs/1/publish", json={"target": "nowhere"}))[0] == 404
    assert (await filled.call("POST", "/api/jobs/1/publish", json={"goal": "x"}))[0] == 400
    assert (await filled.call("POST", "/api/jobs/2/publish", json={}))[0] == 409


async def test_the_targets_say_how_much_they_have(filled: World) -> None:
    rows = [
        outbox.TargetRow("hook", "webhook", ("finished", "failed"), "", "tag:talks"),
        outbox.TargetRow("talks", "feed", ("publish",), ""),
    ]
    await outbox.declare_targets(filled.db, "test", rows)
    await filled.db.execute("UPDATE publish_targets SET disabled_at = now(), disabled_why = 'gone' WHERE name = 'hook'")
    await filled.db.execute(
        "INSERT INTO job_publishing (job_id, target, kind, event, status, idempotency_key)"
        " VALUES (1, 'hook', 'webhook', 'finished', 'FAILED', 'a'), (4, 'hook', 'webhook', 'failed', 'PENDING', 'b')"
    )
    status, said = await filled.call("GET", "/api/targets")
    assert status == 200
    library, hook, former, talks = said["items"]
    assert (library["name"], library["configured"], library["counts"]) == ("library", True, {})
    assert (hook["events"], hook["filter"], hook["installations"]) == (["failed", "finished"], "tag:talks", ["test"])
    assert (hook["counts"], hook["disabled_why"]) == ({"FAILED": 1, "PENDING": 1}, "gone")
    assert (hook["retrying"], hook["last_error"], library["last_error"]) == (0, None, None)
    assert (former["name"], former["configured"], former["counts"]) == ("open", False, {"PUBLISHED": 1})
    assert talks["last_published_at"] == "2026-11-22T00:00:00.000Z"
    await filled.db.execute("UPDATE job_publishing SET error_message = 'refused', attempt = 8 WHERE status = 'FAILED'")
    hook = (await filled.call("GET", "/api/targets"))[1]["items"][1]
    assert (hook["retrying"], hook["last_error"]) == (0, "refused")
    await filled.db.execute(
        "UPDATE job_publishing SET error_message = 'too slow', attempt = 1 WHERE status = 'PENDING'"
    )
    hook = (await filled.call("GET", "/api/targets"))[1]["items"][1]
    assert (hook["retrying"], hook["last_error"]) == (1, "too slow"), "what is tried again says how it is now"
    await filled.db.execute("UPDATE jobs SET deleted_at = now() WHERE id = 1")
    items = (await filled.call("GET", "/api/targets"))[1]["items"]
    assert {one["name"]: one["counts"] for one in items} == {"library": {}, "hook": {"PENDING": 1}, "talks": {}}


async def test_many_jobs_are_published_again_by_filter(filled: World) -> None:
    async def publish(**body: object) -> tuple[int, list[int]]:
        status, said = await filled.call("POST", "/api/publish", json=body)
        return status, said.get("done")

    async def state() -> str:
        query = "SELECT status FROM job_publishing WHERE job_id = 1 AND target = 'talks'"
        return str(await filled.db.fetchval(query))

    await outbox.declare_targets(filled.db, "test", [outbox.TargetRow("talks", "feed", ("publish",), "")])
    assert await publish(filter="", dry_run=True) == (200, [1]), "only what is complete"
    assert await publish(filter="tag:else") == (200, [])
    assert await publish(filter="", failed=True) == (200, [])
    assert await state() == "PUBLISHED"
    await filled.db.execute("UPDATE job_publishing SET status = 'FAILED' WHERE target = 'talks'")
    assert await publish(filter="", failed=True, target="library") == (200, [])
    assert await publish(filter="", failed=True, after=1) == (200, [])
    assert await publish(filter="site:media.example", failed=True, target="talks") == (200, [1])
    assert await state() == "PENDING"
    status, said = await filled.call("POST", "/api/publish", json={"ids": [1, 3, 77, 1]})
    assert (status, said["done"]) == (200, [1])
    assert [(one["id"], one["code"]) for one in said["refused"]] == [(3, "conflict"), (77, "job_not_found")]
    for body in ({}, {"ids": [1], "filter": ""}, {"filter": "nonsense:1"}, {"filter": "", "target": "../x"}):
        assert (await filled.call("POST", "/api/publish", json=body))[0] == 400
