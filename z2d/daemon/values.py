"""From the settings to the plain values that rooms are given: at the start, and again at each reload."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from z2d.api.admitting import Admit
from z2d.api.auth import Auth, hash_token
from z2d.config import Settings
from z2d.daemon import state
from z2d.daemon.housekeeping import Keep
from z2d.daemon.places import host_names, is_loopback
from z2d.daemon.trouble import EXIT_CONFIG, DaemonTrouble
from z2d.media.admission import admit_all
from z2d.media.ffmpeg import find_ffmpeg
from z2d.media.ytdlp import FetchLimits


def auth(settings: Settings, port: int | None) -> Auth:
    """Who may call. `port`: that of TCP, as it is bound; None: there is only the socket. Raises DaemonTrouble."""
    group = settings.socket.stat().st_gid if settings.socket.exists() else None
    found = Auth(group=group, origins=frozenset(settings.origins))
    if settings.listen is None or port is None:
        return found
    return Auth(
        token_hash=hash_token(_token(settings, settings.listen.host)),
        hosts=host_names(settings.listen.host, port, settings.hosts),
        origins=found.origins,
        group=group,
    )


def _token(settings: Settings, host: str) -> str:
    """The token for TCP. It is made on the first start, but never for an address others can reach."""
    given = settings.token.get_secret_value() if settings.token else None
    found = state.token(settings.token_file, given=given, make=is_loopback(host))
    if found is None:
        raise DaemonTrouble(
            f"{host} can be reached from other machines, and there is no token: "
            f"set Z2_TOKEN, or write one to {settings.token_file} (chmod 600)",
            EXIT_CONFIG,
        )
    return found


def admission(settings: Settings) -> Admit:
    """Which URLs may be queued."""
    return partial(admit_all, allow_private=settings.allow_private_networks, uploads_dir=settings.state_dir / "uploads")


def keep(settings: Settings) -> Keep:
    """For how long what is kept."""
    return Keep(
        deleted_days=settings.keep_deleted_days,
        failed_days=settings.keep_failed_days,
        media_days=settings.keep_media_days,
        log_days=settings.keep_log_days,
    )


def limits(settings: Settings) -> FetchLimits:
    """What a job may take from the network and the machine."""
    return FetchLimits(
        max_bytes=settings.max_download_bytes,
        disk_reserve_bytes=settings.min_free_bytes,
        stall_window_s=settings.stall_s,
        extract_deadline_s=settings.extract_deadline_s,
        download_deadline_s=settings.download_deadline_s,
    )


def ffmpeg(settings: Settings) -> Path:
    """The program. Raises DaemonTrouble where there is none."""
    if found := find_ffmpeg(settings.ffmpeg):
        return found
    if settings.ffmpeg:
        raise DaemonTrouble(f"there is no program {settings.ffmpeg}: correct Z2_FFMPEG", EXIT_CONFIG)
    raise DaemonTrouble("ffmpeg was not found: install it, or z2[standalone], or set Z2_FFMPEG", EXIT_CONFIG)
