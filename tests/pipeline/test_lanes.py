"""Lanes: who gets in, who waits, who is sent home."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from tests.support import eventually
from z2d.pipeline.lanes import LaneClosed, Lanes
from z2d.wire.jobs import StageName

LANE = StageName.TRANSCRIPT


class Visitors:
    """People who want into one lane, by name."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes, self.inside, self.sent_home = lanes, list[str](), list[str]()
        self._leave: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def _visit(self, name: str) -> None:
        try:
            async with self.lanes.place(LANE):
                self.inside.append(name)
                try:
                    await self._leave[name].wait()
                finally:
                    self.inside.remove(name)
        except LaneClosed:
            self.sent_home.append(name)

    async def come(self, *names: str) -> None:
        for name in names:
            self._leave[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._visit(name), name=name)
            await asyncio.sleep(0)

    async def leaves(self, *names: str) -> None:
        for name in names:
            self._leave[name].set()
        await self.rest()

    async def rest(self) -> None:
        """Everybody who can move has moved."""
        for _ in range(10):
            await asyncio.sleep(0)

    async def all_gone(self) -> None:
        for leave in self._leave.values():
            leave.set()
        await asyncio.wait(self.tasks.values(), timeout=5)


@pytest.fixture
def visitors() -> Visitors:
    lanes = Lanes()
    lanes.limit_to({LANE: 1})
    return Visitors(lanes)


async def test_first_come_first_served(visitors: Visitors) -> None:
    await visitors.come("a", "b", "c")
    assert visitors.inside == ["a"]
    visitors._leave["a"].set()
    await visitors.come("d")  # in the moment in which a place gets free: it goes to the end of the line
    await visitors.rest()
    assert visitors.inside == ["b"]
    await visitors.leaves("b")
    assert visitors.inside == ["c"]
    await visitors.leaves("c")
    assert visitors.inside == ["d"]
    await visitors.all_gone()
    assert not visitors.lanes.full(LANE)


async def test_a_lane_without_a_limit_holds_everybody_and_lanes_know_nothing_of_each_other(visitors: Visitors) -> None:
    await visitors.come("a")
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(visitors.lanes.place(StageName.DOWNLOAD))
    await visitors.all_gone()


async def test_limits_change_while_people_are_inside(visitors: Visitors) -> None:
    await visitors.come("a", "b", "c")
    visitors.lanes.limit_to({LANE: 2})
    await visitors.rest()
    assert visitors.inside == ["a", "b"]
    visitors.lanes.limit_to({LANE: 1})
    await visitors.leaves("a")
    assert visitors.inside == ["b"], "one too many left; that is no free place"
    visitors.lanes.limit_to({})
    await visitors.rest()
    assert visitors.inside == ["b", "c"]
    await visitors.all_gone()


async def test_a_closed_lane_sends_home_who_waits_and_keeps_who_is_inside(visitors: Visitors) -> None:
    await visitors.come("a", "b", "c")
    visitors.lanes.limit_to({LANE: 0})
    await visitors.rest()
    await visitors.come("d")
    assert (visitors.inside, visitors.sent_home) == (["a"], ["b", "c", "d"])
    assert visitors.lanes.closed(LANE)
    visitors.lanes.limit_to({LANE: 1})
    await visitors.come("e")
    assert visitors.inside == ["a"], "the place is still taken"
    await visitors.leaves("a")
    assert visitors.inside == ["e"]
    await visitors.all_gone()


def _is_inside(visitors: Visitors, *names: str) -> Callable[[], bool]:
    return lambda: visitors.inside == list(names)


async def test_who_is_called_away_holds_up_nobody(visitors: Visitors) -> None:
    await visitors.come("a", "b", "c", "d")
    visitors.tasks["b"].cancel()
    await visitors.rest()
    # c is called away in the very moment in which it gets the place
    visitors._leave["a"].set()
    await asyncio.sleep(0)
    assert visitors.inside == []
    visitors.tasks["c"].cancel()
    await eventually(_is_inside(visitors, "d"), what="the place")
    assert visitors.tasks["b"].cancelled()
    assert visitors.tasks["c"].cancelled()
    await visitors.leaves("d")
    assert not visitors.lanes.full(LANE)


async def test_who_is_called_away_from_a_lane_that_closes(visitors: Visitors) -> None:
    await visitors.come("a", "b")
    visitors.lanes.limit_to({LANE: 0})
    visitors.tasks["b"].cancel()
    await visitors.rest()
    assert visitors.tasks["b"].cancelled() or visitors.sent_home == ["b"]
    visitors.lanes.limit_to({LANE: 1})
    await visitors.leaves("a")
    assert not visitors.lanes.full(LANE)
