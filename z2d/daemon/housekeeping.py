"""What the daemon removes for good: what somebody deleted some days ago, and what the settings call old.

Nothing else is ever removed, and none of it touches a transcript, an analysis, or the library entry of a job that is
still listed. Files are those of this machine: each daemon puts its own folders in order. The rows of a deleted job stay
a day longer than its files, so that workers on other machines, too, have time to see that they are to go.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from z2d.pipeline.folders import job_folder
from z2d.publish.withdrawal import withdraw
from z2d.store import removal
from z2d.store.database import Database
from z2d.store.removal import Doomed, OldFile
from z2d.wire.errors import DatabaseUnavailable

DAY_S = 86_400.0
EVERY_S = 600.0
GRACE_S = DAY_S

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Keep:
    """For how long what is kept, in days; None is for ever."""

    deleted_days: float = 7
    failed_days: float | None = None
    media_days: float | None = None
    log_days: float | None = None


class Housekeeping:
    """Tidies up now and then, for ever. `jobs_dir`, `library`: the folders of this machine."""

    def __init__(self, db: Database, keep: Keep, *, jobs_dir: Path, library: Path) -> None:
        self._db, self._jobs_dir, self._library = db, jobs_dir, library
        self.keep = keep
        """A reload of the settings replaces it."""

    async def run(self) -> None:
        """A round every ten minutes; one without the database is made up for later."""
        while True:
            try:
                await self.round()
            except (DatabaseUnavailable, OSError) as error:  # a disk that fails is no reason to end the daemon
                log.warning("housekeeping: %s", error)
            await asyncio.sleep(EVERY_S)

    async def round(self) -> None:
        """Everything that is due now."""
        if self.keep.failed_days is not None:
            while await removal.delete_unsuccessful(self._db, self.keep.failed_days * DAY_S) == removal.AT_ONCE:
                pass
        left = await self._remove_files_of_deleted()
        if gone := await removal.forget(self._db, self.keep.deleted_days * DAY_S + GRACE_S, but=left):
            log.info("removed %d deleted jobs for good", gone)
        if self.keep.media_days is not None:
            await self._remove_old_media(self.keep.media_days * DAY_S)
        if self.keep.log_days is not None:
            while await removal.cut_logs(self._db, self.keep.log_days * DAY_S) == removal.AT_ONCE:
                pass

    async def _remove_files_of_deleted(self) -> list[int]:
        """Gives the jobs of which something is left. Their rows stay, or nobody would know of the files any more."""
        after, left = 0, []
        while jobs := await removal.doomed(self._db, self.keep.deleted_days * DAY_S, after=after):
            for job in jobs:
                try:
                    await asyncio.to_thread(self._remove, job)
                except OSError as error:  # that of one job is no reason to leave all others
                    log.warning("the files of deleted job %d could not be removed: %s", job.id, error)
                    left.append(job.id)
            after = jobs[-1].id
        return left

    def _remove(self, job: Doomed) -> None:
        if job.entry and job.media_key and withdraw(self._library, Path(job.entry), job.media_key):
            log.info("took the entry of deleted job %d out of the library", job.id)
        folder = job_folder(self._jobs_dir, job.id)
        if folder.is_dir():
            shutil.rmtree(folder)
            log.info("removed the files of deleted job %d", job.id)

    async def _remove_old_media(self, older_than_s: float) -> None:
        after = 0
        while files := await removal.old_media(self._db, older_than_s, after=after):
            for file in files:
                try:
                    gone = await asyncio.to_thread(self._unlink, file)
                except OSError as error:
                    log.warning("old media of job %d could not be removed: %s", file.job_id, error)
                    continue
                if gone:
                    await removal.purged(self._db, file.id)
            after = files[-1].id

    def _unlink(self, file: OldFile) -> bool:
        """Whether the file was here and is gone now."""
        folder = job_folder(self._jobs_dir, file.job_id)
        path = folder / file.path
        if not path.is_file() or folder.resolve() not in path.resolve().parents:
            return False
        path.unlink()
        return True
