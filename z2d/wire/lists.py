"""Playlists, channels and feeds on the wire: what of a list is wanted, and what was found in it."""

from __future__ import annotations

import re
import warnings
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from z2d.wire.base import UtcTime, Wire

MOST_ENTRIES = 1000
USUAL_ENTRIES = 50
LONGEST_PATTERN = 200


def _real_day(text: str) -> str:
    date.fromisoformat(text)
    return text


def _usable_pattern(text: str) -> str:
    try:
        with warnings.catch_warnings(action="ignore"):  # of spellings that will mean something else one day
            re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"should be a regular expression: {error}") from None
    return text


Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_real_day)]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PATTERN), AfterValidator(_usable_pattern)]


class PlaylistOptions(Wire):
    """What is wanted of a list. Naming it asks for the list where a URL names both a video and its list."""

    limit: int = Field(USUAL_ENTRIES, ge=1, le=MOST_ENTRIES, description="At most so many entries, the newest ones")
    after: Day | None = Field(None, description="Only entries of this day (UTC) and later; those without a date stay")
    match: Pattern | None = Field(None, description="Only entries in whose title this regular expression is found")


class ListEntry(Wire):
    """One entry of a list. `error_class` and `message` say why it cannot become a job; else `dedup_key` is set."""

    url: str
    title: str | None = None
    duration_ms: int | None = None
    published_at: UtcTime | None = None
    description: str | None = None
    describes: bool = Field(False, description="What is said here is better than what the entry's own page says")
    site: str | None = None
    dedup_key: str | None = None
    error_class: str | None = None
    message: str | None = None


class Listing(Wire):
    """A list and those of its entries that are wanted, in the order in which they are to be taken."""

    title: str
    webpage_url: str
    extractor: str
    source_id: str
    description: str | None = None
    channel: str | None = None
    seen: int = Field(0, description="Entries that were looked at, the unwanted ones included")
    repeated: int = Field(0, description="Entries left out because they name a video that stands before them")
    undated: int = Field(0, description="Wanted entries of which the list does not say when they appeared")
    broken: int = Field(0, description="Entries that are no entries, and lists within the list that could not be read")
    entries: list[ListEntry] = []
