"""Handing out a job's files and its transcript.

The files come from strangers, so none is ever given in a way a browser would run: always as an attachment, always
`nosniff`, and with a media type from a short list. The path comes from the database and is still not trusted: each
folder on the way is opened without following links.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import stat
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from aiohttp import web

from z2d.api.answers import answer
from z2d.api.jobs import job_id
from z2d.api.keys import DB, JOBS_DIR
from z2d.api.middleware import STARTED, problem
from z2d.api.queries import NoQuery, TranscriptParams
from z2d.api.reading import path_id
from z2d.publish.exports import MIME, export
from z2d.store import reads
from z2d.wire import errors

CHUNK = 256 * 1024
STALLED_S = 60.0  # a receiver that takes no chunk for so long is hung up on
SAFE_TEXT = frozenset({"text/plain", "text/vtt", "text/markdown"})
SAFE_MEDIA = SAFE_TEXT | {"application/json", "application/x-subrip"}
_PICTURE_OR_SOUND = re.compile(r"(video|audio)/[a-z0-9.+-]{1,60}|image/(jpeg|png|webp|gif|avif)")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


async def download(request: web.Request, query: NoQuery) -> web.StreamResponse:
    """One file of a job, whole or in part."""
    job = job_id(request)
    info = await reads.file(request.app[DB], job, path_id(request, "file_id", errors.FileNotFound))
    if info.state != "PRESENT":
        raise errors.FileNotFound
    folder = request.app[JOBS_DIR] / str(job // 1000) / str(job)
    handle = await asyncio.to_thread(open_inside, folder, info.path)
    try:
        return await send_file(
            request, handle, sha256=info.sha256, size=info.size_bytes, mime=info.mime, path=info.path
        )
    finally:
        os.close(handle)


async def transcript(request: web.Request, query: TranscriptParams) -> web.Response:
    """The transcript in one of its formats."""
    db, job = request.app[DB], job_id(request)
    found = await reads.transcript(db, job)
    if query.format == "json":
        return answer(found)
    about = await reads.summary(db, job)
    text = export(found, query.format, title=about.title or about.url, url=about.url)
    return web.Response(
        body=text.encode("utf-8"),
        headers={
            "Content-Type": f"{MIME[query.format]}; charset=utf-8",
            "Content-Disposition": f'inline; filename="{job}.{query.format}"',
        },
    )


def open_inside(folder: Path, path: str) -> int:
    """A descriptor of the regular file `path` below `folder`, reached without following a link; the caller closes it.

    Raises: FileNotFound.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise errors.FileNotFound
    step = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    # O_NONBLOCK: a pipe in the place of a file must not hold the daemon up
    last = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        at = os.open(folder, step)
        for name, flags in [*((name, step) for name in parts[:-1]), (parts[-1], last)]:
            above = at
            try:
                at = os.open(name, flags, dir_fd=above)
            finally:
                os.close(above)
    except OSError:
        raise errors.FileNotFound from None
    if not stat.S_ISREG(os.fstat(at).st_mode):
        os.close(at)
        raise errors.FileNotFound
    return at


async def send_file(
    request: web.Request, handle: int, *, sha256: str | None, size: int, mime: str | None, path: str
) -> web.StreamResponse:
    """An open file, whole or in part. `sha256` and `size` are those it was measured with; `path` names it."""
    now = os.fstat(handle)
    # the checksum names the content only while the file has the size it was measured with
    known = sha256 is not None and now.st_size == size
    etag = f'"{sha256 if known else f"{now.st_mtime_ns:x}-{now.st_size:x}"}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if _matches(request.headers.get("If-None-Match"), etag):
        return web.Response(status=304, headers=headers)
    start, end = 0, now.st_size
    try:
        part = _part(request, etag, now.st_size)
    except errors.RangeNotSatisfiable as error:
        return problem(error, {"Content-Range": f"bytes */{now.st_size}"})
    if part is not None:
        start, end = part
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{now.st_size}"
    headers["Content-Type"] = safe_media_type(mime)
    headers["Content-Disposition"] = disposition(path)
    sent = web.StreamResponse(status=200 if part is None else 206, headers=headers)
    sent.content_length = end - start
    request[STARTED] = sent
    await sent.prepare(request)
    if request.method != "HEAD":
        await _stream(request, sent, handle, start, end)
    return sent


async def send_bytes(request: web.Request, body: bytes, media_type: str) -> web.Response:
    """A document that was made for this request, with the same rules as a file: ETag, 304, one range."""
    etag = f'"{hashlib.sha256(body).hexdigest()}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if _matches(request.headers.get("If-None-Match"), etag):
        return web.Response(status=304, headers=headers)
    try:
        part = _part(request, etag, len(body))
    except errors.RangeNotSatisfiable as error:
        return problem(error, {"Content-Range": f"bytes */{len(body)}"})
    headers["Content-Type"] = media_type
    if part is None:
        return web.Response(body=body, headers=headers)
    headers["Content-Range"] = f"bytes {part[0]}-{part[1] - 1}/{len(body)}"
    return web.Response(status=206, body=body[slice(*part)], headers=headers)


async def _stream(request: web.Request, sent: web.StreamResponse, handle: int, start: int, end: int) -> None:
    """Copy bytes `start`..`end` to the caller; a file that shrank or a caller that stalls ends the connection."""
    while start < end:
        piece = await asyncio.to_thread(os.pread, handle, min(CHUNK, end - start), start)
        try:
            async with asyncio.timeout(STALLED_S):
                if not piece:
                    raise ConnectionAbortedError
                await sent.write(piece)
        except (TimeoutError, ConnectionAbortedError):
            if request.transport is not None:
                request.transport.abort()
            return
        start += len(piece)


def _matches(sent: str | None, etag: str) -> bool:
    """Whether an If-None-Match header names `etag` (weakly compared, as RFC 9110 asks)."""
    if sent is None:
        return False
    return sent.strip() == "*" or etag in {one.strip().removeprefix("W/") for one in sent.split(",")}


def _part(request: web.Request, etag: str, size: int) -> tuple[int, int] | None:
    """The half-open range of bytes asked for, or None for the whole file. Several ranges at once are not served.

    Raises: RangeNotSatisfiable.
    """
    asked = _RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    if asked is None or asked[1] == asked[2] == "" or request.headers.get("If-Range", etag) != etag:
        return None
    if asked[1] == "":
        start, end = max(0, size - int(asked[2])), size
    else:
        start, end = int(asked[1]), min(size, int(asked[2]) + 1 if asked[2] else size)
        if asked[2] and int(asked[2]) < start:
            return None  # not a range at all: RFC 9110 says to ignore it
    if start >= size:
        raise errors.RangeNotSatisfiable(f"the file has {size} bytes")
    return start, end


def safe_media_type(mime: str | None) -> str:
    """`mime` where a browser can do no harm with it, else application/octet-stream."""
    kind = (mime or "").partition(";")[0].strip().lower()
    if kind in SAFE_TEXT:
        return f"{kind}; charset=utf-8"
    return kind if kind in SAFE_MEDIA or _PICTURE_OR_SOUND.fullmatch(kind) else "application/octet-stream"


def disposition(path: str) -> str:
    """A Content-Disposition that makes every browser save the file, under its last name (RFC 6266)."""
    name = PurePosixPath(path).name
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)[:150] or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name.encode('utf-8', 'replace')[:600], safe='')}"
