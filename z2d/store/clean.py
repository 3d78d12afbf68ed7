"""The one sanitiser between the world and the database.

Titles, log lines, error texts and whole JSON documents come from web sites and foreign programs. PostgreSQL refuses
NUL, asyncpg refuses lone surrogates, jsonb refuses U+0000 and NaN, integer columns refuse what does not fit - and an
error text that cannot be stored would leave a job that can never be marked failed. So every value passes here first.
"""

from __future__ import annotations

import hashlib
import math
import re
from typing import Any

# C0 controls except tab and newline, DEL, C1 controls, surrogates
_DIRTY = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# CSI ... final byte; OSC, DCS, SOS, PM, APC up to their terminator; two-byte escapes. Each branch is linear.
_ANSI = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?"
    "|(?:\x1b[\\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\\\|\x9c)?"
    "|\x1b[ -/]*[0-~]?"
)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

_MAX_DEPTH = 60
_MAX_KEY = 500  # characters; four bytes each still fit the 2,704 bytes of an index entry


def clean_text(text: str, limit: int | None = None) -> str:
    """`text` as PostgreSQL can store it: no controls except tab and newline, no ANSI sequences, no lone surrogates.

    With `limit` the result has at most that many characters; an ellipsis marks the cut.
    """
    if _DIRTY.search(text):
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        text = _CONTROL.sub("", _ANSI.sub("", text))
        # joins surrogate pairs and replaces lone ones
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if limit is not None and len(text) > limit:
        text = text[: max(0, limit - 1)] + "…"
    return text


def clean_or_none(text: str | None, limit: int | None = None) -> str | None:
    """`clean_text` that lets None through."""
    return None if text is None else clean_text(text, limit)


def clean_key(key: str) -> str:
    """`key` made fit for an index: cleaned, and beyond 500 characters its tail becomes a checksum."""
    key = clean_text(key)
    if len(key) <= _MAX_KEY:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"{key[: _MAX_KEY - len(digest) - 1]}#{digest}"


def clean_int(number: int | None, bits: int = 64) -> int | None:
    """`number` where a signed integer column of that many bits can hold it, else None."""
    return number if number is not None and -(1 << bits - 1) <= number < 1 << bits - 1 else None


def clean_real(number: float | None) -> float | None:
    """`number` where it is finite and a `real` column can hold it, else None."""
    return number if number is not None and math.isfinite(number) and abs(number) < 1e37 else None


def clean_json(value: Any, _depth: int = 0) -> Any:
    """`value` as jsonb can store it: texts and keys cleaned, NaN and infinities None, foreign types as text.

    What is nested deeper than 60 levels becomes None: such a document is hostile, not information.
    """
    match value:
        case None | bool():
            return value
        case str():
            return clean_text(value)
        case int():
            return value if abs(value) < 1 << 64 else clean_text(f"{value:#x}")
        case float():
            return value if math.isfinite(value) else None
    if _depth >= _MAX_DEPTH:
        return None
    match value:
        case dict():
            return {clean_text(str(key)): clean_json(item, _depth + 1) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [clean_json(item, _depth + 1) for item in value]
    return clean_text(str(value))
