"""An uploaded file in place of a site: what it says of itself, and how it becomes a job's media.

Nothing is copied where it need not be: the job's file and the upload are one file with two names.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path, PurePath
from typing import Any

from z2d.media.faults import MediaFault
from z2d.media.ffmpeg import Probe, extension_of
from z2d.pipeline.progress import Report
from z2d.pipeline.stage import Fatal, Work
from z2d.pipeline.threads import Wanted, in_thread
from z2d.wire.reasons import ErrorClass
from z2d.wire.uploads import Upload

EXTRACTOR = "Upload"
_BLOCK = 1 << 20
_SHORTEST_MISS_MS = 1000


async def describe(work: Work, upload: Upload) -> dict[str, Any]:
    """The file's description in the words of yt-dlp's info.json; it is kept in source/info.json."""
    path = _stored(work, upload)
    probe = await _probe(work, path)
    stem = PurePath(upload.name).stem
    info = {
        "id": upload.sha256,
        "extractor": "upload",
        "extractor_key": EXTRACTOR,
        "title": stem,
        "description": probe.tags.get("comment") or probe.tags.get("description"),
        "channel": probe.tags.get("artist"),
        "webpage_url": upload.url,
        "original_url": upload.url,
        "duration": probe.duration_ms / 1000 or None,
        "chapters": [
            {"start_time": one.start_ms / 1000, "end_time": one.end_ms / 1000, "title": one.title}
            for one in probe.chapters
        ],
    }
    if title := probe.tags.get("title", "").strip():
        info["title"] = title
    await asyncio.to_thread(work.folder.write_json, "source/info.json", info)
    return info


async def take(work: Work, upload: Upload) -> Path:
    """Make the file the job's media, once it has decoded to its end."""
    path = _stored(work, upload)
    probe = await _probe(work, path)
    decoded_ms = await work.tools.ffmpeg.check_decodes(
        path, probe, job_id=work.job.id, progress=lambda share: work.progress(Report(share=share, detail="checking"))
    )
    if decoded_ms < probe.duration_ms - max(_SHORTEST_MISS_MS, probe.duration_ms // 50):
        said = f"only {decoded_ms / 1000:.1f} s of {probe.duration_ms / 1000:.1f} s of the file can be played"
        raise Fatal(ErrorClass.CORRUPT, said)
    name = f"media.{extension_of(probe, PurePath(upload.name).suffix)}"
    await in_thread(lambda wanted: _bring(path, work.folder.work / name, wanted))
    return await asyncio.to_thread(work.folder.place, work.folder.work / name, f"media/{name}")


def _stored(work: Work, upload: Upload) -> Path:
    folder = work.tools.uploads_dir
    path = upload.path(folder) if folder else None
    if path is None or not path.is_file():
        raise Fatal(ErrorClass.NOT_FOUND, "the uploaded file is not on the machine that works on this job")
    return path


async def _probe(work: Work, path: Path) -> Probe:
    probe = await work.tools.ffmpeg.probe(path, job_id=work.job.id)
    if probe.is_still:
        raise MediaFault(ErrorClass.UNSUPPORTED, "the file is a picture or a text, not a video")
    return probe


def _bring(source: Path, target: Path, wanted: Wanted) -> None:
    """Give the file a second name; copy it where that cannot be (another disk)."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
        return
    except OSError:
        pass
    with source.open("rb") as reading, target.open("xb") as writing:
        while block := reading.read(_BLOCK):
            wanted.check()
            writing.write(block)
    shutil.copymode(source, target)
