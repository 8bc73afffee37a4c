"""How far a call is: the newest words, not too often, and nothing after its end."""

import asyncio
import threading

from agent import fence
from agent.tool.progress import Progress
from tests.patience import PATIENCE_SECONDS


class Thread:
    """What people were told, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.came = asyncio.Event()

    async def tell(self, text: str) -> None:
        """As the surface does, which asks the fence."""
        fence.begin()
        self.told.append(text)
        self.came.set()

    async def hears(self, text: str) -> None:
        """Until these words have come."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while text not in self.told:
                await self.came.wait()
                self.came.clear()


async def test_the_newest_words_are_told_and_those_between_are_not() -> None:
    thread = Thread()
    progress = Progress("copy", thread.tell, every_seconds=0.05)
    for number in range(100):
        progress.say(f"{number} of 99")
    await thread.hears("copy: 99 of 99")
    progress.say("almost")
    await thread.hears("copy: almost")
    assert thread.told == ["copy: 99 of 99", "copy: almost"]


async def test_words_come_no_more_often_than_that() -> None:
    thread = Thread()
    progress = Progress("copy", thread.tell, every_seconds=3600)
    progress.say("one")
    await thread.hears("copy: one")
    progress.say("two")
    await asyncio.sleep(0.05)
    assert thread.told == ["copy: one"]
    assert progress.over()


async def test_a_thread_may_say_how_far_it_is_and_a_start_long_ago_does_not_keep_it_back() -> None:
    thread = Thread()
    with fence.effects_of_start(0.0):  # minutes ago
        progress = Progress("copy", thread.tell)
        progress.say("half")
        await thread.hears("copy: half")
    assert progress.over()
    progress = Progress("copy", thread.tell)
    threading.Thread(target=progress.say, args=("all",)).start()
    await thread.hears("copy: all")


async def test_after_its_end_nothing_is_told_and_what_was_told_is_taken_back() -> None:
    thread = Thread()
    progress = Progress("copy", thread.tell, every_seconds=0.01)
    progress.say("half")
    await thread.hears("copy: half")
    assert progress.over()
    progress.say("late")
    await progress.take_back()
    await asyncio.sleep(0.05)
    assert thread.told == ["copy: half", ""]


async def test_where_nothing_was_said_nothing_is_taken_back() -> None:
    assert not Progress("copy", Thread().tell).over()
