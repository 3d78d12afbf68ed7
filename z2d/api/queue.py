"""The queue as a whole: how it stands, pausing, draining and resuming it, how many jobs at once."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field

from z2d.api.answers import answer
from z2d.api.keys import DB
from z2d.api.middleware import CALLER
from z2d.api.queries import NoQuery, Seq
from z2d.store import queue
from z2d.wire.base import Wire
from z2d.wire.control import PauseQueue, QueueChanges, QueueMode


class QueueParams(Wire):
    """`GET /api/queue`."""

    limit: Annotated[Seq, Field(le=500)] = Field(50, description="At most so many of the jobs that start next")


async def show_queue(request: web.Request, query: QueueParams) -> web.Response:
    """The queue now."""
    return answer(await queue.state(request.app[DB], limit=query.limit))


async def pause_queue(request: web.Request, query: NoQuery, body: PauseQueue) -> web.Response:
    """Stop starting jobs; running ones are put down too, unless the queue is to drain."""
    return await _set(request, QueueMode.DRAINING if body.drain else QueueMode.PAUSED)


async def resume_queue(request: web.Request, query: NoQuery) -> web.Response:
    """Let the queue go on."""
    return await _set(request, QueueMode.ACTIVE)


async def change_queue(request: web.Request, query: NoQuery, body: QueueChanges) -> web.Response:
    """Set how many jobs run at once, in all, of one site or in a lane. Fewer end no job: who is inside stays."""
    if "slots" in body.model_fields_set:
        await queue.set_slots(request.app[DB], body.slots, by=request[CALLER])
    if "site_slots" in body.model_fields_set:
        await queue.set_site_slots(request.app[DB], body.site_slots, by=request[CALLER])
    if "lanes" in body.model_fields_set:
        await queue.set_lanes(request.app[DB], body.lanes.model_dump(exclude_unset=True), by=request[CALLER])
    return answer(await queue.state(request.app[DB]))


async def _set(request: web.Request, mode: QueueMode) -> web.Response:
    await queue.set_mode(request.app[DB], mode, by=request[CALLER])
    return answer(await queue.state(request.app[DB]))
