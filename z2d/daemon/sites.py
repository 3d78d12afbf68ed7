"""From the settings to what the rooms are given about sites: profiles without secrets for the API, and for the worker
the way in which each job gets at its site.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from z2d.api.profiles import DEFAULT, Profile, Profiles
from z2d.config import Settings
from z2d.media.access import Access
from z2d.media.cookies import CookieFiles
from z2d.wire.jobs import JobOptions

log = logging.getLogger(__name__)


def profiles(settings: Settings) -> Profiles:
    """The sets of options that jobs may name."""
    named = {}
    for name, table in settings.profiles.items():
        chosen = table.model_dump(exclude_unset=True, include=set(JobOptions.model_fields))
        proxy = (table.proxy or settings.proxy) is not None
        named[name] = Profile(JobOptions.model_validate(chosen), table.description, proxy)
    named.setdefault(DEFAULT, Profile(proxy=settings.proxy is not None))
    return Profiles(settings.options, named)


def cookies(settings: Settings) -> CookieFiles:
    """Where the cookies of sites are: the state folder, and systemd's credentials."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    return CookieFiles(settings.state_dir / "cookies", Path(credentials) if credentials else None)


def access(settings: Settings) -> Callable[[str | None, str], Access]:
    """How a job of a site and a profile gets at it. The cookies are looked up anew for each request."""
    own = {name: table.proxy for name, table in settings.profiles.items() if table.proxy}
    jars = cookies(settings)

    def of(site: str | None, profile: str) -> Access:
        if profile != DEFAULT and profile not in settings.profiles:
            log.warning("there is no profile %s any more; a job of it goes on with what is set for all", profile)
        proxy = own.get(profile, settings.proxy)
        return Access(proxy.get_secret_value() if proxy else None, jars.find(site))

    return of
