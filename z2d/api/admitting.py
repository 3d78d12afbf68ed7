"""What the API asks of whoever lets URLs in; the media room has the answer."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol


class Admitted(Protocol):
    """A URL that may be queued: its normalised form, the site it belongs to, and what makes it the same video."""

    @property
    def url(self) -> str: ...  # noqa: D102 - named by the class
    @property
    def site(self) -> str | None: ...  # noqa: D102
    @property
    def dedup_key(self) -> str | None: ...  # noqa: D102


class Admit(Protocol):
    """Lets a URL in, or raises one of the Url* errors."""

    def __call__(self, url: str, /, *, playlist: bool = False) -> Awaitable[Admitted]:
        """`playlist`: of a URL that names a video and its list, the list is wanted."""
        ...
