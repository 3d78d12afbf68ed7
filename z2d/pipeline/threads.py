"""Blocking work in a thread that learns when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
FAREWELL_S = 5.0


class Abandoned(Exception):
    """Raised by blocking work, in its thread, when it sees that it is no longer wanted."""


class Wanted:
    """Handed to blocking work: `check()` raises `Abandoned` once the caller was cancelled."""

    def __init__(self) -> None:
        self._over = threading.Event()

    def check(self) -> None:
        """Call it at least every few megabytes."""
        if self._over.is_set():
            raise Abandoned

    def end(self) -> None:
        """From now on `check` raises."""
        self._over.set()


async def in_thread(work: Callable[[Wanted], T]) -> T:
    """Run `work` in a thread. A thread cannot be cancelled, so on cancellation it is told, and waited for briefly."""
    wanted = Wanted()
    task = asyncio.create_task(asyncio.to_thread(work, wanted), name="blocking work")
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        wanted.end()
        await asyncio.wait({task}, timeout=FAREWELL_S)
        if task.done() and not task.cancelled():
            task.exception()  # seen: nobody else will look
        raise
