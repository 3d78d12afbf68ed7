"""The engines of this machine: pocketsphinx for real, faster-whisper as far as it goes without its package
(`test_whisper.py` has it).
"""

from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.speech.making import INSTALLATION, names_in, samples_of, silence, spawn, wav_of, words_of
from tests.support import eventually
from z2d.media import process
from z2d.speech import choice, local, whisper
from z2d.speech.choice import choose
from z2d.speech.endpoint import Endpoint
from z2d.speech.engine import Off, SpeechFault
from z2d.speech.languages import as_whisper_says
from z2d.speech.local import FasterWhisper, PocketSphinx
from z2d.wire.library import Segment, Word

sphinx = pytest.mark.skipif(
    PocketSphinx().trouble(None) is not None, reason="pocketsphinx is not installed: install the extra [sphinx]"
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that looks like a model; what is in model.bin is none."""
    folder = tmp_path / "faster-whisper-tiny"
    folder.mkdir()
    (folder / "model.bin").write_bytes(bytes(2 << 20))
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text('{"model": {}}')
    (folder / "vocabulary.json").write_text("[]")
    return folder


def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (local, choice):
        monkeypatch.setattr(module, "find_spec", lambda _name: None)


@sphinx
async def test_real_speech_word_by_word(tmp_path: Path) -> None:
    wav = wav_of(samples_of("goforward.raw"), tmp_path)
    told: list[Segment] = []
    hearing = await PocketSphinx().hear(wav, language=None, spawn=spawn, on_cue=told.append)
    assert words_of(hearing.cues) == "go forward ten meters"
    assert hearing.language == "en"
    (cue,) = hearing.cues
    assert [word.text for word in cue.words] == ["go", "forward", "ten", "meters"]
    assert [word.start_ms for word in cue.words] == sorted(word.start_ms for word in cue.words)
    assert 300 < cue.start_ms < 800 < 1800 < cue.end_ms < 2790, "where it is loud"
    assert [(one.start_ms, one.text) for one in told] == [(cue.start_ms, cue.text)]
    assert names_in(tmp_path) == [wav.name]


@sphinx
async def test_silence_is_heard_as_nothing(tmp_path: Path) -> None:
    wav = wav_of(silence(3000), tmp_path)
    hearing = await PocketSphinx().hear(wav, language="en", spawn=spawn, on_cue=lambda _cue: None)
    assert (hearing.cues, hearing.language) == ([], None)


@sphinx
@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_somebody_who_never_pauses_is_heard_all_the_same(tmp_path: Path) -> None:
    """Seven times eight playing cards without a breath: cut once, between words."""
    wav = wav_of(samples_of("cards_005.wav") * 7, tmp_path)
    told: list[Segment] = []
    hearing = await PocketSphinx().hear(wav, language=None, spawn=spawn, on_cue=told.append)
    words = words_of(hearing.cues).split()
    assert words.count("spades") + words.count("clubs") >= 9
    times = [cue.start_ms for cue in hearing.cues]
    assert times == sorted(times)
    assert 20_000 < hearing.cues[-1].end_ms <= 24_600


@sphinx
@pytest.mark.timeout(300)
async def test_text_is_told_while_the_child_runs_and_a_cancelled_child_is_gone(tmp_path: Path) -> None:
    wav = wav_of((samples_of("cards_005.wav") + silence(1000)) * 20, tmp_path)
    told: list[Segment] = []
    hearing = asyncio.create_task(
        PocketSphinx().hear(wav, language=None, spawn=spawn, on_cue=told.append), name="hearing"
    )
    await eventually(lambda: len(told) >= 1, 100, what="the first words")
    assert not hearing.done()
    hearing.cancel()
    await asyncio.wait({hearing}, timeout=10)
    assert hearing.cancelled()
    assert not process.marked(INSTALLATION)
    assert names_in(tmp_path) == [wav.name]


async def test_other_languages_are_declined() -> None:
    trouble = PocketSphinx().trouble("fr")
    assert trouble is not None
    assert trouble.startswith("pocketsphinx knows English only, and this is in fr. To have z2 listen itself, set")


@pytest.mark.parametrize(
    ("code", "says", "words"),
    [
        (1, ["Traceback", "the model is damaged"], "pocketsphinx failed: the model is damaged"),
        (137, [], "perhaps because the memory was full"),
        (0, [], "ended without a result"),
    ],
)
async def test_a_child_that_fails(tmp_path: Path, code: int, says: list[str], words: str) -> None:
    async def failing(
        argv: Sequence[str],
        *,
        memory_bytes: int,
        deadline_s: float,
        on_stdout: Callable[[str], None],
        on_stderr: Callable[[str], None],
    ) -> int:
        on_stdout("no line of ours")
        for line in says:
            on_stderr(line)
        return code

    with pytest.raises(SpeechFault, match=words):
        await PocketSphinx().hear(
            wav_of(silence(100), tmp_path), language=None, spawn=failing, on_cue=lambda _cue: None
        )


async def test_the_child_itself_says_what_is_wrong(tmp_path: Path) -> None:
    said: list[str] = []
    task = tmp_path / "task.json"
    task.write_text('{"engine": "faster-whisper", "wav": "/none.wav", "model_dir": "/none"}')
    for argv in ([], ["/none", "/none"], [str(task), str(tmp_path / "answer")]):
        code = await spawn(
            [sys.executable, "-I", "-m", "z2d.speech.child", *argv],
            memory_bytes=0,
            deadline_s=60,
            on_stdout=said.append,
            on_stderr=said.append,
        )
        assert code == 1
    assert said[0].startswith("usage: ")
    assert said[1].startswith("cannot read what is to be recognised: ")
    assert len(said) == 3


# --- faster-whisper: the model is looked at before anything else ---


def test_no_folder_was_named() -> None:
    trouble = FasterWhisper(None).trouble(None)
    assert trouble is not None
    assert "needs Z2_SPEECH_MODEL_DIR" in trouble


@pytest.mark.parametrize("missing", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
def test_a_model_that_is_not_whole(model: Path, missing: str) -> None:
    (model / missing).unlink()
    trouble = FasterWhisper(model).trouble(None)
    assert trouble is not None
    assert trouble.startswith(f"Z2_SPEECH_MODEL_DIR: {model} holds no {missing}")


def test_an_older_model_has_its_vocabulary_as_text(model: Path) -> None:
    (model / "vocabulary.json").rename(model / "vocabulary.txt")
    assert "vocabulary" not in (FasterWhisper(model).trouble(None) or "")


@pytest.mark.parametrize(
    ("said", "code"),
    [("en", "en"), ("pt-BR", "pt"), ("nb_NO", "no"), ("iw", "he"), ("fil", "tl"), ("und", None), (None, None)],
)
def test_a_language_is_named_as_the_model_calls_it(said: str | None, code: str | None) -> None:
    assert as_whisper_says(said) == code


def test_a_folder_above_the_model_is_recognised(model: Path) -> None:
    trouble = FasterWhisper(model.parent).trouble(None)
    assert trouble == f"Z2_SPEECH_MODEL_DIR: {model.parent} holds no model.bin. Did you mean {model}?"


def test_no_folder_and_a_pointer_in_place_of_a_model(model: Path) -> None:
    gone = FasterWhisper(model / "none").trouble(None)
    assert gone is not None
    assert gone.startswith(f"Z2_SPEECH_MODEL_DIR: there is no folder {model}/none")
    (model / "model.bin").write_text("version https://git-lfs.example/spec/v1\n")
    pointer = FasterWhisper(model).trouble(None)
    assert pointer is not None
    assert "has 40 bytes, so it is no model" in pointer


def test_the_package_is_missing(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_package(monkeypatch)
    assert FasterWhisper(model).trouble(None) == (
        "The package faster-whisper is missing beside z2d: pip install 'z2[whisper]'."
    )
    assert PocketSphinx().trouble(None) == ("The package pocketsphinx is missing beside z2d: pip install 'z2[sphinx]'.")


async def test_trouble_is_a_fault_when_it_is_used_all_the_same(model: Path, tmp_path: Path) -> None:
    (model / "model.bin").unlink()
    with pytest.raises(SpeechFault, match=r"holds no model\.bin"):
        await FasterWhisper(model).hear(tmp_path / "x.wav", language=None, spawn=spawn, on_cue=lambda _cue: None)


def test_another_model_in_the_same_folder_is_another_identity(model: Path) -> None:
    before = FasterWhisper(model).identity
    (model / "model.bin").write_bytes(bytes(3 << 20))
    assert FasterWhisper(model).identity != before


@dataclass
class Spoken:
    """A segment in the shape of faster-whisper's."""

    start: float
    end: float
    text: str
    no_speech_prob: float = 0.01
    avg_logprob: float = -0.3
    words: Any = None


def test_what_faster_whisper_gives_becomes_cues(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its package in the shape of its documentation."""
    asked: dict[str, Any] = {}

    class WhisperModel:
        def __init__(self, path: str, **how: Any) -> None:
            asked.update(how, path=path)

        def transcribe(self, audio: str, **how: Any) -> tuple[Any, Any]:
            asked.update(how, audio=audio)
            word = types.SimpleNamespace(start=0.2, end=0.6, word=" Hello.", probability=0.9)
            spoken = [Spoken(0.0, 1.5, " Hello.", words=[word]), Spoken(2, 3, " Thanks!", 0.9, -1.5), Spoken(4, 5, " ")]
            return iter(spoken), types.SimpleNamespace(language="en", language_probability=0.98)

    package = types.ModuleType("faster_whisper")
    package.WhisperModel = WhisperModel  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "faster_whisper", package)
    told: list[Segment] = []
    hearing = whisper.recognise(tmp_path / "x.wav", model, "en", told.append)
    assert hearing.language == "en"
    assert hearing.cues == [Segment(start_ms=0, end_ms=1500, text="Hello.", words=[Word(start_ms=200, text="Hello.")])]
    assert told == hearing.cues
    assert asked["local_files_only"] is True
    assert asked["path"] == str(model)


# --- which one ---


def test_the_first_that_is_set_up_listens(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(choose("auto", url="http://host/v1", model_dir=model), Endpoint)
    assert isinstance(choose("auto", model_dir=model), FasterWhisper)
    no_package(monkeypatch)
    nobody = choose("auto")
    assert isinstance(nobody, Off)
    assert "Z2_SPEECH_URL" in str(nobody.trouble(None))


@pytest.mark.parametrize("name", ["openai", "faster-whisper", "pocketsphinx", "off"])
def test_the_one_asked_for_listens_or_nobody(name: choice.Wanted) -> None:
    assert choose(name, url="http://host/v1", model_dir=Path("/none")).name == name
