"""The one sanitiser of XML: text from strangers becomes text that every XML 1.0 parser takes."""

from __future__ import annotations

import re

# everything outside of what XML 1.0 can hold, and the bidirectional controls
_NOT_XML = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u202a-\u202e\u2066-\u2069\u200e\u200f]"
)


def clean(text: str) -> str:
    """`text` without what XML cannot hold and without bidirectional controls; markup is the writer's to escape."""
    return _NOT_XML.sub("", text)


def one_line(text: str) -> str:
    """The same in a single line, for titles and names."""
    return " ".join(clean(text).split())
