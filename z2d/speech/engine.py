"""What an engine is: its protocol, what it hears, and how it fails. And the engine that is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from z2d.wire.base import Wire
from z2d.wire.library import Segment
from z2d.wire.reasons import ErrorClass

CHUNK_MS = 10 * 60 * 1000
"""Longest stretch given to an engine at once: 19 MB of sound, which hosted services still take."""

HOW_TO_ENABLE = (
    "To have z2 listen itself, set Z2_SPEECH_URL (a service that speaks OpenAI's protocol) or Z2_SPEECH_MODEL_DIR "
    "(a faster-whisper model), or install z2[sphinx] (English only, and weak)."
)

OnCue = Callable[[Segment], None]
"""Told of each piece of text as it is recognised; times are milliseconds of the chunk. Must not block."""


class Hearing(Wire):
    """What was heard in one chunk; times are milliseconds from the chunk's start."""

    language: str | None = None
    """What is spoken, as a code like `en`; None where the engine does not say."""
    cues: list[Segment] = []
    warnings: list[str] = []


class SpeechFault(Exception):
    """An engine failed. `message` is one sentence (it may quote a service: untrusted text).

    `passing`: it may work later, after `after` seconds if the service named a time. Otherwise a person has to act.
    """

    def __init__(
        self,
        message: str,
        *,
        error_class: ErrorClass = ErrorClass.UNKNOWN,
        passing: bool = False,
        after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.error_class, self.passing, self.after = message, error_class, passing, after


class Spawn(Protocol):
    """Starts a program, feeds its lines to the sinks and waits for its end; nothing of it is left afterwards."""

    async def __call__(
        self,
        argv: Sequence[str],
        *,
        memory_bytes: int,
        deadline_s: float,
        on_stdout: Callable[[str], None],
        on_stderr: Callable[[str], None],
    ) -> int:
        """The exit status. May raise the starter's own exceptions, such as for a missed deadline."""
        ...


class Engine(Protocol):
    """One way to turn sound into text."""

    @property
    def name(self) -> str:
        """As `Z2_SPEECH` calls it."""
        ...

    @property
    def model(self) -> str:
        """Which model it uses, for the record."""
        ...

    @property
    def identity(self) -> str:
        """All that decides what it hears: with an equal identity, what was heard before may be used again."""
        ...

    @property
    def caution(self) -> str | None:
        """What a reader of its transcripts ought to know, if anything."""
        ...

    @property
    def packages(self) -> tuple[str, ...]:
        """The installed packages that take part, for the record."""
        ...

    @property
    def endpoint(self) -> str | None:
        """Where it is asked, for the record; None on this machine."""
        ...

    def trouble(self, language: str | None) -> str | None:
        """Why it cannot be used, for speech in `language` (None: unknown), and the remedy; None when it can.

        Looks at the disk, not at the network, and may be asked often.
        """
        ...

    async def hear(self, wav: Path, *, language: str | None, spawn: Spawn, on_cue: OnCue) -> Hearing:
        """Recognise one chunk: 16 kHz, mono, 16 bit, at most `CHUNK_MS` long. Raises SpeechFault."""
        ...


class Off:
    """No engine: `trouble` says why."""

    name = "off"
    model = ""
    identity = "off"
    caution: str | None = None
    packages: tuple[str, ...] = ()
    endpoint: str | None = None

    def __init__(self, reason: str = f"No speech-to-text engine is set up. {HOW_TO_ENABLE}") -> None:
        self._reason = reason

    def trouble(self, language: str | None) -> str | None:
        """Always the same."""
        return self._reason

    async def hear(self, wav: Path, *, language: str | None, spawn: Spawn, on_cue: OnCue) -> Hearing:
        """Nothing can be heard."""
        raise SpeechFault(self._reason)
