"""The six real stages against a real site, with yt-dlp and ffmpeg; only the journal is in memory."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.memory import MemoryJournal, metadata
from tests.site import Site
from tests.warm import SharedYtDlp, children
from z2d.media import captions, process
from z2d.media.ffmpeg import Ffmpeg, find_ffmpeg
from z2d.media.ytdlp import FetchLimits
from z2d.pipeline.folders import JobFolder
from z2d.pipeline.policy import Policy
from z2d.pipeline.runner import Completed, End, Failed, Run
from z2d.pipeline.stage import Done, Job, Tools, Work
from z2d.pipeline.stages.transcript import TranscriptStage
from z2d.wire.jobs import JobOptions, Outcome, StageName
from z2d.wire.library import Analysis, FileKind, Metadata, Transcript, TranscriptSource
from z2d.wire.reasons import ErrorClass

# Each test process has a mark of its own: tests that run side by side do not count each other's children.
INSTALLATION = f"test-stages-{os.getpid()}"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site() as started:
        yield started


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    found = find_ffmpeg()
    assert found is not None
    ffmpeg = Ffmpeg(found, INSTALLATION)
    limits = FetchLimits(disk_reserve_bytes=1 << 20)
    async with SharedYtDlp(installation=INSTALLATION, ffmpeg=ffmpeg, allow_private=True, limits=limits) as ytdlp:
        yield Bench(tmp_path, Tools(ytdlp, ffmpeg, tmp_path / "library", INSTALLATION))
    assert not process.marked(INSTALLATION) + children()


class Bench:
    """One job's world with real tools."""

    def __init__(self, root: Path, tools: Tools) -> None:
        self.folder = JobFolder(root / "job")
        self.tools = tools
        self.journal = MemoryJournal()

    async def run(self, url: str, attempt: int = 1, options: JobOptions | None = None) -> End:
        job = Job(id=7, url=url, attempt=attempt, options=options or JobOptions())
        return await Run(job, self.folder, self.tools, self.journal, policy=Policy(scale=0.001)).proceed()

    def read(self, kind: FileKind) -> bytes:
        found = [a for r in self.journal.records.values() for a in r.artefacts if a.kind is kind]
        return self.folder.path(found[-1].path).read_bytes()

    @property
    def metadata(self) -> Metadata:
        return Metadata.model_validate_json(self.read(FileKind.METADATA_JSON))


async def test_speech_with_captions_becomes_a_whole_entry(bench: Bench, site: Site) -> None:
    end = await bench.run(site.url("/speech"))
    assert end == Completed(Outcome.FULL), bench.journal.lines
    transcript = Transcript.model_validate_json(bench.read(FileKind.TRANSCRIPT_JSON))
    assert transcript.source is TranscriptSource.MANUAL_SUBS
    assert transcript.words > 20
    analysis = Analysis.model_validate_json(bench.read(FileKind.ANALYSIS_JSON))
    assert analysis.basis == "transcript"
    assert analysis.insights
    words = " ".join(cue.text for cue in transcript.cues)
    assert all(insight.quote in words for insight in analysis.insights)
    notes = list((bench.tools.library_dir).rglob("*.md"))
    assert len(notes) == 1
    assert not list(bench.folder.work.iterdir())
    manifest = json.loads((bench.folder.root / "manifest.json").read_text())
    assert list(manifest["stages"]) == [name.value for name in StageName]


async def test_everything_is_reused_but_the_look_into_the_library(bench: Bench, site: Site) -> None:
    await bench.run(site.url("/speech"))
    before = dict(site.hits)
    assert await bench.run(site.url("/speech"), attempt=2) == Completed(Outcome.FULL)
    assert dict(site.hits) == before
    assert sum("Reused" in message for _, _, message in bench.journal.lines) == 5


async def test_a_page_says_more_than_its_file(bench: Bench, site: Site) -> None:
    end = await bench.run(site.url("/ldjson"))
    assert isinstance(end, Completed)
    assert end.outcome is Outcome.PARTIAL, "it has no captions"
    assert bench.metadata.title == "A rabbit in three parts"
    assert [c.title for c in bench.metadata.chapters] == ["Waking", "Stretching", "Walking"]
    assert bench.metadata.vcodec
    assert bench.metadata.width
    assert bench.read(FileKind.THUMBNAIL).startswith(b"\xff\xd8")
    analysis = Analysis.model_validate_json(bench.read(FileKind.ANALYSIS_JSON))
    assert analysis.basis == "description"


