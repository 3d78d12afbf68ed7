"""Publishing on the wire: the targets, asking for it again, and what became of each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from z2d.wire.base import UtcTime, Wire
from z2d.wire.control import MOST_JOBS
from z2d.wire.filters import LONGEST
from z2d.wire.jobs import JobId
from z2d.wire.library import Publication, PublishStatus

TargetName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]*$")]


class PublishRequest(Wire):
    """Body of `POST /api/jobs/{id}/publish`."""

    target: TargetName | None = Field(None, description="This target alone")
    force: bool = Field(False, description="Send it although nothing has changed since it was sent")


class PublishAnswer(Wire):
    """The publications of a job; those that are PENDING are on their way."""

    id: int
    publishing: list[Publication]


class PublishManyRequest(PublishRequest):
    """Body of `POST /api/publish`: completed jobs are brought to their targets again."""

    ids: list[JobId] | None = Field(None, min_length=1, max_length=MOST_JOBS)
    filter: Annotated[str, StringConstraints(max_length=LONGEST)] | None = Field(
        None,
        description="In place of ids: conditions in one line, as in `GET /api/jobs`. Jobs that are not complete are "
        "left out",
    )
    failed: bool = Field(
        False, description="With a filter: only jobs that could not be brought to the target, or to any of them"
    )
    after: int = Field(
        0, ge=0, le=2**63 - 1, description="With a filter: only larger ids (`next_after` of the call before)"
    )
    dry_run: bool = Field(False, description="Say which jobs it would be; change nothing")


class TargetInfo(Wire):
    """A place to which finished jobs go, and how much of them it has."""

    name: str
    kind: Literal["library", "feed", "webhook", "notification", "objects"]
    events: list[str] = Field(default=[], description="What it is sent: entries (`publish`), or messages of this kind")
    filter: str = Field("", description="Which jobs it gets, in the filter language; empty: all")
    configured: bool = Field(description="False: it stands in no configuration any more; what it has is kept")
    installations: list[str] = Field(default=[], description="Whose configuration names it")
    disabled_at: UtcTime | None = Field(None, description="When the other side said that it is gone for good")
    disabled_why: str | None = None
    counts: dict[PublishStatus, int] = Field(default={}, description="Publications by state; none is no entry")
    last_published_at: UtcTime | None = None
    retrying: int = Field(0, description="Of those to be sent: how many have been tried before, and failed")
    last_error: str | None = Field(None, description="Why the last try failed of what waits, or could not be sent")


class TargetList(Wire):
    """Answer of `GET /api/targets`."""

    items: list[TargetInfo]
