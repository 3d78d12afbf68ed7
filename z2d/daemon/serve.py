"""The whole daemon, a worker alone, a migration alone: what the commands of `z2d` run.

Everything opens in the order of the `async with` below and closes in its reverse: first the API with its sockets, then
the services (jobs go back into the queue), then the last log lines, the pool, and the database server at the end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import Any

from z2d.api.app import create_app
from z2d.api.metrics import ServerState, Surroundings
from z2d.api.serve import serve as serve_api
from z2d.api.uploads import Uploads
from z2d.bus import Bus
from z2d.config import Settings
from z2d.config.values import Address
from z2d.daemon import database, sites, state, values, watchdog
from z2d.daemon.diagnosis import Diagnosis
from z2d.daemon.housekeeping import Housekeeping
from z2d.daemon.language_model import language_model
from z2d.daemon.life import running
from z2d.daemon.notify import Notifier
from z2d.daemon.places import tcp_socket, unix_socket
from z2d.daemon.reload import Adjustable, Reload
from z2d.daemon.speech import speech
from z2d.daemon.targets import feeds_of, served_targets
from z2d.daemon.trouble import EXIT_CONFIG, DaemonTrouble
from z2d.daemon.uploads import keep_uploads
from z2d.media.ffmpeg import Ffmpeg
from z2d.media.installed import ytdlp_version
from z2d.media.process import sweep
from z2d.media.ytdlp import YtDlp
from z2d.pipeline.lanes import Lanes
from z2d.pipeline.policy import Policy
from z2d.pipeline.probing import Prober
from z2d.postgres.server import EmbeddedPostgres
from z2d.publish.shelf import LibraryTarget
from z2d.store import health, presence
from z2d.store.database import Database
from z2d.store.listen import Listener
from z2d.store.logs import LogWriter
from z2d.store.upkeep import upkeep
from z2d.wire.errors import DatabaseUnavailable
from z2d.wire.service import Version
from z2d.worker.publisher import Publisher, Served
from z2d.worker.service import Worker

API_VERSION = 1
READY_WITHIN_S = 30.0
UPKEEP_S = 60.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """What runs without the API."""

    db: Database
    bus: Bus
    listener: Listener
    version: Version
    targets: list[Served]
    adjustable: Adjustable
    around: Surroundings


async def serve(settings: Settings, notifier: Notifier, *, read: Callable[[], Settings]) -> None:
    """`z2d serve`: API and worker, with a database server of our own where none is named. Runs until cancelled.

    `read` gives the settings anew; raises ConfigTrouble.
    """
    with ExitStack() as held:
        _occupy(settings, held)
        sockets = [held.enter_context(unix_socket(settings.socket))]
        names = [str(settings.socket)]
        port = None
        if settings.listen:
            sockets.append(held.enter_context(tcp_socket(*settings.listen)))
            port = sockets[-1].getsockname()[1]
            names.append(f"http://{Address(settings.listen.host, port)}")
        auth = values.auth(settings, port)
        async with _running_parts(settings, notifier) as parts:
            reload = Reload(settings, read, parts.adjustable, port=port)
            app = create_app(
                db=parts.db,
                bus=parts.bus,
                admit=values.admission(settings),
                probe=parts.adjustable.prober,
                uploads=Uploads(
                    settings.state_dir / "uploads",
                    max_bytes=settings.max_download_bytes,
                    min_free_bytes=settings.min_free_bytes,
                ),
                state_dir=settings.state_dir,
                jobs_dir=settings.state_dir / "jobs",
                profiles=sites.profiles(settings),
                cookies=sites.cookies(settings),
                versions=parts.version,
                slots=settings.slots,
                listener_health=lambda: parts.listener.connected,
                auth=auth,
                feeds=feeds_of(parts.targets),
                around=parts.around,
                diagnose=Diagnosis(lambda: reload.settings, parts.db, ffmpeg=parts.version.ffmpeg).look,
            )
            async with serve_api(app, sockets):
                await _until_ready(parts)
                ready = f"Ready at {', '.join(names)}"
                reload.app = app
                async with running({"reload": partial(reload.follow, notifier, ready)}):
                    notifier.say("READY=1", f"STATUS={ready}")
                    log.info("z2d %s is ready at %s", parts.version.version, " and ".join(names))
                    await watchdog.feed(notifier, parts.db, parts.listener, settings.socket)


async def work(settings: Settings, notifier: Notifier, *, read: Callable[[], Settings]) -> None:
    """`z2d worker`: only a worker, on the database of a daemon that runs elsewhere. Runs until cancelled."""
    if settings.database_url is None:
        raise DaemonTrouble("a worker alone needs the address of a database: set Z2_DATABASE_URL", EXIT_CONFIG)
    with ExitStack() as held:
        _occupy(settings, held)
        async with _running_parts(settings, notifier) as parts:
            await _until_ready(parts)
            reload = Reload(settings, read, parts.adjustable)
            async with running({"reload": partial(reload.follow, notifier, "Working")}):
                notifier.say("READY=1", "STATUS=Working")
                log.info("the worker of z2d %s is ready", parts.version.version)
                await watchdog.feed(notifier, parts.db, parts.listener)


async def migrate(settings: Settings, notifier: Notifier) -> None:
    """`z2d migrate`: bring the database to the newest schema, and end."""
    with ExitStack() as held:
        async with AsyncExitStack() as opened:
            if settings.database_url is None:
                _occupy(settings, held)
                server = await opened.enter_async_context(database.embedded(settings))
                schema = await database.ready(server.dsn, notifier)
            else:
                schema = await database.ready(settings.database_url.get_secret_value(), notifier)
            log.info("the database has schema version %d", schema)


def _occupy(settings: Settings, held: ExitStack) -> None:
    """Be the only daemon of this state folder, or raise DaemonTrouble."""
    state.prepare(settings.state_dir)
    held.enter_context(state.locked(settings.state_dir))


@asynccontextmanager
async def _running_parts(settings: Settings, notifier: Notifier) -> AsyncIterator[Parts]:
    """Database, log writer, tools, listener and worker, running; each is closed after what stands on it."""
    targets = served_targets(settings)
    mark = state.installation(settings.state_dir)
    if left := await sweep(mark):
        log.warning("ended %d processes that a killed daemon had left running", left)
    ffmpeg = Ffmpeg(values.ffmpeg(settings), mark)
    async with AsyncExitStack() as opened:
        server: EmbeddedPostgres | None = None
        services: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {}
        if settings.database_url is None:
            server = await opened.enter_async_context(database.embedded(settings))
            dsn, services["database server"] = server.dsn, server.supervise
        else:
            dsn = settings.database_url.get_secret_value()
        schema = await database.ready(dsn, notifier)
        db = await opened.enter_async_context(Database.open(dsn, size=10 + settings.slots))
        bus = Bus()
        logs = await opened.enter_async_context(LogWriter(db, bus=bus))
        ytdlp = await opened.enter_async_context(
            YtDlp(
                installation=mark,
                ffmpeg=ffmpeg,
                allow_private=settings.allow_private_networks,
                limits=values.limits(settings),
            )
        )
        lanes = Lanes()
        listener, version = Listener(dsn), await _version(db, ffmpeg, schema)
        worker = Worker(
            db,
            bus,
            logs,
            installation=mark,
            slots=settings.slots,
            state_dir=settings.state_dir,
            library_dir=settings.library_dir,
            ytdlp=ytdlp,
            ffmpeg=ffmpeg,
            lease_s=settings.lease_s,
            poll_s=settings.poll_s,
            policy=Policy(scale=settings.retry_scale),
            access=sites.access(settings),
            llm=language_model(settings),
            speech=speech(settings),
            versions={"z2": version.version, "yt-dlp": version.yt_dlp or "", "ffmpeg": version.ffmpeg or ""},
            lanes=lanes,
        )
        publisher = Publisher(
            db,
            bus,
            logs,
            installation=mark,
            jobs_dir=settings.state_dir / "jobs",
            library=LibraryTarget(settings.library_dir),
            targets=targets,
            lease_s=settings.lease_s,
            poll_s=settings.poll_s,
            scale=settings.retry_scale,
            lanes=lanes,
        )
        services |= {"listener": partial(listener.run, bus), "worker": worker.run, "upkeep": partial(_keep_up, db)}
        services["publisher"] = publisher.run
        housekeeping = _housekeeping(settings, db)
        services["housekeeping"] = housekeeping.run
        services["uploads"] = partial(keep_uploads, db, settings.state_dir / "uploads")
        await opened.enter_async_context(running(services))
        prober = Prober(ytdlp, settings.state_dir / "probe", access=sites.access(settings))
        adjustable = Adjustable(worker, publisher, housekeeping, ytdlp, prober)
        yield Parts(db, bus, listener, version, targets, adjustable, _around(settings, logs, server))


def _housekeeping(settings: Settings, db: Database) -> Housekeeping:
    jobs_dir, library = settings.state_dir / "jobs", settings.library_dir
    return Housekeeping(db, values.keep(settings), jobs_dir=jobs_dir, library=library)


def _around(settings: Settings, logs: LogWriter, server: EmbeddedPostgres | None) -> Surroundings:
    return Surroundings(
        folders={"state": settings.state_dir, "library": settings.library_dir},
        logs=logs,
        own_server=None if server is None else lambda: ServerState(bool(server.pid), server.restarts),
    )


async def _version(db: Database, ffmpeg: Ffmpeg, schema: int) -> Version:
    return Version(
        version=metadata.version("z2"),
        api=API_VERSION,
        schema_=schema,
        yt_dlp=ytdlp_version(),
        ffmpeg=await ffmpeg.version(),
        postgresql=await health.server_version(db),
    )


async def _until_ready(parts: Parts) -> None:
    """Until notifications arrive and a worker has signed on. Slow is not wrong: after a while it goes on without."""
    with suppress(TimeoutError):
        async with asyncio.timeout(READY_WITHIN_S):
            while True:
                with suppress(DatabaseUnavailable):
                    if parts.listener.connected and await presence.live_workers(parts.db):
                        return
                await asyncio.sleep(0.02)


async def _keep_up(db: Database) -> None:
    """Once a minute what keeps tables small; a minute without the database is made up for later."""
    while True:
        with suppress(DatabaseUnavailable):
            await upkeep(db)
        await asyncio.sleep(UPKEEP_S)
