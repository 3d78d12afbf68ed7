"""Publishing on the wire: asking for it again, and what became of each target."""

from __future__ import annotations

from pydantic import Field

from z2d.wire.base import Wire
from z2d.wire.library import Publication


class PublishRequest(Wire):
    """Body of `POST /api/jobs/{id}/publish`."""

    target: str | None = Field(
        None, min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]*$", description="This target alone"
    )
    force: bool = Field(False, description="Send it although nothing has changed since it was sent")


class PublishAnswer(Wire):
    """The publications of a job; those that are PENDING are on their way."""

    id: int
    publishing: list[Publication]
