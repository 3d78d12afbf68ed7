"""Files that a person sends instead of a URL: received piece by piece, kept by their content.

A file gets its place when all of it has come and its sha256 is known; what is interrupted leaves nothing. Submitting
the address that is answered makes a job of it, like any other URL.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aiohttp import web

from z2d.api.answers import answer
from z2d.api.queries import UploadParams
from z2d.api.reading import accept_body
from z2d.publish.names import file_name
from z2d.wire import errors
from z2d.wire.probe import UploadedFile
from z2d.wire.uploads import Upload

MEDIA_TYPE = "application/octet-stream"
AT_ONCE = 4
STALLED_S = 60.0  # a sender of whom nothing comes for so long is given up
BLOCK = 1 << 20
LOOK_EVERY = 64 * BLOCK  # how often the room on the disk is looked at
LONGEST_NAME = 200


class Uploads:
    """The folder of uploaded files. `max_bytes` bounds one file; `min_free_bytes` stay free on the disk."""

    def __init__(self, folder: Path, *, max_bytes: int, min_free_bytes: int = 0) -> None:
        self._folder, self._max_bytes, self._min_free_bytes = folder, max_bytes, min_free_bytes
        self._free = AT_ONCE

    def limit(self, *, max_bytes: int, min_free_bytes: int) -> None:
        """Other bounds, for files that come from now on."""
        self._max_bytes, self._min_free_bytes = max_bytes, min_free_bytes

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of the places for uploads under way. Raises TooManyRequests."""
        if not self._free:
            raise errors.TooManyRequests("Other files are being received.", retry_after=5)
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

    async def receive(self, request: web.Request, name: str) -> tuple[UploadedFile, bool]:
        """The body of `request` as a file, and whether the same content was there before.

        Raises: PayloadTooLarge, DiskFull, InvalidRequest.
        """
        announced = request.content_length or 0
        if announced > self._max_bytes:
            raise errors.PayloadTooLarge(f"A file may have {self._max_bytes} bytes.")
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._look_for_room(announced)
        part = self._folder / f"{secrets.token_hex(8)}.part"
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            await accept_body(request)
            digest, size = await self._copy(request, handle)
            upload = Upload(digest, file_name(name, fallback="upload", max_bytes=LONGEST_NAME))
            known = await asyncio.to_thread(_keep, handle, part, upload.path(self._folder))
        finally:
            os.close(handle)
            with suppress(FileNotFoundError):
                part.unlink()
        return UploadedFile(url=upload.url, name=upload.name, size_bytes=size, sha256=digest), known

    async def _copy(self, request: web.Request, handle: int) -> tuple[str, int]:
        digest, size, unseen = hashlib.sha256(), 0, 0
        pending = bytearray()

        def write(block: bytes) -> None:
            digest.update(block)
            view = memoryview(block)
            while view:
                view = view[os.write(handle, view) :]

        try:
            while True:
                async with asyncio.timeout(STALLED_S):
                    piece = await request.content.readany()
                size += len(piece)
                unseen += len(piece)
                if size > self._max_bytes:
                    raise errors.PayloadTooLarge(f"A file may have {self._max_bytes} bytes.")
                if unseen >= LOOK_EVERY:
                    self._look_for_room(0)
                    unseen = 0
                pending += piece
                if pending and (len(pending) >= BLOCK or not piece):
                    await asyncio.to_thread(write, bytes(pending))
                    pending.clear()
                if not piece:
                    break
        except TimeoutError:
            raise errors.InvalidRequest(f"nothing came for {STALLED_S:.0f} s") from None
        except web.RequestPayloadError:
            raise errors.InvalidRequest("the body is not what its headers say") from None
        except OSError as error:
            raise errors.DiskFull(f"The file could not be kept: {error.strerror}.") from error
        if not size:
            raise errors.InvalidRequest("the file is empty")
        return digest.hexdigest(), size

    def _look_for_room(self, more: int) -> None:
        if shutil.disk_usage(self._folder).free - more < self._min_free_bytes:
            raise errors.DiskFull


UPLOADS = web.AppKey("uploads", Uploads)


def _keep(handle: int, part: Path, target: Path) -> bool:
    """Give a received file its place; says whether it was there before."""
    os.fsync(handle)
    if target.exists():
        os.utime(target)  # wanted again: what nobody has wanted for long is removed
        return True
    target.parent.mkdir(mode=0o700, exist_ok=True)
    part.rename(target)
    return False


async def receive_upload(request: web.Request, query: UploadParams) -> web.Response:
    """Receive a file as the body of the request. Submit the `url` of the answer to make a job of it."""
    if request.headers.get("Content-Type", "").strip().lower() != MEDIA_TYPE:
        raise errors.UnsupportedMediaType(f"A file must be sent as {MEDIA_TYPE}.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise errors.UnsupportedMediaType("A compressed body is not accepted.")
    uploads = request.app[UPLOADS]
    with uploads.place():
        found, known = await uploads.receive(request, query.name)
    return answer(found, 200 if known else 201)
