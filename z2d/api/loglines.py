"""The stored log of a job, a page at a time."""

from __future__ import annotations

from aiohttp import web

from z2d.api.answers import answer
from z2d.api.jobs import job_id
from z2d.api.keys import DB
from z2d.api.queries import LogParams
from z2d.store import logs


async def page(request: web.Request, query: LogParams) -> web.Response:
    """Lines after, before or between given numbers, in rising order."""
    found = await logs.page(
        request.app[DB],
        job_id(request),
        after=query.after,
        before=query.before,
        limit=query.limit,
        level=query.level,
        stage=query.stage,
        q=query.q,
    )
    return answer(found)
