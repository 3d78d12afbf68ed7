"""`z2d backup`: reach the database, find the folders, and let `z2d.backup` do it, whether the daemon runs or not."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from z2d.backup.create import Made, create
from z2d.backup.faults import BackupTrouble, Busy, DaemonRunning, NoDatabase
from z2d.backup.folder import BackupFolder, Keep, Listed
from z2d.backup.manifest import Manifest, Origin
from z2d.backup.media import Roots, Say
from z2d.backup.restore import Restored, check_room, check_version, restore
from z2d.backup.verify import Rehearsed, Verified, rehearse, verify
from z2d.config import Settings
from z2d.daemon import database, state
from z2d.daemon.trouble import EXIT_TAKEN, DaemonTrouble
from z2d.postgres import contents
from z2d.postgres.faults import PostgresTrouble, ScratchRefused
from z2d.postgres.scratch import scratch_database, scratch_server
from z2d.postgres.server import EmbeddedPostgres
from z2d.store.migrations import SchemaRefused
from z2d.wire import places
from z2d.wire.errors import DatabaseUnavailable


class BackupFailed(DaemonTrouble):
    """A backup, verification or restore did not succeed; `code` says why in one word that stays."""

    def __init__(self, message: str, code: str, exit_code: int = 1) -> None:
        super().__init__(message, exit_code)
        self.code = code


async def create_backup(settings: Settings, *, beside: bool, say: Say) -> Made:
    """Back up the database. `beside`: see `database.reached`. Raises DaemonTrouble."""
    with _troubles():
        async with database.reached(settings, needed=False, beside=beside) as dsn:
            if dsn is None:
                raise NoDatabase(f"there is no database in {settings.state_dir} yet: there is nothing to back up")
            return await create(
                dsn,
                _folder(settings),
                binaries=settings.postgres_bin,
                roots=_roots(settings),
                origin=_here(settings),
                media=settings.backup_media,
                keep_these=Keep(settings.backup_keep, settings.backup_keep_days),
                say=say,
            )


def list_backups(settings: Settings) -> list[Listed]:
    """The backups in the folder, the newest first. Raises DaemonTrouble."""
    with _troubles():
        return _folder(settings).listed()


async def verify_backup(settings: Settings, name: str | None, *, media: bool, say: Say) -> Verified:
    """Prove a backup (None: the newest) by restoring it to a scratch database. Raises DaemonTrouble."""
    folder = _folder(settings)
    with _troubles():
        return await verify(
            folder,
            name or folder.newest(),
            scratch=_Scratch(settings).place,
            binaries=settings.postgres_bin,
            roots=_roots(settings) if media else None,
            say=say,
        )


async def rehearse_migration(settings: Settings, name: str | None, *, say: Say) -> Rehearsed:
    """Bring a restored copy of a backup (None: the newest) to this version's schema. Raises DaemonTrouble."""
    folder = _folder(settings)
    with _troubles():
        return await rehearse(
            folder,
            name or folder.newest(),
            scratch=_Scratch(settings).place,
            binaries=settings.postgres_bin,
            say=say,
        )


async def restore_backup(settings: Settings, name: str, *, say: Say) -> Restored:
    """Restore a backup into the empty database of these settings; the daemon must not run. Raises DaemonTrouble."""
    with _troubles():
        folder = _folder(settings)
        manifest = folder.manifest(name)
        state.prepare(settings.state_dir)
        check_version(manifest)
        if settings.database_url is None:
            check_room(manifest, disk=settings.state_dir, min_free_bytes=settings.min_free_bytes)
        async with AsyncExitStack() as opened:
            try:
                opened.enter_context(state.locked(settings.state_dir))
            except DaemonTrouble as taken:
                raise DaemonRunning(f"{taken}: stop it (systemctl stop z2d) and restore again") from None
            if settings.database_url is not None:
                dsn = settings.database_url.get_secret_value()
            else:
                dsn = (await opened.enter_async_context(database.embedded(settings))).dsn
            return await restore(
                dsn,
                folder,
                name,
                binaries=settings.postgres_bin,
                roots=_roots(settings),
                here=_here(settings),
                say=say,
            )


@contextmanager
def _troubles() -> Iterator[None]:
    """Everything that may be wrong, as one sentence and a code."""
    try:
        yield
    except BackupTrouble as trouble:
        raise BackupFailed(str(trouble), trouble.code, EXIT_TAKEN if isinstance(trouble, Busy) else 1) from None
    except DaemonTrouble as trouble:
        code = Busy.code if trouble.exit_code == EXIT_TAKEN else BackupTrouble.code
        raise BackupFailed(str(trouble), code, trouble.exit_code) from None
    except SchemaRefused as refused:
        raise BackupFailed(str(refused), "backup_schema_refused") from None
    except DatabaseUnavailable as away:
        raise BackupFailed(away.detail, away.code) from None
    except PostgresTrouble as trouble:
        raise BackupFailed(str(trouble), BackupTrouble.code) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise BackupFailed(f"{where}{error.strerror or error}", BackupTrouble.code) from None


class _Scratch:
    """Where a backup is tried out: beside the daemon's database where a server runs and can take it, else on a server
    of its own, started for that in the state folder.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @asynccontextmanager
    async def place(self, manifest: Manifest) -> AsyncIterator[str]:
        """The address of an empty database. Raises Busy, PostgresTrouble."""
        async with AsyncExitStack() as opened:
            if self._settings.database_url is None:
                self._check_room(manifest)
            yield await self._beside(manifest, opened) or await self._alone(manifest, opened)

    async def _beside(self, manifest: Manifest, opened: AsyncExitStack) -> str | None:
        """A database on the server of the daemon; None where that is not possible."""
        dsn = await self._running_server(manifest)
        try:
            return await opened.enter_async_context(scratch_database(dsn)) if dsn else None
        except ScratchRefused:
            return None

    async def _alone(self, manifest: Manifest, opened: AsyncExitStack) -> str:
        self._check_room(manifest)
        folder = self._settings.state_dir / "scratch"
        try:
            return await opened.enter_async_context(scratch_server(folder, self._settings.postgres_bin))
        except BlockingIOError:
            raise Busy(f"another z2 tries out a backup in {folder}") from None

    async def _running_server(self, manifest: Manifest) -> str | None:
        """The address of the daemon's server, if it runs and is new enough for the backup."""
        settings = self._settings
        if settings.database_url is not None:
            dsn = settings.database_url.get_secret_value()
        else:
            server = EmbeddedPostgres(settings.state_dir / "postgres")
            if not places.is_locked(settings.state_dir) or not await server.join():
                return None
            dsn = server.dsn
        async with contents.connected(dsn) as connection:
            _, major = await contents.server_version(connection)
        return dsn if major >= manifest.least_server else None

    def _check_room(self, manifest: Manifest) -> None:
        state.prepare(self._settings.state_dir)
        check_room(manifest, disk=self._settings.state_dir, min_free_bytes=self._settings.min_free_bytes)


def _folder(settings: Settings) -> BackupFolder:
    return BackupFolder(settings.backup_dir)


def _roots(settings: Settings) -> Roots:
    return Roots(settings.state_dir / "jobs", settings.library_dir)


def _here(settings: Settings) -> Origin:
    state.prepare(settings.state_dir)
    return Origin(
        host=socket.gethostname(),
        installation=state.installation(settings.state_dir),
        library_dir=str(settings.library_dir),
    )
