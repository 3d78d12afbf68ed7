"""The one sanitiser of file names: whatever a site calls its videos, the library's names are plain and portable.

A name made here works on Linux, macOS, Windows and the usual network shares: NFC, no control, format or bidirectional
characters, none of `/ \\ : * ? " < > |`, no leading dot, no trailing dot or space, no device name of Windows, and at
most 255 bytes of UTF-8.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

MAX_BYTES = 255

# a device name is reserved with any extension, and the superscript digits count as digits
_RESERVED = re.compile(r"^(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
_DASHED = str.maketrans({"/": "-", "\\": "-", ":": "-", "|": "-", '"': "'"})
_DROPPED = str.maketrans("", "", "*?<>")
_JOINERS = "\u200c\u200d"  # needed to write Persian, Indic scripts and many emoji


def _keep(char: str) -> str:
    """The character itself, a space, or nothing."""
    if char in _JOINERS:
        return char
    category = unicodedata.category(char)
    if category in ("Zs", "Zl", "Zp") or char in "\t\n\r\v\f":
        return " "
    if category in ("Cc", "Cf", "Cs", "Co") or ord(char) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(char) <= 0xFDEF:
        return ""
    return char


def _clip(text: str, max_bytes: int) -> str:
    """The longest start of `text` that fits, without a torn character or a lonely joiner at its end."""
    if len(text.encode()) <= max_bytes:
        return text
    text = text.encode()[:max_bytes].decode(errors="ignore")
    return text.rstrip(_JOINERS)


def clean(text: str) -> str:
    """`text` without anything a file name must not hold; may be empty, has no limit of length."""
    text = "".join(_keep(char) for char in unicodedata.normalize("NFC", text))
    text = text.translate(_DASHED).translate(_DROPPED)
    # once more: dropping characters may have brought a letter and its accent together
    return unicodedata.normalize("NFC", " ".join(text.split()))


def file_name(text: str, *, fallback: str = "untitled", max_bytes: int = MAX_BYTES) -> str:
    """`text` as the name of a file or folder: never empty, never '.' or '..', at most `max_bytes` long."""
    name = _clip(clean(text).lstrip(". "), max_bytes).rstrip(". ")
    if not name.strip("-_' " + _JOINERS):
        name = fallback
    if _RESERVED.match(name):
        name = _clip("_" + name, max_bytes).rstrip(". ")
    return name


def id_name(source_id: str, *, max_bytes: int = 64) -> str:
    """The id of a video as part of a name. Where it cannot stay as it is, a hash keeps two ids apart."""
    name = file_name(source_id, fallback="", max_bytes=max_bytes)
    if name and name == source_id:
        return name
    digest = hashlib.sha256(source_id.encode(errors="surrogatepass")).hexdigest()[:8]
    name = _clip(name, max_bytes - len(digest) - 1).rstrip(". ")
    return f"{name}-{digest}" if name else digest


def entry_name(*, date: str | None, title: str, source_id: str, max_bytes: int = 200) -> str:
    """`2024-05-01 Title [id]`; a title too long is cut, the id is always whole.

    The default leaves room below 255 bytes for what is added to it: ' (2)', '.info.json', language codes.
    """
    tail = f"[{id_name(source_id)}]"
    head = f"{date} " if date else ""
    room = max_bytes - len(head.encode()) - len(tail.encode()) - 1
    return f"{head}{file_name(title, max_bytes=max(room, 16))} {tail}"
