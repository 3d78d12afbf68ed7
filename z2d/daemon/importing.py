"""`z2d import`: reach the database, whether the daemon runs or not, and bring old records in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from z2d.config import Settings
from z2d.daemon import database, state
from z2d.daemon.notify import Notifier
from z2d.daemon.trouble import EXIT_CONFIG, EXIT_TAKEN, DaemonTrouble
from z2d.importer.report import Entry, Totals
from z2d.importer.run import Plan, import_folder
from z2d.postgres.server import EmbeddedPostgres
from z2d.store.database import Database
from z2d.wire.errors import DatabaseUnavailable


async def import_records(
    settings: Settings,
    notifier: Notifier,
    folder: Path,
    *,
    apply: bool,
    files_from: tuple[Path, ...],
    beside: bool,
    say: Callable[[Entry], None],
) -> Totals:
    """Import the folder's records; without `apply` only say what would become of them.

    `files_from`: where files that the records name may be taken from; none: they are left where they are.
    `beside`: a daemon is known to run; where it does not run in this state folder, nothing is done.
    Raises DaemonTrouble.
    """
    plan = Plan(folder, apply, settings.state_dir / "jobs", files_from)
    async with AsyncExitStack() as opened:
        db = await opened.enter_async_context(_database(settings, notifier, needed=apply, beside=beside))
        try:
            return await import_folder(db, plan, say)
        except DatabaseUnavailable as away:
            raise DaemonTrouble(f"{away.detail} What was imported so far stays; run it again to go on.") from None


@asynccontextmanager
async def _database(
    settings: Settings, notifier: Notifier, *, needed: bool, beside: bool
) -> AsyncIterator[Database | None]:
    """The daemon's database: a named one, that of the running daemon, or our own server, started for this block.

    None where there is none yet and none is needed.
    """
    async with AsyncExitStack() as opened:
        if settings.database_url is not None:
            dsn = settings.database_url.get_secret_value()
        else:
            folder = settings.state_dir / "postgres"
            if beside and not state.is_locked(settings.state_dir):
                raise DaemonTrouble(
                    f"the z2d that answers does not work in {settings.state_dir}: run this as its account, or set "
                    "Z2_STATE_DIR to its folder",
                    EXIT_CONFIG,
                )
            if not needed and not (folder / "data").exists():
                yield None
                return
            state.prepare(settings.state_dir)
            try:
                opened.enter_context(state.locked(settings.state_dir))
                server = await opened.enter_async_context(database.embedded(folder, settings.postgres_bin))
            except DaemonTrouble as trouble:
                server = EmbeddedPostgres(folder)
                if trouble.exit_code != EXIT_TAKEN or not await server.join():
                    raise
            dsn = server.dsn
        await database.ready(dsn, notifier)
        yield await opened.enter_async_context(Database.open(dsn, size=2, application="z2d import"))
