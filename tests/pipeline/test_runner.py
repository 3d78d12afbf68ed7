"""What the runner decides by itself: order, reuse, what a failure means. The stages here are made to order."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.memory import MadeStage, MemoryJournal, tools
from tests.support import eventually
from z2d.media.faults import MediaFault
from z2d.pipeline.folders import JobFolder
from z2d.pipeline.policy import Policy
from z2d.pipeline.progress import Meter, Report, Ticker
from z2d.pipeline.runner import STAGES, Completed, End, Failed, Parked, Requeue, Run, translate
from z2d.pipeline.stage import Done, Fatal, Job, Retry, Skipped, Work
from z2d.wire.jobs import LogLevel, Outcome, StageName, StageStatus, WaitReason
from z2d.wire.library import FileKind
from z2d.wire.reasons import HINTS, ErrorClass

OPTIONAL = {StageName.TRANSCRIPT, StageName.ANALYSIS, StageName.PUBLISHING}
JOB = Job(id=7, url="http://site/clip")


class House:
    """One job's world: folder, journal and six stages."""

    def __init__(self, root: Path) -> None:
        self.folder = JobFolder(root / "job")
        self.journal = MemoryJournal()
        self.tools = tools(root / "library")
        self.stages = {name: MadeStage(name, optional=name in OPTIONAL) for name in StageName}

    def new_run(self, job: Job = JOB) -> Run:
        stages: Sequence[Any] = list(self.stages.values())
        return Run(job, self.folder, self.tools, self.journal, policy=Policy(scale=0.001), stages=stages)

    async def run(self, job: Job = JOB) -> End:
        return await self.new_run(job).proceed()

    @property
    def runs(self) -> list[int]:
        return [stage.runs for stage in self.stages.values()]

    def fails(self, name: StageName, error: Exception, times: int = 10**9) -> None:
        left = times

        async def behave(_: Work) -> None:
            nonlocal left
            left -= 1
            if left >= 0:
                raise error

        self.stages[name].behave = behave


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_the_real_stages_come_in_their_order() -> None:
    assert [stage.name for stage in STAGES] == list(StageName)
    assert {stage.name for stage in STAGES if stage.optional} == OPTIONAL


async def test_a_whole_run(house: House) -> None:
    assert await house.run() == Completed(Outcome.FULL)
    assert house.runs == [1] * 6
    assert house.journal.events == [f"{what} {name.value}" for name in StageName for what in ("start", "done")]
    manifest = json.loads((house.folder.root / "manifest.json").read_text())
    assert list(manifest["stages"]) == [name.value for name in StageName]
    assert not list(house.folder.work.iterdir())


async def test_finished_stages_are_reused(house: House) -> None:
    house.fails(StageName.ANALYSIS, MediaFault(ErrorClass.NETWORK, "away"), times=1)
    assert isinstance(await house.run(), Requeue)
    assert await house.run(replace(JOB, attempt=2)) == Completed(Outcome.FULL)
    assert house.runs == [1, 1, 1, 1, 2, 1]
    assert sum("Reused" in message for _, _, message in house.journal.lines) == 4


async def test_a_changed_file_is_made_again_and_what_stands_on_it_too(house: House) -> None:
    await house.run()
    (house.folder.root / "media" / "download.bin").write_bytes(b"tampered")
    await house.run()
    assert house.runs[:3] == [1, 2, 1], "the new file is the same, so the later stages hold"

    async def different(work: Work) -> Done:
        path = work.folder.write("media/download.bin", b"another cut")
        return Done(artefacts=[await work.folder.artefact(FileKind.MEDIA, path)])

    house.stages[StageName.DOWNLOAD].behave = different
    house.stages[StageName.DOWNLOAD].version = 2
    await house.run()
    assert house.runs == [1, 3, 2, 2, 2, 2]


async def test_files_of_an_unfinished_stage_are_removed(house: House) -> None:
    await house.run()
    house.journal.records[StageName.AUDIO] = replace(house.journal.records[StageName.AUDIO], status=StageStatus.PENDING)
    orphan = house.folder.write("audio/orphan.m4a", b"x")
    await house.run()
    assert not orphan.exists()
    assert house.runs[2] == 2


async def test_skipping_makes_the_result_partial(house: House) -> None:
    async def skip(_: Work) -> Skipped:
        return Skipped("The video has no sound.")

    house.stages[StageName.AUDIO].behave = skip
    end = await house.run()
    assert end == Completed(Outcome.PARTIAL, gaps=("The video has no sound.",))
    assert "skipped audio: The video has no sound." in house.journal.events
    assert house.runs == [1] * 6


@pytest.mark.parametrize("name", sorted(OPTIONAL))
async def test_an_optional_stage_that_fails_for_good_costs_only_itself(house: House, name: StageName) -> None:
    house.fails(name, Fatal(ErrorClass.CORRUPT, "it is broken"))
    end = await house.run()
    assert isinstance(end, Completed)
    assert end.outcome is Outcome.PARTIAL
    assert f"failed {name.value}: CORRUPT" in house.journal.events
    assert house.runs == [1] * 6


