"""Lanes: how many jobs of one worker may do the same kind of work at once.

A slot carries a job from its beginning to its end; a lane is a narrow place on that way, for work that leaves no room
for more of its kind: two speech models at once take twice the memory and half the speed. Who finds a lane full waits
in line and keeps its slot, so a worker never begins more jobs than it has slots. A closed lane lets nobody in.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from z2d.wire.jobs import StageName


class LaneClosed(Exception):
    """Nobody may enter the lane of `stage` until a person opens it."""

    def __init__(self, stage: StageName) -> None:
        super().__init__(f"the {stage.value} lane is closed")
        self.stage = stage


class Lanes:
    """The lanes of one worker, named by their stages. Without limits everybody gets in at once."""

    def __init__(self) -> None:
        self._limits: dict[StageName, int | None] = {}
        self._inside: Counter[StageName] = Counter()
        self._lines: defaultdict[StageName, deque[asyncio.Future[None]]] = defaultdict(deque)

    def limit_to(self, limits: Mapping[StageName, int | None]) -> None:
        """From now on at most so many in each lane; 0: closed, None or not named: no limit.

        Who is inside stays. Those in line of a lane that is closed get `LaneClosed`.
        """
        self._limits = dict(limits)
        for stage in list(self._lines):
            self._admit(stage)

    def closed(self, stage: StageName) -> bool:
        """Whether nobody may enter."""
        return self._limits.get(stage) == 0

    def full(self, stage: StageName) -> bool:
        """Whether who comes now would have to wait in line."""
        limit = self._limits.get(stage)
        return limit is not None and (bool(self._lines[stage]) or self._inside[stage] >= limit)

    @asynccontextmanager
    async def place(self, stage: StageName) -> AsyncIterator[None]:
        """A place in the lane, first come, first served. Raises `LaneClosed` before it is entered, never after."""
        if self.closed(stage):
            raise LaneClosed(stage)
        if self.full(stage):
            await self._wait_in_line(stage)
        else:
            self._inside[stage] += 1
        try:
            yield
        finally:
            self._leave(stage)

    async def _wait_in_line(self, stage: StageName) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines[stage].append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # passed over already
                    self._lines[stage].remove(turn)
            elif turn.exception() is None:
                self._leave(stage)  # it was its turn in the very moment in which it was called away
            raise

    def _leave(self, stage: StageName) -> None:
        self._inside[stage] -= 1
        self._admit(stage)

    def _admit(self, stage: StageName) -> None:
        """Let in whom there is room for; send home who waits before a closed lane."""
        line, limit = self._lines[stage], self._limits.get(stage)
        while line and (limit is None or limit == 0 or self._inside[stage] < limit):
            turn = line.popleft()
            if turn.cancelled():
                continue
            if limit == 0:
                turn.set_exception(LaneClosed(stage))
            else:
                self._inside[stage] += 1
                turn.set_result(None)
