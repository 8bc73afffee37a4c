"""A conversation from production becomes the draft of a golden case: masked, and once it is finished it can be played."""

import asyncio
import json
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from pydantic import BaseModel

from agent.tool.definition import Tool, ToolContext
from bot.commands.trace import UNKNOWN
from bot.config.file import Config
from bot.config.refusal import Refusal
from bot.eval import drafts
from bot.eval.cases import Case
from bot.eval.golden_files import read_set
from bot.eval.judging import judge
from bot.eval.playing import Model
from bot.eval.running import Job, run_alone
from bot.sandbox.model import Call, Lines, call
from tests.dialog.conftest import World, mention


class Sent(BaseModel):
    """Where something is sent."""

    to: str


def order(quantity: int) -> Call:
    """A call with its own id."""
    return call("create_order", customer="ada@example.com", sku="WGT-001", quantity=quantity)


async def draft(world: World, named: str, file: Path) -> Case:
    """The draft that is made of a conversation."""
    await asyncio.to_thread(drafts.add_case, world.settings(), Config(), named, file)
    [told] = yaml.safe_load(await asyncio.to_thread(file.read_text))
    return Case.model_validate(told)


async def test_what_people_said_and_clicked_and_what_the_model_did_is_in_it_masked(world: World, tmp_path: Path) -> None:
    await world.start_bot()
    world.model.script = Lines(order(2), "Not ordered: Ben says no, ada@example.com has to wait.", order(1), "It is ordered.")
    talk = await mention(world, "ann", "order two for ada@example.com, call 030 901820 before")
    await talk.rejects("ben", await talk.card(), "not today")
    await talk.sees("Not ordered")
    await talk.says("cleo", "try again")
    await talk.clicks("ann", await talk.card())
    await talk.sees("It is ordered.")
    session = f"{world.slack.team_id}:{talk.channel}:{talk.ts}"
    case = await draft(world, session, tmp_path / "drafts.yaml")
    assert [(line.who, line.does, line.says or line.tool, line.reason) for line in case.talk] == [
        ("ann", "say", case.talk[0].says, ""),
        ("ben", "reject", "create_order", "not today"),
        ("cleo", "say", "try again", ""),
        ("ann", "approve", "create_order", ""),
    ]
    assert [bool(play.calls) for play in case.plays] == [True, False, True, False]
    assert case.asks == ["create_order", "create_order"]
    assert [wanted.outcome for wanted in case.calls.must] == ["rejected", "succeeded"]
    text, _, tools = (tmp_path / "drafts.yaml").read_text().partition("  recorded:\n    tools:\n")
    text += tools[tools.index("    calls:\n") :]  # tools are code, and give examples
    assert "ada@example.com" not in text
    assert "[EMAIL_1]" in text
    assert not any(id in text for id in world.slack.people.values())
    assert case.recorded is not None
    assert {"create_order", "read_output"} < {tool.name for tool in case.recorded.tools}
    [no, yes] = case.recorded.calls
    assert (no.outcome, no.asked, yes.outcome, yes.asked) == (None, True, "succeeded", True)
    assert cast(dict[str, Any], yes.says)["result"]["customer"] == "[EMAIL_1]"


async def test_a_finished_draft_is_played_without_the_tools_of_production(world: World, tmp_path: Path) -> None:
    async def send(arguments: Sent, context: ToolContext) -> dict[str, str]:
        with (tmp_path / "sent").open("a") as file:
            file.write(arguments.to)
        return {"sent": f"to {arguments.to} by <@{world.slack.people['ben']}>"}

    world.packs = {"sends": [Tool(name="send", description="Sends.", arguments=Sent, handler=send)]}
    stop = await world.start_bot()
    world.model.script = Lines(call("send", to="ada@example.com"), "It is sent.")
    talk = await mention(world, "ann", "send it to ada@example.com")
    await talk.clicks("ben", await talk.card())
    await talk.sees("It is sent.")
    await talk.rests()
    await stop()
    folder = tmp_path / "set"
    folder.mkdir()
    await draft(world, f"{world.slack.team_id}:{talk.channel}:{talk.ts}", folder / "cases.yaml")
    (folder / "cases.yaml").write_text((folder / "cases.yaml").read_text().replace("says: []", "says: [It is sent]"))
    config = {"agents": {"assistant": {"tools": ["catalog"]}}, "policy": [{"tool": "send", "verdict": "refuse"}]}
    (folder / "set.yaml").write_text(json.dumps({"name": "drafts", "prompt": "assistant", "config": config}))
    golden = read_set(folder)
    [case] = golden.cases
    played = (await asyncio.to_thread(run_alone, Job(case, 0, golden, Model()))).played
    judged = judge(case, played)
    assert judged.passed, judged.wrong
    assert [(made.tool, made.arguments, made.allowed_by) for made in played.calls] == [("send", {"to": "[EMAIL_1]"}, "approval")]
    assert "to [EMAIL_1] by <@U" in played.calls[0].detail
    assert (tmp_path / "sent").read_text() == "ada@example.com"


async def test_a_conversation_that_is_not_there_is_said(world: World, tmp_path: Path) -> None:
    await world.start_bot()
    with pytest.raises(Refusal, match="No conversation is known by nothing"):
        await draft(world, "nothing", tmp_path / "drafts.yaml")
    assert UNKNOWN.startswith("No conversation is known by")
