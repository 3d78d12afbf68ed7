"""What handlers find in the application: one typed key per part, so that each takes only what it needs."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Protocol

from aiohttp import web

from z2d.api.connections import Connections
from z2d.api.log_feed import LogFeed
from z2d.api.profiles import Profiles
from z2d.api.service_parts import Readiness, StatsCache
from z2d.api.sockets import Sockets
from z2d.api.status_hub import StatusHub
from z2d.media.cookies import CookieFiles
from z2d.publish.feed import FeedTarget
from z2d.store.database import Database
from z2d.wire.service import Version


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


DB = web.AppKey("db", Database)
ADMIT: web.AppKey[Admit] = web.AppKey("admit")
FEEDS: web.AppKey[Mapping[str, FeedTarget]] = web.AppKey("feeds")
PROFILES = web.AppKey("profiles", Profiles)
COOKIES = web.AppKey("cookies", CookieFiles)
JOBS_DIR = web.AppKey("jobs_dir", Path)
VERSION = web.AppKey("version", Version)
STATS = web.AppKey("stats", StatsCache)
READINESS = web.AppKey("readiness", Readiness)
HUB = web.AppKey("hub", StatusHub)
LOG_FEED = web.AppKey("log_feed", LogFeed)
SOCKETS = web.AppKey("sockets", Sockets)
CONNECTIONS = web.AppKey("connections", Connections)
DOCUMENT = web.AppKey("document", bytes)
