"""docs/api-examples.md: each example of the contract as it is sent, and what the API has answered to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from docs import answers
from z2d.api.routes import routes
from z2d.api.table import Example, Route

WIDTH = 110
HEAD = """# Requests and answers

Every example of the contract, as it is sent and as it was answered. They are about four jobs: 1 is completed, 2 runs,
3 is queued, 4 has failed. The tests make each of these requests and compare what comes back with this page; times,
cursors and the room on the disk are fixed ones here. How to call: [the guide to the API](guide/api.md). The same
examples stand in the OpenAPI document at `/api/openapi.json`, and on the page at `/api/docs`.
"""


def page() -> str:
    """The page, without its first line."""
    told = answers.read()
    parts = [HEAD]
    for route in routes():
        if route.examples:
            parts += _call(route, told.get(f"{route.method} {route.path}", {}))
    return "\n".join(parts)


def _call(route: Route, told: dict[str, Any]) -> Iterator[str]:
    yield f"## {route.method} {route.path}\n\n{route.summary}.\n"
    for example in route.examples:
        yield f"**{example.summary}**\n"
        yield f"```http\n{_request(route, example)}\n```\n"
        yield f"{example.status}:\n\n{_answer(told.get(example.name))}\n"


def _request(route: Route, example: Example) -> str:
    path = route.path
    for name, value in example.path.items():
        path = path.replace(f"{{{name}}}", quote(str(value)))
    query = urlencode(example.query, doseq=True)
    lines = [f"{route.method} {path}{'?' if query else ''}{query}"]
    lines += [f"{name}: {value}" for name, value in example.headers.items()]
    if example.body is not None:
        lines += ["Content-Type: application/json", "", filled(example.body)]
    return "\n".join(lines)


def _answer(told: Any) -> str:
    if isinstance(told, str):
        return f"```\n{told.rstrip()}\n```"
    return f"```json\n{filled(told)}\n```"


def filled(value: Any, indent: int = 0) -> str:
    """JSON in lines that are filled like those of a paragraph: a job has thirty fields, and most are short."""
    flat = json.dumps(value, ensure_ascii=False)
    if indent + len(flat) <= WIDTH or not isinstance(value, dict | list):
        return flat
    inner = indent + 2
    if isinstance(value, dict):
        pieces = [f"{json.dumps(key)}: {filled(item, inner)}" for key, item in value.items()]
    else:
        pieces = [filled(item, inner) for item in value]
    lines = [""]
    for number, piece in enumerate(pieces):
        piece += "," if number < len(pieces) - 1 else ""
        whole = "\n" not in piece and "\n" not in lines[-1]
        if lines[-1] and not (whole and inner + len(lines[-1]) + 1 + len(piece) <= WIDTH):
            lines.append("")
        lines[-1] += f" {piece}" if lines[-1] else piece
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return "\n".join([opening, *(" " * inner + line for line in lines), " " * indent + closing])
