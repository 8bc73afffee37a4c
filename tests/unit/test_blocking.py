"""Code that blocks: the loop goes on, the limit holds, a thread left behind holds up nobody; async code that blocks is named."""

import asyncio
import contextvars
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from agent import fence
from agent.errors import NotBegunError
from agent.tool import threads as blocking
from agent.tool.declare import tool
from agent.tool.definition import Result, Tool, ToolContext, run
from agent.tool.threads import Threads
from tests.patience import PATIENCE_SECONDS

CONTEXT = ToolContext("T1:C1:1.0", "U1", "key-1")


async def outcome(one: Tool, **arguments: Any) -> Result:
    """What the model reads after it ran."""
    return await run(one, one.arguments.model_validate(arguments), CONTEXT)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Threads:
    """Two threads for the tools of this test."""
    threads = Threads(2)
    monkeypatch.setattr(blocking, "THREADS", threads)
    return threads


async def until_nothing_is_left_behind(threads: Threads) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while threads.left_behind:  # noqa: ASYNC110  # a thread's end is no event of this loop
            await asyncio.sleep(0.005)


async def test_the_limit_holds_for_blocking_code_while_the_loop_goes_on(
    threads: Threads, caplog: pytest.LogCaptureFixture
) -> None:
    over = threading.Event()

    @tool(effect="write", time_limit_seconds=0.3)
    def stuck() -> str:
        """Wait."""
        over.wait()
        return "at last"

    call = asyncio.create_task(outcome(stuck))
    turns = 0
    while not call.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 10  # a loop that was held up would not have come so far
    result = call.result()
    assert (result.error, result.unclear, result.detail) == ("timeout", True, "stuck did not answer within 0.3 seconds.")
    assert threads.left_behind == 1
    assert "the thread of stuck is left behind; 1 such threads run" in caplog.text
    over.set()
    await until_nothing_is_left_behind(threads)
    assert "the thread of stuck ended" in caplog.text


async def test_what_finds_no_thread_did_not_run_and_may_be_called_again(threads: Threads) -> None:
    over, ran = threading.Event(), list[int]()

    @tool(effect="write", time_limit_seconds=0.2)
    def stuck(number: int) -> str:
        """Wait."""
        ran.append(number)
        over.wait()
        return "at last"

    first = await asyncio.gather(outcome(stuck, number=1), outcome(stuck, number=2))
    assert [result.unclear for result in first] == [True, True]
    third = await outcome(stuck, number=3)
    assert (third.error, third.unclear) == ("unexpected", False)
    assert "stuck was not begun and did not run (all 2 threads for such tools are busy, 2 of them left behind)" in str(
        third.detail
    )
    over.set()
    await until_nothing_is_left_behind(threads)
    assert (await outcome(stuck, number=4)).ok
    assert sorted(ran) == [1, 2, 4]


async def test_more_calls_than_threads_take_turns(threads: Threads) -> None:
    together, most = 0, 0
    lock = threading.Lock()

    @tool(effect="read")
    def look(number: int) -> Mapping[str, Any]:
        """Look."""
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        time.sleep(0.005)
        with lock:
            together -= 1
        return {"number": number}

    results = await asyncio.gather(*(outcome(look, number=number) for number in range(20)))
    assert [result.result for result in results] == [{"number": number} for number in range(20)]
    assert most == 2


async def test_a_start_that_is_too_long_ago_is_not_begun_in_a_thread_either(threads: Threads) -> None:
    ran: list[str] = []
    with fence.effects_of_start(time.monotonic(), within_seconds=-1), pytest.raises(NotBegunError, match="was not begun"):
        await threads.run("pay", lambda: ran.append("paid"))
    assert ran == []


async def test_a_thread_sees_the_callers_context(threads: Threads) -> None:
    variable = contextvars.ContextVar("variable", default="nothing")
    variable.set("of the caller")
    assert await threads.run("look", variable.get) == "of the caller"


@pytest.mark.parametrize("error", [SystemExit(3), StopIteration(), ValueError("x")])
async def test_whatever_is_raised_in_a_thread_is_an_error_of_the_tool(threads: Threads, error: BaseException) -> None:
    @tool
    def ends() -> str:
        """End it."""
        raise error

    result = await outcome(ends)
    assert (result.error, result.unclear) == ("unexpected", True)


async def test_async_code_that_holds_the_loop_is_named(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "HELD_SECONDS", 0.05)

    @tool(effect="read")
    async def rude() -> str:
        """Hold it up."""
        await asyncio.sleep(0)
        time.sleep(0.1)  # noqa: ASYNC251  # that is what is tried
        return "done"

    @tool(effect="read")
    async def polite() -> str:
        """Wait as one should."""
        await asyncio.sleep(0.1)
        return "done"

    assert (await outcome(polite)).ok
    assert caplog.text == ""
    assert (await outcome(rude)).ok
    assert "rude held the event loop for 0.1 s: write it as a plain `def`" in caplog.text


async def test_a_watched_handler_is_cancelled_like_any_other() -> None:
    cleaned: list[str] = []

    @tool(time_limit_seconds=0.05)
    async def waits() -> str:
        """Wait."""
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("up")
        return ""

    assert (await outcome(waits)).error == "timeout"
    call = asyncio.create_task(outcome(waits))
    await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert cleaned == ["up", "up"]
