"""What `doctor` finds: one thing looked at, its state, why it matters, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Check(NamedTuple):
    """One thing looked at: `state` is ok, warning or wrong; `remedy` says what to do, `why` what depends on it."""

    name: str
    state: str
    detail: str
    remedy: str = ""
    why: str = ""


class Fault(NamedTuple):
    """A check that found something, and what repairs it without harm. `mend` raises OSError where it may not."""

    check: Check
    mend: Callable[[], None]
