"""The outbox and its publisher: everything once, whatever dies in between; what fails is tried again, and said."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from tests.publish.receiver import Receiver
from tests.store.making import claimed, job, worker
from tests.support import eventually
from tests.worker.publishing import (
    claim_job,
    declared,
    finish_job,
    publication,
    publishing,
    retitle,
    served,
    settled,
    start_publisher_process,
)
from z2d.pipeline.lanes import Lanes
from z2d.store import claims, collections, deliveries, outbox, reads, requests
from z2d.store.database import Database
from z2d.store.outbox import TargetRow
from z2d.wire.errors import Conflict, JobNotFound, TargetNotFound
from z2d.wire.jobs import Outcome, StageName, WaitReason
from z2d.wire.lists import ListEntry
from z2d.wire.reasons import ErrorClass

SECRET = "whsec_" + base64.b64encode(b"a secret of 24 bytes ...").decode()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as started:
        yield started


@pytest.fixture
def tables(receiver: Receiver, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """One target of each kind."""
    for name, text in {"secret": SECRET, "urls": f"{receiver.url}/phone".replace("http", "json")}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return {
        "talks": {"kind": "feed", "title": "Talks"},
        "hook": {"kind": "webhook", "url": f"{receiver.url}/hook", "secret_file": str(tmp_path / "secret")},
        "phone": {"kind": "notification", "urls_file": str(tmp_path / "urls")},
        "store": {"kind": "objects", "url": f"file://{tmp_path / 'store'}"},
    }


async def test_targets_change_while_it_runs(
    dsn: str, db: Database, tmp_path: Path, receiver: Receiver, tables: dict[str, Any]
) -> None:
    """One goes, one comes, one stays; the one that stays is not disturbed in what it is sending."""
    receiver.hold = asyncio.Event()
    async with publishing(dsn, tmp_path, {"hook": tables["hook"], "talks": tables["talks"]}) as publisher:
        first = await claim_job(db)
        await finish_job(db, tmp_path, first)
        await eventually(lambda: receiver.posts, what="the message on its way")
        now = {"hook": tables["hook"], "store": tables["store"]}
        publisher.adjust(served(now), scale=0.001)
        await eventually(lambda: declared(db, now), what="the new targets in the database")
        receiver.hold.set()
        await settled(db, first.job_id, "hook", "finished")
        second = await claim_job(db, title="Another")
        await finish_job(db, tmp_path, second)
        await settled(db, second.job_id, "store", "publish")
        await settled(db, second.job_id, "hook", "finished")
        gone = await db.fetchval(
            "SELECT count(*) FROM job_publishing WHERE job_id = $1 AND target = 'talks'", second.job_id
        )
        assert gone == 0
    assert len(posts(receiver, "/hook")) == 2, "the message that was on its way went out once"


def posts(receiver: Receiver, path: str) -> list[dict[str, str]]:
    return [one.headers for one in receiver.posts if one.path == path]


async def test_a_finished_job_reaches_every_target_once(
    dsn: str, db: Database, tmp_path: Path, receiver: Receiver, tables: dict[str, Any]
) -> None:
    async with publishing(dsn, tmp_path, tables):
        claim = await claim_job(db)
        await finish_job(db, tmp_path, claim)
        for target, event in [("talks", "publish"), ("store", "publish"), ("hook", "finished"), ("phone", "finished")]:
            await settled(db, claim.job_id, target, event)
    assert len(posts(receiver, "/hook")) == len(posts(receiver, "/phone")) == 1
    (post,) = [one for one in receiver.posts if one.path == "/hook"]
    told = Webhook(SECRET).verify(post.body, post.headers)["data"]
    assert told["job"]["status"] == "COMPLETED"
    assert told["places"]["library"] == "/library/entry"
    assert list((tmp_path / "store").rglob("media.mp4"))
    assert (await reads.detail(db, claim.job_id)).outcome is Outcome.FULL


async def test_while_the_publishing_lane_is_closed_nothing_is_sent(
    dsn: str, db: Database, tmp_path: Path, receiver: Receiver, tables: dict[str, Any]
) -> None:
    class Watched(Lanes):
        looks = 0

        def closed(self, stage: StageName) -> bool:
            self.looks += 1
            return super().closed(stage)

    lanes = Watched()
    lanes.limit_to({StageName.PUBLISHING: 0})
    async with publishing(dsn, tmp_path, {"hook": tables["hook"]}, lanes=lanes):
        claim = await claim_job(db)
        await finish_job(db, tmp_path, claim)
        before = lanes.looks
        await eventually(lambda: lanes.looks >= before + 4, what="a publisher that looks again and again")
        assert receiver.posts == []
        lanes.limit_to({})
        await settled(db, claim.job_id, "hook", "finished")
    assert len(posts(receiver, "/hook")) == 1


async def test_the_end_of_a_list_is_told_with_what_became_of_its_entries(
    dsn: str, db: Database, tmp_path: Path, receiver: Receiver, tables: dict[str, Any]
) -> None:
    """By a target that wants lists as a whole, once; entries that failed are counted."""
    tables = {name: {**tables[name], "filter": "parent:none"} for name in ("hook", "phone")}
    async with publishing(dsn, tmp_path, tables):
        me = await worker(db)
        parent = await claimed(db, me)
        await collections.expand(
            db,
            parent,
            [ListEntry(url=f"https://l.example/{n}", title=f"Entry {n}", site="l", dedup_key=f"l:{n}") for n in (1, 2)],
        )
        good, bad = [await claims.claim(db, me), await claims.claim(db, me)]
        assert good is not None and bad is not None
        await claims.finish(db, good, Outcome.FULL)
        await claims.fail(db, bad, ErrorClass.NOT_FOUND, "gone", StageName.METADATA)
        for target in ("hook", "phone"):
            await settled(db, parent.job_id, target, "finished")
    hook, phone = receiver.posts if receiver.posts[0].path == "/hook" else receiver.posts[::-1]
    told = json.loads(hook.body)
    assert (told["type"], told["data"]["job"]["kind"], told["data"]["job"]["id"]) == (
        "job.finished",
        "COLLECTION",
        parent.job_id,
    )
    assert told["data"]["job"]["outcome"] == "PARTIAL"
    assert told["data"]["entries"] == {"FULL": 1, "FAILED": 1}
    assert "2 entries: 1 complete, 1 failed" in json.loads(phone.body)["message"]
    with pytest.raises(Conflict, match="publish its entries"):
        await outbox.republish(db, parent.job_id, target=None, force=False)


async def test_nothing_is_sent_before_the_job_has_ended_nor_of_one_that_is_cancelled(
    dsn: str, db: Database, tmp_path: Path, receiver: Receiver, tables: dict[str, Any]
) -> None:
    async with publishing(dsn, tmp_path, tables):
        claim = await claim_job(db)
        async with db.transaction() as connection:
            await outbox.enqueue(connection, claim.job_id, "publish", "hash")
        assert await deliveries.next_due(db, "store", installation="here") is None
        await requests.ask_cancel(db, claim.job_id)
        await claims.finish(db, claim, Outcome.FULL)
        found = (await reads.detail(db, claim.job_id)).publishing
        assert {one.status for one in found} == {"CANCELLED"}
        assert not {one.event for one in found} - {"publish"}
    assert receiver.posts == []


@pytest.mark.parametrize("target", ["hook", "phone", "store"])
async def test_killed_between_success_and_commit_there_is_one_effect(
    dsn: str, db: Database, tmp_path: Path, receiver: Receiver, tables: dict[str, Any], target: str
) -> None:
    """The process dies when the other side has it and the database does not know. Then another one goes on."""
    only = {target: tables[target]}
    row = TargetRow(target, {"hook": "webhook", "phone": "notification", "store": "objects"}[target], (), "")
    event = "publish" if target == "store" else "finished"
    await outbox.declare_targets(db, "here", [TargetRow(row.name, row.kind, (event,), "")])
    claim = await claim_job(db)
    await finish_job(db, tmp_path, claim)
    first = await start_publisher_process(dsn, tmp_path, only, crash=True)
    async with asyncio.timeout(60):
        assert await first.wait() == -signal.SIGKILL
    stored = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*") if path.is_file()}
    second = await start_publisher_process(dsn, tmp_path, only, crash=False)
    try:
        await settled(db, claim.job_id, target, event, status="FAILED" if target == "phone" else "PUBLISHED")
    finally:
        second.terminate()
        await second.wait()
    found = posts(receiver, f"/{target}")
    if target == "hook":
        assert len(found) == 2
        assert len({one["webhook-id"] for one in found}) == 1, "the receiver can tell that it is the same"
        bodies = [one.body for one in receiver.posts]
        assert bodies[0] == bodies[1]
    elif target == "phone":
        assert len(found) == 1, "nobody is told twice"
        failed = await publication(db, claim.job_id, target, event)
        assert failed is not None
        assert "may have arrived" in str(failed.error_message)
    else:
        assert stored
        assert stored == {p: p.stat().st_mtime_ns for p in (tmp_path / "store").rglob("*") if p.is_file()}


async def test_a_failing_target_makes_the_job_partial_until_it_works(
    dsn: str, db: Database, tmp_path: Path, receiver: Receiver, tables: dict[str, Any]
) -> None:
    receiver.answers = [(500, {}), (500, {})]
    outcomes: list[str] = []

    async with publishing(dsn, tmp_path, {"hook": tables["hook"]}, scale=0.02):
        claim = await claim_job(db)
        await finish_job(db, tmp_path, claim)

        async def partial() -> bool:
            outcomes.append(str((await reads.summary(db, claim.job_id)).outcome))
            return outcomes[-1] == "PARTIAL"

        await eventually(partial, 10, every=0.01, what="the job to be partial while the webhook fails")
        done = await settled(db, claim.job_id, "hook", "finished")
    assert done.attempt == 3
    assert done.error_message is None
    assert len({one["webhook-id"] for one in posts(receiver, "/hook")}) == 1
    assert (await reads.summary(db, claim.job_id)).outcome is Outcome.FULL


async def test_after_eight_tries_it_is_given_up_and_said_so(
    dsn: str, db: Database, tmp_path: Path, receiver: Receiver, tables: dict[str, Any]
) -> None:
    receiver.answers = [(500, {})] * 20
    async with publishing(dsn, tmp_path, {"hook": tables["hook"]}, scale=0.00001):
        claim = await claim_job(db)
        await finish_job(db, tmp_path, claim)
        failed = await settled(db, claim.job_id, "hook", "finished", status="FAILED")
    assert failed.attempt == failed.max_attempts == len(receiver.posts) == 8
    assert failed.error_class == ErrorClass.SERVER_ERROR
    assert (await reads.summary(db, claim.job_id)).outcome is Outcome.PARTIAL


async def test_the_waits_double_and_retry_after_is_honoured(
    dsn: str, db: Database, tmp_path: Path, receiver: Receiver, tables: dict[str, Any]
) -> None:
    receiver.answers = [(503, {"Retry-After": "3600"})]
    async with publishing(dsn, tmp_path, {"hook": tables["hook"]}, scale=1):
        claim = await claim_job(db)
        await finish_job(db, tmp_path, claim)
        await eventually(lambda: receiver.posts)

        async def waits() -> bool:
            due = await deliveries.next_due(db, "hook", installation="here")
            return due is not None and 3500 < due <= 3600

        await eventually(waits, what="the hour that was asked for")


async def test_410_closes_the_target_until_a_person_names_it(
    dsn: str, db: Database, tmp_path: Path, receiver: Receiver, tables: dict[str, Any]
) -> None:
    receiver.answers = [(410, {})]
    async with publishing(dsn, tmp_path, {"hook": tables["hook"]}):
        first = await claim_job(db)
        await finish_job(db, tmp_path, first)
        await settled(db, first.job_id, "hook", "finished", status="FAILED")

        async def closed() -> bool:
            return bool(await db.fetchval("SELECT disabled_at IS NOT NULL FROM publish_targets WHERE name = 'hook'"))

        await eventually(closed)
        second = await claim_job(db)
        await finish_job(db, tmp_path, second)
        assert await publication(db, second.job_id, "hook", "finished") is None
        await outbox.republish(db, first.job_id, target=None, force=False)
        assert (await publication(db, first.job_id, "hook", "finished")).status == "FAILED"  # type: ignore[union-attr]
        await outbox.republish(db, first.job_id, target="hook", force=False)
        await settled(db, first.job_id, "hook", "finished")
    assert len(receiver.posts) == 2


async def test_a_job_whose_target_is_closed_before_its_turn_is_not_whole(db: Database) -> None:
    await outbox.declare_targets(db, "here", [TargetRow("hook", "webhook", ("finished",), "hash")])
    claim = await claimed(db)
    await claims.finish(db, claim, Outcome.FULL)
    await deliveries.disable_target(db, "hook", ErrorClass.REMOVED, "410")
    found = await reads.detail(db, claim.job_id)
    assert (found.publishing[0].status, found.outcome) == ("FAILED", Outcome.PARTIAL)


async def test_publishing_again_sends_only_what_has_changed(
    dsn: str, db: Database, tmp_path: Path, receiver: Receiver, tables: dict[str, Any]
) -> None:
    async with publishing(dsn, tmp_path, tables):
        claim = await claim_job(db)
        await finish_job(db, tmp_path, claim)
        before = await settled(db, claim.job_id, "hook", "finished")
        await settled(db, claim.job_id, "phone", "finished")
        await settled(db, claim.job_id, "store")
        await outbox.republish(db, claim.job_id, target=None, force=False)
        same = await settled(db, claim.job_id, "hook", "finished")
        await settled(db, claim.job_id, "store")
        assert same.published_at == before.published_at
        assert len(receiver.posts) == 2, "nothing was sent again"
        await retitle(db, tmp_path, await reads.detail(db, claim.job_id), "Another talk")
        await outbox.republish(db, claim.job_id, target=None, force=False)
        await eventually(lambda: len(receiver.posts) == 3, what="the webhook of the new content")
        await settled(db, claim.job_id, "hook", "finished")
        await outbox.republish(db, claim.job_id, target="hook", force=True)
        await eventually(lambda: len(receiver.posts) == 4, what="the forced one")
        await settled(db, claim.job_id, "hook", "finished")
        await settled(db, claim.job_id, "library")
    ids = [one["webhook-id"] for one in posts(receiver, "/hook")]
    assert ids[0] != ids[1] == ids[2]
    assert len(posts(receiver, "/phone")) == 1, "people are never told twice"
    assert list((tmp_path / "library").rglob("*Another talk*.md"))


async def test_a_target_that_came_later_gets_the_job_when_it_is_published_again(
    dsn: str, db: Database, tmp_path: Path, tables: dict[str, Any]
) -> None:
    claim = await claim_job(db, tags=["talk"])
    await finish_job(db, tmp_path, claim)
    late = {"store": tables["store"], "talks": {**tables["talks"], "filter": "tag:other"}}
    async with publishing(dsn, tmp_path, late):
        assert await publication(db, claim.job_id, "store") is None
        await outbox.republish(db, claim.job_id, target=None, force=False)
        await settled(db, claim.job_id, "store")
        assert await publication(db, claim.job_id, "talks") is None, "its filter does not choose the job"
        await outbox.republish(db, claim.job_id, target="talks", force=False)
        await settled(db, claim.job_id, "talks")


async def test_what_cannot_be_published_says_why(db: Database) -> None:
    with pytest.raises(JobNotFound):
        await outbox.republish(db, 99, target=None, force=False)
    queued = await job(db)
    with pytest.raises(Conflict, match="QUEUED"):
        await outbox.republish(db, queued.id, target=None, force=False)
    claim = await claims.claim(db, await worker(db))
    assert claim is not None
    await claims.finish(db, claim, Outcome.FULL)
    with pytest.raises(TargetNotFound):
        await outbox.republish(db, queued.id, target="nowhere", force=False)


async def test_failed_jobs_and_jobs_that_need_a_person_are_told_once(
    dsn: str, db: Database, tmp_path: Path, receiver: Receiver, tables: dict[str, Any]
) -> None:
    async with publishing(dsn, tmp_path, {"phone": tables["phone"], "hook": tables["hook"]}):
        failed = await claim_job(db)
        await claims.fail(db, failed, ErrorClass.PRIVATE, "It is private.", None)
        await settled(db, failed.job_id, "phone", "failed")
        await settled(db, failed.job_id, "hook", "failed")
        stopped = []
        for _ in range(5):
            claim = await claim_job(db)
            why = {"error_class": ErrorClass.BOT_CHECK, "message": "It wants a person."}
            await claims.requeue(db, claim, WaitReason.RATE_LIMITED, 3600, attempt_used=False, **why)  # type: ignore[arg-type]
            stopped.append(claim.job_id)
        await settled(db, stopped[0], "phone", "attention")
    words = [json.loads(one.body) for one in receiver.posts if one.path == "/phone"]
    assert [one["title"].partition(":")[0] for one in words] == ["Failed", "z2 needs you"]
    assert "cookies" in words[1]["message"]


async def test_who_was_too_slow_writes_nothing(db: Database, tmp_path: Path) -> None:
    await outbox.declare_targets(db, "here", [TargetRow("store", "objects", ("publish",), "")])
    claim = await claim_job(db)
    await finish_job(db, tmp_path, claim)
    slow = await deliveries.claim_delivery(db, "slow", "store", 0.0, installation="here")
    assert slow is not None
    assert await deliveries.claim_delivery(db, "elsewhere", "store", 30, installation="another machine") is None
    quick = await deliveries.claim_delivery(db, "quick", "store", 30, installation="here")
    assert quick is not None
    assert quick.idempotency_key == slow.idempotency_key
    for write in (
        deliveries.sent(db, slow),
        deliveries.skip(db, slow, ""),
        deliveries.not_sent(db, slow, ErrorClass.UNKNOWN, "", delay_s=None),
        deliveries.give_back(db, slow),
        deliveries.keep(db, slow, 30),
    ):
        with pytest.raises(deliveries.DeliveryLost):
            await write
    await deliveries.sent(db, quick, remote_id="there")
    done = await publication(db, claim.job_id, "store")
    assert done is not None
    assert (done.status, done.remote_id) == ("PUBLISHED", "there")


async def test_a_library_that_cannot_be_written_is_tried_again_in_the_background(
    dsn: str, db: Database, tmp_path: Path
) -> None:
    (tmp_path / "library").write_text("in the way")
    async with publishing(dsn, tmp_path, {}, scale=0.01):
        claim = await claim_job(db)
        await finish_job(db, tmp_path, claim)
        await outbox.republish(db, claim.job_id, target="library", force=True)

        async def complains() -> bool:
            found = await publication(db, claim.job_id, "library")
            return found is not None and found.error_class is not None

        await eventually(complains)
        assert (await reads.summary(db, claim.job_id)).outcome is Outcome.PARTIAL
        (tmp_path / "library").unlink()
        done = await settled(db, claim.job_id, "library")
    assert done.remote_url is not None
    assert done.remote_url.startswith(str(tmp_path / "library/Night school/2026-03-04 A talk"))
    assert (await reads.summary(db, claim.job_id)).outcome is Outcome.FULL
