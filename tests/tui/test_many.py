"""What is drawn decides what it costs, and not how much is loaded."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from tests.tui.many import MANY, Do, at_work


def calls(do: Do) -> int:
    """How many functions one `do` calls: the same on every machine, however busy."""
    number = 0

    def count(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal number
        number += event in ("call", "c_call")

    do()  # what is made once
    sys.setprofile(count)
    try:
        do()
    finally:
        sys.setprofile(None)
    return number


@pytest.mark.parametrize("name, make, few, many", MANY, ids=[each[0] for each in MANY])
async def test_the_cost_does_not_grow_with_what_is_loaded(
    name: str, make: Callable[[int], Any], few: int, many: int
) -> None:
    async with at_work(make(few)) as quick:
        little = calls(quick)
    async with at_work(make(many)) as slow:
        much = calls(slow)
    assert much < little * 1.2 + 50, name
