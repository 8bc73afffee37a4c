"""A task that is to end ends, also where a cancellation of it is lost."""

import asyncio

from agent.cancelled import cancelled


async def test_a_task_that_loses_its_first_cancellation_ends_with_the_next() -> None:
    lost: list[str] = []

    async def look_after_things() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if lost:
                    raise
                lost.append("as in wait_for of Python 3.11")

    task = asyncio.create_task(look_after_things())
    await asyncio.sleep(0)  # it has begun
    async with asyncio.timeout(5):
        await cancelled([task], again_seconds=0.01)
    assert task.cancelled()
    assert len(lost) == 1


async def test_what_has_ended_is_waited_for_no_longer() -> None:
    async def fails() -> None:
        raise ValueError

    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    await cancelled([task])
    assert isinstance(task.exception(), ValueError)
    await cancelled([])