async def test_sound_alone(bench: Bench, site: Site) -> None:
    end = await bench.run(site.url("/audio.mp3"))
    assert isinstance(end, Completed)
    assert bench.metadata.vcodec is None
    assert bench.metadata.acodec == "mp3"
    assert bench.read(FileKind.AUDIO)


async def test_pictures_alone(bench: Bench, site: Site) -> None:
    end = await bench.run(site.url("/video-only.mp4"))
    assert isinstance(end, Completed)
    assert end.outcome is Outcome.PARTIAL
    assert "skipped audio: The video has no sound." in bench.journal.events


async def test_captions_that_are_a_web_page_are_none(bench: Bench, site: Site) -> None:
    end = await bench.run(site.url("/html-captions"))
    assert isinstance(end, Completed)
    assert end.outcome is Outcome.PARTIAL


async def test_a_track_without_text_makes_room_for_the_next(bench: Bench) -> None:
    """The captions lie in the description itself here, so nothing is fetched."""
    vtt = "WEBVTT\n\n00:00.000 --> 00:02.000\nfour words are here\n\n00:09.000 --> 00:30.000\nand more\n"
    flood = '{"events": [' + "{}," * captions.MOST_JSON_VALUES + "{}]}"
    tracks = {"en": ("vtt", "<html>no</html>"), "en-GB": ("json3", flood), "de": ("vtt", vtt)}
    subtitles = {language: [{"ext": ext, "data": data}] for language, (ext, data) in tracks.items()}
    bench.folder.create()
    info = bench.folder.write_json("source/info.json", {"subtitles": subtitles})
    described = bench.folder.write("source/metadata.json", metadata(duration_ms=10_000).model_dump_json().encode())
    found = [
        await bench.folder.artefact(FileKind.INFO_JSON, info),
        await bench.folder.artefact(FileKind.METADATA_JSON, described),
    ]
    said: list[str] = []

    async def keep(_: Mapping[str, Any]) -> None:
        raise AssertionError("captions need no checkpoint")

    work = Work(
        stage=StageName.TRANSCRIPT,
        job=Job(id=7, url="http://site/clip"),
        folder=bench.folder,
        tools=bench.tools,
        finished={StageName.METADATA: found},
        skipped={},
        saved={},
        write_log=lambda _level, _source, message, _data: said.append(message),
        progress=lambda _report: None,
        checkpoint=keep,
        model_spent=bench.journal.model_spent,
        model_tokens_today=bench.journal.model_tokens_today,
    )
    result = await TranscriptStage().run(work)
    assert isinstance(result, Done)
    assert result.transcript is not None
    assert (result.transcript.language, result.transcript.words) == ("de", 6)
    assert result.transcript.coverage == pytest.approx(0.3)
    assert said[:2] == [
        "Not usable: subtitles in en (vtt): it holds no text.",
        "Not usable: subtitles in en-GB (json3): it is larger than what anybody can have said.",
    ]
    assert any("run 20 s past the end" in warning for warning in result.transcript.warnings)
    assert [a.path for a in result.artefacts] == ["transcript/transcript.json", "transcript/captions.vtt"]


@pytest.mark.parametrize(
    ("path", "error_class"),
    [
        ("/status/404", ErrorClass.NOT_FOUND),
        ("/status/410", ErrorClass.REMOVED),
        ("/nothing", ErrorClass.UNSUPPORTED),
        ("/picture.jpg", ErrorClass.UNSUPPORTED),
        ("/corrupt.mp4", ErrorClass.CORRUPT),
    ],
)
async def test_what_no_retry_helps(bench: Bench, site: Site, path: str, error_class: ErrorClass) -> None:
    end = await bench.run(site.url(path))
    assert isinstance(end, Failed), end
    assert end.error_class is error_class, end
    assert not list(bench.folder.work.iterdir())


async def test_too_large_is_tried_once_more_in_small(bench: Bench, site: Site) -> None:
    ytdlp = SharedYtDlp(
        installation=INSTALLATION,
        ffmpeg=bench.tools.ffmpeg,
        allow_private=True,
        limits=FetchLimits(disk_reserve_bytes=1 << 20, max_bytes=300_000),
    )
    async with ytdlp:
        bench.tools = replace(bench.tools, ytdlp=ytdlp)
        end = await bench.run(site.url("/file.mp4"))
    assert isinstance(end, Failed)
    assert end.error_class is ErrorClass.TOO_LARGE
    assert bench.journal.said("Trying a plainer format")
