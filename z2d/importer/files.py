"""From a folder of files to raw records: encodings, shapes, and what is no record at all.

Taken are one object, an array of objects, a map from id to object, any of these inside a wrapper such as
{"jobs": [...]}, and JSON lines; in UTF-8 with or without a byte order mark, UTF-16, UTF-32, or as a last resort
Latin-1. NaN and infinities are allowed.
"""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from z2d.importer.fields import has_url, looks_like_record

ENDINGS = frozenset({".json", ".jsonl", ".ndjson"})
LARGEST_FILE = 512 << 20
LONGEST_RECORD = 64 << 20  # characters, as it is kept
_WRAPPERS = ("jobs", "data", "items", "records", "results", "videos", "entries", "tasks", "history", "queue")
_MARKS = (  # the longer ones first: UTF-32's mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Raw:
    """One record as it was found. Without `fields` it is none, and `fault` says why.

    `text` is the record in one spelling, ASCII only, so that it can be stored whatever it holds; `sha256` is of that.
    """

    source: str  # file, and the place in it
    fields: dict[str, Any] | None = None
    fault: str = ""
    key: str | None = None  # its key, where it stood in a map
    text: str = ""
    sha256: str = ""
    warnings: tuple[str, ...] = ()


def records(folder: Path) -> Iterator[Raw]:
    """Every record of every JSON file in `folder` and below, in the order of the files' names; or of one file."""
    if folder.is_file():
        yield from read_file(folder, folder.name)
        return
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in ENDINGS and path.is_file():
            yield from read_file(path, path.relative_to(folder).as_posix())


def read_file(path: Path, name: str) -> Iterator[Raw]:
    """The records of one file. What cannot be read counts as one record that is rejected."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= LARGEST_FILE else b""
    except OSError as error:
        yield Raw(name, fault=f"the file cannot be read: {error.strerror or error}")
        return
    if size > LARGEST_FILE:
        yield Raw(name, fault=f"the file is larger than {LARGEST_FILE >> 20} MiB")
        return
    yield from read_data(data, name)


def read_data(data: bytes, name: str) -> Iterator[Raw]:
    """The records in the bytes of a file."""
    text, warnings = _decode(data)
    if not text.strip("\ufeff \t\r\n\0"):
        yield Raw(name, fault="the file is empty")
        return
    value, fault = _parse(text)
    if fault and (lines := _json_lines(text)) is not None:
        for number, line in lines:
            value, fault = _parse(line)
            yield from (
                _shaped(value, f"{name}:{number}", warnings) if not fault else [Raw(f"{name}:{number}", fault=fault)]
            )
        return
    yield from [Raw(name, fault=fault)] if fault else _shaped(value, name, warnings)


def _decode(data: bytes) -> tuple[str, tuple[str, ...]]:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace"), ()
    try:
        return data.decode("utf-8"), ()
    except UnicodeDecodeError:
        return data.decode("latin-1"), ("not UTF-8: read as Latin-1",)


def _parse(text: str) -> tuple[Any, str]:
    """The value of a JSON text, or why it has none."""
    try:
        return json.loads(text.strip("\ufeff \t\r\n")), ""
    except json.JSONDecodeError as error:
        return None, f"not JSON: {error.msg} at character {error.pos + 1}"
    except RecursionError:
        return None, "not JSON that can be read: nested too deeply"
    except ValueError as error:  # a number of thousands of digits
        return None, f"not JSON that can be read: {error}"


def _json_lines(text: str) -> list[tuple[int, str]] | None:
    """The lines that hold something, with their numbers, where at least one of them is an object of its own."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    objects = (line for _, line in lines if line.lstrip("\ufeff \t").startswith("{"))
    return lines if len(lines) > 1 and any(isinstance(_parse(line)[0], dict) for line in objects) else None


def _shaped(
    value: Any, source: str, warnings: tuple[str, ...], key: str | None = None, depth: int = 0
) -> Iterator[Raw]:
    """The records in a value, whatever it is wrapped in."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield _raw(item, f"{source}[{number}]", warnings, None)
    elif isinstance(value, dict) and not looks_like_record(value) and depth < 4:
        wrapped = [name for name in value if name.lower() in _WRAPPERS and isinstance(value[name], list | dict)]
        if wrapped:
            for name in wrapped:
                yield from _shaped(value[name], f"{source}.{name}", warnings, None, depth + 1)
            for name in value:
                if name not in wrapped and (number := _like_records(value[name])):
                    fault = f'under no name that is known, and beside "{wrapped[0]}": {number} objects that name a URL'
                    yield Raw(f"{source}[{json.dumps(name)[:80]}]", fault=fault)
        elif value and all(isinstance(item, dict) for item in value.values()):
            for name, item in value.items():
                yield _raw(item, f"{source}[{json.dumps(name)[:80]}]", warnings, name)
        else:
            yield _raw(value, source, warnings, key)
    else:
        yield _raw(value, source, warnings, key)


def _like_records(value: Any) -> int:
    """How many records a value could hold."""
    held = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(isinstance(item, dict) and has_url(item) for item in held)


def _raw(value: Any, source: str, warnings: tuple[str, ...], key: str | None) -> Raw:
    if not isinstance(value, dict):
        return Raw(source, fault=f"not an object, but {_kind(value)}")
    try:
        text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        return Raw(source, fault="nested too deeply")
    if len(text) > LONGEST_RECORD:
        return Raw(source, fault=f"longer than {LONGEST_RECORD >> 20} million characters")
    return Raw(source, value, "", key, text, hashlib.sha256(text.encode("ascii")).hexdigest(), warnings)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return {bool: "true or false", str: "a text", list: "a list"}.get(type(value), "a number")
