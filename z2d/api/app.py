"""Making the application: the route table becomes routes, the checks go around them, the feeds run beside them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import cache
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from z2d.api import keys, middleware
from z2d.api.admitting import Admit
from z2d.api.auth import Auth
from z2d.api.connections import MAX_CONNECTIONS, Connections
from z2d.api.current import CURRENT, Current
from z2d.api.log_feed import LogFeed
from z2d.api.metrics import METRICS, Metrics, Surroundings
from z2d.api.openapi import document
from z2d.api.probe import PROBE, Probe, nothing_to_probe_with
from z2d.api.profiles import Profiles
from z2d.api.reading import MAX_BODY, read_body, read_query, refuse_body
from z2d.api.routes import routes
from z2d.api.service_parts import Readiness, StatsCache
from z2d.api.sockets import Sockets
from z2d.api.status_hub import StatusHub
from z2d.api.table import Route
from z2d.api.uploads import UPLOADS, Uploads
from z2d.bus import Bus
from z2d.media.cookies import CookieFiles
from z2d.publish.feed import FeedTarget
from z2d.store.database import Database
from z2d.wire import errors
from z2d.wire.service import Finding, Version

LARGEST_UPLOAD = 32 << 30
SAFE_METHODS = frozenset({"GET", "HEAD"})


async def nothing_found() -> list[Finding]:
    """The diagnosis of an API that stands on nothing but its database."""
    return []


def create_app(
    *,
    db: Database,
    bus: Bus,
    admit: Admit,
    state_dir: Path,
    jobs_dir: Path,
    versions: Version,
    slots: int,
    listener_health: Callable[[], bool],
    auth: Auth,
    feeds: Mapping[str, FeedTarget] | None = None,
    profiles: Profiles | None = None,
    cookies: CookieFiles | None = None,
    probe: Probe = nothing_to_probe_with,
    uploads: Uploads | None = None,
    around: Surroundings | None = None,
    diagnose: keys.Diagnose = nothing_found,
    max_connections: int = MAX_CONNECTIONS,
    now: Callable[[], float] = time.time,
) -> web.Application:
    """The whole API as an application; serve it with `z2d.api.serve.serve`.

    Args:
        db: where jobs are. bus: what the listener publishes to.
        admit: turns a URL into one that may be queued; raises the Url* errors.
        state_dir: the file system whose free room is told. jobs_dir: where the folder of job N is `N // 1000 / N`.
        versions: what /api/version answers. slots: jobs at once, told in the statistics.
        listener_health: whether notifications arrive at the moment.
        probe: looks at a URL. uploads: the folder of uploaded files; in `state_dir` unless told.
        profiles: the named sets of options. cookies: where those of sites are kept; in `state_dir` unless told.
        auth: who may call. feeds: the podcast feeds by name. around: what /metrics tells besides.
        diagnose: looks at what the daemon stands on.
        max_connections: open at once. now: seconds since 1970.
    """
    table = routes()
    public = frozenset(route.path for route in table if route.public)
    connections = Connections(max_connections)
    current = Current(auth, admit, profiles or Profiles(), feeds or {})
    checks = middleware.security(current, public, spoke=connections.spoke)
    sockets, around = Sockets(), around or Surroundings({"state": state_dir})
    metrics = Metrics(db, sockets=sockets, version=versions, listening=listener_health, around=around)
    app = web.Application(
        middlewares=[metrics.requests.middleware(), middleware.failures, checks], client_max_size=MAX_BODY
    )
    app[METRICS] = metrics
    app[keys.CONNECTIONS] = connections
    app[keys.DB] = db
    app[CURRENT] = current
    app[keys.DIAGNOSE] = diagnose
    app[keys.COOKIES] = cookies or CookieFiles(state_dir / "cookies")
    app[PROBE] = probe
    app[UPLOADS] = uploads or Uploads(state_dir / "uploads", max_bytes=LARGEST_UPLOAD)
    app[keys.JOBS_DIR] = jobs_dir
    app[keys.VERSION] = versions
    app[keys.STATS] = StatsCache(db, slots=slots, folder=state_dir)
    app[keys.READINESS] = Readiness(db, folder=state_dir, listening=listener_health)
    app[keys.HUB] = StatusHub(db, bus, app[keys.STATS], now=now)
    app[keys.LOG_FEED] = LogFeed(db, bus)
    app[keys.SOCKETS] = sockets
    # made when somebody first asks for it: that takes as long as all the rest of a start, and few ever ask
    contract: Callable[[], bytes] = cache(lambda: json.dumps(document(table, versions.version)).encode("ascii"))
    app[keys.DOCUMENT] = contract
    _add_routes(app, table)
    app.on_response_prepare.append(middleware.harden)
    app.on_shutdown.append(_close_sockets)
    app.cleanup_ctx.append(_feeds)
    return app


def _add_routes(app: web.Application, table: tuple[Route, ...]) -> None:
    by_path: dict[str, list[Route]] = {}
    for route in table:
        by_path.setdefault(route.path, []).append(route)
    for path, found in by_path.items():
        resource = app.router.add_resource(path)
        methods = [route.method for route in found]
        for route in found:
            resource.add_route(route.method, _call(route), expect_handler=_expectation)
            if route.method == "GET" and not route.socket:
                methods.append("HEAD")
                resource.add_route("HEAD", _call(route), expect_handler=_expectation)
        resource.add_route("*", _refuse_method(", ".join(sorted(methods))), expect_handler=_expectation)


def _call(route: Route) -> Handler:
    """The handler of `route` as aiohttp calls it: what the caller sent is read and checked first."""

    async def call(request: web.Request) -> web.StreamResponse:
        query = read_query(request, route.query)
        if route.stream:
            return await route.handler(request, query)
        if route.body is None:
            await refuse_body(request)
            return await route.handler(request, query)
        body = await read_body(request, route.body, optional=route.body_optional)
        return await route.handler(request, query, body)

    return call


def _refuse_method(allowed: str) -> Handler:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return middleware.problem(errors.MethodNotAllowed(), {"Allow": allowed})

    return refuse


async def _expectation(_request: web.Request) -> None:
    """A caller that waits for "100 Continue" is told so when its body is read, after every check."""


async def _close_sockets(app: web.Application) -> None:
    await app[keys.SOCKETS].close_all()


async def _feeds(app: web.Application) -> AsyncIterator[None]:
    """The two feeds, and the look at the loop, run as long as the application.

    One that dies is a fault: readiness and the log say so.
    """

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(app[keys.HUB].run(), name="api-status-hub")
            group.create_task(app[keys.LOG_FEED].run(), name="api-log-feed")
            group.create_task(app[METRICS].lag.run(), name="api-loop-lag")

    task = asyncio.create_task(run(), name="api-feeds")
    app[keys.READINESS].watch(task)
    yield
    task.cancel()
    await asyncio.wait({task})
