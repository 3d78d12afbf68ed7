"""Fan-out inside this process: who has news publishes it, whoever cares subscribes.

The database is the one source of events (`z2d.store.listen` publishes here); the sockets and the worker listen.
A publisher never waits for a subscriber: each has a bounded queue, and one that is too slow finds `Lagged` in the
place of what it missed and reads the present state again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobChanged:
    """A job was added or changed; `cancel` and `pause` say whether a person asked for that."""

    id: int
    status: str
    rev: int
    cancel: bool
    pause: bool
    deleted: bool


@dataclass(frozen=True, slots=True)
class LogsAppended:
    """Lines up to `last_seq` of this job's log are committed."""

    job_id: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class QueueChanged:
    """Somebody paused or resumed the queue, or set its slots: read its settings."""


@dataclass(frozen=True, slots=True)
class Resync:
    """The listener was (re)connected: notifications may have been missed, so read again what matters."""


@dataclass(frozen=True, slots=True)
class Lagged:
    """`dropped` events were not delivered because this subscriber was too slow: read again what matters."""

    dropped: int


Event = JobChanged | LogsAppended | QueueChanged | Resync


class Subscription:
    """One subscriber's queue of at most `maxsize` events, oldest first."""

    def __init__(self, maxsize: int) -> None:
        self._events: deque[Event | Lagged] = deque()
        self._maxsize = maxsize
        self._filled = asyncio.Event()

    def _put(self, event: Event) -> None:
        if len(self._events) < self._maxsize:
            self._events.append(event)
        elif isinstance(newest := self._events[-1], Lagged):
            self._events[-1] = Lagged(newest.dropped + 1)
        else:
            self._events.append(Lagged(1))
        self._filled.set()

    async def get(self, timeout: float | None = None) -> Event | Lagged | None:  # noqa: ASYNC109  part of the contract
        """The next event, or None when `timeout` seconds passed without one (None waits for ever)."""
        try:
            async with asyncio.timeout(timeout):
                while not self._events:
                    self._filled.clear()
                    await self._filled.wait()
        except TimeoutError:
            return None
        return self._events.popleft()

    async def __aiter__(self) -> AsyncIterator[Event | Lagged]:
        """Every event from now on; never ends by itself."""
        while True:
            event = await self.get()
            assert event is not None
            yield event


class Bus:
    """Publishes events to every subscription of this process. To be used from the event loop's thread only."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()

    def publish(self, event: Event) -> None:
        """Hand `event` to every subscriber. Never blocks, never raises."""
        for subscription in self._subscriptions:
            subscription._put(event)

    @contextmanager
    def subscribe(self, maxsize: int = 1000) -> Iterator[Subscription]:
        """A subscription for the time of the `with` block. `maxsize` bounds its queue."""
        subscription = Subscription(maxsize)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
