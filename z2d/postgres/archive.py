"""The archive of the write-ahead log: with a base backup, it brings the database to any moment since.

Each segment becomes one compressed file, in its place only when it is whole and on the disk. PostgreSQL repeats what
failed and may repeat what succeeded, so a segment that is there with the same content is a success, with another one
never overwritten.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from z2d.postgres.account import Account
from z2d.postgres.faults import PostgresTrouble

AT_MOST_S = 300  # so much is lost at most when the disk of the database dies


def settings(folder: Path) -> Mapping[str, str]:
    """The server's settings that archive into `folder`."""
    return {
        "wal_level": "replica",
        "max_wal_senders": "3",  # for pg_basebackup
        "archive_mode": "on",
        "archive_timeout": str(AT_MOST_S),
        "archive_command": _command(folder),
    }


def prepare(folder: Path, account: Account) -> None:
    """Make the folder for the account of the server. Raises PostgresTrouble."""
    try:
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
            account.own(folder)
        closed = account.closed_folder(folder)
    except OSError as error:
        raise PostgresTrouble(f"cannot make the folder Z2_WAL_ARCHIVE_DIR={folder}: {error.strerror}") from None
    if closed:
        raise PostgresTrouble(f"{account.name}, as whom PostgreSQL runs, cannot enter {closed}: set Z2_WAL_ARCHIVE_DIR")


def _command(folder: Path) -> str:
    """What the server's shell runs for a segment: %p is its path, %f its name, and %% a percent sign."""
    place = shlex.quote(str(folder)).replace("%", "%%")
    whole, part = f"{place}/%f.gz", f"{place}/.%f.part"
    same = f'gzip -dc {whole} | cmp -s - "%p"'
    write = f'gzip -1 < "%p" > {part} && sync {part} && mv {part} {whole} && sync {place}'
    return f"if test -e {whole}; then {same}; else {write}; fi"
