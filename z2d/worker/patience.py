"""Waiting well: writes that outlast a database that is away, and the bell that wakes idle slots."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from z2d.wire.errors import DatabaseUnavailable

T = TypeVar("T")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0


def pauses() -> Iterator[float]:
    """Seconds to wait between tries: doubling from a tenth to five, with jitter, without end."""
    pause = FIRST_PAUSE_S
    while True:
        yield pause * random.uniform(0.7, 1.3)
        pause = min(pause * 2, LONGEST_PAUSE_S)


async def persist(write: Callable[[], Awaitable[T]]) -> T:
    """Do `write` until the database takes it. What it writes must bear repeating: an answer may get lost."""
    for pause in pauses():
        try:
            return await write()
        except DatabaseUnavailable:
            await asyncio.sleep(pause)
    raise AssertionError("pauses() never ends")


class Bell:
    """Wakes everybody who listens. Listen before looking, and no ring in between is missed."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def ring(self) -> None:
        """Wake those who listen now."""
        self._next.set()
        self._next = asyncio.Event()

    def listen(self) -> asyncio.Event:
        """An event that is set by the next ring."""
        return self._next


async def heard(event: asyncio.Event, within_s: float) -> bool:
    """Wait for the event, at most `within_s` seconds; whether it came."""
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        return False
    return True
