"""Each target against a real server at its other end."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.publish.hostile import HOSTILE
from tests.publish.receiver import S3, Receiver
from tests.publish.test_library import entry
from z2d.media.addresses import forbidden
from z2d.publish import objects
from z2d.publish.notification import NotificationTarget, words_of
from z2d.publish.objects import ObjectsTarget
from z2d.publish.target import NotDelivered, Parcel
from z2d.publish.webhook import WebhookTarget, body_of
from z2d.wire.reasons import ErrorClass

SECRET = "whsec_" + base64.b64encode(b"a secret of 24 bytes ...").decode()
KEY = b"a secret of 24 bytes ..."
JOB = {"id": 7, "title": "Schön <b>", "url": "https://example.org/x", "error": None, "duration_ms": 61_000}
PARCEL = Parcel(
    key="0b6e", event="finished", at=datetime(2026, 11, 22, 10, tzinfo=UTC), message={"job": JOB, "summary": "So."}
)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as started:
        yield started


def hook(receiver: Receiver, **changes: Any) -> WebhookTarget:
    return replace(WebhookTarget("hook", f"{receiver.url}/in", KEY), **changes)


async def test_a_webhook_is_signed_as_the_standard_says(receiver: Receiver) -> None:
    receipt = await hook(receiver).deliver(PARCEL)
    (post,) = receiver.posts
    told = Webhook(SECRET).verify(post.body, post.headers)
    assert told["type"] == "job.finished"
    assert told["timestamp"] == "2026-11-22T10:00:00.000Z"
    assert told["data"]["job"] == JOB
    assert post.headers["webhook-id"] == receipt.remote_id == "msg_0b6e"
    assert post.headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(post.body + b" ", post.headers)


async def test_every_try_says_the_same_under_the_same_id(receiver: Receiver) -> None:
    receiver.answers = [(500, {}), (503, {"Retry-After": "120"})]
    with pytest.raises(NotDelivered) as first:
        await hook(receiver).deliver(PARCEL)
    with pytest.raises(NotDelivered) as second:
        await hook(receiver).deliver(PARCEL)
    await hook(receiver).deliver(PARCEL)
    assert (first.value.after, second.value.after) == (None, 120)
    assert first.value.error_class is ErrorClass.SERVER_ERROR
    assert not first.value.final
    assert {post.body for post in receiver.posts} == {body_of(PARCEL)}
    assert {post.headers["webhook-id"] for post in receiver.posts} == {"msg_0b6e"}


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [("0", 0), ("99999999999", 86_400), ("Sun, 22 Nov 2020 10:00:00 GMT", 0), ("soon", None), ("-1", None), ("", None)],
)
async def test_retry_after_is_believed_within_reason(receiver: Receiver, sent: str, seconds: float | None) -> None:
    receiver.answers = [(429, {"Retry-After": sent})]
    with pytest.raises(NotDelivered) as refused:
        await hook(receiver).deliver(PARCEL)
    assert refused.value.after == seconds
    assert refused.value.error_class is ErrorClass.RATE_LIMITED


async def test_410_means_never_again(receiver: Receiver) -> None:
    receiver.answers = [(410, {})]
    with pytest.raises(NotDelivered) as refused:
        await hook(receiver).deliver(PARCEL)
    assert refused.value.gone
    assert refused.value.final


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answers = [(302, {"Location": f"{receiver.url}/elsewhere"})]
    with pytest.raises(NotDelivered):
        await hook(receiver).deliver(PARCEL)
    assert [post.path for post in receiver.posts] == ["/in"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433"])
async def test_private_addresses_are_refused_however_they_are_spelled(receiver: Receiver, host: str) -> None:
    url = f"{receiver.url}/in".replace("127.0.0.1", host)
    with pytest.raises(NotDelivered) as refused:
        await hook(receiver, url=url, forbidden=forbidden).deliver(PARCEL)
    assert refused.value.error_class in {ErrorClass.BLOCKED_ADDRESS, ErrorClass.BAD_URL}
    assert receiver.posts == []


async def test_nobody_there_and_a_secret_that_stays_one() -> None:
    target = WebhookTarget("hook", "http://127.0.0.1:9/in?token=canary-1", b"canary-2")
    with pytest.raises(NotDelivered) as refused:
        await target.deliver(PARCEL)
    assert refused.value.error_class is ErrorClass.NETWORK
    assert "canary" not in str(refused.value)
    assert "canary-2" not in repr(target)


async def test_a_name_that_no_machine_can_have_is_not_tried_again() -> None:
    with pytest.raises(NotDelivered) as refused:
        await WebhookTarget("hook", "http://a..b/in", b"k" * 16).deliver(PARCEL)
    assert (refused.value.error_class, refused.value.final) == (ErrorClass.BAD_URL, True)


def ntfy(receiver: Receiver, *paths: str) -> NotificationTarget:
    """apprise's own plain JSON service."""
    return NotificationTarget("phone", tuple(f"{receiver.url}/{path}".replace("http", "json") for path in paths))


