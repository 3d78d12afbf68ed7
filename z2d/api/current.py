"""What may change while the API serves: a reload of the settings puts new values here, and each call reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from z2d.api.admitting import Admit
from z2d.api.auth import Auth
from z2d.api.profiles import Profiles
from z2d.publish.feed import FeedTarget


@dataclass
class Current:
    """Who may call, what is let in, and what can be named. `feeds`: the podcast feeds, by name."""

    auth: Auth
    admit: Admit
    profiles: Profiles
    feeds: Mapping[str, FeedTarget]

    def open_feed(self, name: str | None) -> bool:
        """Whether a feed of this name may be read without a token."""
        return name is not None and name in self.feeds and self.feeds[name].channel.public


CURRENT = web.AppKey("current", Current)
