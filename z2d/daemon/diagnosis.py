"""What only the daemon can see of its own health, for `z2ctl doctor`: each finding with why it matters and a remedy."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from z2d.config import Settings
from z2d.daemon.speech import engine_of
from z2d.daemon.trouble import DaemonTrouble
from z2d.media.installed import ytdlp_version
from z2d.store import health
from z2d.store.database import Database
from z2d.wire.errors import DatabaseUnavailable
from z2d.wire.service import Finding

LOOK_S = 3.0
CLOCK_OFF_S = 2.0
LITTLE_ROOM = 5 << 30
OLD_DAYS = 90
OLDEST_YT_DLP = (2026, 7, 4)  # versions before it have known holes
UPDATE = "Run: z2ctl update-yt-dlp"

State = Literal["ok", "warning", "wrong"]


class Diagnosis:
    """Looks at what this daemon stands on. `settings` gives those in use now; `now` the clock of this machine."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        db: Database,
        *,
        ffmpeg: str | None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings, self._db, self._ffmpeg, self._now = settings, db, ffmpeg, now

    async def look(self) -> list[Finding]:
        """Everything, in the order in which a person would ask."""
        settings = self._settings()
        found = [*await self._database(), *await asyncio.to_thread(lambda: list(_of_folders(settings)))]
        found += [_ffmpeg(self._ffmpeg), _javascript(), _ytdlp(ytdlp_version(), self._now())]
        found += [await asyncio.to_thread(_speech, settings), await _language_model(settings)]
        return [*found, *await self._work()]

    async def _database(self) -> list[Finding]:
        why = "Everything z2 knows stands in it."
        try:
            before = self._now()
            session = await health.session(self._db)
            after = self._now()
        except DatabaseUnavailable as away:
            return [Finding(name="database", state="wrong", detail=away.detail, why=why, remedy="See the log of z2d.")]
        off = (session.now - before - (after - before) / 2).total_seconds()
        return [
            Finding(name="database", state="ok", detail=f"answers, schema {session.schema}", why=why),
            _pooler(pooled=session.pooled),
            _clock(off),
        ]

    async def _work(self) -> list[Finding]:
        try:
            stuck = await health.stuck(self._db)
        except DatabaseUnavailable:
            return []
        lost = f"{stuck.jobs} jobs are in the hands of a worker that is silent"
        waiting = [
            f"{stuck.unpublished} could not be published in the last 30 days" if stuck.unpublished else "",
            f"{stuck.late} have been due for an hour" if stuck.late else "",
            f"{stuck.disabled} targets said that they are gone" if stuck.disabled else "",
        ]
        return [
            Finding(
                name="running jobs",
                state="warning" if stuck.jobs else "ok",
                detail=lost if stuck.jobs else "every one has a worker that beats",
                why="Such jobs hold no slot and make no progress until another worker takes them up.",
                remedy="Start a worker (z2d serve or z2d worker): it takes them up." if stuck.jobs else "",
            ),
            Finding(
                name="publishing",
                state="warning" if any(waiting) else "ok",
                detail=", ".join(filter(None, waiting)) or "nothing is stuck",
                why="The library has these entries; other targets do not.",
                remedy="z2ctl targets says why; then: z2ctl publish ID, or with a filter." if any(waiting) else "",
            ),
        ]


def _pooler(*, pooled: bool) -> Finding:
    why = (
        "Notifications need a connection of their own: through a pooler in transaction mode they never arrive, and "
        "prepared statements fail."
    )
    if not pooled:
        return Finding(name="pooler", state="ok", detail="none: z2 speaks to PostgreSQL itself", why=why)
    return Finding(
        name="pooler",
        state="warning",
        detail="a pooler such as pgbouncer stands before the database",
        why=why,
        remedy="Let Z2_DATABASE_URL name PostgreSQL itself (z2 has a pool of its own), or set pool_mode = session.",
    )


def _clock(off: float) -> Finding:
    why = "Times of log lines and of planned starts come from here, leases from the database; they should agree."
    words = f"{abs(off):.1f} s {'behind' if off > 0 else 'ahead of'} the database's"
    if abs(off) < CLOCK_OFF_S:
        return Finding(name="clock", state="ok", detail="agrees with the database's", why=why)
    remedy = "Let both machines take the time from the network: timedatectl set-ntp true"
    return Finding(name="clock", state="warning", detail=words, why=why, remedy=remedy)


