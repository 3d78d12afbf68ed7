"""A language model on loopback that speaks the protocol of chat completions over real HTTP, honest or lying.

    async with FakeModel() as model:            # honest: quotes what it was shown
        model.behave = model.lie                # or any function of the request's body
        request = ... LanguageModel(url=model.url, model="fake-1")

Its answers stand in the envelope of a recorded answer of a real endpoint.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from aiohttp import web

from tests.support import end_server, fixture

Body = dict[str, Any]
_LINE = re.compile(r"^\[(\d+)\] (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Said:
    """What the server sends: a status, and a body as text or JSON."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Behaviour = Callable[[Body], Said]


def recorded(name: str) -> Any:
    """A recorded answer of a real endpoint."""
    text = fixture(f"llm-chat/{name}").read_text()
    return json.loads(text) if name.endswith(".json") else text


def lines_of(body: Body) -> dict[int, str]:
    """The numbered lines of a question."""
    return {int(number): text for number, text in _LINE.findall(body["messages"][-1]["content"])}


def is_digest(body: Body) -> bool:
    """Whether this is the question about the whole, which shows claims and no transcript."""
    return '"best"' in json.dumps(body["messages"]).replace('\\"', '"')


def completion(content: Any, *, finish: str = "stop", usage: Any = "count") -> Said:
    """`content` as a chat completion; JSON is made of what is no text."""
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    answer = recorded("openai_valid_response.json")
    answer["choices"][0]["message"]["content"] = text
    answer["choices"][0]["finish_reason"] = finish
    answer["usage"] = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    if usage != "count":
        answer["usage"] = usage
    return Said(answer)


def honest(body: Body) -> Said:
    """Quotes what it was shown, word for word."""
    lines = lines_of(body)
    if is_digest(body):
        numbers = list(lines)
        return completion(
            {
                "summary": [{"text": "All of it is about things.", "points": numbers[:2]}],
                "best": numbers[:4],
                "topics": [{"label": "Things", "points": numbers[:3]}],
            }
        )
    long = [(n, text) for n, text in lines.items() if len(text.split()) >= 5]
    first = long[0]
    return completion(
        {
            "summary": [{"text": "Somebody says something.", "n": first[0], "quote": first[1]}],
            "points": [
                {"text": f"Claim about line {'x' * (n % 3 + 1)}.", "n": n, "quote": text, "weight": 1 + n % 5}
                for n, text in long[:8]
            ],
            "chapters": [{"title": "A part", "n": n, "quote": text} for n, text in long[:: max(1, len(long) // 3)]],
            "topics": [{"label": "Things", "places": [{"n": n, "quote": text} for n, text in long[:3]]}],
        }
    )


class FakeModel:
    """The server. `asked` keeps the bodies of all requests, `keys` their Authorization headers."""

    def __init__(self, behave: Behaviour = honest) -> None:
        self.behave = behave
        self.asked: list[Body] = []
        self.keys: list[str | None] = []
        self.holds: threading.Event | None = None
        """Where given, no question is answered before it is set."""
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """The base URL, as it stands in the settings."""
        return f"http://127.0.0.1:{self._port}/v1"

    async def __aenter__(self) -> FakeModel:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/chat/completions", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await end_server(self._runner)

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        self.keys.append(request.headers.get("Authorization"))
        if self.holds is not None:
            await asyncio.wait_for(asyncio.to_thread(self.holds.wait), 60)
        said = self.behave(body)
        if isinstance(said.body, str):
            return web.Response(text=said.body, status=said.status, headers=said.headers)
        return web.json_response(said.body, status=said.status, headers=said.headers)


@contextmanager
def model_in_thread() -> Iterator[FakeModel]:
    """The same for tests without a loop."""
    loop, model = asyncio.new_event_loop(), FakeModel()
    thread = threading.Thread(target=loop.run_forever, name="fake model", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(model.__aenter__(), loop).result(10)
        yield model
    finally:
        asyncio.run_coroutine_threadsafe(model.__aexit__(None, None, None), loop).result(70)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
