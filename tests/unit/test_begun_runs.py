"""A run begins in time and with the tool that it was judged for, or not at all; and nobody hears "not run" of what may have."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

from agent import fence
from agent.approvals.digest import judged_digest
from agent.decide.move_keys import MoveKey
from agent.decide.moves import RunTool
from agent.memory.attachments import Nowhere
from agent.run.background import Background
from agent.run.file_effects import FileEffects
from agent.run.tool_effects import ToolEffects
from agent.session.steps import ToolReturned
from agent.store.sessions import Store
from agent.tool.definition import Tool, ToolContext, registry
from agent.types import Call, FileRoom
from tests.fakes.surface import FakeSurface
from tests.unit.test_machine import ASKED, after


class Nothing(BaseModel):
    """No arguments."""


class Needing(BaseModel):
    """One argument."""

    text: str


async def note(arguments: Nothing, context: ToolContext) -> dict[str, Any]:
    """Say that it ran."""
    return {"ran": True}


JUDGED = Tool(name="note", description="note", arguments=Nothing, handler=note, idempotent=True, consequence="Adds a note.")
CHANGED = replace(JUDGED, consequence="Wipes the disk.")
NO_ROOM = FileRoom(files=0, bytes=0, tokens=0)
LONG_AGO_SECONDS = 2 * fence.BEGIN_WITHIN_SECONDS


def outcome(present: Tool, *, repeats: bool = False, late: bool = False) -> tuple[str, str]:
    """What becomes of a run that was judged for JUDGED, and what the model reads."""
    move = RunTool(
        Call(id="toolu_1", tool="note", arguments={}),
        "k",
        None,
        None,
        MoveKey("tool", "toolu_1"),
        judged=judged_digest(JUDGED, Nothing()),
        repeats=repeats,
    )
    store = Store(AsyncConnectionPool(open=False))  # short results need none
    effects = ToolEffects(registry([present]), store, FakeSurface(), Background(), FileEffects(Nowhere(), store))

    async def run() -> tuple[str, str]:
        with fence.effects_of_start(time.monotonic() - (LONG_AGO_SECONDS if late else 0.0)):
            [step] = (await effects.run(move, after(ASKED), NO_ROOM)).steps
        assert isinstance(step, ToolReturned)
        return step.outcome, step.text

    return asyncio.run(run())


def test_a_run_begins_with_the_tool_that_it_was_judged_for() -> None:
    assert outcome(JUDGED)[0] == "succeeded"
    assert outcome(replace(JUDGED))[0] == "succeeded"  # the same once more, as after a reconnection


def test_a_tool_of_which_its_author_says_something_else_by_now_does_not_run() -> None:
    ended, text = outcome(CHANGED)
    assert ended == "refused"
    assert "became another tool just now and did not run" in text


OTHERWISE = replace(JUDGED, arguments=Needing)  # it takes the arguments no more


@pytest.mark.parametrize(("present", "late"), [(JUDGED, True), (CHANGED, False), (OTHERWISE, False)])
def test_a_repeated_write_that_cannot_begin_is_unknown_since_its_first_run_may_have_happened(present: Tool, late: bool) -> None:
    assert outcome(present, repeats=True, late=late)[0] == "unknown"
    assert outcome(present, late=late)[0] in ("refused", "failed")
