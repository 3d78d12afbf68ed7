from __future__ import annotations

import asyncio

from z2d.bus import Bus, Lagged, LogsAppended, Resync


async def test_everybody_gets_every_event_in_order() -> None:
    bus = Bus()
    with bus.subscribe() as one, bus.subscribe() as two:
        for number in range(3):
            bus.publish(LogsAppended(1, number))
        for subscription in (one, two):
            assert [await subscription.get(1) for _ in range(3)] == [LogsAppended(1, number) for number in range(3)]


async def test_the_slow_one_finds_a_mark_in_the_place_of_what_it_missed() -> None:
    bus = Bus()
    with bus.subscribe(maxsize=2) as slow, bus.subscribe() as quick:
        for number in range(5):
            bus.publish(LogsAppended(1, number))
        assert [await slow.get(1) for _ in range(3)] == [LogsAppended(1, 0), LogsAppended(1, 1), Lagged(3)]
        bus.publish(Resync())
        assert await slow.get(1) == Resync()
        assert [await quick.get(1) for _ in range(6)][-1] == Resync()


async def test_waiting_ends_with_an_event_or_with_time() -> None:
    bus = Bus()
    with bus.subscribe() as subscription:
        assert await subscription.get(0.01) is None
        waiting = asyncio.create_task(subscription.get(5), name="wait")
        await asyncio.sleep(0)
        bus.publish(Resync())
        assert await waiting == Resync()


async def test_iteration_goes_on() -> None:
    bus = Bus()
    with bus.subscribe() as subscription:
        bus.publish(Resync())
        bus.publish(LogsAppended(1, 1))
        heard = []
        async for event in subscription:
            heard.append(event)
            if len(heard) == 2:
                break
        assert heard == [Resync(), LogsAppended(1, 1)]


async def test_who_has_left_gets_nothing() -> None:
    bus = Bus()
    with bus.subscribe() as subscription:
        pass
    bus.publish(Resync())
    assert await subscription.get(0.01) is None
