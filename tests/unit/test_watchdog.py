"""The watchdog finds what holds the event loop up, and nothing else."""

import asyncio
import re
import time
from collections.abc import Callable

import pytest

from tests.watchdog import LoopHeldError, watched

BOUND_SECONDS = 0.2


def compute() -> None:
    """Hold the loop up in Python, for twice as long as it may be."""
    end = time.process_time() + 2 * BOUND_SECONDS
    while time.process_time() < end:
        pass


def match() -> None:
    """Hold it up in one call of C, which lets no other thread run."""
    seconds, letters = 0.0, 16
    while seconds < BOUND_SECONDS:
        began = time.process_time()
        re.match(r"(a|a)+$", "a" * letters + "b")
        seconds, letters = time.process_time() - began, letters + 1


@pytest.mark.parametrize("burn", [compute, match])
async def test_a_loop_that_is_held_up_is_found_and_it_is_said_where(burn: Callable[[], None]) -> None:
    with pytest.raises(LoopHeldError) as raised:  # noqa: PT012  # the block is what is watched
        async with watched(BOUND_SECONDS):
            await asyncio.sleep(0)
            burn()
    assert "the event loop did not go on" in str(raised.value)


async def test_the_stack_is_that_of_the_one_who_computes() -> None:
    with pytest.raises(LoopHeldError, match=r"(?s)in test_the_stack.*in compute"):
        async with watched(BOUND_SECONDS):
            compute()


async def test_another_thread_that_keeps_the_lock_is_found() -> None:
    with pytest.raises(LoopHeldError):
        async with watched(BOUND_SECONDS):
            await asyncio.to_thread(match)


async def test_work_in_pieces_and_waiting_are_not() -> None:
    async with watched(BOUND_SECONDS):
        began = time.process_time()
        while time.process_time() < began + 2 * BOUND_SECONDS:  # noqa: ASYNC110  # nothing is waited for
            await asyncio.sleep(0)  # the loop goes on
        await asyncio.to_thread(time.sleep, 2 * BOUND_SECONDS)


async def test_what_fails_is_not_hidden_by_what_was_found() -> None:
    with pytest.raises(KeyError):  # noqa: PT012  # likewise
        async with watched(BOUND_SECONDS):
            compute()
            raise KeyError
