"""A conversation from production becomes the draft of a golden case: masked, and once it is finished it can be played."""

import asyncio
from pathlib import Path

import pytest
import yaml

from bot.commands.trace import UNKNOWN
from bot.config.file import Config
from bot.config.refusal import Refusal
from bot.eval import drafts
from bot.eval.cases import Case
from bot.sandbox.model import Call, Lines, call
from tests.dialog.conftest import World, mention


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
    text = (tmp_path / "drafts.yaml").read_text()
    assert "ada@example.com" not in text
    assert "[EMAIL_1]" in text
    assert not any(id in text for id in world.slack.people.values())
    assert "# create_order said:" in text


async def test_a_conversation_that_is_not_there_is_said(world: World, tmp_path: Path) -> None:
    await world.start_bot()
    with pytest.raises(Refusal, match="No conversation is known by nothing"):
        await draft(world, "nothing", tmp_path / "drafts.yaml")
    assert UNKNOWN.startswith("No conversation is known by")
