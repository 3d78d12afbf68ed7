"""A transcription service on loopback that speaks OpenAI's protocol, well or badly as a test wants.

It hears nothing: what it answers is made from the number of the request and the length of the recording. That its
protocol is the real one is proved by OpenAI's own client in test_endpoint.
"""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from aiohttp import web

from tests.support import end_server

SLOWLY_S = 30


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    fields: dict[str, list[str]]
    seconds: float
    authorization: str | None


@dataclass
class Service:
    """`moods` are used up from the front, one per request; afterwards it is well. `key`: what it asks for."""

    moods: list[str] = field(default_factory=list)
    key: str | None = None
    knows: str = "words"
    """Which answers it can give: `words`, `segments` (refuses granularities), `text` (refuses verbose_json)."""
    on_request: Callable[[int], None] = lambda _number: None
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Service:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/audio/transcriptions", self._transcribe)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await end_server(self._runner)

    async def _transcribe(self, request: web.Request) -> web.StreamResponse:
        fields: dict[str, list[str]] = {}
        sound = b""
        async for part in await request.multipart():
            if part.name == "file":
                assert part.filename
                sound = await part.read()
            else:
                fields.setdefault(str(part.name), []).append(await part.text())
        self.asked.append(Asked(fields, seconds_of(sound), request.headers.get("Authorization")))
        self.on_request(len(self.asked))
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            given = request.headers.get("Authorization", "none").removeprefix("Bearer ")
            return refused(401, f"Incorrect API key provided: {given}.", "invalid_api_key")
        mood = self.moods.pop(0) if self.moods else "well"
        if mood != "well":
            return await bad(mood, request)
        form = fields.get("response_format", ["json"])[0]
        if self.knows == "text" and form != "json":
            return refused(400, f"response_format '{form}' is not compatible with this model. Use 'json' instead.")
        if self.knows == "segments" and "timestamp_granularities[]" in fields:
            return refused(422, "Extra field timestamp_granularities[] is not permitted")
        return web.json_response(self._answer(form, len(self.asked), seconds_of(sound), fields))

    def _answer(self, form: str, number: int, seconds: float, fields: dict[str, list[str]]) -> dict[str, Any]:
        text = f"This is answer {number}. It says two things."
        if form == "json":
            return {"text": text, "usage": {"type": "duration", "seconds": round(seconds)}}
        segments = [
            segment(0, 0.0, seconds / 2, f" This is answer {number}."),
            segment(1, seconds / 2, seconds, " It says two things."),
            segment(2, seconds, seconds + 1, " Thank you for watching!", no_speech_prob=0.97, avg_logprob=-1.4),
        ]
        answer = {
            "task": "transcribe",
            "language": "english",
            "duration": seconds,
            "text": text,
            "segments": segments,
            "usage": {"type": "duration", "seconds": round(seconds)},
        }
        if "word" in fields.get("timestamp_granularities[]", ()):
            words = text.replace(".", "").split()
            step = seconds / len(words)
            answer["words"] = [
                {"word": word, "start": at * step, "end": (at + 1) * step} for at, word in enumerate(words)
            ]
        return answer


def segment(number: int, start: float, end: float, text: str, **more: float) -> dict[str, Any]:
    known = {"avg_logprob": -0.2, "compression_ratio": 1.1, "no_speech_prob": 0.01, "temperature": 0.0}
    return {"id": number, "seek": 0, "start": start, "end": end, "text": text, "tokens": [50364], **known, **more}


def refused(status: int, message: str, code: str | None = None, **headers: str) -> web.Response:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    return web.json_response(body, status=status, headers=headers)


async def bad(mood: str, request: web.Request) -> web.StreamResponse:
    """Misbehave: `429:SECONDS`, any other status, or a name below."""
    if mood.startswith("429:"):
        return refused(429, "Rate limit reached", "rate_limit_exceeded", **{"Retry-After": mood.partition(":")[2]})
    if mood == "quota":
        return refused(429, "You exceeded your current quota.", "insufficient_quota")
    if mood.isdigit():
        return refused(int(mood), f"status {mood} was wanted")
    if mood == "slow":
        await asyncio.sleep(SLOWLY_S)
    if mood == "html":
        return web.Response(text="<html><body>It works!</body></html>", content_type="text/html")
    if mood == "elsewhere":
        return web.Response(status=307, headers={"Location": "http://127.0.0.1:9/"})
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    if mood == "cut":
        response.content_length = 5000
        await response.prepare(request)
        await response.write(b'{"text": "half of an answ')
        assert request.transport is not None
        request.transport.abort()
    if mood == "endless":
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b" " * 65536)
    return response


def seconds_of(sound: bytes) -> float:
    """The length of a recording, which has to be what engines are promised: 16 kHz, mono, 16 bit."""
    with wave.open(io.BytesIO(sound)) as source:
        assert (source.getframerate(), source.getnchannels(), source.getsampwidth()) == (16_000, 1, 2)
        return source.getnframes() / 16_000
