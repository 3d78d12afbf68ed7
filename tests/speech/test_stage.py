"""The transcript stage with an engine: what goes before what, what a failing engine means, what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.memory import metadata, tools
from tests.site_media import ffmpeg, talk_mp3
from tests.speech.making import INSTALLATION
from tests.speech.service import Service
from z2d.media import process
from z2d.media.ffmpeg import Ffmpeg
from z2d.pipeline import listening
from z2d.pipeline.folders import JobFolder
from z2d.pipeline.progress import Report
from z2d.pipeline.stage import Done, Job, Retry, Skipped, Work
from z2d.pipeline.stages.transcript import TranscriptStage, will_listen
from z2d.speech.choice import choose
from z2d.speech.endpoint import Endpoint, Patience
from z2d.speech.engine import Engine, Hearing, Off, OnCue, Spawn
from z2d.wire.jobs import JobOptions, LogLevel, StageName
from z2d.wire.library import Artefact, FileKind, Segment, Transcript, TranscriptSource
from z2d.wire.reasons import ErrorClass

HASTY = Patience(connect_s=20, answer_s=60, pause_s=0.01, longest_pause_s=1)
"""Quick to ask again, but never hasty to give up: a busy machine is no slow service."""
CHUNK_MS = 11_000
"""The talk of 38 s becomes four chunks."""
VTT = "WEBVTT\n\n00:00.000 --> 00:09.000\ncaptions somebody made\n"


def captions(*languages: str, text: str = VTT) -> dict[str, Any]:
    return {language: [{"ext": "vtt", "data": text}] for language in languages}


@dataclass
class Scene:
    """One job that has come to its transcript; the sound is real, the captions lie in the description."""

    folder: JobFolder
    engine: Engine
    finished: dict[StageName, list[Artefact]] = field(default_factory=dict)
    saved: Mapping[str, Any] = field(default_factory=dict)
    lines: list[tuple[LogLevel, str, str]] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)

    async def set(self, info: Mapping[str, Any], *, sound: bool = True, **described: Any) -> Scene:
        self.folder.create()
        info_json = self.folder.write_json("source/info.json", info)
        about = metadata(duration_ms=38_000, **described).model_dump_json().encode()
        self.finished[StageName.METADATA] = [
            await self.folder.artefact(FileKind.INFO_JSON, info_json),
            await self.folder.artefact(FileKind.METADATA_JSON, self.folder.write("source/metadata.json", about)),
        ]
        if sound:
            data = await asyncio.to_thread(lambda: talk_mp3().read_bytes())
            audio = self.folder.write("audio/audio.mp3", data)
            self.finished[StageName.AUDIO] = [await self.folder.artefact(FileKind.AUDIO, audio)]
        return self

    def work(self, *, attempt: int = 1, languages: list[str] | None = None) -> Work:
        async def keep(data: Mapping[str, Any]) -> None:
            self.saved = dict(data)

        async def nothing(*_: Any) -> Any:
            raise AssertionError("no language model here")

        return Work(
            stage=StageName.TRANSCRIPT,
            job=Job(id=7, url="http://site/x", attempt=attempt, options=JobOptions(languages=languages or [])),
            folder=self.folder,
            tools=replace(
                tools(self.folder.root),
                ffmpeg=Ffmpeg(ffmpeg(), INSTALLATION),
                speech=self.engine,
                speech_chunk_ms=CHUNK_MS,
                installation=INSTALLATION,
            ),
            finished=self.finished,
            skipped={},
            saved=self.saved,
            write_log=lambda level, source, message, _data: self.lines.append((level, source, message)),
            progress=self.reports.append,
            checkpoint=keep,
            model_spent=nothing,
            model_tokens_today=nothing,
        )

    async def run(self, **how: Any) -> Transcript:
        result = await TranscriptStage().run(self.work(**how))
        assert isinstance(result, Done), result
        assert result.transcript is not None
        return result.transcript

    async def reason(self, **how: Any) -> str:
        result = await TranscriptStage().run(self.work(**how))
        assert isinstance(result, Skipped), result
        return result.reason

    def said(self, source: str) -> list[str]:
        return [message for _, who, message in self.lines if who == source]


@pytest.fixture
def scene(tmp_path: Path, service: Service) -> Scene:
    return Scene(JobFolder(tmp_path / "job"), Endpoint(service.url, "whisper-1", patience=HASTY))


# --- the order ---


async def test_captions_people_made_come_first(scene: Scene, service: Service) -> None:
    await scene.set({"subtitles": captions("en"), "language": "en"})
    assert (await scene.run()).source is TranscriptSource.MANUAL_SUBS
    assert not service.asked
    assert not will_listen(scene.work())


async def test_then_automatic_captions_of_what_is_said(scene: Scene, service: Service) -> None:
    await scene.set({"automatic_captions": captions("en-orig", "de"), "subtitles": captions("fr"), "language": "en"})
    transcript = await scene.run()
    assert (transcript.source, transcript.language) == (TranscriptSource.AUTO_CAPTIONS, "en")
    assert not service.asked


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"subtitles": captions("fr"), "language": "en"},
        {"automatic_captions": captions("de"), "language": "en"},
        {"subtitles": captions("en", text="<html>no</html>"), "language": "en"},
        {"subtitles": {"live_chat": [{"ext": "json", "url": "http://x"}]}},
    ],
    ids=["nothing", "manual in another language", "translated", "broken", "a chat"],
)
async def test_then_z2_listens_itself(scene: Scene, service: Service, info: Mapping[str, Any]) -> None:
    await scene.set(info)
    transcript = await scene.run(languages=["de"] if "automatic_captions" in info else None)
    assert (transcript.source, transcript.engine, transcript.model) == (TranscriptSource.ASR, "openai", "whisper-1")
    assert transcript.language == "en"
    assert transcript.provenance is not None
    assert transcript.provenance.endpoint == f"{service.url}/audio/transcriptions"
    assert len(service.asked) == 4


async def test_then_captions_in_another_language_then_translated_ones(scene: Scene) -> None:
    scene.engine = Off()
    await scene.set({"subtitles": captions("fr"), "automatic_captions": captions("de"), "language": "en"})
    assert (await scene.run(languages=["de"])).language == "fr"
    await scene.set({"automatic_captions": captions("de"), "language": "en"})
    transcript = await scene.run(languages=["de"])
    assert (transcript.language, transcript.translated) == ("de", True)
    assert "The captions are a machine's translation." in transcript.warnings


async def test_with_nothing_the_reason_and_the_remedy_are_said(scene: Scene) -> None:
    scene.engine = choose("off")
    await scene.set({})
    assert await scene.reason() == (
        "The site offers no captions for this video. Speech to text is switched off (Z2_SPEECH=off). "
        "Then: z2ctl retry 7"
    )
    scene.engine = Off()
    reason = await scene.reason()
    assert "No speech-to-text engine is set up. To have z2 listen itself, set Z2_SPEECH_URL" in reason
    assert "Z2_SPEECH_MODEL_DIR" in reason
    assert "z2[sphinx]" in reason


async def test_a_missing_model_is_said_and_lesser_captions_serve(scene: Scene, tmp_path: Path) -> None:
    scene.engine = choose("faster-whisper", model_dir=tmp_path / "none")
    await scene.set({})
    assert f"Z2_SPEECH_MODEL_DIR: there is no folder {tmp_path / 'none'}" in await scene.reason()
    await scene.set({"subtitles": captions("fr"), "language": "en"})
    assert (await scene.run()).language == "fr"


async def test_no_sound_and_no_speech_are_reasons(scene: Scene, tmp_path: Path) -> None:
    await scene.set({}, sound=False)
    assert await scene.reason() == (
        "The site offers no captions for this video. Speech to text: there is no sound to listen to."
    )
    scene.engine = Deaf()
    await scene.set({})
    assert "Speech to text: no speech was recognised in the sound." in await scene.reason()


# --- what the engine's failures mean ---


async def test_a_fault_that_may_pass_is_waited_out_while_there_are_attempts(scene: Scene, service: Service) -> None:
    await scene.set({"subtitles": captions("fr"), "language": "en"})
    service.moods = ["429:120"]
    with pytest.raises(Retry) as caught:
        await TranscriptStage().run(scene.work())
    # never RATE_LIMITED: that would close the gate of the video's site
    assert (caught.value.error_class, caught.value.after) == (ErrorClass.SERVER_ERROR, 120)
    service.moods = ["503"] * 3
    assert (await scene.run(attempt=5)).language == "fr", "at the end lesser captions are better than nothing"


async def test_a_fault_that_does_not_pass_is_a_reason(scene: Scene, service: Service) -> None:
    await scene.set({})
    service.moods = ["401"]
    reason = await scene.reason()
    assert "Speech to text: The speech service at 127.0.0.1" in reason
    assert "answered 401" in reason
    assert "Check Z2_SPEECH_KEY_FILE." in reason


# --- chunks ---


async def test_chunks_become_one_transcript_with_times_of_the_media(scene: Scene, service: Service) -> None:
    await scene.set({}, language="en")
    transcript = await scene.run()
    assert [asked.fields["language"] for asked in service.asked] == [["en"]] * 4
    assert [cue.text for cue in transcript.cues][::2] == [f"This is answer {number}." for number in range(1, 5)]
    starts, lengths = [cue.start_ms for cue in transcript.cues], [asked.seconds for asked in service.asked]
    assert starts == sorted(starts)
    assert starts[2] == round(lengths[0] * 1000)
    assert sum(lengths) == pytest.approx(38.6, abs=0.5)
    assert transcript.coverage == pytest.approx(1, abs=0.02)
    assert transcript.cues[-1].words[-1].start_ms < 39_000
    text = scene.said("asr")
    assert text[0] == "[0:00] This is answer 1. It says two things."
    assert len(text) == 4
    shares = [report.share for report in scene.reports]
    assert shares == sorted(shares)
    assert {report.detail for report in scene.reports} >= {"preparing the sound", "chunk 1/4", "chunk 4/4"}
    assert scene.reports[-1].eta_s == 0
    assert not (scene.folder.work / "speech.pcm").exists()


async def test_an_interrupted_run_goes_on_with_the_next_chunk(scene: Scene, service: Service) -> None:
    await scene.set({})

    async def run_until(request: int) -> None:
        running = asyncio.create_task(TranscriptStage().run(scene.work()), name="stage")
        service.on_request = lambda number: running.cancel() if number == request else None
        await asyncio.wait({running}, timeout=30)
        assert running.cancelled()

    service.moods = ["well", "well", "slow"]
    await run_until(3)
    assert len(scene.saved["keep"]) == 2
    service.on_request = lambda _number: None
    transcript = await scene.run()
    assert len(service.asked) == 5, "the third chunk twice, all others once"
    assert [cue.text for cue in transcript.cues][::2] == [f"This is answer {number}." for number in (1, 2, 4, 5)]
    assert "Going on after chunk 2 of 4: those before it are kept." in scene.said("z2")
    assert not process.marked(INSTALLATION)


Spoil = Callable[[Scene], None]


def lose_the_second(scene: Scene) -> None:
    scene.folder.path(scene.saved["keep"][1]).unlink()


def damage_the_second(scene: Scene) -> None:
    scene.folder.path(scene.saved["keep"][1]).write_text("{")


def write_nonsense(scene: Scene) -> None:
    scene.saved = {"keep": ["../../etc/passwd"], "spans": "?", "key": 7}


def take_another_model(scene: Scene) -> None:
    scene.engine = Endpoint(scene.engine.identity.removeprefix("openai:").removesuffix(":whisper-1"), "other")


@pytest.mark.parametrize(
    ("spoil", "again"), [(lose_the_second, 3), (damage_the_second, 3), (write_nonsense, 4), (take_another_model, 4)]
)
async def test_only_what_is_whole_and_of_this_engine_is_taken(
    scene: Scene, service: Service, spoil: Spoil, again: int
) -> None:
    await scene.set({})
    await scene.run()
    spoil(scene)
    before = len(service.asked)
    assert (await scene.run()).segments == 8
    assert len(service.asked) - before == again


async def test_another_engine_is_another_input(scene: Scene, service: Service) -> None:
    await scene.set({})
    first = TranscriptStage().input_hash(scene.work())
    scene.engine = Endpoint(service.url, "other")
    assert TranscriptStage().input_hash(scene.work()) != first
    await scene.set({"subtitles": captions("en")})
    with_captions = TranscriptStage().input_hash(scene.work())
    scene.engine = Off()
    assert TranscriptStage().input_hash(scene.work()) == with_captions, "captions do not hang on an engine"


class Deaf:
    """Hears nothing; keeps to the protocol."""

    name = model = identity = "deaf"
    caution: str | None = None
    packages: tuple[str, ...] = ()
    endpoint: str | None = None

    def trouble(self, language: str | None) -> str | None:
        return None

    async def hear(self, wav: Path, *, language: str | None, spawn: Spawn, on_cue: OnCue) -> Hearing:
        return Hearing()


async def test_long_text_is_logged_in_readable_lines(scene: Scene) -> None:
    await scene.set({})
    live = listening._LiveText(scene.work())
    for at in range(100):
        live.add(Segment(start_ms=at * 500, end_ms=at * 500 + 400, text="five words are in here"))
    live.flush()
    lines = scene.said("asr")
    assert 10 <= len(lines) <= 20
    assert all(len(line) < 220 for line in lines)
