"""The two WebSockets."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from z2d.api.keys import HUB, LOG_FEED, SOCKETS, VERSION
from z2d.api.log_feed import Follower
from z2d.api.queries import LogSocketParams, StatusSocketParams
from z2d.api.reading import path_id
from z2d.api.sockets import GONE, Closed, Socket
from z2d.api.status_hub import Beginning, StatusHub
from z2d.wire import errors
from z2d.wire.events import StatusHello
from z2d.wire.service import Version


async def status_socket(request: web.Request, query: StatusSocketParams) -> web.StreamResponse:
    """The state of all jobs, live: hello, a snapshot (unless `since` can be resumed), then every change."""
    hub, version = request.app[HUB], request.app[VERSION]
    return await request.app[SOCKETS].serve(request, "status", partial(_tell_status, hub, version, query.since))


async def _tell_status(hub: StatusHub, version: Version, since: int | None, socket: Socket) -> None:
    await socket.send(StatusHello(version=version.version, api=version.api, seq=hub.seq).model_dump_json())
    with hub.watching():
        seen = since
        if seen is None or hub.after(seen) is None:
            seen = await _send(socket, await hub.snapshot())
        while True:
            newest, newer = hub.seq, hub.after(seen)
            if newer is None:
                seen = await _send(socket, await hub.restart())
            else:
                await socket.send_all([message.text for message in newer])
                seen = newest
            await hub.changed(seen)


async def _send(socket: Socket, beginning: Beginning) -> int:
    """All of it, and the number from which the client goes on."""
    await socket.send_all(beginning.messages)
    return beginning.seq


async def log_socket(request: web.Request, query: LogSocketParams) -> web.StreamResponse:
    """A job's log: what is stored after `after` (or the last `tail` lines), then live, until the job is over."""
    sockets = request.app[SOCKETS]

    async def follow(socket: Socket) -> None:
        try:
            job = path_id(request, "job_id", errors.JobNotFound)
        except errors.JobNotFound:
            raise Closed(GONE, errors.JobNotFound.title()) from None
        await Follower(request.app[LOG_FEED], job, query, socket, skipped=sockets.skip).run()

    return await sockets.serve(request, "logs", follow)
