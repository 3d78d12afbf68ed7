"""The library as a target: for entries the publishing stage could not write, and those a person publishes again."""

from __future__ import annotations

import asyncio
import errno
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from z2d.publish import library
from z2d.publish.target import Kind, NotDelivered, Parcel, Receipt
from z2d.wire.reasons import ErrorClass


@dataclass(frozen=True)
class LibraryTarget:
    """Writes entries into the library folder."""

    folder: Path
    name: str = "library"
    kind: ClassVar[Kind] = "library"
    deadline_s: ClassVar[float] = 3600

    async def deliver(self, parcel: Parcel) -> Receipt:
        """Write the entry; the same content twice changes nothing."""
        assert parcel.entry is not None
        try:
            made = await asyncio.to_thread(library.publish, self.folder, parcel.entry)
        except FileNotFoundError as error:
            raise NotDelivered(ErrorClass.NOT_FOUND, "The files of the job are gone.", final=True) from error
        except OSError as error:
            raise unwritable(self.folder, error) from error
        return Receipt(made.remote_id, made.remote_url)


def unwritable(folder: Path, error: OSError) -> NotDelivered:
    """Why the library could not be written, in words."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NotDelivered(ErrorClass.DISK_FULL, f"There is no room left for the library at {folder}.")
    return NotDelivered(ErrorClass.UNKNOWN, f"The library at {folder} cannot be written: {error.strerror or error}.")
