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
