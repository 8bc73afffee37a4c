"""What arrives more than once is written once, whatever comes of the first write."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from bot.app import arriving
from bot.app.arriving import Arriving


class Writes:
    """Notes what was written; each write ends when it is let."""

    def __init__(self, *answers: bool | Exception) -> None:
        self._answers = list(answers)
        self.made = 0
        self.let = asyncio.Event()

    async def __call__(self) -> bool:
        """Write."""
        answer = self._answers[self.made]
        self.made += 1
        await self.let.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer


async def both(writes: Callable[[], Coroutine[Any, Any, bool]], let: asyncio.Event) -> list[bool | BaseException]:
    """Two deliveries of one thing at the same time."""
    known = Arriving()
    two = asyncio.gather(*(known.once("message:1", writes) for _ in range(2)), return_exceptions=True)
    await asyncio.sleep(0)
    let.set()
    return await two


async def test_of_two_at_once_one_is_written_and_both_know_it() -> None:
    writes = Writes(True)
    assert await both(writes, writes.let) == [True, True]
    assert writes.made == 1


async def test_a_repeat_later_is_not_written_either() -> None:
    writes, known = Writes(True), Arriving()
    writes.let.set()
    assert [await known.once("message:1", writes), await known.once("message:1", writes)] == [True, True]
    assert writes.made == 1


async def test_where_the_first_was_not_written_the_second_tries_for_itself() -> None:
    writes = Writes(False, True)
    assert await both(writes, writes.let) == [False, True]


async def test_where_the_first_failed_the_second_tries_for_itself() -> None:
    writes = Writes(OSError("the database does not answer"), True)
    failed, written = await both(writes, writes.let)
    assert isinstance(failed, OSError)
    assert written is True


async def test_no_more_is_remembered_than_this(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving, "MOST_KNOWN", 2)
    writes, known = Writes(*[True] * 4), Arriving()
    writes.let.set()
    for key in ("a", "b", "c", "a"):  # the first is forgotten by then: the database knows it
        await known.once(key, writes)
    assert writes.made == 4
