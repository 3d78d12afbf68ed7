"""The folder of one job: where its files lie, how they get there, and how the folder is put right after a crash.

    <jobs>/<id // 1000>/<id>/{source,media,audio,work,transcript,analysis}/  + manifest.json

`work/` holds everything unfinished; a file reaches its place by a rename, so what stands in the other folders is
whole. Whether it also counts is the database's word: `reconcile` removes what no finished stage claims. The title
of a video is never part of a path here.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from z2d.pipeline.threads import Wanted, in_thread
from z2d.wire.jobs import StageName
from z2d.wire.library import Artefact, FileKind

PLACES = ("source", "media", "audio", "work", "transcript", "analysis")
MANIFEST = "manifest.json"
SESSION = ".session"  # see z2d.media.ytdlp_params
ANSWERS = "analysis/answers"
"""What a language model was paid for. No stage claims these files: they outlive every run and go with the job."""
_BLOCK = 1 << 20


def job_folder(jobs_dir: Path, job_id: int) -> Path:
    """Where the files of job `job_id` lie; a thousand jobs share a parent, so that no folder grows without end."""
    return jobs_dir / str(job_id // 1000) / str(job_id)


def _hash_file(path: Path, wanted: Wanted) -> tuple[int, str]:
    digest, size = sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            wanted.check()
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class JobFolder:
    """One job's folder. All paths given and returned as text are relative to it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def work(self) -> Path:
        """Where unfinished things are made; on the same filesystem as their final places."""
        return self.root / "work"

    def create(self) -> None:
        """Make the folder and its places, readable for this account alone."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for place in PLACES:
            (self.root / place).mkdir(mode=0o700, exist_ok=True)

    def path(self, relative: str) -> Path:
        """The absolute path of a file in this folder. Raises ValueError if it would lie elsewhere."""
        parts = PurePosixPath(relative)
        if parts.is_absolute() or ".." in parts.parts or not parts.parts:
            raise ValueError(f"not inside the job's folder: {relative!r}")
        return self.root / parts

    def relative(self, path: Path) -> str:
        """The path as it is stored. Raises ValueError if the file lies outside, also by way of a symbolic link."""
        return path.resolve().relative_to(self.root.resolve()).as_posix()

    def write(self, relative: str, data: bytes) -> Path:
        """Put a small file in its place: whole, or not at all."""
        target = self.path(relative)
        part = self.work / f"{target.name}.{secrets.token_hex(4)}.tmp"
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
        _sync_folder(target.parent)
        return target

    def write_json(self, relative: str, value: Any) -> Path:
        """Like `write`, for a JSON value."""
        return self.write(relative, json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "replace"))

    def place(self, made: Path, relative: str) -> Path:
        """Move a finished file out of `work/` to its place; durable when this returns."""
        target = self.path(relative)
        with made.open("rb") as file:
            os.fsync(file.fileno())
        made.replace(target)
        _sync_folder(target.parent)
        return target

    async def artefact(
        self,
        kind: FileKind,
        path: Path,
        *,
        mime: str | None = None,
        language: str | None = None,
        duration_ms: int | None = None,
    ) -> Artefact:
        """Describe a finished file: size and sha256 are taken from it, in a thread."""
        relative = self.relative(path)
        size, digest = await in_thread(lambda wanted: _hash_file(path, wanted))
        return Artefact(
            kind=kind,
            path=relative,
            size_bytes=size,
            sha256=digest,
            mime=mime,
            language=language,
            duration_ms=duration_ms,
        )

    async def verify(self, artefacts: Iterable[Artefact]) -> bool:
        """True if every artefact is there with the content it had."""
        expected = {self.path(a.path): (a.size_bytes, a.sha256) for a in artefacts}

        def compare(wanted: Wanted) -> bool:
            try:
                if any(path.stat().st_size != size for path, (size, _) in expected.items()):
                    return False
                return all(_hash_file(path, wanted) == found for path, found in expected.items())
            except OSError:
                return False

        return await in_thread(compare)

    def reconcile(self, known: Iterable[Artefact], *, keep_downloads: bool, kept: Iterable[str] = ()) -> list[str]:
        """Remove what a killed run left: files that no finished stage claims, and what lies in `work/`. Answers stay.

        With `keep_downloads`, unfinished downloads (`.part` and yt-dlp's notes beside it) stay: they are continued.
        `kept` are the files with which other unfinished stages go on. Returns what was removed, for the log.
        """
        claimed = {*(a.path for a in known), *kept}
        removed = []
        for place in PLACES:
            for path in sorted((self.root / place).rglob("*"), reverse=True):
                relative = path.relative_to(self.root).as_posix()
                if path.is_dir() and not path.is_symlink():
                    with suppress(OSError):  # not empty: something in it is kept
                        path.rmdir()
                elif relative.startswith(f"{ANSWERS}/") and relative.endswith(".json"):
                    continue
                elif relative not in claimed and not (keep_downloads and place == "work" and _resumable(path.name)):
                    path.unlink(missing_ok=True)
                    removed.append(relative)
        return removed

    def forget_session(self) -> None:
        """Remove the cookies of a signed-in session, which yt-dlp's steps hand to each other during a run."""
        (self.root / "source" / SESSION).unlink(missing_ok=True)

    def has_work(self) -> bool:
        """Whether there is something unfinished. Raises OSError when that cannot be told."""
        try:
            return any(self.work.iterdir())
        except FileNotFoundError:  # never made, or purged meanwhile
            return False

    def clear_work(self) -> None:
        """Remove everything unfinished; for a job that will not go on. `work` itself stays: others may look into it.

        Several may do so at once. Raises OSError when something could not be removed; the rest is gone then.
        """
        trouble: list[OSError] = []
        with suppress(FileNotFoundError):  # the whole folder may have been purged meanwhile
            for path in self.work.iterdir():
                _remove(path, trouble)
        if trouble:
            raise trouble[0]

    def write_manifest(self, job_id: int, stages: Mapping[StageName, tuple[int, str, Iterable[Artefact]]]) -> None:
        """Write down what the folder holds, enough to rebuild the database's rows of it.

        `stages`: for each finished stage its version, input hash and artefacts.
        """
        self.write_json(
            MANIFEST,
            {
                "job": job_id,
                "stages": {
                    name.value: {
                        "version": version,
                        "input_hash": input_hash,
                        "files": [a.model_dump(mode="json", exclude_none=True) for a in artefacts],
                    }
                    for name, (version, input_hash, artefacts) in stages.items()
                },
            },
        )


def _remove(path: Path, trouble: list[OSError]) -> None:
    """Remove a file or a folder, as far as that is possible; what another one has removed before is no trouble."""

    def note(_what: object, _path: object, raised: Any) -> None:
        if not isinstance(raised[1], FileNotFoundError):
            trouble.append(raised[1])

    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, onerror=note)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        trouble.append(error)


def _resumable(name: str) -> bool:
    """Whether yt-dlp can continue from this file: `x.part`, `x.part-Frag3`, `x.ytdl`."""
    return name.endswith((".part", ".ytdl")) or ".part-Frag" in name
