"""Analysing again what is in the library: which jobs, how urgent, in which language."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from z2d.wire.base import Wire
from z2d.wire.control import MOST_JOBS
from z2d.wire.filters import LONGEST
from z2d.wire.jobs import JobId, LanguageTag


class AnalyzeRequest(Wire):
    """Body of `POST /api/analyze`. Only the analysis and what follows it run again; nothing is fetched."""

    ids: list[JobId] | None = Field(None, min_length=1, max_length=MOST_JOBS)
    filter: Annotated[str, StringConstraints(max_length=LONGEST)] | None = Field(
        None,
        description="In place of ids: conditions in one line, as in `GET /api/jobs`. Jobs that are not complete, or "
        "whose files are gone, are left out",
    )
    after: int = Field(
        0, ge=0, le=2**63 - 1, description="With a filter: only larger ids (`next_after` of the call before)"
    )
    priority: int = Field(-10, ge=-100, le=100, description="Of the jobs in the queue; new submissions have 0")
    language: LanguageTag | None = Field(
        None, description="Language in which a language model is to write; null: as each job has it"
    )
    analysis: Literal["auto", "offline"] | None = Field(
        None, description="Whether a language model may do it, if one is configured; null: as each job has it"
    )
    dry_run: bool = Field(False, description="Say which jobs it would be; change nothing")
