"""What stands in the documents: code blocks by language, command lines in them, headings, links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import ROOT

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^ {0,3}```(\w*)\n(.*?)^ {0,3}```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)")
_SEPARATORS = set(";&|()<>\n")
_ASSIGNMENT = re.compile(r"\w+=")


@dataclass(frozen=True)
class Block:
    """One code block."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """The code blocks in these languages, of all pages."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        found += [
            Block(page, text.count("\n", 0, match.start()) + 2, match[1], match[2])
            for match in _BLOCK.finditer(text)
            if match[1] in languages
        ]
    return found


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Where the links and pictures of a page lead."""
    return [match[1] or match[2] for match in _LINK.finditer(re.sub(r"`[^`\n]+`", "", prose(page)))]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, made as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", prose(page), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        number = 0
        while (anchor := slug if not number else f"{slug}-{number}") in found:
            number += 1
        found.add(anchor)
    return found


def commands(block: Block, *programs: str) -> Iterator[list[str]]:
    """The command lines of these programs in a shell block, each as its words, without what stands before the program.

    A shell's grammar is larger than this; what is read are the lines that documents have: assignments and `sudo` in
    front, several commands in a line, pipes, redirections, `$(...)`.
    """
    joined = block.text.replace("\\\n", " ").replace("$(", " ( ")
    for line in joined.splitlines():
        if not any(re.search(rf"\b{program}\b", line) for program in programs):
            continue
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|()<>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= _SEPARATORS:
                yield from _of_programs(words, programs)
                words = []
            else:
                words.append(word)


def _of_programs(words: list[str], programs: tuple[str, ...]) -> Iterator[list[str]]:
    for place, word in enumerate(words):
        if Path(word).name in programs:
            if all(_ASSIGNMENT.match(before) or before in _BEFORE for before in words[:place]):
                yield [Path(word).name, *words[place + 1 :]]
            return


_BEFORE = {"sudo", "-u", "z2", "exec", "watch", "nohup"}