async def test_an_optional_stage_is_tried_again_first(house: House) -> None:
    house.fails(StageName.TRANSCRIPT, MediaFault(ErrorClass.NETWORK, "away"))
    for attempt in range(1, 5):
        end = await house.run(replace(JOB, attempt=attempt))
        assert isinstance(end, Requeue)
    end = await house.run(replace(JOB, attempt=5))
    assert isinstance(end, Completed)
    assert end.outcome is Outcome.PARTIAL


async def test_a_required_stage_that_fails_for_good_ends_the_job_with_a_hint(house: House) -> None:
    house.fails(StageName.METADATA, MediaFault(ErrorClass.NOT_FOUND, "HTTP 404"))
    assert await house.run() == Failed(ErrorClass.NOT_FOUND, "HTTP 404.", StageName.METADATA)
    assert (LogLevel.ERROR, StageName.METADATA, f"HTTP 404. {HINTS[ErrorClass.NOT_FOUND]}") in house.journal.lines
    assert house.runs == [1, 0, 0, 0, 0, 0]


async def test_rate_limits_close_the_gate_and_cost_no_attempt(house: House) -> None:
    house.fails(StageName.DOWNLOAD, MediaFault(ErrorClass.RATE_LIMITED, "HTTP 429", retry_after=33))
    end = await house.run()
    assert isinstance(end, Requeue)
    assert (end.gate_s, end.attempt_used, end.reason) == (33, False, WaitReason.RATE_LIMITED)


async def test_an_optional_stage_does_not_wait_for_a_closed_site_for_ever(house: House) -> None:
    house.fails(StageName.TRANSCRIPT, MediaFault(ErrorClass.RATE_LIMITED, "HTTP 429"))
    ends = [await house.run() for _ in range(3)]
    assert [type(end) for end in ends] == [Requeue, Requeue, Completed]


async def test_forbidden_media_leads_to_a_fresh_extraction(house: House) -> None:
    house.fails(StageName.DOWNLOAD, MediaFault(ErrorClass.FORBIDDEN, "HTTP 403"), times=1)
    assert isinstance(await house.run(), Requeue)
    assert await house.run(replace(JOB, attempt=2)) == Completed(Outcome.FULL)
    assert house.runs == [2, 2, 1, 1, 1, 1]
    await house.run()
    assert house.runs[0] == 2, "the fresh one is as good as any"


async def test_a_full_disk_waits_for_room(house: House) -> None:
    house.fails(StageName.DOWNLOAD, OSError(errno.ENOSPC, "No space left on device"))
    end = await house.run()
    assert isinstance(end, Requeue)
    assert (end.reason, end.attempt_used, end.error_class) == (WaitReason.DISK_FULL, False, ErrorClass.DISK_FULL)


