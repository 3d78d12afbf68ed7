"""What a verb is given to take: URLs, files of this machine, and lists of URLs in a file or on stdin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import click

from z2ctl import given

STDIN = "-"


def with_stdin(words: Iterable[str]) -> Iterator[str]:
    """The words, with the URLs on stdin in place of a lone -."""
    for word in words:
        if word == STDIN:
            with click.open_file(STDIN, encoding="utf-8-sig") as stdin:
                yield from read_urls(stdin)
        else:
            yield word


def read_urls(file: IO[str] | None) -> Iterator[str]:
    """The URLs of a file: one per line, empty lines and lines that begin with # left out."""
    if file is None:
        return
    try:
        for line in file:
            if (url := line.strip()) and not url.startswith("#"):
                yield url
    except UnicodeDecodeError:
        raise click.UsageError(f"{file.name} is not a text file in UTF-8.") from None


def local_file(word: str) -> Path | None:
    """The file of this machine that is meant; None: it is a URL. Raises click.UsageError, see `given.local_file`."""
    try:
        return given.local_file(word)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
