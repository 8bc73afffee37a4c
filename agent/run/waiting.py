"""Waiting for whatever comes first."""

import asyncio
from collections.abc import Iterable
from typing import Any


async def first_of(tasks: Iterable[asyncio.Task[Any]], events: Iterable[asyncio.Event], seconds: float | None) -> None:
    """Wait until a task has ended, an event is set, or the time is over."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait({*tasks, *waits}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
