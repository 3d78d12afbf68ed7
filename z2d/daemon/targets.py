"""From the tables `[targets.NAME]` of the settings to what the publisher serves and the API shows."""

from __future__ import annotations

from collections.abc import Iterable

from z2d.config import Settings
from z2d.daemon.trouble import EXIT_CONFIG, DaemonTrouble
from z2d.media.addresses import forbidden
from z2d.publish.feed import FeedTarget
from z2d.publish.settings import TargetTrouble, read_targets
from z2d.store.outbox import TargetRow
from z2d.worker.publisher import Served


def served_targets(settings: Settings) -> list[Served]:
    """The configured targets. Raises DaemonTrouble that names every mistake and no secret."""
    try:
        found = read_targets(settings.targets, forbidden=None if settings.allow_private_networks else forbidden)
    except TargetTrouble as trouble:
        raise DaemonTrouble(
            "the publishing targets cannot be used: " + "; ".join(trouble.problems), EXIT_CONFIG
        ) from None
    return [
        Served(one.target, TargetRow(one.target.name, one.target.kind, one.events, one.settings_hash, one.filter))
        for one in found
    ]


def feeds_of(targets: Iterable[Served]) -> dict[str, FeedTarget]:
    """The podcast feeds among them, by name."""
    return {one.target.name: one.target for one in targets if isinstance(one.target, FeedTarget)}
