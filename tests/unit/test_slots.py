"""Slots for model calls: never more than there are, in rounds of the channels, and none is lost."""

import asyncio
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.slots import Slots
from tests.profiles import examples


async def test_a_busy_channel_delays_another_by_no_more_than_a_round() -> None:
    slots, served = Slots(2), list[str]()
    assert slots.take("a")
    assert slots.take("b")

    async def come(who: str, channel: str) -> None:
        await slots.wait(who, channel)
        served.append(who)
        slots.leave(who)

    async with asyncio.TaskGroup() as together:
        for number in range(100):
            together.create_task(come(f"busy {number}", "C-busy"))
        await asyncio.sleep(0)
        together.create_task(come("quiet", "C-quiet"))
        await asyncio.sleep(0)
        assert not slots.take("sly")  # nobody passes by those who wait
        slots.leave("a")
        slots.leave("b")
    assert served.index("quiet") <= 2
    assert len(served) == 101
    assert slots.held == 0


async def test_who_has_a_slot_keeps_it_and_leaves_it_once() -> None:
    slots = Slots(1)
    assert slots.take("a")
    assert slots.take("a")
    slots.leave("b")  # has none
    assert not slots.take("b")
    slots.leave("a")
    slots.leave("a")
    assert slots.take("b")
    assert slots.held == 1


@pytest.mark.parametrize("granted", [False, True])
async def test_who_stops_waiting_holds_nothing(granted: bool) -> None:
    slots = Slots(1)
    slots.take("a")
    waiting = asyncio.create_task(slots.wait("b", "C1"))
    await asyncio.sleep(0)
    if granted:  # its turn has come, and it does not know yet
        slots.leave("a")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    slots.leave("a")
    assert slots.held == 0
    assert slots.take("c")


@examples(0.6)
@given(seed=st.integers(0, 2**32), most=st.integers(1, 5), number=st.integers(1, 60))
async def test_however_they_come_and_go_there_are_never_more_than_there_are_slots(seed: int, most: int, number: int) -> None:
    random, slots, seen = Random(seed), Slots(most), Counter[str]()

    async def come(who: str, channel: str) -> None:
        try:
            if not slots.take(who):
                await slots.wait(who, channel)
            seen["held"] = max(seen["held"], slots.held)
            await asyncio.sleep(random.random() / 1000)
        finally:
            slots.leave(who)

    tasks = [asyncio.create_task(come(str(n), f"C{random.randint(1, 4)}")) for n in range(number)]
    for task in tasks:
        if random.random() < 0.3:
            await asyncio.sleep(0)
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert seen["held"] <= most
    assert slots.held == 0
