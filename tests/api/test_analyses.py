"""Asking for analyses anew, and looking at all that a job has had."""

from __future__ import annotations

from tests.api.world import World
from z2d.store.results import save_analysis
from z2d.wire.library import Analysis, ModelUse, Provenance

CAME = Provenance(
    z2="0.1.0",
    python="3.11",
    machine="here",
    endpoint="http://localhost:1/v1",
    use=ModelUse(calls=2, prompt_tokens=30, completion_tokens=4, cost=0.5),
)


def analysis(short: str) -> Analysis:
    return Analysis(
        backend="openai-compatible", model="m", input_hash="h", summary_short=short, summary=short, provenance=CAME
    )


async def test_every_version_is_kept_with_its_origin(seeded: World) -> None:
    assert await seeded.call("GET", "/api/jobs/1/analyses") == (200, {"items": []})
    async with seeded.db.transaction() as connection:
        for short in ("first", "second"):
            await save_analysis(connection, 1, analysis(short))
    status, answer = await seeded.call("GET", "/api/jobs/1/analyses")
    assert status == 200
    assert [(one["summary_short"], one["is_current"]) for one in answer["items"]] == [
        ("second", True),
        ("first", False),
    ]
    assert answer["items"][1]["provenance"] == CAME.model_dump(mode="json")
    _, job = await seeded.call("GET", "/api/jobs/1")
    assert job["analysis"]["summary_short"] == "second"
    assert job["analysis"]["provenance"]["use"]["prompt_tokens"] == 30
    assert (await seeded.call("GET", "/api/jobs/77/analyses"))[0] == 404


async def test_completed_jobs_are_queued_by_filter_or_id_and_others_refused(seeded: World) -> None:
    foretold = await seeded.call("POST", "/api/analyze", json={"filter": "tag:talks", "dry_run": True})
    assert foretold == (200, {"done": [1], "refused": [], "next_after": None})
    assert (await seeded.call("GET", "/api/jobs/1"))[1]["status"] == "COMPLETED"
    status, answer = await seeded.call(
        "POST", "/api/analyze", json={"ids": [1, 2, 4, 77], "language": "de", "analysis": "offline"}
    )
    assert (status, answer["done"]) == (200, [1])
    assert [(one["id"], one["code"]) for one in answer["refused"]] == [
        (2, "conflict"),
        (4, "conflict"),
        (77, "conflict"),
    ]
    _, job = await seeded.call("GET", "/api/jobs/1")
    assert (job["status"], job["priority"]) == ("QUEUED", -10)
    assert (job["options"]["analysis_language"], job["options"]["analysis"]) == ("de", "offline")
    done = {stage["stage"]: stage["status"] for stage in job["stages"]}
    assert (done["download"], done["analysis"]) == ("DONE", "PENDING")
    assert await seeded.call("POST", "/api/analyze", json={"filter": "tag:talks"}) == (
        200, {"done": [], "refused": [], "next_after": None},
    )  # fmt: skip


async def test_a_job_whose_files_are_gone_is_left_out(seeded: World) -> None:
    await seeded.db.execute("UPDATE job_files SET state = 'PURGED' WHERE job_id = 1")
    _, answer = await seeded.call("POST", "/api/analyze", json={"filter": "id:1"})
    assert answer["done"] == []


async def test_either_ids_or_a_filter(seeded: World) -> None:
    for body in ({}, {"ids": [1], "filter": ""}, {"ids": []}, {"filter": "nonsense:1"}, {"ids": [1], "language": "?"}):
        assert (await seeded.call("POST", "/api/analyze", json=body))[0] == 400
