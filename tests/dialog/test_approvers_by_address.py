"""Policy may name people by their e-mail addresses: Slack says whose they are when the bot starts."""

from pathlib import Path

import pytest

from bot.config.file import load_config
from bot.config.refusal import Refusal
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import World, mention, told

ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)


@pytest.fixture
def may_look_up(world: World) -> World:
    """A workspace whose app was installed with the scope for addresses."""
    world.slack.grant("users:read.email")
    return world


def named(world: World, folder: Path, *users: str, more: str = "") -> None:
    path = folder / "signoff.yaml"
    path.write_text(f"policy: [{{tool: create_order, approvers: {{users: [{', '.join(users)}]}}{more}}}]")
    world.config = load_config(path)


async def test_somebody_who_is_named_by_address_is_told_and_decides(may_look_up: World, tmp_path: Path) -> None:
    named(may_look_up, tmp_path, "cleo@acme.example")
    await may_look_up.start_bot()
    may_look_up.model.script = Lines(ORDER, "Done with it.")
    talk = await mention(may_look_up, "ann", "order two")
    card = await talk.card()
    await may_look_up.slack.until(lambda: len(told(may_look_up, "cleo")) == 1)
    await talk.clicks("ann", card)
    await talk.is_told("ann", "Your click did not count")
    await talk.clicks("cleo", card)
    await talk.sees("Done with it.")


async def test_a_bot_does_not_start_with_an_address_of_nobody(may_look_up: World, tmp_path: Path) -> None:
    named(may_look_up, tmp_path, "nobody@acme.example")
    with pytest.raises(Refusal, match="nobody in the workspace has that address: correct it"):
        await may_look_up.start_bot()


async def test_nor_where_the_app_may_not_look_people_up(world: World, tmp_path: Path) -> None:
    named(world, tmp_path, "cleo@acme.example")
    with pytest.raises(Refusal, match=r"add the scope users:read\.email"):
        await world.start_bot()


async def test_one_person_by_two_names_is_not_two(may_look_up: World, tmp_path: Path) -> None:
    named(may_look_up, tmp_path, "cleo@acme.example", may_look_up.slack.people["cleo"], more=", quorum: 2")
    with pytest.raises(Refusal, match="line 1: an address and an id are the same person's, so 1 can decide and 2 are needed"):
        await may_look_up.start_bot()


async def test_where_slack_does_not_say_the_bot_does_not_start(may_look_up: World, tmp_path: Path) -> None:
    named(may_look_up, tmp_path, "cleo@acme.example")
    may_look_up.slack.faults.error("users.lookupByEmail", "internal_error")
    with pytest.raises(Refusal, match="start again in a minute"):
        await may_look_up.start_bot()
