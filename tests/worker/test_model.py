"""Jobs whose analysis asks a language model: what is stored and shown, what it costs, and asking again."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.llm import FakeModel, Said, completion, recorded
from tests.site import Site
from tests.support import eventually
from tests.worker.rig import VERSIONS, Desk, leftovers, working
from z2d.analysis.models import LanguageModel
from z2d.store import analyses, reads, requests
from z2d.wire import filters
from z2d.wire.jobs import JobDetail, JobOptions, JobStatus, Outcome, StageName
from z2d.wire.library import ModelUse

KEY = "sk-canary-4711"


@pytest.fixture
async def model() -> AsyncIterator[FakeModel]:
    async with FakeModel() as started:
        yield started


@pytest.fixture
def settings(model: FakeModel, desk: Desk) -> LanguageModel:
    key = desk.state_dir / "key"
    key.write_text(KEY)
    return LanguageModel(
        url=model.url, model="fake-1", key_file=str(key), price_input=1.0, price_output=4.0, patience_s=0.01
    )


async def spoken_in(desk: Desk, job: JobDetail) -> str:
    return " ".join(cue.text for cue in (await reads.transcript(desk.db, job.id)).cues)


async def test_what_a_model_says_is_stored_with_its_origin_and_cost(
    dsn: str, desk: Desk, site: Site, model: FakeModel, settings: LanguageModel
) -> None:
    async with working(dsn, desk.state_dir, llm=settings):
        job = await desk.end_of(await desk.submit(site.url("/speech")))
    story = await desk.story(job.id)
    assert (job.status, job.outcome) == (JobStatus.COMPLETED, Outcome.FULL), story
    found = job.analysis
    assert found is not None and found.provenance is not None, story
    assert (found.backend, found.model, found.prompt_version) == ("openai-compatible", "fake-1", "1")
    came = found.provenance
    assert came.endpoint == model.url and came.prompt_hash and came.machine and came.z2 and came.python
    assert {"aiohttp", "numpy"} <= set(came.tools)
    assert came.use == ModelUse(calls=1, prompt_tokens=1000, completion_tokens=100, cost=0.0014)
    assert found.duration_ms is not None
    used = {one.stage.value: one.tools for one in job.stages}
    assert used["download"] == VERSIONS
    assert used["metadata"] == {"z2": "0.1.0", "yt-dlp": "2026.7.4"}
    assert used["audio"] == {"z2": "0.1.0", "ffmpeg": "7.1"}
    spoken = await spoken_in(desk, job)
    assert found.insights and all(one.verified and one.quote in spoken for one in found.insights)
    assert await analyses.tokens_today(desk.db) == 1100
    assert model.keys == [f"Bearer {KEY}"]
    kept = str([dict(row) for row in await desk.db.fetch("TABLE job_stages")])
    assert KEY not in job.model_dump_json() + story + kept


async def test_again_by_filter_without_fetching_and_former_versions_stay(
    dsn: str, desk: Desk, site: Site, model: FakeModel, settings: LanguageModel
) -> None:
    async with working(dsn, desk.state_dir):
        job = await desk.end_of(await desk.submit(site.url("/speech"), tags=["talk"]))
        failed = await desk.end_of(await desk.submit(site.url("/status/404")))
    before = dict(site.hits)
    terms = filters.parse("tag:talk")
    assert await analyses.analysable(desk.db, terms, limit=10) == [job.id]
    assert await analyses.analysable(desk.db, (), ids=[job.id, failed.id, 999], limit=10) == [job.id]
    assert await analyses.analysable(desk.db, filters.parse("tag:other"), limit=10) == []
    async with working(dsn, desk.state_dir, llm=settings):
        asked = {"priority": -10, "options": {"analysis_language": "de"}}
        queued = await requests.retry(desk.db, job.id, StageName.ANALYSIS, **asked)  # type: ignore[arg-type]
        assert queued.priority == -10
        job = await desk.end_of(job.id)
        first_questions = len(model.asked)
        await requests.retry(desk.db, job.id, StageName.ANALYSIS)
        job = await desk.end_of(job.id)
    assert dict(site.hits) == before, "nothing was fetched"
    assert job.analysis is not None and job.analysis.language == "de"
    versions = await analyses.versions(desk.db, job.id)
    assert [one.backend for one in versions] == ["openai-compatible", "openai-compatible", "offline"]
    assert [one.is_current for one in versions] == [True, False, False]
    assert all(one.provenance is not None for one in versions)
    assert len(model.asked) == first_questions == 1, "the answer was kept"
    assert versions[0].provenance is not None and versions[0].provenance.use is not None
    assert (versions[0].provenance.use.calls, versions[0].provenance.use.cached) == (0, 1)
    assert await analyses.tokens_today(desk.db) == 1100


LIES: dict[str, Any] = {
    "flipped": ("Ask it.", 1, "And so, my fellow Americans, ask what your country can do for you"),
    "invented": ("It is about bitcoin.", 1, "And you should all buy bitcoin before the evening"),
    "segment 99999": ("Americans.", 99999, "And so, my fellow Americans"),
}


async def test_a_lying_model_leaves_nothing_but_what_was_said(
    dsn: str, desk: Desk, site: Site, model: FakeModel, settings: LanguageModel
) -> None:
    said = [{"text": text, "n": n, "quote": quote, "weight": 5} for text, n, quote in LIES.values()]
    lies = {"summary": said, "points": said, "chapters": [], "topics": [{"label": "Bitcoin", "places": said}]}
    model.behave = lambda _: completion(f"```json\n{json.dumps(lies)}\n```")
    async with working(dsn, desk.state_dir, llm=settings):
        job = await desk.end_of(await desk.submit(site.url("/speech")))
    found = job.analysis
    assert job.outcome is Outcome.FULL and found is not None
    assert "itcoin" not in found.model_dump_json()
    spoken = await spoken_in(desk, job)
    assert all(one.verified and one.quote in spoken for one in found.insights)
    assert (found.grounding_total, found.grounding_verified) == (9, 0)
    assert found.warnings == ["9 of 9 statements of the model were dropped: nobody says that there."]


@pytest.mark.parametrize(
    "said",
    [
        Said("no", 500),
        # tests/analysis/test_llm.py has these without a worker
        pytest.param(Said(recorded("openai_400_role.json"), 400), marks=pytest.mark.slow),
        pytest.param(Said(recorded("groq_404_unknown_model.json"), 404), marks=pytest.mark.slow),
    ],
)
async def test_without_the_model_the_offline_analysis_stands_and_the_job_is_whole(
    dsn: str, desk: Desk, site: Site, model: FakeModel, settings: LanguageModel, said: Said
) -> None:
    model.behave = lambda _: said
    async with working(dsn, desk.state_dir, llm=settings):
        job = await desk.end_of(await desk.submit(site.url("/speech")))
    assert job.outcome is Outcome.FULL
    assert job.analysis is not None and job.analysis.backend == "offline" and job.analysis.insights
    assert job.analysis.warnings[-1].startswith("The language model was of no use (it answers ")
    assert len(model.asked) <= 4
    assert "this is the offline analysis" in await desk.story(job.id)


@pytest.mark.slow
async def test_the_day_s_budget_stops_it_and_a_job_may_stay_offline(
    dsn: str, desk: Desk, site: Site, model: FakeModel, settings: LanguageModel
) -> None:
    await analyses.record_use(desk.db, 4711, "fake-1", ModelUse(calls=1, prompt_tokens=9000, completion_tokens=900))
    tight = settings.model_copy(update={"day_tokens": 10_000})
    async with working(dsn, desk.state_dir, llm=tight):
        poor = await desk.end_of(await desk.submit(site.url("/speech")))
        private = await desk.end_of(
            await desk.submit(site.url("/speech") + "#private", force=True, options=JobOptions(analysis="offline"))
        )
    assert poor.analysis is not None and poor.analysis.backend == "offline"
    assert "its token budget is used up" in poor.analysis.warnings[-1]
    assert private.analysis is not None and private.analysis.warnings == []
    assert model.asked == []
    assert await analyses.tokens_today(desk.db) == 9900


async def test_a_job_is_cancelled_while_a_model_thinks(
    dsn: str, desk: Desk, site: Site, model: FakeModel, settings: LanguageModel
) -> None:
    model.holds = threading.Event()
    async with working(dsn, desk.state_dir, llm=settings):
        job_id = await desk.submit(site.url("/speech"))
        await eventually(lambda: model.asked, 60, what="a question to the model")
        assert thinking(desk)
        await desk.cancel(job_id)
        job = await desk.end_of(job_id, within=10)
        assert job.status is JobStatus.CANCELLED
        await eventually(lambda: not thinking(desk), 10, what="the end of the analysis")
        model.holds.set()


def thinking(desk: Desk) -> list[int]:
    """The processes of this installation that analyse something."""
    found = []
    for pid in leftovers(desk.state_dir):
        with suppress(OSError):  # it has just ended
            found += [pid] if b"z2d.analysis.child" in Path(f"/proc/{pid}/cmdline").read_bytes() else []
    return found


async def test_use_is_added_up_by_day_job_and_model(desk: Desk) -> None:
    one = ModelUse(calls=1, prompt_tokens=10, completion_tokens=1)
    for use in (one, one.model_copy(update={"cost": 0.5}), one.model_copy(update={"cost": 0.25}), one):
        await analyses.record_use(desk.db, 1, "a", use)
    await analyses.record_use(desk.db, 2, "a", one)
    rows = await desk.db.fetch("SELECT job_id, calls, prompt_tokens, cost FROM model_use ORDER BY job_id")
    assert [tuple(row) for row in rows] == [(1, 4, 40, 0.75), (2, 1, 10, None)]
    assert await analyses.tokens_today(desk.db) == 55
