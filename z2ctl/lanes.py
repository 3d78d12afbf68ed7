"""The lanes of the queue in words, and what a person types to change them: one way for command line and dashboard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from z2ctl.text import plural

NAMES = ("download", "transcript", "analysis", "publishing")
MOST = 64
HOW = f"LANE=N with a lane of {', '.join(NAMES)}, and N from 1 to {MOST}, 0 or 'closed', or 'default'"


def parse(words: Iterable[str]) -> dict[str, int | None]:
    """`["transcript=2", "download=closed"]` as `PATCH /api/queue` takes it. Raises ValueError with a sentence."""
    places: dict[str, int | None] = {}
    for word in words:
        name, _, number = word.partition("=")
        if name not in NAMES or not _is_number(number):
            raise ValueError(f"{word!r} is not {HOW}.")
        places[name] = None if number == "default" else 0 if number == "closed" else int(number)
    return places


def _is_number(text: str) -> bool:
    return text in ("default", "closed") or (text.isascii() and text.isdigit() and 0 <= int(text) <= MOST)


def say(queue: Mapping[str, Any]) -> str:
    """The lanes of a `QueueState` that have a limit, in one line."""
    return " · ".join(f"{lane['stage']} {state(lane)}" for lane in queue["lanes"] if lane["limit"] is not None)


def state(lane: Mapping[str, Any]) -> str:
    """One lane: how many are in it, and who waits for it."""
    limit, parts = lane["limit"], []
    if limit == 0:
        parts.append(f"closed, {lane['busy']} still in it" if lane["busy"] else "closed")
    else:
        parts.append(f"{lane['busy']}, without a limit of its own" if limit is None else f"{lane['busy']} of {limit}")
    if lane["waiting"]:
        parts.append(f"{lane['waiting']} in line")
    if lane["parked"]:
        parts.append(f"{plural(lane['parked'], 'job')} wait{'s' if lane['parked'] == 1 else ''} for it")
    return ", ".join(parts)
