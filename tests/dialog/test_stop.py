"""Stop while tools run: reads are given up, a write that has begun comes to its own end, and what became of it is on record."""

import asyncio
import json
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agent.approvals.policy import Policy, Rule
from agent.tool.declare import tool
from agent.tool.definition import Effect, Tool, ToolContext
from bot.config.file import AgentSection, Config
from bot.sandbox.model import Lines, call, calls
from tests.dialog.conftest import World, mention
from tests.dialog.test_home import home
from tests.mcp.conftest import HERE, until
from tests.stores.core import until as until_in_time
from tools.mcp import Local, Server


class Nothing(BaseModel):
    """No arguments."""


class Slow:
    """A tool that goes on until it is told to end."""

    def __init__(self, name: str, effect: Effect, **more: Any) -> None:
        self.began, self.may_end, self.cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.tool = Tool(name=name, description=name, arguments=Nothing, handler=self._handler, effect=effect, **more)

    async def _handler(self, arguments: Nothing, context: ToolContext) -> Mapping[str, Any]:
        self.began.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return {"done": self.tool.name}


def results(world: World) -> dict[str, Any]:
    """What the model read last of its calls, by their ids."""
    blocks = [block for message in world.last_request().messages for block in message["content"]]
    return {block["tool_use_id"]: json.loads(block["content"]) for block in blocks if block["type"] == "tool_result"}


async def test_a_read_that_runs_is_cancelled_and_the_thread_can_be_used_again(world: World) -> None:
    slow = Slow("look", Effect.READ, time_limit_seconds=600.0)
    world.packs["slow"] = [slow.tool]
    await world.start_bot()
    world.model.script = Lines(call("look"), "Here again.")
    talk = await mention(world, "ann", "look")
    await slow.began.wait()
    await talk.says("ann", "stop")
    await talk.sees("Stopped by", "Nothing further was run")
    await slow.cancelled.wait()
    await talk.says("ann", "are you there?")
    await talk.sees("Here again.")
    [result] = results(world).values()
    assert (result["ok"], result["error"]) == (False, "permission_denied")
    assert "pressed Stop" in result["detail"]


async def test_a_write_that_has_begun_ends_by_itself_and_is_told_as_what_it_was(world: World) -> None:
    look, pay = Slow("look", Effect.READ, time_limit_seconds=600.0), Slow("pay", Effect.WRITE, time_limit_seconds=600.0)
    world.packs["slow"] = [look.tool, pay.tool]
    await world.start_bot()
    world.model.script = Lines(calls(call("look"), call("pay")), "Here again.")
    talk = await mention(world, "ann", "pay")
    await talk.clicks("ann", await talk.card())
    await pay.began.wait()
    await talk.says("ann", "stop")
    await look.cancelled.wait()
    assert not pay.cancelled.is_set()
    assert not any("Stopped by" in post.seen_text for post in talk.posts())  # the turn is not over yet
    pay.may_end.set()
    await talk.sees("Approved by @Ann Archer", "Done.")
    await talk.sees("Stopped by")
    await talk.says("ann", "are you there?")
    await talk.sees("Here again.")
    assert [result["ok"] for result in results(world).values()] == [False, True]


async def test_a_write_that_does_not_end_in_time_after_a_stop_is_unknown_and_people_are_asked(world: World) -> None:
    pay = Slow("pay", Effect.WRITE, time_limit_seconds=1.0)
    world.packs["slow"] = [pay.tool]
    await world.start_bot()
    world.model.script = Lines(call("pay"))
    talk = await mention(world, "ann", "pay")
    await talk.clicks("ann", await talk.card())
    await pay.began.wait()
    await talk.says("ann", "stop")
    await talk.sees("Outcome unknown", "[It happened]")
    await talk.sees("Stopped by")


async def test_a_plain_function_that_blocks_is_left_behind_in_its_thread(world: World) -> None:
    began, may_end = threading.Event(), threading.Event()

    @tool(effect="read", time_limit_seconds=600)
    def stare() -> str:
        """Blocks its thread."""
        began.set()
        may_end.wait(30)
        return "seen"

    world.packs["slow"] = [stare]
    await world.start_bot()
    world.model.script = Lines(call("stare"), "Here again.")
    talk = await mention(world, "ann", "look")

    async def blocks() -> bool:
        return began.is_set()

    await until_in_time(blocks)
    await talk.says("ann", "stop")
    await talk.sees("Stopped by")
    may_end.set()
    await talk.says("ann", "are you there?")
    await talk.sees("Here again.")
    assert "seen" not in str(world.last_request().messages)


async def test_a_server_is_told_that_its_call_is_cancelled(world: World, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    world.mcp = [Server(name="own", reach=Local(sys.executable, (str(HERE / "own_server.py"), str(ledger))))]
    world.config = Config(agents={"assistant": AgentSection(tools=("mcp:own",))})
    await world.start_bot()
    world.model.script = Lines(call("own__linger"), "Here again.")
    talk = await mention(world, "ann", "look")
    await until(lambda: ledger.exists() and "linger {}" in ledger.read_text())
    await talk.says("ann", "stop")
    await talk.sees("Stopped by")
    await until(lambda: "linger was cancelled" in ledger.read_text())


# ---------------------------------------------------------------------------------------------- without a card


@pytest.mark.parametrize("answer", ["happened", "run_again"])
async def test_a_write_that_policy_let_run_and_that_got_lost_is_a_question_in_the_thread(world: World, answer: str) -> None:
    slow = Slow("jot", Effect.WRITE, time_limit_seconds=0.5, idempotent=True)
    world.packs["slow"] = [slow.tool]
    world.config = Config(policy=Policy((Rule(tool="jot", answer="allow", name="rule 1"),)))
    await world.start_bot()
    world.model.script = Lines(call("jot"), "I do not know whether it happened.", "Good to know.")
    talk = await mention(world, "ann", "jot it down")
    question = await talk.sees(
        "Outcome unknown: Run: jot", "[It happened]", "[Run again]", "any full member of this conversation"
    )
    await talk.sees("I do not know whether it happened.")
    await talk.rests()
    assert "Outcome unknown: Run: jot" in (await home(world, "ben")).seen_text
    slow.may_end.set()
    if answer == "run_again":
        await world.rows("UPDATE action SET started_at = now() - interval '1 minute' RETURNING id")
    await talk.clicks("ben", question, answer)
    await talk.sees("Good to know.")
    told = str(world.last_request().messages[-1])
    assert ("it did happen" in told) if answer == "happened" else ('It was run again. The result: {"ok":true' in told)
    assert await world.rows("SELECT status FROM action") == [("succeeded",)]
    kinds = [kind for (kind,) in await world.rows("SELECT kind FROM audit ORDER BY seq")]
    ran = ["claim", "outcome"]  # without a card, and nobody knows what came of it
    assert kinds == [*ran, "ask", "outcome_told", *(["claim", "outcome"] if answer == "run_again" else [])]
