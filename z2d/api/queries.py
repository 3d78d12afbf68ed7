"""What can be asked for in a query string. Unknown names are refused, as everywhere in the contract."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from z2d.wire.base import GivenTime, Wire
from z2d.wire.filters import LONGEST
from z2d.wire.jobs import JobStatus, LevelName, StageName

MAX_OFFSET = 10_000
_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)


def _number(value: Any) -> Any:
    """Pydantic would also read " 5", "5.0" and "5_0"; a number has one spelling here."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError("should be a whole number")
    return value


DIGITS = BeforeValidator(_number)
# Text that is compared with the database's, which cannot hold control characters.
Words = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Seq = Annotated[int, Field(ge=0), DIGITS]
FilterText = Annotated[str, StringConstraints(max_length=LONGEST, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]


class NoQuery(Wire):
    """For calls without parameters."""


class ListParams(Wire):
    """`GET /api/jobs`."""

    limit: Annotated[int, Field(ge=1, le=500), DIGITS] = Field(50, description="Jobs per page")
    offset: Annotated[int, Field(ge=0, le=MAX_OFFSET), DIGITS] = Field(
        0, description="Jobs to leave out at the start; for more than 10000 follow next_cursor, which costs the same "
        "at any depth"
    )  # fmt: skip
    cursor: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_=.-]{1,2000}$")] | None = Field(
        None, description="`next_cursor` of the page before, with the same filters, sort and order"
    )
    status: list[JobStatus] = Field(default=[], max_length=6, description="Only these states; may be repeated")
    sort: Literal["created_at", "finished_at", "title", "status", "priority"] = "created_at"
    order: Literal["asc", "desc"] = "desc"
    q: Words | None = Field(None, description="Text that title or URL contain")
    site: Words | None = None
    channel: Words | None = None
    tag: Words | None = None
    since: GivenTime | None = Field(None, description="Submitted at or after this time")
    until: GivenTime | None = Field(None, description="Submitted before this time")
    parent: Annotated[int, Field(ge=1, le=2**63 - 1), DIGITS] | None = Field(
        None, description="Only the children of this collection"
    )
    filter: FilterText | None = Field(
        None, description='Conditions in one line, like `status:failed site:youtube age<7d "two words"`'
    )


class LogParams(Wire):
    """`GET /api/jobs/{job_id}/logs`."""

    after: Seq | None = Field(None, description="Only lines with a larger seq")
    before: Seq | None = Field(None, description="Only lines with a smaller seq; alone: the last ones before it")
    limit: Annotated[int, Field(ge=1, le=500), DIGITS] = 200
    level: LevelName | None = Field(None, description="Lines of this level and above")
    stage: StageName | None = None
    q: Words | None = Field(None, description="Text that the message contains")


class TranscriptParams(Wire):
    """`GET /api/jobs/{job_id}/transcript`."""

    format: Literal["json", "txt", "vtt", "srt", "md"] = "json"


class UploadParams(Wire):
    """`POST /api/uploads`."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")] = Field(
        description="What the file is called; its title, where the file says none"
    )


class StatusSocketParams(Wire):
    """`WS /ws/jobs/status`."""

    since: Seq | None = Field(None, description="seq of the last message seen; go on from there where possible")


class LogSocketParams(Wire):
    """`WS /ws/jobs/{job_id}/logs`."""

    after: Seq | None = Field(None, description="seq of the last line seen; default: from the first line")
    tail: Annotated[int, Field(ge=0, le=100_000), DIGITS] | None = Field(
        None, description="Begin with the last so many lines"
    )
    level: LevelName | None = Field(None, description="Lines of this level and above")
    stage: StageName | None = None
