"""Tasks that are to end, whatever they wait for."""

import asyncio
from collections.abc import Collection
from typing import Any

AGAIN_SECONDS = 5.0  # that a task may take to clean up before it is cancelled once more


async def cancelled(tasks: Collection[asyncio.Task[Any]], again_seconds: float = AGAIN_SECONDS) -> None:
    """Cancel tasks until each has ended, however it does.

    Once may not be enough: where its result and a cancellation come together, `asyncio.wait_for` of Python 3.11 gives the result,
    and the pool of connections waits with it (asyncio/tasks.py, psycopg_pool/_acompat.py). What a task fails with is dropped.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        ended, left = await asyncio.wait(left, timeout=again_seconds)
        await asyncio.gather(*ended, return_exceptions=True)
