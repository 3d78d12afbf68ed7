"""Engines that run on this machine: whether they can, and the child process in which they do."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from importlib.util import find_spec
from pathlib import Path

from pydantic import ValidationError

from z2d.speech.engine import HOW_TO_ENABLE, Hearing, OnCue, Spawn, SpeechFault
from z2d.speech.sound import read_wav
from z2d.speech.task import Task
from z2d.wire.base import Wire
from z2d.wire.library import Segment

_SLOWEST = 20
"""A large model without a graphics card needs some seconds per second; beyond this it hangs."""
_START_S = 300.0


class Heard(Wire):
    """One line of the child: what it has just recognised. The whole result comes in a file, which has no line limit."""

    start_ms: int
    end_ms: int
    text: str


class LocalEngine:
    """What the local engines share: each chunk is heard in a child that ends with it.

    A child per chunk costs the loading of the model, which is little beside ten minutes of speech. How many run at
    once is not decided here but by the transcript lane: each takes all cores and gigabytes of memory.
    """

    name: str
    packages: tuple[str, ...] = ()
    endpoint: str | None = None
    memory_bytes = 0
    caution: str | None = None

    @property
    def model(self) -> str:
        """The model's name."""
        raise NotImplementedError

    @property
    def identity(self) -> str:
        """Engine and model."""
        return f"{self.name}:{self.model}"

    def trouble(self, language: str | None) -> str | None:
        """See `Engine`."""
        raise NotImplementedError

    def task(self, wav: Path, language: str | None) -> Task:
        """What the child is told."""
        raise NotImplementedError

    async def hear(self, wav: Path, *, language: str | None, spawn: Spawn, on_cue: OnCue) -> Hearing:
        """Run the child on one chunk. Two files beside `wav` come and go."""
        if trouble := self.trouble(language):
            raise SpeechFault(trouble)
        asked, answer = wav.with_suffix(".task.json"), wav.with_suffix(".heard.json")
        last: deque[str] = deque(maxlen=1)

        def said(line: str) -> None:
            try:
                heard = Heard.model_validate_json(line)
            except ValidationError:  # something a library prints
                return
            on_cue(Segment(start_ms=heard.start_ms, end_ms=heard.end_ms, text=heard.text))

        try:
            seconds = await asyncio.to_thread(_seconds, wav)
            asked.write_text(self.task(wav, language).model_dump_json(), encoding="utf-8")
            code = await spawn(
                [sys.executable, "-I", "-m", "z2d.speech.child", str(asked), str(answer)],
                memory_bytes=self.memory_bytes,
                deadline_s=_START_S + seconds * _SLOWEST,
                on_stdout=said,
                on_stderr=last.append,
            )
            if code != 0:
                raise SpeechFault(f"{self.name} failed: {last[0] if last else _ended(code)}")
            return await asyncio.to_thread(_read, answer)
        finally:
            asked.unlink(missing_ok=True)
            answer.unlink(missing_ok=True)


def _seconds(wav: Path) -> float:
    return len(read_wav(wav)) / 32000


def _read(answer: Path) -> Hearing:
    try:
        return Hearing.model_validate_json(answer.read_bytes())
    except (OSError, ValidationError) as error:
        raise SpeechFault("the recogniser ended without a result") from error


def _ended(code: int) -> str:
    """What an exit status without a word means; a child that gets too large is killed by the system."""
    return "it was killed, perhaps because the memory was full" if code == 128 + 9 else f"status {code}"


class FasterWhisper(LocalEngine):
    """faster-whisper with a model in a local folder; nothing is ever downloaded."""

    name = "faster-whisper"
    packages = ("faster-whisper", "ctranslate2")

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @property
    def model(self) -> str:
        """The folder's name, such as `faster-whisper-small`."""
        return self._folder.name if self._folder else ""

    @property
    def identity(self) -> str:
        """The size of the weights too: another model may come to lie in the same folder."""
        try:
            size = (self._folder / "model.bin").stat().st_size if self._folder else 0
        except OSError:
            size = 0
        return f"{self.name}:{self.model}:{size}"

    def trouble(self, language: str | None) -> str | None:
        """The model first: it is what people get wrong, and faster-whisper itself would look for it on the network."""
        if self._folder is None:
            return f"Z2_SPEECH=faster-whisper needs Z2_SPEECH_MODEL_DIR, the folder of a model. {_WHAT_A_MODEL_IS}"
        if wrong := _wrong_with_model(self._folder):
            return wrong
        if find_spec("faster_whisper") is None:
            return "The package faster-whisper is missing beside z2d: pip install 'z2[whisper]'."
        return None

    def task(self, wav: Path, language: str | None) -> Task:
        """With the folder."""
        return Task(engine="faster-whisper", wav=str(wav), model_dir=str(self._folder), language=language)


_WHAT_A_MODEL_IS = "It is one in CTranslate2's format, such as a copy of Systran/faster-whisper-small."


def _wrong_with_model(folder: Path) -> str | None:
    if not folder.is_dir():
        return f"Z2_SPEECH_MODEL_DIR: there is no folder {folder}. {_WHAT_A_MODEL_IS}"
    try:
        weights = (folder / "model.bin").stat().st_size
    except PermissionError:
        return f"Z2_SPEECH_MODEL_DIR: z2d may not read {folder}: give its account access."
    except OSError:
        inside = sorted(folder.glob("*/model.bin")) + sorted(folder.glob("snapshots/*/model.bin"))
        near = f" Did you mean {inside[0].parent}?" if inside else f" {_WHAT_A_MODEL_IS}"
        return f"Z2_SPEECH_MODEL_DIR: {folder} holds no model.bin.{near}"
    if weights < 1 << 20:
        # the models on hubs lie in large-file storage, and a plain clone has a note of 130 bytes in their place
        return (
            f"Z2_SPEECH_MODEL_DIR: {folder / 'model.bin'} has {weights} bytes, so it is no model, perhaps a pointer to "
            "one: fetch the file itself."
        )
    for name in ("config.json", "tokenizer.json", "vocabulary.*"):  # .json, or .txt in older ones
        if not any(folder.glob(name)):
            shown = name.replace("*", "json")
            return f"Z2_SPEECH_MODEL_DIR: {folder} holds no {shown}; copy the whole folder of the model."
    return None


class PocketSphinx(LocalEngine):
    """pocketsphinx with the English model inside its package: small, quick, and often wrong."""

    name = "pocketsphinx"
    packages = ("pocketsphinx",)
    memory_bytes = 2 << 30
    caution = (
        "Recognised by pocketsphinx, a small recogniser of English without punctuation: "
        "expect one word in five to be wrong."
    )

    @property
    def model(self) -> str:
        """The one it brings."""
        return "en-us"

    def trouble(self, language: str | None) -> str | None:
        """It knows English alone."""
        if find_spec("pocketsphinx") is None:
            return "The package pocketsphinx is missing beside z2d: pip install 'z2[sphinx]'."
        if language is not None and language != "en":
            return f"pocketsphinx knows English only, and this is in {language}. {HOW_TO_ENABLE}"
        return None

    def task(self, wav: Path, language: str | None) -> Task:
        """Nothing to choose."""
        return Task(engine="pocketsphinx", wav=str(wav))
