"""Why a backup cannot be made, trusted or restored: one class per reason, with a code that stays."""

from __future__ import annotations

from typing import ClassVar


class BackupTrouble(Exception):
    """The backup failed."""

    code: ClassVar[str] = "backup_failed"


class NoDatabase(BackupTrouble):
    """There is no database of z2 to back up."""

    code = "backup_no_database"


class NotFound(BackupTrouble):
    """There is no such backup."""

    code = "backup_not_found"


class Busy(BackupTrouble):
    """Another process works on the backup folder, or on the place where backups are tried out."""

    code = "backup_busy"


class ManifestDamaged(BackupTrouble):
    """The manifest is not what was written."""

    code = "backup_manifest_damaged"


class DumpMissing(BackupTrouble):
    """The manifest is there, the dump is not."""

    code = "backup_dump_missing"


class DumpTruncated(BackupTrouble):
    """The dump has not the length it had."""

    code = "backup_dump_truncated"


class DumpDamaged(BackupTrouble):
    """The dump has its length, and another content."""

    code = "backup_dump_damaged"


class NotRestorable(BackupTrouble):
    """PostgreSQL cannot restore the dump."""

    code = "backup_not_restorable"


class Differs(BackupTrouble):
    """What was restored is not what the manifest says."""

    code = "backup_differs"


class MediaDiffers(BackupTrouble):
    """Files that belong to the backup are missing or changed."""

    code = "backup_media_differs"


class TooNew(BackupTrouble):
    """The backup was made by a newer z2 than this."""

    code = "backup_too_new"


class ServerTooOld(BackupTrouble):
    """The server is of an older major version than the one the backup comes from."""

    code = "backup_server_too_old"


class ProgramsNotFound(BackupTrouble):
    """pg_dump or pg_restore of a fitting version is not on this machine."""

    code = "backup_programs_missing"


class NotEmpty(BackupTrouble):
    """The database to restore into holds something."""

    code = "backup_target_not_empty"


class DaemonRunning(BackupTrouble):
    """A daemon works on the database to restore into."""

    code = "backup_daemon_running"


class NoRoom(BackupTrouble):
    """The disk has not enough room."""

    code = "backup_no_room"