def _of_folders(settings: Settings) -> Iterator[Finding]:
    for name, folder, why in (
        ("state folder", settings.state_dir, "Jobs, uploads and the embedded database are in it."),
        (
            "library",
            settings.library_dir,
            "Finished entries are written into it.",
        ),
    ):
        place = next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))
        free = shutil.disk_usage(place).free
        room = f"{folder}, {free / 2**30:.1f} GiB free"
        if not os.access(place, os.W_OK | os.X_OK):
            remedy = (
                f"Give it to the account of z2d: chown {_account()} {place}, and allow it in the unit: ReadWritePaths="
            )
            yield Finding(name=name, state="wrong", detail=f"{place} cannot be written", why=why, remedy=remedy)
        elif free < settings.min_free_bytes:
            remedy = "Free some room; the queue goes on by itself."
            yield Finding(name=name, state="wrong", detail=f"{room}: nothing starts", why=why, remedy=remedy)
        elif free < LITTLE_ROOM:
            remedy = "That is little for videos: free some, or see Z2_KEEP_MEDIA_DAYS."
            yield Finding(name=name, state="warning", detail=room, why=why, remedy=remedy)
        else:
            yield Finding(name=name, state="ok", detail=room, why=why)


def _account() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _ffmpeg(version: str | None) -> Finding:
    why = "Every download is checked with it, and turned into sound."
    if version:
        return Finding(name="ffmpeg", state="ok", detail=version, why=why)
    return Finding(
        name="ffmpeg", state="wrong", detail="it does not start", why=why, remedy="Install ffmpeg, or set Z2_FFMPEG."
    )


def _javascript() -> Finding:
    why = "YouTube hands out its streams only to who can run its scripts."
    beside = str(Path(sys.executable).parent)
    path = shutil.which("deno", path=os.pathsep.join([beside, os.environ.get("PATH", os.defpath)]))
    if path:
        return Finding(name="JavaScript", state="ok", detail=path, why=why)
    remedy = "pip install 'z2[standalone]', or install deno where z2d finds it."
    return Finding(name="JavaScript", state="warning", detail="deno was not found", why=why, remedy=remedy)


def _ytdlp(version: str, now: datetime) -> Finding:
    why = "Sites change every week, and yt-dlp follows them."
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if numbers < OLDEST_YT_DLP:
        return Finding(
            name="yt-dlp", state="wrong", detail=f"{version} has known security holes", why=why, remedy=UPDATE
        )
    try:
        days = (now - datetime(*numbers, tzinfo=UTC)).days  # type: ignore[misc,arg-type]
    except (TypeError, ValueError):
        days = 0
    if days > OLD_DAYS:
        return Finding(name="yt-dlp", state="warning", detail=f"{version}, {days} days old", why=why, remedy=UPDATE)
    return Finding(name="yt-dlp", state="ok", detail=version, why=why)


def _speech(settings: Settings) -> Finding:
    why = "Videos without captions get their transcript from it."
    engine = engine_of(settings)
    if settings.speech == "off":
        return Finding(name="speech to text", state="ok", detail="switched off", why=why)
    if trouble := engine.trouble(None):
        state: State = "warning" if settings.speech == "auto" and engine.name == "off" else "wrong"
        remedy = "See docs/guide/speech.md."
        return Finding(name="speech to text", state=state, detail=trouble, why=why, remedy=remedy)
    return Finding(name="speech to text", state="ok", detail=engine.name, why=why)


async def _language_model(settings: Settings) -> Finding:
    why = "Analysis is offline and plainer without it."
    name = "language model"
    if settings.llm_url is None:
        return Finding(name=name, state="ok", detail="none configured: analysis is offline", why=why)
    if settings.llm_key_file and not os.access(settings.llm_key_file, os.R_OK):
        detail = f"its key file {settings.llm_key_file} cannot be read"
        return Finding(
            name=name, state="wrong", detail=detail, why=why, remedy="Correct Z2_LLM_KEY_FILE, or its owner."
        )
    try:
        await _reached(settings.llm_url)
    except DaemonTrouble as trouble:
        remedy = "Start it, or correct Z2_LLM_URL."
        return Finding(name=name, state="warning", detail=str(trouble), why=why, remedy=remedy)
    return Finding(name=name, state="ok", detail=f"{settings.llm_model}: its service can be reached", why=why)


async def _reached(url: str) -> None:
    """Whether a connection can be made; nothing is asked. Raises DaemonTrouble."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(LOOK_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, TimeoutError):
        raise DaemonTrouble(f"nobody answers at {parts.hostname}, port {port}") from None
    writer.close()
