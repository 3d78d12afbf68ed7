"""A service that speaks OpenAI's `/v1/audio/transcriptions`: whisper.cpp's server, vLLM, speaches, or a hosted one.

The key is read from its file for each chunk, so a new one needs no restart; it is in no log and no message. Redirects
are not followed: the recording and the key go to the address that was set up, and to no other.
"""

from __future__ import annotations

import asyncio
import io
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from z2d.speech import answers
from z2d.speech.cues import placed
from z2d.speech.engine import Hearing, OnCue, Spawn, SpeechFault
from z2d.speech.languages import as_whisper_says
from z2d.speech.sound import BYTES_PER_MS, Span, plan, read_wav, write_wav
from z2d.wire.library import Segment
from z2d.wire.reasons import ErrorClass

PATH = "/audio/transcriptions"
_PASSING = {408, 409, 425, 429, 500, 502, 503, 504}
_PIECE_MS = 30_000
"""Where a service gives no times, pieces of this length give them: each begins where it was cut."""
_QUOTED = 300


@dataclass(frozen=True)
class Patience:
    """How long a service is waited for. Seconds."""

    connect_s: float = 15
    answer_s: float = 60
    answer_per_second_s: float = 4
    """A server without a graphics card needs longer than the speech itself."""
    tries: int = 3
    pause_s: float = 2
    """Before the second try; four times that before the third. Retry-After goes first, up to `longest_pause_s`."""
    longest_pause_s: float = 60
    largest_answer: int = 32 << 20


class _Form(IntEnum):
    """What a service can be asked for; services that refuse one are asked for the next."""

    WORDS = 0
    SEGMENTS = 1
    TEXT = 2


def address(url: str) -> str:
    """Where to send recordings: a bare host and a base address that ends with /v1 are completed, others are taken."""
    plain = url.rstrip("/")
    if not urlsplit(plain).path:
        return f"{plain}/v1{PATH}"
    return plain + PATH if plain.endswith("/v1") else plain


