"""What the daemon says about itself: statistics, versions, health, and its own contract."""

from __future__ import annotations

import asyncio
import json
from functools import cache

from aiohttp import web

from z2d.api.answers import answer
from z2d.api.docs.page import POLICY, render
from z2d.api.keys import DIAGNOSE, DOCUMENT, READINESS, STATS, VERSION
from z2d.api.queries import NoQuery
from z2d.media.installed import ytdlp_version
from z2d.wire.service import Diagnosis, Health


async def stats(request: web.Request, query: NoQuery) -> web.Response:
    """Counts and averages, at most two seconds old."""
    return answer(await request.app[STATS].get())


async def version(request: web.Request, query: NoQuery) -> web.Response:
    """Versions of the daemon and of what it stands on; of yt-dlp that which the next download will use."""
    return answer(request.app[VERSION].model_copy(update={"yt_dlp": await asyncio.to_thread(ytdlp_version)}))


async def alive(request: web.Request, query: NoQuery) -> web.Response:
    """Whether the process answers at all."""
    return answer(Health(status="ok"))


async def ready(request: web.Request, query: NoQuery) -> web.Response:
    """Whether jobs can be taken and done, each part by name. 503 when one is missing that nothing can stand in for."""
    health = await request.app[READINESS].look()
    return answer(health, 503 if health.status == "unavailable" else 200)


async def diagnosis(request: web.Request, query: NoQuery) -> web.Response:
    """What the daemon finds when it looks at all that it stands on; `z2ctl doctor` shows it."""
    return answer(Diagnosis(findings=await request.app[DIAGNOSE]()))


async def docs(request: web.Request, query: NoQuery) -> web.Response:
    """This contract as a page to read: every call with its parameters, examples and errors."""
    return web.Response(
        text=await asyncio.to_thread(lambda: _page(request.app[DOCUMENT]())),
        content_type="text/html",
        headers={"Content-Security-Policy": POLICY},
    )


@cache
def _page(contract: bytes) -> str:
    return render(json.loads(contract))


async def document(request: web.Request, query: NoQuery) -> web.Response:
    """This contract as an OpenAPI 3.1 document."""
    return web.Response(body=await asyncio.to_thread(request.app[DOCUMENT]), content_type="application/json")
