"""What a publishing target is: its protocol, what it is given to send, and how it says that this did not work.

Targets know nothing of jobs, the database or retries: they are handed a `Parcel` and deliver it, or raise
`NotDelivered`. Delivering the same parcel again must do no harm where the other side has any means to tell; the
parcel's `key` is there for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from z2d.publish.library import Entry
from z2d.wire.reasons import ErrorClass

Kind = Literal["library", "feed", "webhook", "notification", "objects"]
Event = Literal["publish", "finished", "failed", "attention"]


@dataclass(frozen=True, slots=True)
class Parcel:
    """One thing to deliver. `key` is the same for every try, and another one once the content is another."""

    key: str
    event: str
    at: datetime
    """When it happened, not when it is sent."""
    entry: Entry | None = None
    """Given for the event `publish`: the files and texts of the library entry."""
    message: Mapping[str, Any] | None = None
    """Given for all other events: what is to be told, as plain JSON, the same for every try."""
    so_far: str | None = None
    """What an earlier try left in `NotDelivered.so_far`, or the `remote_id` of an earlier publication."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """It is there. `skipped`: there was nothing to deliver, and why."""

    remote_id: str | None = None
    remote_url: str | None = None
    skipped: str | None = None


class NotDelivered(Exception):
    """It did not work, in words that name no secret.

    `after`: seconds the other side asked us to wait. `final`: another try will not help. `gone`: the other side wants
    nothing more, of this or anything else. `so_far`: what the next try is to know.
    """

    def __init__(
        self,
        error_class: ErrorClass,
        message: str,
        *,
        after: float | None = None,
        final: bool = False,
        gone: bool = False,
        so_far: str | None = None,
    ) -> None:
        super().__init__(message)
        self.error_class, self.message = error_class, message
        self.after, self.final, self.gone, self.so_far = after, final or gone, gone, so_far


class Target(Protocol):
    """One place to publish to."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        ...

    @property
    def kind(self) -> Kind:
        """What it is."""
        ...

    @property
    def deadline_s(self) -> float:
        """Longest time one delivery may take, in seconds."""
        ...

    async def deliver(self, parcel: Parcel) -> Receipt:
        """Bring it there without holding up the event loop. Raises `NotDelivered`, or OSError of the own disk."""
        ...
