"""What handlers find in the application: one typed key per part, so that each takes only what it needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from z2d.api.connections import Connections
from z2d.api.log_feed import LogFeed
from z2d.api.service_parts import Readiness, StatsCache
from z2d.api.sockets import Sockets
from z2d.api.status_hub import StatusHub
from z2d.media.cookies import CookieFiles
from z2d.store.database import Database
from z2d.wire.service import Finding, Version

Diagnose = Callable[[], Awaitable[list[Finding]]]

DB = web.AppKey("db", Database)
COOKIES = web.AppKey("cookies", CookieFiles)
JOBS_DIR = web.AppKey("jobs_dir", Path)
VERSION = web.AppKey("version", Version)
STATS = web.AppKey("stats", StatsCache)
READINESS = web.AppKey("readiness", Readiness)
HUB = web.AppKey("hub", StatusHub)
LOG_FEED = web.AppKey("log_feed", LogFeed)
SOCKETS = web.AppKey("sockets", Sockets)
CONNECTIONS = web.AppKey("connections", Connections)
DOCUMENT: web.AppKey[Callable[[], bytes]] = web.AppKey("document")
DIAGNOSE: web.AppKey[Diagnose] = web.AppKey("diagnose")
