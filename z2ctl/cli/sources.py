"""What a verb is given to take: URLs, files of this machine, and lists of URLs in a file or on stdin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import click

STDIN = "-"
# among them is a top-level domain, .mov: its hosts have to be written with their scheme
FILE_ENDINGS = (
    *(".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".ts", ".webm", ".wmv"),
    *(".aac", ".flac", ".m4a", ".mka", ".mp3", ".oga", ".ogg", ".opus", ".wav", ".wma"),
    *(".csv", ".json", ".srt", ".txt", ".vtt"),
)


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
    """The file of this machine that is meant: what is written like a path, or is one; None: it is a URL.

    Raises click.UsageError for a path that leads to no file, and for the name of a file that is not here: as a URL it
    would become a job that looks for a host of that name again and again.
    """
    if "://" in word:
        return None
    path = Path(word).expanduser()
    if path.is_file():
        return path
    like_a_path = word.startswith(("./", "../", "/", "~"))
    if path.is_dir() and (like_a_path or "." not in word.strip(".")):  # a folder may be named like the site it is of
        raise click.UsageError(f"{word} is a folder: name the files in it.")
    if like_a_path:
        raise click.UsageError(f"There is no file {word}.")
    if "/" not in word and word.lower().endswith(FILE_ENDINGS):
        raise click.UsageError(f"There is no file {word}; for a host of that name write https://{word}")
    return None
