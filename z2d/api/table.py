"""The shape of one entry of the route table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from z2d.api.queries import NoQuery
from z2d.wire import errors


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One successful answer: its model, or for files and text the media types it may have."""

    model: type[BaseModel] | None = None
    media: tuple[str, ...] = ("application/json",)
    description: str = "Done"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Header:
    """A request header that the call understands."""

    name: str
    description: str
    pattern: str | None = None


@dataclass(frozen=True, kw_only=True)
class Example:
    """One request and what comes of it; the document shows it and the tests run it.

    `job` names the job it is about among those the tests prepare: "queued", "running", "completed", "failed".
    """

    name: str
    summary: str
    path: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    status: int = 200
    answer: Any = None


@dataclass(frozen=True, kw_only=True)
class Route:
    """One call: where it is, who answers, what it takes and gives.

    The handler gets the request, `query` (a value of the query model) and, where there is a body model, `body`.
    """

    method: str
    path: str
    handler: Callable[..., Awaitable[web.StreamResponse]]
    summary: str
    tag: str
    answers: Mapping[int, Answer]
    query: type[BaseModel] = NoQuery
    body: type[BaseModel] | None = None
    body_optional: bool = False
    stream: str | None = None
    """Media type of a body that the handler reads by itself, piece by piece."""
    headers: tuple[Header, ...] = ()
    errors: tuple[type[errors.Z2Error], ...] = ()
    examples: tuple[Example, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    """The parameters of the path that are no numbers, each with its pattern."""
    public: bool = False
    socket: bool = False
