"""What takes a while to load is loaded when it is first used: once, however many come at the same time."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """What `read` returns, which is called beside the event loop."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._one_at_a_time = asyncio.Lock()
        self._found: T | None = None

    @property
    def found(self) -> T | None:
        """Return it if it was used."""
        return self._found

    async def get(self) -> T:
        """Return it; those who come before it is read wait. Raises what `read` raises, and then it is tried again."""
        async with self._one_at_a_time:
            if self._found is None:
                self._found = await asyncio.to_thread(self._read)
            return self._found
