"""What a person gives beside a URL, read one way for command line and dashboard: options by name, tags, what is wanted
of a list, a file of this machine. What cannot be read raises ValueError with a sentence.

The contract's models decide what fits; they are loaded late, because most submissions name nothing of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

# among them is a top-level domain, .mov: its hosts have to be written with their scheme
FILE_ENDINGS = (
    *(".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".ts", ".webm", ".wmv"),
    *(".aac", ".flac", ".m4a", ".mka", ".mp3", ".oga", ".ogg", ".opus", ".wav", ".wma"),
    *(".csv", ".json", ".srt", ".txt", ".vtt"),
)
WRONG = {"int_parsing": "it should be a whole number", "bool_parsing": "it should be yes or no"}
"""What the models say of a value at length, for a person."""
LIST = ("limit", "after", "match")
"""What can be said of a list, beside that it is wanted."""


def read_options(words: Iterable[str]) -> dict[str, Any]:
    """`["max_height=720", "audio_only"]` as the API takes it. Lists are given with commas."""
    words = list(words)
    if not words:
        return {}
    from pydantic import ValidationError

    from z2d.wire.jobs import JobOptions

    found: dict[str, Any] = {}
    for one in words:
        name, mark, value = one.partition("=")
        name = name.strip().replace("-", "_")
        if name not in JobOptions.model_fields:
            raise ValueError(f"There is no option {name!r}; there is {', '.join(JobOptions.model_fields)}.")
        is_list = isinstance(JobOptions.model_fields[name].get_default(call_default_factory=True), list)
        if not mark:  # "audio_only" alone switches it on
            if bool not in (kind := JobOptions.model_fields[name].annotation, *get_args(kind)):
                raise ValueError(f"Option {name} wants a value: {name}=...")
            found[name] = True
        else:
            found[name] = [word.strip() for word in value.split(",") if word.strip()] if is_list else value.strip()
    try:
        options = JobOptions.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        reason = WRONG.get(first["type"]) or first["msg"].replace("Input should be", "it should be", 1)
        raise ValueError(f"Option {first['loc'][0]}: {reason}.") from None
    return options.model_dump(mode="json", include=set(found))


def say_options(options: Mapping[str, Any]) -> str:
    """The options of a job that are not the usual ones, as `read_options` takes them."""
    from z2d.wire.jobs import JobOptions

    usual = JobOptions().model_dump(mode="json")
    chosen = {name: value for name, value in options.items() if value not in (None, usual.get(name))}
    return " ".join(f"{name}={_word(value)}" for name, value in chosen.items() if name != "playlist")


def _word(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def read_tags(text: str) -> list[str]:
    """Tags that stand apart by commas."""
    tags = [tag for tag in (part.strip() for part in text.split(",")) if tag]
    if not tags:
        return []
    from pydantic import ValidationError

    from z2d.wire.jobs import NewJobFields

    try:
        return NewJobFields(tags=tags).tags
    except ValidationError as error:
        raise ValueError(_sentence(error.errors(include_url=False)[0]["msg"])) from None


def read_of_list(name: str, text: str) -> Any:
    """One of `LIST` as `PlaylistOptions` has it."""
    from pydantic import ValidationError

    from z2d.wire.lists import PlaylistOptions

    try:
        wanted = PlaylistOptions.model_validate({name: text})
    except ValidationError as error:
        raise ValueError(_sentence(error.errors(include_url=False)[0]["msg"])) from None
    return wanted.model_dump(mode="json")[name]


def _sentence(said: str) -> str:
    return f"{said.removeprefix('Value error, ')}."


def local_file(word: str) -> Path | None:
    """The file of this machine that is meant: what is written like a path, or is one; None: it is a URL.

    Raises ValueError for a path that leads to no file, and for the name of a file that is not here: as a URL it would
    become a job that looks for a host of that name again and again.
    """
    if "://" in word:
        return None
    path = os.path.expanduser(word)  # noqa: PTH111 - leaves what it cannot expand, as "~nobody/x", as it is
    if os.path.isfile(path):  # noqa: PTH113 - says no to what can be no name at all, where Path raises
        return Path(path)
    like_a_path = word.startswith(("./", "../", "/", "~"))
    # a folder may be named like the site it is of
    if os.path.isdir(path) and (like_a_path or "." not in word.strip(".")):  # noqa: PTH112 - likewise
        raise ValueError(f"{word} is a folder: name the files in it.")
    if like_a_path:
        raise ValueError(f"There is no file {word}.")
    if "/" not in word and word.lower().endswith(FILE_ENDINGS):
        raise ValueError(f"There is no file {word}; for a host of that name write https://{word}")
    return None
