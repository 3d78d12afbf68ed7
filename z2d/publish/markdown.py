"""Markdown from untrusted words: a title or a spoken sentence must not become HTML, a link, a heading or a tag.

Besides CommonMark this holds for what common readers add: bare links and host names, `#tags`, `[[wiki links]]`,
`$math$`, `%%comments%%`, `==marks==`, `{{templates}}`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable

_SPECIAL = re.compile(r"[\\`*_\[\]{}#$|~@^]|(?<=%)%|(?<==)=|:(?=//)|\.(?=[^\W\d_])|(?<!\d)\.(?=\d)")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_LEADING = re.compile(r"^(\s*)(?:([-+=])|(\d{1,9})([.)]))")
_HEADING = re.compile(r"^#{1,4} ")
_ANCHOR = re.compile(r"\[((?:\d+:)?\d{1,3}:\d{2})\]")
# what YAML does not accept inside double quotes as it is
_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def one_line(text: str) -> str:
    """`text` in one line, without control, bidirectional and other invisible characters."""
    shown = (
        " " if char.isspace() else char
        for char in text
        if char.isspace() or char in "\u200c\u200d" or unicodedata.category(char) not in ("Cc", "Cf", "Cs")
    )
    return " ".join("".join(shown).split())


def escape(text: str) -> str:
    """`text` as one line of Markdown that shows exactly these words."""
    text = _SPECIAL.sub(lambda found: "\\" + found.group(), one_line(text))
    text = re.sub("[&<>]", lambda found: _HTML[found.group()], text)
    return _LEADING.sub(
        lambda found: f"{found[1]}\\{found[2]}" if found[2] else f"{found[1]}{found[3]}\\{found[4]}", text
    )


def link(text: str, url: str | None) -> str:
    """A link whose address has been made safe (see `clock.web_url`), or the bare text without an address."""
    return f"[{escape(text)}](<{url}>)" if url else escape(text)


def restrained(text: str, link_of: Callable[[int], str | None]) -> str:
    """Markdown of an analysis in which only list marks, headings and `[mm:ss]` anchors mean something.

    `link_of(ms)` gives the address of an anchor. All other marks show as themselves: a summary is made from what
    people said, so it is no more to be trusted than they are.
    """
    lines = []
    for line in text.splitlines():
        line = line.strip()
        mark = "- " if line.startswith(("- ", "* ")) else ""
        if not mark and (heading := _HEADING.match(line)):
            mark = "##" + heading.group()  # the note's own headings are of level 1 and 2
        body, rest = "", line[2 if mark == "- " else max(len(mark) - 2, 0) :]
        while found := _ANCHOR.search(rest):
            seconds = 0
            for part in found[1].split(":"):
                seconds = seconds * 60 + int(part)
            words = escape(rest[: found.start()])
            body += f"{words} " if words else ""
            body += link(found[1], link_of(seconds * 1000)) + " "
            rest = rest[found.end() :]
        lines.append((mark + body + escape(rest)).rstrip())
    return "\n".join(lines).strip()


def yaml_value(value: str | int | float | bool | list[str] | None) -> str:
    """A value of YAML front matter. Strings are JSON strings, which YAML reads as they are."""
    if isinstance(value, list):
        return "[" + ", ".join(yaml_value(item) for item in value) + "]"
    if isinstance(value, str):
        quoted = json.dumps(one_line(value), ensure_ascii=False)
        return _NOT_YAML.sub(lambda found: f"\\u{ord(found.group()):04x}", quoted)
    return json.dumps(value)
