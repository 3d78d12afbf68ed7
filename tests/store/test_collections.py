"""A list and its children: made together, each ending for itself, the last one ending the list."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.store.making import claimed, job, worker
from z2d.store import claims, collections, logs, reads, requests, submission, workers
from z2d.store.claims import Claim, LeaseLost
from z2d.store.database import Database
from z2d.store.rescue import rescue
from z2d.store.upkeep import upkeep
from z2d.wire.errors import AlreadyFinished
from z2d.wire.jobs import JobDetail, JobKind, JobOptions, JobStatus, Outcome, WaitReason
from z2d.wire.lists import ListEntry, PlaylistOptions
from z2d.wire.reasons import ErrorClass


def entries(count: int, prefix: str = "e") -> list[ListEntry]:
    return [
        ListEntry(url=f"https://l.example/{prefix}{n}", title=f"Entry {n}", site="l", dedup_key=f"l:{prefix}{n}")
        for n in range(count)
    ]


async def expanded(db: Database, wanted: list[ListEntry], worker_id: str, **fields: Any) -> int:
    parent = await claimed(db, worker_id, **fields)
    await collections.expand(db, parent, wanted)
    return parent.job_id


async def next_claim(db: Database, worker_id: str) -> Claim:
    found = await claims.claim(db, worker_id)
    assert found is not None
    return found


async def detail(db: Database, job_id: int) -> JobDetail:
    return await reads.detail(db, job_id)


async def test_a_list_becomes_jobs_and_waits_for_them_without_a_slot(db: Database) -> None:
    me = await worker(db)
    options = JobOptions(max_height=360, playlist=PlaylistOptions(limit=2))
    parent = await expanded(db, entries(2), me, options=options, priority=3, tags=["talks"])
    found = await detail(db, parent)
    assert (found.status, found.kind, found.wait_reason) == ("WAITING", JobKind.COLLECTION, WaitReason.CHILDREN)
    assert [(one.position, one.title, one.status) for one in found.children] == [
        (0, "Entry 0", "QUEUED"),
        (1, "Entry 1", "QUEUED"),
    ]
    assert found.attempts[0].result == "WAITING"
    child = await detail(db, found.children[0].id)
    assert (child.parent_id, child.priority, child.tags, child.kind) == (parent, -7, ["talks"], JobKind.MEDIA)
    assert child.options["max_height"] == 360
    assert "playlist" not in child.options
    assert await db.fetchval("SELECT count(*) FROM jobs WHERE worker_id IS NOT NULL") == 0
    page = await reads.page(db, reads.ListQuery(parent=parent))
    assert sorted(one.id for one in page.items) == [one.id for one in found.children]
    assert page.total == 2


async def test_a_single_video_runs_before_the_children_of_a_list(db: Database) -> None:
    me = await worker(db)
    await expanded(db, entries(2), me)
    single = await job(db)
    assert (await next_claim(db, me)).job_id == single.id


async def test_one_good_one_gone_one_duplicate_is_a_partial_list(db: Database) -> None:
    me = await worker(db)
    there = await claimed(db, me, key="l:known")
    await claims.finish(db, there, Outcome.FULL)
    known = ListEntry(url="https://l.example/known", dedup_key="l:known")
    parent = await expanded(db, [*entries(2), known], me)
    found = await detail(db, parent)
    assert [one.status for one in found.children] == ["QUEUED", "QUEUED", "COMPLETED"]
    assert (found.children[2].outcome, found.children[2].duplicate_of) == (Outcome.DUPLICATE, there.job_id)
    assert [one.progress for one in found.children] == [0.0, 0.0, 1.0], "what is complete is so also without a run"
    await claims.finish(db, await next_claim(db, me), Outcome.FULL)
    moved = await detail(db, parent)
    assert moved.progress == pytest.approx(2 / 3, abs=1e-3)
    assert moved.rev > found.rev  # so everybody who watches is told
    await claims.fail(db, await next_claim(db, me), ErrorClass.REMOVED, "It is gone.", None)
    found = await detail(db, parent)
    assert (found.status, found.outcome, found.progress) == ("COMPLETED", Outcome.PARTIAL, 1)
    said = (await logs.page(db, parent, after=0, before=None, limit=10, level=None, stage=None, q=None)).items
    assert said[-1].message == "All 3 entries are finished: 1 complete, 1 already there, 1 failed."


async def test_broken_entries_are_jobs_that_failed_and_stop_nobody(db: Database) -> None:
    me = await worker(db)
    broken = ListEntry(url="ftp://l.example/x", error_class="BAD_URL", message="Only http and https are taken.")
    parent = await expanded(db, [broken, *entries(1)], me)
    found = await detail(db, parent)
    assert [one.status for one in found.children] == ["FAILED", "QUEUED"]
    assert found.children[0].error is not None
    assert found.children[0].error.code == "BAD_URL"
    await claims.finish(db, await next_claim(db, me), Outcome.FULL)
    assert (await detail(db, parent)).outcome is Outcome.PARTIAL


@pytest.mark.parametrize(
    ("ends", "status", "outcome"),
    [
        (["full", "full"], "COMPLETED", "FULL"),
        (["full", "partial"], "COMPLETED", "PARTIAL"),
        (["full", "cancel"], "COMPLETED", "PARTIAL"),
        (["fail", "fail"], "FAILED", None),
        (["cancel", "fail"], "FAILED", None),
        (["cancel", "cancel"], "CANCELLED", None),
        ([], "COMPLETED", "FULL"),
    ],
)
async def test_how_a_list_ends(db: Database, ends: list[str], status: str, outcome: str | None) -> None:
    me = await worker(db)
    parent = await expanded(db, entries(len(ends)), me)
    for end in ends:
        claim = await next_claim(db, me)
        match end:
            case "full" | "partial":
                await claims.finish(db, claim, Outcome(end.upper()))
            case "fail":
                await claims.fail(db, claim, ErrorClass.GEO, "Not here.", None)
            case "cancel":
                await requests.ask_cancel(db, claim.job_id)
                await claims.cancelled(db, claim)
    found = await detail(db, parent)
    assert (found.status, found.outcome) == (status, outcome)
    if status == "FAILED":
        assert found.error is not None
        assert found.error.code == "GEO"
        assert "None of the 2 entries" in found.error.message


async def test_an_empty_list_of_which_all_is_there_already_is_complete_at_once(db: Database) -> None:
    me = await worker(db)
    there = await claimed(db, me, key="l:e0")
    await claims.finish(db, there, Outcome.FULL)
    parent = await expanded(db, entries(1), me)
    assert (await detail(db, parent)).outcome is Outcome.FULL


@pytest.mark.parametrize("last", ["finish", "cancel", "requeue"])
async def test_two_children_that_end_together_never_leave_the_list_waiting(db: Database, last: str) -> None:
    """A hundred times, on two connections, the second one by each way in which a child can end."""
    me, other = await worker(db), await worker(db)
    rounds = 100 if last == "finish" else 20

    async def end_second(claim: Claim) -> None:
        if last == "requeue":
            await claims.requeue(
                db, claim, WaitReason.RETRY, 0, attempt_used=True, error_class=ErrorClass.NETWORK, message="m"
            )
        else:
            await claims.finish(db, claim, Outcome.FULL)

    for number in range(rounds):
        parent = await expanded(db, entries(2, f"r{number}-"), me)
        await db.execute("UPDATE jobs SET max_attempts = 1 WHERE parent_id = $1", parent)
        first = await next_claim(db, me)
        if last == "cancel":
            second = (await detail(db, parent)).children
            ids = [one.id for one in second if one.id != first.job_id]
            await asyncio.gather(claims.finish(db, first, Outcome.FULL), requests.ask_cancel(db, ids[0]))
        else:
            await asyncio.gather(claims.finish(db, first, Outcome.FULL), end_second(await next_claim(db, other)))
        assert (await detail(db, parent)).status == "COMPLETED", f"round {number}"


async def test_cancelling_the_list_while_its_children_end_never_blocks_and_leaves_nothing(db: Database) -> None:
    me = await worker(db)
    for number in range(30):
        parent = await expanded(db, entries(3, f"c{number}-"), me)
        running = [await next_claim(db, me), await next_claim(db, me)]

        async def end(claim: Claim) -> None:
            await claims.finish(db, claim, Outcome.FULL)

        await asyncio.gather(requests.ask_cancel(db, parent), *(end(claim) for claim in running))
        found = await detail(db, parent)
        assert found.status == "CANCELLED"
        assert all(one.status in ("CANCELLED", "COMPLETED") for one in found.children)
        assert found.children[2].status == "CANCELLED"


async def test_cancelling_a_waiting_list_asks_its_running_children_to_end(db: Database) -> None:
    me = await worker(db)
    parent = await expanded(db, entries(3), me)
    running = await next_claim(db, me)
    await requests.ask_cancel(db, parent)
    found = await detail(db, parent)
    assert found.status == "CANCELLED"
    assert [one.display_status for one in found.children] == ["CANCELLING", "CANCELLED", "CANCELLED"]
    assert [one.job_id for one in await claims.pending_requests(db, me)] == [running.job_id]
    assert await claims.finish(db, running, Outcome.FULL) is JobStatus.CANCELLED
    assert (await detail(db, parent)).status == "CANCELLED"
    with pytest.raises(AlreadyFinished):
        await requests.ask_cancel(db, await completed(db, me))


async def completed(db: Database, me: str) -> int:
    claim = await claimed(db, me)
    await claims.finish(db, claim, Outcome.FULL)
    return claim.job_id


@pytest.mark.parametrize(("wish", "status"), [("cancel", "CANCELLED"), ("pause", "QUEUED")])
async def test_a_wish_that_came_before_the_list_was_expanded_wins(db: Database, wish: str, status: str) -> None:
    parent = await claimed(db)
    if wish == "cancel":
        await requests.ask_cancel(db, parent.job_id)
    else:
        await db.execute("UPDATE jobs SET pause_requested_at = now() WHERE id = $1", parent.job_id)
    assert await collections.expand(db, parent, entries(2)) == status
    assert await db.fetchval("SELECT count(*) FROM jobs") == 1


async def test_only_the_holder_expands_and_only_once(db: Database) -> None:
    me = await worker(db)
    parent = await claimed(db, me)
    await collections.expand(db, parent, entries(2))
    with pytest.raises(LeaseLost):
        await collections.expand(db, parent, entries(2))
    assert await db.fetchval("SELECT count(*) FROM jobs") == 3


async def test_a_child_whose_worker_dies_too_often_ends_the_list_too(db: Database) -> None:
    me, dead = await worker(db), await worker(db)
    parent = await expanded(db, entries(1), me)
    await db.execute("UPDATE jobs SET max_attempts = 1 WHERE parent_id = $1", parent)
    await next_claim(db, dead)
    await workers.retire_worker(db, dead)
    await db.execute("UPDATE workers SET state = 'GONE' WHERE id = $1", dead)
    await rescue(db, 30)
    found = await detail(db, parent)
    assert found.status == "FAILED"
    assert found.error is not None
    assert found.error.code == "POISON"


async def test_the_sweeper_ends_a_list_that_waits_for_nobody(db: Database) -> None:
    me = await worker(db)
    parent = await expanded(db, entries(1), me)
    await db.execute(
        "UPDATE jobs SET status = 'CANCELLED', cancel_requested_at = now() WHERE parent_id = $1", parent
    )  # past the way that ends the parent too
    assert (await detail(db, parent)).status == "WAITING"
    await upkeep(db)
    assert (await detail(db, parent)).status == "CANCELLED"
    assert await collections.sweep(db) == []


async def test_a_retried_list_runs_its_failures_again_and_adds_what_is_new(db: Database) -> None:
    me = await worker(db)
    parent = await expanded(db, entries(2), me)
    await claims.finish(db, await next_claim(db, me), Outcome.FULL)
    await claims.fail(db, await next_claim(db, me), ErrorClass.NETWORK, "m", None)
    await requests.retry(db, parent)
    again = await next_claim(db, me)
    assert (again.job_id, again.forced) == (parent, False)
    await collections.expand(db, again, [*entries(2), *entries(1, "new")])
    found = await detail(db, parent)
    assert [one.status for one in found.children] == ["COMPLETED", "QUEUED", "QUEUED"]
    said = (await logs.page(db, parent, after=0, before=None, limit=10, level=None, stage=None, q=None)).items
    assert said[-1].message == "Entries of the list: 1 queued, 1 queued again, 1 here before."
    for _ in range(2):
        await claims.finish(db, await next_claim(db, me), Outcome.FULL)
    assert (await detail(db, parent)).outcome is Outcome.FULL


async def test_a_child_retried_with_success_makes_the_list_whole(db: Database) -> None:
    me = await worker(db)
    parent = await expanded(db, entries(2), me)
    await claims.finish(db, await next_claim(db, me), Outcome.FULL)
    failed = await next_claim(db, me)
    await claims.fail(db, failed, ErrorClass.NETWORK, "m", None)
    assert (await detail(db, parent)).outcome is Outcome.PARTIAL
    await requests.retry(db, failed.job_id)
    await claims.finish(db, await next_claim(db, me), Outcome.FULL)
    assert (await detail(db, parent)).outcome is Outcome.FULL


async def test_a_completed_list_is_looked_at_again_when_it_is_submitted_again(db: Database) -> None:
    me = await worker(db)
    parent = await expanded(db, entries(1), me, key="list:1")
    waiting, deduplicated = await submission.submit(
        db, url="https://l.example/list", site="l", dedup_key="list:1", job=submission.NewJobFields()
    )
    assert (waiting.id, deduplicated) == (parent, True)
    await claims.finish(db, await next_claim(db, me), Outcome.FULL)
    again, deduplicated = await submission.submit(
        db, url="https://l.example/list", site="l", dedup_key="list:1", job=submission.NewJobFields()
    )
    assert not deduplicated
    assert again.id != parent


async def test_lists_that_share_entries_expand_at_the_same_time(db: Database) -> None:
    me = await worker(db)
    shared = entries(40)
    both = [await claimed(db, me), await claimed(db, me)]
    await asyncio.gather(
        collections.expand(db, both[0], shared), collections.expand(db, both[1], list(reversed(shared)))
    )
    first, second = [await detail(db, one.job_id) for one in both]
    queued = [one for found in (first, second) for one in found.children if one.status == "QUEUED"]
    assert len(queued) == 40
    assert len(first.children) == len(second.children) == 40


async def test_a_thousand_entries_at_once(db: Database) -> None:
    me = await worker(db)
    parent = await expanded(db, entries(1000), me)
    found = await detail(db, parent)
    assert len(found.children) == 1000
    await requests.ask_cancel(db, parent)
    counts = await db.fetch("SELECT status, count(*) AS n FROM jobs GROUP BY status")
    assert {row["status"]: row["n"] for row in counts} == {"CANCELLED": 1001}


async def test_hostile_words_of_a_list_are_stored(db: Database, hostile: str) -> None:
    me = await worker(db)
    wanted = ListEntry(
        url="https://l.example/h", title=hostile, description=hostile, describes=True, dedup_key=f"l:{hostile}"[:500]
    )
    parent = await expanded(db, [wanted], me)
    claim = await next_claim(db, me)
    assert claim.parent_id == parent
    assert set(claim.listed) <= {"title", "description"}


@pytest.fixture(params=["\x00\x1b[31m\ud800", "\u202eevil", "a" * 5000, "'; DROP TABLE jobs; --"])
def hostile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_of_two_addresses_of_one_video_that_failed_one_is_queued_again(db: Database) -> None:
    """A list may name a video by another address at each look, and by both of them at the last."""
    me = await worker(db)
    one, other = (ListEntry(url=f"https://l.example/{name}", dedup_key="l:same") for name in ("one", "other"))
    parent = await expanded(db, [one], me)
    for entry in (other, None):
        await claims.fail(db, await next_claim(db, me), ErrorClass.NOT_FOUND, "gone", None)
        await requests.retry(db, parent)
        wanted = [one, other] if entry is None else [entry]
        await collections.expand(db, await next_claim(db, me), wanted)
    assert [child.status for child in (await detail(db, parent)).children] == ["FAILED", "QUEUED"]
