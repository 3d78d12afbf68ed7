"""Looking at a URL before anything is queued."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from aiohttp import web

from z2d.api.admitting import admit_one
from z2d.api.answers import answer
from z2d.api.current import CURRENT
from z2d.api.keys import DB
from z2d.api.queries import NoQuery
from z2d.store import known
from z2d.wire import errors, uploads
from z2d.wire.jobs import JobOptions, NewJobFields
from z2d.wire.probe import ProbeAnswer, ProbeRequest

T = TypeVar("T")
GONE_AFTER_S = 1.0
"""How often it is looked whether the caller still waits."""


class Probe(Protocol):
    """Looks at an admitted URL; the daemon hands one in, because the API knows nothing of media."""

    async def __call__(self, url: str, *, site: str | None, profile: str, options: JobOptions) -> ProbeAnswer:
        """What is at `url`; raises TooManyRequests."""
        ...


PROBE: web.AppKey[Probe] = web.AppKey("probe")


async def nothing_to_probe_with(url: str, *, site: str | None, profile: str, options: JobOptions) -> ProbeAnswer:
    """The probe of an API that was given none."""
    raise errors.NotFound("This daemon does not look at URLs.")


async def while_waited_for(request: web.Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` comes to. It is cancelled when the caller has gone, and then the request fails, unheard.

    Only for work that nobody wants without its answer: every other request is finished once it has begun, so that a
    caller who lost the line finds a whole change or none. That is why aiohttp's own cancelling is off.
    """
    task = asyncio.create_task(work, name=f"{request.method} {request.path}")
    try:
        while not task.done():
            if request.transport is None:
                raise ConnectionResetError("the caller has gone")
            await asyncio.wait({task}, timeout=GONE_AFTER_S)
        return task.result()
    finally:
        task.cancel()
        await asyncio.wait({task})


async def probe(request: web.Request, query: NoQuery, body: ProbeRequest) -> web.Response:
    """What is at a URL: title, length, size, captions, the entries of a list, and what of it is there already.

    Nothing is queued. A look takes seconds; where it fails, the answer says why a job would fail. Whoever closes the
    connection gives it up.
    """
    if uploads.parse(body.url):
        raise errors.UrlUnsupported("An uploaded file is not looked at before it is submitted.")
    settled = request.app[CURRENT].profiles.settled(NewJobFields(profile=body.profile, options=body.options))
    playlist = settled.options.playlist is not None
    admitted = await admit_one(request.app[CURRENT].admit, body.url, playlist=playlist)
    look = request.app[PROBE](admitted.url, site=admitted.site, profile=settled.profile, options=settled.options)
    found = await while_waited_for(request, look)
    db = request.app[DB]
    own = admitted.dedup_key
    there = (await known.known_keys(db, [own])).get(own) if own else None
    if there is None and found.media_key:
        there = await known.known_media(db, found.media_key)
    others = await known.known_keys(db, (one.dedup_key for one in found.entries if one.dedup_key))
    entries = [one.model_copy(update={"duplicate_of": others.get(one.dedup_key or "")}) for one in found.entries]
    return answer(found.model_copy(update={"duplicate_of": there, "entries": entries}))
