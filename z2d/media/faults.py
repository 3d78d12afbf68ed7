"""The one exception of this room: a fault has an error class, and the class decides what the queue does."""

from __future__ import annotations

from z2d.wire.reasons import ErrorClass


class MediaFault(Exception):
    """Getting or reading media failed.

    `error_class` says why, `message` says it in one sentence (it may quote a site: untrusted text), `retry_after`
    is the number of seconds a site asked for or a stream announced, where there is one.
    """

    def __init__(self, error_class: ErrorClass, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{error_class.value}: {message}")
        self.error_class = error_class
        self.message = message
        self.retry_after = retry_after
