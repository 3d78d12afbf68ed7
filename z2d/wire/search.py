"""What a search finds: jobs, the best first, each with the moments at which the words are said."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from z2d.wire.base import Wire
from z2d.wire.jobs import JobSummary

Marks = list[tuple[int, int]]


class Moment(Wire):
    """A place in a transcript. `start_ms` is that of the caption in which the words begin."""

    start_ms: int
    end_ms: int
    snippet: str = Field(description="What is said there, as plain text")
    marks: Marks = Field(description="[from, to) of each stretch of `snippet` that was looked for, in code points")
    link: str | None = Field(description="Opens the source at this second; null where its address is no web address")


class SearchHit(Wire):
    """A job in which the words were found. `snippet`, `marks` and `start_ms` are those of its best place."""

    job: JobSummary
    score: float = Field(description="Higher is better; means something within one search only")
    field: Literal["transcript", "summary", "description", "title", "channel"] = Field(
        description="Where `snippet` is from"
    )
    snippet: str
    marks: Marks
    start_ms: int | None = Field(description="When it is said; null where the words are not in the transcript")
    moments: list[Moment] = Field(description="The best places in the transcript, best first")
    more_moments: bool = Field(description="There may be further places in this transcript")


class SearchPage(Wire):
    """A page of hits; `next_cursor` is null on the last one."""

    items: list[SearchHit]
    next_cursor: str | None
    limit: int
    complete: bool = Field(description="False: the words are so frequent that not every place was looked at")