async def test_a_notification_says_what_happened(receiver: Receiver) -> None:
    await ntfy(receiver, "one").deliver(PARCEL)
    (post,) = receiver.posts
    told = json.loads(post.body)
    assert told["title"].startswith("Finished: Schön")
    assert "So." in told["message"]


async def test_of_two_addresses_the_one_that_has_it_is_left_in_peace(receiver: Receiver) -> None:
    receiver.answers = [(200, {}), (500, {})]
    target = ntfy(receiver, "one", "two")
    with pytest.raises(NotDelivered) as refused:
        await target.deliver(PARCEL)
    assert refused.value.so_far == "0"
    assert "127.0.0.1" not in str(refused.value)
    receipt = await target.deliver(replace(PARCEL, so_far=refused.value.so_far))
    assert [post.path for post in receiver.posts] == ["/one", "/two", "/two"]
    assert receipt.remote_id == "0,1"


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("event", ["finished", "failed", "attention"])
def test_no_title_breaks_a_message(event: str, text: str) -> None:
    job = {"id": 1, "title": text, "url": text, "site": text, "error": {"message": text, "hint": text}}
    head, said = words_of(event, {"job": job, "summary": text})
    assert "\n" not in head
    assert not any(ord(char) < 32 and char != "\n" for char in head + said)
    assert "<" not in head + said
    assert len(said) <= 1000


def test_a_message_says_a_title_as_it_is() -> None:
    head, said = words_of("finished", {"job": {"id": 1, "title": "Why? A/B: <b>"}, "summary": "Wait: what?\nYes."})
    assert (head, said.splitlines()[0]) == ("Finished: Why? A/B: ‹b›", "Wait: what? Yes.")


async def test_a_folder_gets_each_object_once(tmp_path: Path) -> None:
    target = ObjectsTarget("backup", f"file://{tmp_path / 'store'}")
    parcel = replace(PARCEL, event="publish", entry=entry(tmp_path / "job"))
    receipt = await target.deliver(parcel)
    folder = tmp_path / "store" / str(receipt.remote_id)
    assert receipt.remote_url == f"file://{folder}"
    names = {path.name for path in folder.iterdir()}
    assert names == {
        *("media.mp4", "thumbnail.webp", "info.json", "transcript.en.vtt"),
        *("note.md", "movie.nfo", "metadata.json", "z2.json"),
    }
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert (await target.deliver(parcel)).remote_id == receipt.remote_id
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    (folder / "media.mp4").write_bytes(b"damaged")
    await target.deliver(parcel)
    assert (folder / "media.mp4").read_bytes() == b"m" * 5000


async def test_s3_gets_each_object_once_with_its_checksum_in_ascii(tmp_path: Path) -> None:
    async with S3() as store:
        options = {
            "endpoint": store.url,
            "region": "eu-1",
            "aws_access_key_id": "key-canary",
            "aws_secret_access_key": "canary",
        }
        target = ObjectsTarget("backup", "s3://bucket/videos", options)
        made = entry(tmp_path / "job", "Schöne \x07 Titel 🎬")
        large = tmp_path / "job" / "large.mp4"
        large.write_bytes(b"x" * (12 << 20))  # in several parts
        assert made.media is not None
        digest = hashlib.sha256(large.read_bytes()).hexdigest()
        made = replace(made, media=replace(made.media, path=large, sha256=digest))
        parcel = replace(PARCEL, event="publish", entry=made)
        receipt = await target.deliver(parcel)
        media = store.objects[f"/bucket/videos/{receipt.remote_id}/media.mp4"]
        assert media.data == large.read_bytes()
        assert media.headers["x-amz-meta-sha256"] == digest
        assert all(one.headers[name].isascii() for one in store.objects.values() for name in one.headers)
        puts = len(store.puts)
        await target.deliver(parcel)
        assert len(store.puts) == puts, "nothing that is equal is sent again"
        other = replace(made, tags=("new",))
        await target.deliver(replace(parcel, entry=other))
        again = [path.rpartition("/")[2] for path in store.puts[puts:]]
        assert sorted(again) == ["movie.nfo", "note.md", "z2.json"]
        store.refuse = True
        with pytest.raises(NotDelivered) as refused:
            await target.deliver(parcel)
        assert "canary" not in str(refused.value) + repr(target)


async def test_an_object_whose_file_is_gone_is_no_reason_to_try_again(tmp_path: Path) -> None:
    made = entry(tmp_path / "job")
    (tmp_path / "job" / "media.mp4").unlink()
    with pytest.raises(NotDelivered) as refused:
        await ObjectsTarget("b", f"file://{tmp_path}/s").deliver(replace(PARCEL, event="publish", entry=made))
    assert refused.value.final


@pytest.mark.parametrize("text", HOSTILE)
def test_no_id_leaves_the_prefix(tmp_path: Path, text: str) -> None:
    made = entry(tmp_path / "job", source_id=text, extractor=text, media_key=f"x:{text}")
    parts = objects.folder_of(made).split("/")
    assert len(parts) == 2
    assert not {"", ".", ".."} & set(parts)
