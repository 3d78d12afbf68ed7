"""The words of `z2d import` that `z2ctl import` takes from a person and passes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def import_flags(command: Command) -> Command:
    """What both have: `folder`, `apply`, `copy_files`, `files_from`."""
    for flag in reversed(_FLAGS):
        command = flag(command)
    return command


_FLAGS = (
    click.argument("folder", type=click.Path(exists=True, path_type=Path), metavar="DIR"),
    click.option("--apply", is_flag=True, help="Do it. Without this nothing is written: a dry run."),
    click.option("--copy-files", is_flag=True, help="Copy the media that the records name into the jobs' folders."),
    click.option(
        "--files-from",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        multiple=True,
        metavar="DIR",
        help="Where such files may be taken from; may be repeated. Default: the folder above DIR.",
    ),
)


def passed_on(*, apply: bool, copy_files: bool, files_from: Sequence[Path]) -> list[str]:
    """The flags as words again; the folder comes last, behind `--`."""
    words = [*(["--apply"] if apply else []), *(["--copy-files"] if copy_files else [])]
    return words + [word for one in files_from for word in ("--files-from", str(one.absolute()))]
