"""SIGHUP: the settings are read anew. What can change while the daemon runs does; the rest is named.

Everything that could be refused is made before anything is changed. So a file with a mistake in it changes nothing: one
line in the log says what is wrong, and the daemon goes on as before.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from z2d.api.current import CURRENT
from z2d.api.keys import STATS
from z2d.api.uploads import UPLOADS
from z2d.config import NEEDS_RESTART, ConfigTrouble, Settings
from z2d.daemon import logs, sites, values
from z2d.daemon.housekeeping import Housekeeping
from z2d.daemon.language_model import language_model
from z2d.daemon.notify import Notifier
from z2d.daemon.speech import speech
from z2d.daemon.targets import feeds_of, served_targets
from z2d.daemon.trouble import DaemonTrouble
from z2d.media.ytdlp import YtDlp
from z2d.pipeline.policy import Policy
from z2d.pipeline.probing import Prober
from z2d.worker.publisher import Publisher
from z2d.worker.service import Worker

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Adjustable:
    """The running parts that can go on with other settings."""

    worker: Worker
    publisher: Publisher
    housekeeping: Housekeeping
    ytdlp: YtDlp
    prober: Prober


class Reload:
    """Reads the settings anew whenever SIGHUP asks for it.

    `settings` are those in use, `read` gives those that are written now or raises ConfigTrouble. `app` is the API, once
    there is one, and `port` its TCP port.
    """

    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Settings],
        parts: Adjustable,
        *,
        port: int | None = None,
    ) -> None:
        self.settings, self._read, self._parts, self._port = settings, read, parts, port
        self.app: web.Application | None = None
        self._asked = asyncio.Event()

    async def follow(self, notifier: Notifier, ready: str) -> None:
        """Reload for ever, whenever asked to. `ready` is what the service manager is told between two of them."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._asked.set)
        while True:
            await self._asked.wait()
            self._asked.clear()
            notifier.reloading()
            log.info("SIGHUP: reading the settings anew")
            trouble = await self._reload()
            notifier.say("READY=1", f"STATUS={trouble or ready}")

    async def _reload(self) -> str:
        """Do it; what went wrong, or nothing."""
        try:
            new = await asyncio.to_thread(self._read)
            changed = _changed(self.settings, new)
            fixed = {name: getattr(self.settings, name) for name in NEEDS_RESTART}
            wanted = new.model_copy(update=fixed)
            others = await self._adopt(wanted)
        except (ConfigTrouble, DaemonTrouble) as trouble:
            log.error("the settings are not reloaded, the old ones stay: %s", trouble)
            return f"The settings could not be reloaded: {trouble}"
        told = others + [_told(name, self.settings, new) for name in changed if name not in NEEDS_RESTART]
        log.info("the settings are reloaded: %s", ", ".join(told) or "nothing has changed")
        if waiting := [name for name in changed if name in NEEDS_RESTART]:
            log.warning("these settings take effect at the next start only: %s", ", ".join(waiting))
        self.settings = wanted
        return ""

    async def _adopt(self, settings: Settings) -> list[str]:
        """Make all that can be refused, then change everything; names what has changed besides the settings.

        Raises DaemonTrouble, with nothing changed.
        """
        others = []
        targets = await asyncio.to_thread(served_targets, settings)
        llm, engine, access = language_model(settings), speech(settings), sites.access(settings)
        auth = values.auth(settings, self._port)
        profiles = sites.profiles(settings)
        logs.set_up(settings.log_level)
        parts = self._parts
        parts.housekeeping.keep = values.keep(settings)
        parts.prober.access = access
        parts.worker.adjust(
            slots=settings.slots, policy=Policy(scale=settings.retry_scale), access=access, llm=llm, speech=engine
        )
        parts.publisher.adjust(targets, scale=settings.retry_scale)
        if self.app is not None:
            current = self.app[CURRENT]
            if current.auth.token_hash != auth.token_hash:
                others.append("the token")
            current.auth, current.profiles, current.feeds = auth, profiles, feeds_of(targets)
            current.admit = values.admission(settings)
            self.app[STATS].slots = settings.slots
            self.app[UPLOADS].limit(max_bytes=settings.max_download_bytes, min_free_bytes=settings.min_free_bytes)
        await parts.ytdlp.adjust(limits=values.limits(settings), allow_private=settings.allow_private_networks)
        return others


def _changed(old: Settings, new: Settings) -> list[str]:
    return [name for name in Settings.model_fields if getattr(old, name) != getattr(new, name)]


def _told(name: str, old: Settings, new: Settings) -> str:
    """What a person is told of a change: the value only where it is plain, for tables and secrets may hold anything."""
    before, after = getattr(old, name), getattr(new, name)
    plain = (bool, int, float, type(None))
    return (
        f"{name} {_plain(before)} -> {_plain(after)}"
        if isinstance(before, plain) and isinstance(after, plain)
        else name
    )


def _plain(value: Any) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else f"{value:g}"