async def test_a_disk_that_is_full_at_last_does_not_undo_the_job(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    put_right = house.folder.reconcile

    def no_room(*args: Any, keep_downloads: bool, **more: Any) -> list[str]:
        if not keep_downloads:
            raise OSError(errno.ENOSPC, "No space left on device")
        return put_right(*args, keep_downloads=keep_downloads, **more)

    monkeypatch.setattr(house.folder, "reconcile", no_room)
    run, end, stumbled = house.new_run(), None, None
    while end is None:  # as the worker does it
        try:
            end = await run.proceed(stumbled)
        except OSError as error:
            stumbled = error
    assert end == Completed(Outcome.FULL)
    assert house.journal.said("could not be put in order")


async def test_a_stage_has_a_deadline(house: House) -> None:
    async def hang(_: Work) -> None:
        await asyncio.Event().wait()

    house.stages[StageName.DOWNLOAD].behave = hang
    house.stages[StageName.DOWNLOAD].deadline_s = 0.01
    end = await house.run()
    assert isinstance(end, Requeue)
    assert end.error_class is ErrorClass.TIMEOUT


async def test_the_same_video_is_not_fetched_twice(house: House) -> None:
    house.journal.twin = 3
    assert await house.run() == Completed(Outcome.DUPLICATE, duplicate_of=3)
    assert house.runs == [1, 0, 0, 0, 0, 0]
    assert await house.run(replace(JOB, forced=True)) == Completed(Outcome.FULL)


@pytest.mark.parametrize("gone", [True, False], ids=["failed", "duplicate"])
async def test_a_folder_that_makes_trouble_does_not_change_the_end(
    house: House, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    def clear_work(_: JobFolder) -> None:
        raise OSError(errno.EIO, "the disk fails")

    monkeypatch.setattr(JobFolder, "clear_work", clear_work)
    house.journal.twin = 3
    if gone:
        house.fails(StageName.METADATA, MediaFault(ErrorClass.NOT_FOUND, "It is gone."))
    end = await house.run()
    assert end == (
        Failed(ErrorClass.NOT_FOUND, "It is gone.", StageName.METADATA)
        if gone
        else Completed(Outcome.DUPLICATE, duplicate_of=3)
    )
    assert house.journal.said("What is unfinished could not be removed: the disk fails.")


async def test_a_bug_costs_the_stage_it_is_in(house: House) -> None:
    house.fails(StageName.ANALYSIS, KeyError("bug"))
    run = house.new_run(replace(JOB, attempt=2))
    with pytest.raises(KeyError) as bug:
        await run.proceed()
    end = await run.proceed(bug.value)
    assert isinstance(end, Completed)
    assert (end.outcome, house.runs) == (Outcome.PARTIAL, [1] * 6)
    assert house.journal.said("Traceback")


async def test_a_bug_in_a_required_stage_is_retried_once(house: House) -> None:
    house.fails(StageName.DOWNLOAD, KeyError("bug"))
    ends = []
    for attempt in (1, 2):
        run = house.new_run(replace(JOB, attempt=attempt))
        with pytest.raises(KeyError) as bug:
            await run.proceed()
        ends.append(await run.proceed(bug.value))
    assert [type(end) for end in ends] == [Requeue, Failed]


async def test_progress_reaches_the_journal_and_never_falls(house: House) -> None:
    async def report(work: Work) -> None:
        for share in (0.5, 0.2):
            before = len(house.journal.reports)
            work.progress(Report(share=share))
            await eventually(lambda before=before: len(house.journal.reports) > before)

    house.stages[StageName.DOWNLOAD].behave = report
    await house.run()
    overall = [total for _, _, total in house.journal.reports]
    assert len(overall) == 2
    assert overall[0] == overall[1] > 0.3


async def test_many_reports_become_few_writes() -> None:
    written: list[Report] = []

    async def write(report: Report) -> None:
        written.append(report)

    async with Ticker(write, interval_s=0.2) as ticker:
        for number in range(1000):
            ticker.report(Report(share=number / 1000))
            if number % 100 == 0:
                await asyncio.sleep(0.01)
    assert 1 <= len(written) <= 2


def test_a_skipped_stage_weighs_nothing() -> None:
    meter = Meter({StageName.METADATA: 2, StageName.DOWNLOAD: 6, StageName.AUDIO: 2})
    meter.settle(StageName.METADATA)
    assert meter.overall() == pytest.approx(0.2)
    meter.drop(StageName.AUDIO)
    assert meter.overall(StageName.DOWNLOAD, 0.5) == pytest.approx(5 / 8)
    meter.settle(StageName.DOWNLOAD)
    assert meter.overall() == 1.0


@pytest.mark.parametrize(
    ("error", "error_class"),
    [
        (Retry(ErrorClass.NETWORK, "x"), ErrorClass.NETWORK),
        (MediaFault(ErrorClass.DRM, "x"), ErrorClass.DRM),
        (TimeoutError(), ErrorClass.TIMEOUT),
        (OSError(errno.EDQUOT, "quota"), ErrorClass.DISK_FULL),
        (PermissionError(errno.EACCES, "no"), ErrorClass.UNKNOWN),
        (ZeroDivisionError(), ErrorClass.UNKNOWN),
    ],
)
def test_exceptions_become_classes_in_one_place(error: Exception, error_class: ErrorClass) -> None:
    fault = translate(error)
    assert fault.error_class is error_class
    assert fault.message.endswith(".")


async def in_its_lane(work: Work) -> None:
    async with work.place():
        pass


async def test_before_a_full_lane_a_job_waits_as_long_as_it_takes(house: House) -> None:
    lanes, stage = house.tools.lanes, house.stages[StageName.ANALYSIS]
    stage.deadline_s, stage.behave = 0.05, in_its_lane
    lanes.limit_to({StageName.ANALYSIS: 1})
    async with lanes.place(StageName.ANALYSIS):
        running = asyncio.create_task(house.run(), name="run")
        await eventually(lambda: "in line analysis" in house.journal.events, what="the line")
        done, _ = await asyncio.wait({running}, timeout=4 * stage.deadline_s)
        assert not done, "waiting is no work: the deadline stands still"
    assert await running == Completed(Outcome.FULL)
    events = house.journal.events
    at = events.index("start analysis")
    assert events[at : at + 4] == ["start analysis", "in line analysis", "inside analysis", "done analysis"]
    assert house.journal.said("Waiting for a place in the analysis lane")


async def test_who_got_in_has_its_deadline_again(house: House) -> None:
    async def works_too_long(work: Work) -> None:
        async with work.place():
            await asyncio.Event().wait()

    stage = house.stages[StageName.DOWNLOAD]
    stage.deadline_s, stage.behave = 0.05, works_too_long
    end = await house.run()
    assert isinstance(end, Requeue)
    assert end.error_class is ErrorClass.TIMEOUT


async def test_before_a_closed_lane_a_job_is_parked_and_goes_on_there(house: House) -> None:
    lanes, stage = house.tools.lanes, house.stages[StageName.TRANSCRIPT]
    stage.behave = in_its_lane
    lanes.limit_to({StageName.TRANSCRIPT: 0})
    assert await house.run() == Parked(StageName.TRANSCRIPT)
    assert house.journal.said("The transcript lane is closed")
    lanes.limit_to({})
    assert await house.run() == Completed(Outcome.FULL)
    assert house.runs == [1, 1, 1, 2, 1, 1]
