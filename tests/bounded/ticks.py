"""Whether the event loop went on meanwhile."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

TICK_SECONDS = 0.02


@dataclass
class Ticks:
    """How long the loop was away at most."""

    longest_gap_seconds: float = 0.0


@asynccontextmanager
async def ticking() -> AsyncGenerator[Ticks]:
    """Count for as long as the block runs."""
    loop, ticks = asyncio.get_running_loop(), Ticks()

    async def count() -> None:
        while True:
            before = loop.time()
            try:
                await asyncio.sleep(TICK_SECONDS)
            finally:
                ticks.longest_gap_seconds = max(ticks.longest_gap_seconds, loop.time() - before)

    task = asyncio.create_task(count())
    await asyncio.sleep(0)  # it has begun
    try:
        yield ticks
    finally:
        task.cancel()
        await asyncio.wait({task})
