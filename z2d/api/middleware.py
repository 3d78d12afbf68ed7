"""The two things that happen around every request: nobody gets past the checks, and every failure has its shape.

`failures` is the one place of the API that catches everything: a fault of the program becomes a plain 500 for the
caller and a traceback in the daemon's own log, never the other way round.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from aiohttp.web_protocol import RequestHandler

from z2d.api.current import Current
from z2d.wire import errors

log = logging.getLogger("z2d.api")
CALLER = web.RequestKey("caller", str)  # "local" or "token"
STARTED = web.RequestKey("started", web.StreamResponse)  # set once a handler has begun: no second answer may follow

_BY_STATUS: dict[int, type[errors.Z2Error]] = {
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    413: errors.PayloadTooLarge,
    415: errors.UnsupportedMediaType,
    416: errors.RangeNotSatisfiable,
}
HARDENING = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "z2d",
}


def problem(error: errors.Z2Error, headers: dict[str, str] | None = None) -> web.Response:
    """An RFC 9457 answer. Characters outside ASCII are escaped, so no text of a caller can break the document."""
    answer = web.Response(
        status=error.status,
        body=json.dumps(error.problem()).encode("ascii"),
        content_type="application/problem+json",
        headers=headers,
    )
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unauthorized):
        answer.headers["WWW-Authenticate"] = 'Bearer realm="z2"'
    return answer


@web.middleware
async def failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever went wrong into problem+json."""
    try:
        return await handler(request)
    except errors.Z2Error as error:
        answer = problem(error)
        if error.status >= 500 and not isinstance(error, errors.DatabaseUnavailable | errors.ShuttingDown):
            log.error("%s %s: %s", request.method, request.rel_url.raw_path, error.code, exc_info=error)
    except web.HTTPException as error:
        kind = _BY_STATUS.get(error.status, errors.InvalidRequest)
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        answer = problem(kind(), allow)
    except Exception:
        if request.transport is not None:  # else the caller has gone, which is no fault of anybody's
            log.exception("%s %s failed", request.method, request.rel_url.raw_path)
        answer = problem(errors.Z2Error())
    started: web.StreamResponse | None = request.get(STARTED)
    if started is not None:
        if request.transport is not None:
            request.transport.abort()  # half an answer must not look like a whole one
        return started
    return answer


def security(current: Current, public: frozenset[str], *, spoke: Callable[[RequestHandler], None]) -> Middleware:
    """The checks before every route, upgrades and unknown addresses included.

    `public` paths and feeds that are open to all need no token. `spoke` is told of each connection over which somebody
    came who may call.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        current.auth.check_address(request)
        if request.path not in public and not current.open_feed(_feed_of(request)):
            request[CALLER] = current.auth.check_caller(request)
            spoke(request.protocol)
        return await handler(request)

    return check


def _feed_of(request: web.Request) -> str | None:
    """The podcast feed that the matched route is about, by the router's own word and not by the path's look."""
    resource = request.match_info.route.resource
    about_a_feed = resource is not None and resource.canonical.startswith("/feeds/{name}")
    return request.match_info["name"] if about_a_feed else None


async def harden(_request: web.Request, answer: web.StreamResponse) -> None:
    """Headers of every answer: what comes from strangers' videos is never run, framed or guessed at by a browser."""
    own = answer.headers.get("Content-Security-Policy")  # a page of our own says what it needs
    answer.headers.update(HARDENING)
    if own is not None:
        answer.headers["Content-Security-Policy"] = own
    answer.headers.setdefault("Cache-Control", "no-store")
