"""Making answers out of wire models."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel


def answer(value: BaseModel, status: int = 200) -> web.Response:
    """`value` as JSON."""
    body = value.model_dump_json(by_alias=True).encode("utf-8")
    return web.Response(status=status, body=body, content_type="application/json")
