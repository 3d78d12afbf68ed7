"""What `doctor` finds: one thing looked at, its state, and what to do about it."""

from __future__ import annotations

from typing import NamedTuple


class Check(NamedTuple):
    """One thing looked at: `state` is ok, warning or wrong; `remedy` says what to do."""

    name: str
    state: str
    detail: str
    remedy: str = ""
