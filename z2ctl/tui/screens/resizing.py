"""Sizes of the terminal that came too late."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.screen import Screen


def overtaken(screen: Screen[Any], event: events.Resize) -> bool:
    """Whether the terminal has another size by now; then the screen is not laid out for this one.

    Textual (8.x) tells a screen each size that it has just been laid out for. Two sizes in its queue, as when the
    terminal changes while the first is being painted, would follow each other for ever, and nothing else happen.
    """
    if event.size == screen.app.size:
        return False
    event.prevent_default()
    return True