class Endpoint:
    """One service and one of its models."""

    name = "openai"
    caution: str | None = None
    packages: tuple[str, ...] = ()

    def __init__(
        self, url: str | None, model: str, key_file: Path | None = None, *, patience: Patience | None = None
    ) -> None:
        self._url = address(url) if url else None
        self._model, self._key_file = model, key_file
        self._patience = patience or Patience()
        self._form = _Form.WORDS

    @property
    def model(self) -> str:
        """As the service calls it."""
        return self._model

    @property
    def endpoint(self) -> str | None:
        """The address; settings let no password into it."""
        return self._url

    @property
    def identity(self) -> str:
        """The address too: models of one name differ between services."""
        return f"{self.name}:{self._url}:{self._model}"

    def trouble(self, language: str | None) -> str | None:
        """The address and the key."""
        if self._url is None:
            return "Z2_SPEECH=openai needs Z2_SPEECH_URL, such as http://127.0.0.1:8000/v1."
        try:
            self._key()
        except SpeechFault as fault:
            return fault.message
        return None

    async def hear(self, wav: Path, *, language: str | None, spawn: Spawn, on_cue: OnCue) -> Hearing:
        """Send one chunk. `spawn` is not used: the work is done elsewhere."""
        if trouble := self.trouble(language):
            raise SpeechFault(trouble)
        sound = await asyncio.to_thread(wav.read_bytes)
        length_ms = len(await asyncio.to_thread(read_wav, wav)) // BYTES_PER_MS
        timeout = aiohttp.ClientTimeout(
            total=self._patience.answer_s + length_ms / 1000 * self._patience.answer_per_second_s,
            sock_connect=self._patience.connect_s,
        )
        async with aiohttp.ClientSession(timeout=timeout, trust_env=not self._is_here) as session:
            while self._form is not _Form.TEXT:
                try:
                    answer = await self._ask(session, sound, language)
                except _FormRefusedError as refused:
                    self._form = refused.instead
                    continue
                hearing = answers.read(answer, length_ms)
                for cue in hearing.cues:
                    on_cue(cue)
                return hearing
            return await self._hear_in_pieces(session, wav, language, on_cue)

    async def _hear_in_pieces(
        self, session: aiohttp.ClientSession, wav: Path, language: str | None, on_cue: OnCue
    ) -> Hearing:
        """From a service that gives bare text: piece by piece, so that each has the time of its piece."""
        pcm, piece = wav.with_suffix(".pieces.pcm"), wav.with_suffix(".piece.wav")
        cues: list[Segment] = []
        found: str | None = None
        try:
            await asyncio.to_thread(lambda: pcm.write_bytes(read_wav(wav)))
            for span in await asyncio.to_thread(plan, pcm, _PIECE_MS):
                hearing = await self._hear_piece(session, pcm, span, piece, language or found)
                found = found or hearing.language
                for cue in placed(hearing.cues, span.start_ms, span.length_ms):
                    cues.append(cue)
                    on_cue(cue)
        finally:
            pcm.unlink(missing_ok=True)
            piece.unlink(missing_ok=True)
        return Hearing(language=found, cues=cues, warnings=[answers.ESTIMATED] if cues else [])

    async def _hear_piece(
        self, session: aiohttp.ClientSession, pcm: Path, span: Span, piece: Path, language: str | None
    ) -> Hearing:
        await asyncio.to_thread(write_wav, pcm, span, piece)
        answer = await self._ask(session, await asyncio.to_thread(piece.read_bytes), language)
        return answers.read(answer, span.length_ms)

    async def _ask(self, session: aiohttp.ClientSession, sound: bytes, language: str | None) -> Mapping[str, Any]:
        """Ask until there is an answer, as often as patience allows. Raises SpeechFault, or _FormRefusedError."""
        tries = 0
        while True:
            try:
                return await self._ask_once(session, sound, language)
            except SpeechFault as fault:
                tries += 1
                pause = fault.after if fault.after is not None else self._patience.pause_s * 4 ** (tries - 1)
                late = fault.error_class is ErrorClass.TIMEOUT or pause > self._patience.longest_pause_s
                if not fault.passing or late or tries >= self._patience.tries:
                    raise
                await asyncio.sleep(pause)

    async def _ask_once(self, session: aiohttp.ClientSession, sound: bytes, language: str | None) -> Mapping[str, Any]:
        assert self._url is not None
        key, form = self._key(), self._form
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            async with session.post(
                self._url, data=self._body(sound, language, form), headers=headers, allow_redirects=False
            ) as response:
                body = await self._read(response)
                if response.status != HTTPStatus.OK:
                    raise self._refusal(response, body, key, form)
        except TimeoutError:
            raise SpeechFault(
                f"The speech service at {self._host} did not answer in time",
                error_class=ErrorClass.TIMEOUT,
                passing=True,
            ) from None
        except aiohttp.ClientPayloadError as error:
            raise self._unreachable("broke off its answer", ErrorClass.TRUNCATED) from error
        except aiohttp.ClientError as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise self._unreachable(f"cannot be reached: {reason}", ErrorClass.NETWORK) from error
        return self._json(body)

    def _body(self, sound: bytes, language: str | None, form: _Form) -> aiohttp.FormData:
        body = aiohttp.FormData()
        body.add_field("file", io.BytesIO(sound), filename="speech.wav", content_type="audio/wav")
        body.add_field("model", self._model)
        body.add_field("response_format", "json" if form is _Form.TEXT else "verbose_json")
        body.add_field("temperature", "0")
        if form is _Form.WORDS:
            body.add_field("timestamp_granularities[]", "segment")
            body.add_field("timestamp_granularities[]", "word")
        told = as_whisper_says(language)
        if told is not None and len(told) == 2:
            body.add_field("language", told)
        return body

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        gathered = bytearray()
        async for piece in response.content.iter_any():
            gathered += piece
            if len(gathered) > self._patience.largest_answer:
                raise SpeechFault(f"The speech service at {self._host} answers without end")
        return bytes(gathered)

    def _json(self, body: bytes) -> Mapping[str, Any]:
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not ({"text", "segments"} & found.keys()):
            raise SpeechFault(f"What {self._host} answers is no transcription: check Z2_SPEECH_URL")
        return found

    def _refusal(self, response: aiohttp.ClientResponse, body: bytes, key: str | None, form: _Form) -> Exception:
        said = _message(body)
        if response.status in (400, 422) and form is not _Form.TEXT:
            lower = said.lower()
            if "response_format" in lower or "verbose_json" in lower:
                return _FormRefusedError(_Form.TEXT)
            if "timestamp_granularities" in lower and form is _Form.WORDS:
                return _FormRefusedError(_Form.SEGMENTS)
        if key:
            said = said.replace(key, "•••")
        remedy = {
            401: " Check Z2_SPEECH_KEY_FILE.",
            403: " Check Z2_SPEECH_KEY_FILE.",
            404: " Check Z2_SPEECH_URL and Z2_SPEECH_MODEL.",
            413: " It takes no chunk of ten minutes (19 MB): raise its limit (nginx: client_max_body_size).",
        }.get(response.status, "")
        if 300 <= response.status < 400:
            remedy = " It points elsewhere: set Z2_SPEECH_URL to the address itself."
        passing = response.status in _PASSING and "insufficient_quota" not in said
        return SpeechFault(
            f"The speech service at {self._host} answered {response.status}{f': {said}' if said else ''}.{remedy}",
            error_class=ErrorClass.SERVER_ERROR if passing else ErrorClass.UNKNOWN,
            passing=passing,
            after=_retry_after(response),
        )

    def _unreachable(self, how: str, error_class: ErrorClass) -> SpeechFault:
        return SpeechFault(f"The speech service at {self._host} {how}", error_class=error_class, passing=True)

    @property
    def _is_here(self) -> bool:
        """Whether the service runs on this machine: then no proxy of the environment is in between."""
        host = urlsplit(self._url or "").hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.")

    @property
    def _host(self) -> str:
        return urlsplit(self._url or "").netloc.rpartition("@")[2]

    def _key(self) -> str | None:
        """The key, if there is one. Raises SpeechFault when its file cannot be used."""
        if self._key_file is None:
            return None
        try:
            given = str(self._key_file.parent) != os.environ.get("CREDENTIALS_DIRECTORY")
            if given and self._key_file.stat().st_mode & 0o077:  # systemd guards its credentials by itself
                raise SpeechFault(f"The key file {self._key_file} is open to other accounts: chmod 600 it.")
            key = self._key_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise SpeechFault(f"The key file {self._key_file} cannot be used: {reason}.") from None
        if not key or not key.isascii() or not key.isprintable():
            raise SpeechFault(f"The key file {self._key_file} holds no key.")
        return key


class _FormRefusedError(Exception):
    """The service does not know the form of answer that was asked for."""

    def __init__(self, instead: _Form) -> None:
        super().__init__(instead)
        self.instead = instead


def _message(body: bytes) -> str:
    """What a service says of an error: OpenAI's shape, the shapes of its imitators, or plain text."""
    text = body[:20_000].decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return "" if text.lstrip().startswith("<") else " ".join(text.split())[:_QUOTED].rstrip(".")
    inner = found.get("error", found) if isinstance(found, dict) else found
    if isinstance(inner, dict):
        code = inner.get("code")
        inner = inner.get("message") or inner.get("detail") or inner
        inner = f"{inner} ({code})" if isinstance(code, str) else inner
    said = inner if isinstance(inner, str) else json.dumps(inner)
    return " ".join(answers.tidy(said).split())[:_QUOTED].rstrip(".")


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    """Seconds from Retry-After; its other form, a date, is rare here and passed over."""
    try:
        seconds = float(response.headers.get("Retry-After", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
