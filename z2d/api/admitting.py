"""What the API asks of whoever lets URLs in; the media room has the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

from z2d.wire.errors import Z2Error


class Admitted(Protocol):
    """A URL that may be queued: its normalised form, the site it belongs to, and what makes it the same video."""

    @property
    def url(self) -> str: ...  # noqa: D102 - named by the class
    @property
    def site(self) -> str | None: ...  # noqa: D102
    @property
    def dedup_key(self) -> str | None: ...  # noqa: D102


class Admit(Protocol):
    """Lets URLs in, or says for each why not: one of the Url* errors."""

    def __call__(self, urls: Sequence[str], /, *, playlist: bool = False) -> Awaitable[Sequence[Admitted | Z2Error]]:
        """For each URL in its order. `playlist`: of a URL that names a video and its list, the list is wanted."""
        ...


async def admit_one(admit: Admit, url: str, *, playlist: bool) -> Admitted:
    """The same for one URL. Raises the error."""
    (found,) = await admit([url], playlist=playlist)
    if isinstance(found, Z2Error):
        raise found
    return found
