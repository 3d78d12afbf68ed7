"""What is kept for sites: profiles (named sets of options) and cookies. The cookies themselves never come back."""

from __future__ import annotations

from pydantic import Field

from z2d.wire.base import UtcTime, Wire
from z2d.wire.jobs import JobOptions


class ProfileInfo(Wire):
    """A named set of options."""

    name: str
    description: str
    options: JobOptions = Field(description="What a job of this profile gets where it asks for nothing else")
    proxy: bool = Field(description="Whether its requests go through a proxy")


class ProfileList(Wire):
    """Answer of `GET /api/profiles`."""

    profiles: list[ProfileInfo]


class NewCookies(Wire):
    """Body of `PUT /api/cookies/{site}`."""

    cookies: str = Field(
        min_length=1, max_length=512 * 1024, description="The text of a cookies file in Netscape format (cookies.txt)"
    )


class CookiesInfo(Wire):
    """What may be known of a site's cookies: neither their names nor their values."""

    site: str
    count: int = Field(description="Cookies in the file")
    domains: list[str]
    expires_at: UtcTime | None = Field(description="When the last of them ends; null where none has an end")
    updated_at: UtcTime


class CookiesChange(CookiesInfo):
    """Answer to new or removed cookies; `released` jobs of the site had been waiting and may try again now."""

    released: int


class CookiesList(Wire):
    """Answer of `GET /api/cookies`."""

    cookies: list[CookiesInfo]
