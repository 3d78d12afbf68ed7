"""`z2d import`: reach the database, whether the daemon runs or not, and bring old records in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from z2d.config import Settings
from z2d.daemon import database
from z2d.daemon.notify import Notifier
from z2d.daemon.trouble import DaemonTrouble
from z2d.importer.report import Entry, Totals
from z2d.importer.run import Plan, import_folder
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
    """The database, brought to the newest schema; None where there is none yet and none is needed."""
    async with database.reached(settings, needed=needed, beside=beside) as dsn:
        if dsn is None:
            yield None
            return
        await database.ready(dsn, notifier)
        async with Database.open(dsn, size=2, application="z2d import") as db:
            yield db
