"""Object stores: an entry as objects under `<prefix>/<extractor>/<source id>/`, in S3, Google, Azure or a folder.

Keys are made of the video's id, so publishing again overwrites instead of adding. Each object carries its sha256 as
metadata (ASCII, as S3 wants it), and `z2.json` beside them lists all, for stores that keep no metadata: what is equal
already is not sent again. The list is written last, so an entry that has it is whole.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from z2d.publish import exports, names
from z2d.publish.library import Entry, SourceFile, extension
from z2d.publish.nfo import nfo
from z2d.publish.note import note
from z2d.publish.target import Kind, NotDelivered, Parcel, Receipt
from z2d.wire.reasons import ErrorClass

LIST = "z2.json"
_SMALL = 1 << 20


@dataclass(frozen=True)
class ObjectsTarget:
    """`url` like s3://bucket/prefix, gs://, az:// or file:///folder; `options` as obstore names them, secrets too."""

    name: str
    url: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    kind: ClassVar[Kind] = "objects"
    deadline_s: ClassVar[float] = 6 * 3600

    async def deliver(self, parcel: Parcel) -> Receipt:
        """Upload what is not there yet."""
        from obstore.exceptions import BaseError  # optional, so never loaded before it is needed

        entry = parcel.entry
        assert entry is not None
        folder = folder_of(entry)
        try:
            made = await asyncio.to_thread(pieces, entry)
        except FileNotFoundError as error:
            raise NotDelivered(ErrorClass.NOT_FOUND, "The files of the job are gone.", final=True) from error
        try:
            await self._upload(folder, made)
        except PermissionError as error:
            words = "The object store does not let us in: check the credentials and the rights."
            raise NotDelivered(ErrorClass.FORBIDDEN, words) from error
        except (BaseError, OSError, ValueError) as error:
            # its words are many and may name the request with all its headers
            words = f"The object store did not take it ({type(error).__name__})."
            raise NotDelivered(ErrorClass.NETWORK, words) from error
        return Receipt(remote_id=folder, remote_url=f"{self.url.rstrip('/')}/{folder}")

    async def _upload(self, folder: str, made: Mapping[str, SourceFile | bytes]) -> None:
        store = _open(self.url, dict(self.options))
        known = await _known(store, f"{folder}/{LIST}")
        listed = {}
        for name, content in made.items():
            digest = content.sha256 if isinstance(content, SourceFile) else hashlib.sha256(content).hexdigest()
            size = content.path.stat().st_size if isinstance(content, SourceFile) else len(content)
            listed[name] = {"sha256": digest, "size": size}
            if not await _equal(store, f"{folder}/{name}", digest, size, known.get(name)):
                await _put(store, f"{folder}/{name}", content, digest)
        whole = json.dumps({"format": 1, "files": listed}, indent=1, sort_keys=True).encode() + b"\n"
        if known != listed:
            await _put(store, f"{folder}/{LIST}", whole, hashlib.sha256(whole).hexdigest())


def folder_of(entry: Entry) -> str:
    """Where the objects of a video lie. Videos of plain pages, whose ids come from file names, are kept apart."""
    metadata = entry.metadata
    site = names.id_name(metadata.extractor.lower()) or "generic"
    key = metadata.media_key
    if key.startswith("url:"):
        digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:12]
        return f"{site}/{names.id_name(metadata.source_id)}-{digest}"
    return f"{site}/{names.id_name(metadata.source_id)}"


def pieces(entry: Entry) -> dict[str, SourceFile | bytes]:
    """Every object of an entry by its name; texts are written here. Raises FileNotFoundError for a lost file."""
    found: dict[str, SourceFile | bytes] = {}
    for name, source in (("media", entry.media), ("thumbnail", entry.thumbnail), ("info", entry.info_json)):
        if source is not None:
            if not source.path.is_file():
                raise FileNotFoundError(str(source.path))
            found[f"{name}{extension(source.path, '')}"] = source
    for transcript in reversed(entry.transcripts):
        language = names.file_name(transcript.language, fallback="und", max_bytes=20)
        found[f"transcript.{language}.vtt"] = exports.vtt(transcript).encode()
    spoken = entry.transcripts[0] if entry.transcripts else None
    about = {"analysis": entry.analysis, "tags": entry.tags}
    found["note.md"] = note(
        entry.metadata, url=entry.url, transcript=spoken, analysis=entry.analysis, tags=entry.tags
    ).encode()
    found["movie.nfo"] = nfo(entry.metadata, **about).encode()  # type: ignore[arg-type]
    found["metadata.json"] = entry.metadata.model_dump_json(indent=1).encode() + b"\n"
    if entry.analysis is not None:
        found["analysis.json"] = entry.analysis.model_dump_json(indent=1).encode() + b"\n"
    return found


def _open(url: str, options: dict[str, str]) -> Any:
    """Loads obstore. A folder is made where it is missing."""
    from obstore.store import LocalStore, from_url

    if url.startswith("file://"):
        return LocalStore(Path(url.removeprefix("file://")), mkdir=True)
    make: Any = from_url  # which of its many shapes is meant, the URL decides
    plain = options.get("endpoint", "").startswith("http://")
    return make(url, config=options, client_options={"allow_http": plain}, retry_config={"max_retries": 2})


async def _known(store: Any, key: str) -> dict[str, Any]:
    """What the entry's list says is there; nothing where there is none that can be read."""
    from obstore import get_async

    try:
        answer = await get_async(store, key)
        if answer.meta["size"] > _SMALL:
            return {}
        files = json.loads(bytes(await answer.bytes_async()))["files"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}
    return files if isinstance(files, dict) else {}


async def _equal(store: Any, key: str, digest: str, size: int, known: Any) -> bool:
    """Whether the object is there with this content."""
    from obstore import get_async

    try:
        there = await get_async(store, key, options={"head": True})
    except FileNotFoundError:
        return False
    if there.meta["size"] != size:
        return False
    own = {str(name).lower(): value for name, value in there.attributes.items()}.get("sha256")
    return own == digest if own else known == {"sha256": digest, "size": size}


async def _put(store: Any, key: str, content: SourceFile | bytes, digest: str) -> None:
    from obstore import put_async

    data: Path | bytes = content.path if isinstance(content, SourceFile) else content
    mime = mimetypes.guess_type(key)[0] or "application/octet-stream"
    try:
        await put_async(store, key, data, attributes={"Content-Type": mime, "sha256": digest})
    except NotImplementedError:  # a folder has no place for attributes
        await put_async(store, key, data)
