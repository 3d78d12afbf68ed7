"""One question to an OpenAI-compatible endpoint over HTTP, and what its answer means.

aiohttp, which z2 needs anyway, in place of a client library: what goes out and comes back is a page of JSON, and here
every answer has a limit in bytes and seconds, no redirect takes the key elsewhere, and no retry happens unseen.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from z2d.analysis.models import LanguageModel

LARGEST_ANSWER = 4 << 20
CONNECT_S = 10
LENGTH = "length"
"""What an endpoint did not like, where the question was too long for it."""
_FOR_GOOD = frozenset({401, 402, 403, 404, 405, 410})
_REFUSED = frozenset({400, 413, 415, 422})


class NoUse(Exception):
    """The endpoint will not answer this job, however often it is asked."""


class Refused(Exception):
    """It does not like how it was asked. `param`: what it did not like, where it says so."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param


class Troubled(Exception):
    """No usable answer this time. `after`: seconds it wants to be left alone."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its text, why it ends, and what it cost. Counts that are None or nonsense were not given."""

    text: str
    finish: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None


class Endpoint:
    """The chat completions of one server. Raises `NoUse` at once when the key cannot be read."""

    def __init__(self, model: LanguageModel) -> None:
        self._url = address(model.url)
        self._timeout_s = model.timeout_s
        self._key = _key(model.key_file) if model.key_file else ""
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        timeout = aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=CONNECT_S)
        self._session = aiohttp.ClientSession(headers=headers, timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def chat(self, body: dict[str, Any]) -> Reply:
        """Ask once. Raises `NoUse`, `Refused` or `Troubled`; no message of theirs holds the key."""
        assert self._session is not None
        try:
            async with self._session.post(self._url, json=body, allow_redirects=False) as answer:
                raw = await _read(answer)
                status, after = answer.status, answer.headers.get("Retry-After", "")
        except TimeoutError:
            raise Troubled(f"no answer within {self._timeout_s:.0f} s") from None
        except aiohttp.InvalidURL:
            raise NoUse("its address cannot be used") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Troubled(self._safe(f"it cannot be reached: {error or type(error).__name__}")) from None
        found = _parse(raw)
        if status == 200:
            return _reply(found)
        said = self._safe(f"it answers {status}: {_complaint(found)}".rstrip(": "))
        if status in _FOR_GOOD or 300 <= status < 400:
            raise NoUse(said)
        if status in _REFUSED:
            raise Refused(said, LENGTH if status == 413 else _param(found))
        raise Troubled(said, float(after) if after.isascii() and after.isdigit() and len(after) < 6 else None)

    def _safe(self, text: str) -> str:
        """A server's words in one short line; some repeat the key that they refuse."""
        text = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
        return (text.replace(self._key, "…") if self._key else text)[:300]


def address(url: str) -> str:
    """Where chat completions are asked for, from the base URL (`http://localhost:11434/v1`) or the whole one."""
    url = url.rstrip("/")
    return url if url.endswith("/chat/completions") else f"{url}/chat/completions"


def _key(path: str) -> str:
    try:
        key = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        raise NoUse(f"the key file {path} cannot be read: {reason}") from None
    if not key or not key.isascii() or not key.isprintable():
        raise NoUse(f"the key file {path} holds no key")
    return key


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    raw = bytearray()
    async for piece in answer.content.iter_chunked(1 << 16):
        raw += piece
        if len(raw) > LARGEST_ANSWER:
            raise Troubled(f"its answer is larger than {LARGEST_ANSWER >> 20} MiB")
    return bytes(raw)


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _reply(found: dict[str, Any]) -> Reply:
    choices = found.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
    if choice is None:
        raise Troubled("what answers is no chat completion")
    message, use = choice.get("message"), found.get("usage")
    content = message.get("content") if isinstance(message, dict) else None
    use = use if isinstance(use, dict) else {}
    return Reply(
        text=content if isinstance(content, str) else "",
        finish=str(choice.get("finish_reason")),
        prompt_tokens=_count(use.get("prompt_tokens")),
        completion_tokens=_count(use.get("completion_tokens")),
        cost=_amount(use.get("cost")),
    )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 40 else None


def _amount(value: Any) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9
    return float(value) if known else None


def _complaint(found: dict[str, Any]) -> str:
    error = found.get("error", found.get("message", found.get("detail", "")))
    said = error.get("message", "") if isinstance(error, dict) else error
    return said if isinstance(said, str) else ""


def _param(found: dict[str, Any]) -> str:
    error = found.get("error")
    if not isinstance(error, dict):
        return ""
    if error.get("code") == "context_length_exceeded":
        return LENGTH
    param = error.get("param")
    return param if isinstance(param, str) else ""
