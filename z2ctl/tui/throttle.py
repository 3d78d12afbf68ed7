"""At most so often: a change is shown at once when the last one is long enough ago, else when it may be."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.timer import Timer
from textual.widget import Widget


class Throttle:
    """Calls `do` at most once each `every_s` seconds, and only when asked: no timer runs while nothing happens."""

    def __init__(self, owner: Widget, do: Callable[[], object], every_s: float) -> None:
        self._owner, self._do, self._every_s = owner, do, every_s
        self._last = -every_s
        self._timer: Timer | None = None

    def ask(self) -> None:
        """Something changed."""
        if self._timer is not None:
            return
        wait = self._last + self._every_s - time.monotonic()
        if wait <= 0:
            self._fire()
        else:
            self._timer = self._owner.set_timer(wait, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self._last = time.monotonic()
        self._do()


class Debounce:
    """Calls `do` once, when nothing more was asked for `after_s` seconds."""

    def __init__(self, owner: Widget, do: Callable[[], object], after_s: float) -> None:
        self._owner, self._do, self._after_s = owner, do, after_s
        self._timer: Timer | None = None

    def ask(self) -> None:
        """It may be needed soon."""
        self.cancel()
        self._timer = self._owner.set_timer(self._after_s, self._fire)

    def cancel(self) -> None:
        """It is not needed any more."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        self._do()
