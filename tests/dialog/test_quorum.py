"""Who decides, and how many: votes of several people, groups read at the click, those who asked kept out."""

from pathlib import Path

import pytest

from bot.config.file import load_config
from bot.sandbox.model import Lines, call
from bot.sandbox.slack.types import Message
from tests.dialog.conftest import Talk, World, mention

ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)


async def asked(world: World, folder: Path, **rule: str) -> tuple[Talk, Message]:
    """The bot runs with one rule for create_order, Ann asks, and a card stands in the thread."""
    path = folder / "signoff.yaml"
    lines = "".join(f"    {key}: {value}\n" for key, value in rule.items())
    path.write_text(f"policy:\n  - tool: create_order\n{lines}")
    world.config = load_config(path)
    await world.start_bot()
    world.model.script = Lines(ORDER, "All is settled.")
    talk = await mention(world, "ann", "order two")
    return talk, await talk.card()


async def orders(world: World) -> int:
    return len(await world.rows("SELECT FROM shop.orders WHERE idempotency_key IS NOT NULL"))


async def test_two_of_three_approve_and_the_card_shows_how_far_it_is(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path, quorum="2")
    await talk.clicks("ann", card)
    await talk.sees("1 of 2", "Ann Archer", "[Place order")
    assert await orders(world) == 0
    await talk.clicks("ann", card)  # one vote a person
    await talk.is_told("ann", "Your word counts already")
    assert await orders(world) == 0
    await talk.clicks("ben", card)
    await talk.sees("Approved by", "Ann Archer", "Ben Baker", "Done.")
    assert await orders(world) == 1


async def test_one_rejection_settles_a_quorum_also_of_somebody_who_had_approved(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path, quorum="3")
    await talk.clicks("ann", card)
    await talk.sees("1 of 3")
    await talk.rejects("ann", card, "on second thoughts")
    await talk.sees("Rejected by", "on second thoughts")
    await talk.sees("All is settled.")
    assert await orders(world) == 0


async def test_votes_outlive_the_process(world: World, tmp_path: Path) -> None:
    path = tmp_path / "signoff.yaml"
    path.write_text("policy:\n  - {tool: create_order, quorum: 2}\n")
    world.config = load_config(path)
    stop = await world.start_bot()
    world.model.script = Lines(ORDER, "All is settled.")
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    await talk.clicks("ann", card)
    await talk.sees("1 of 2")
    await stop()
    await world.start_bot()
    await talk.clicks("ben", card)
    await talk.sees("Done.")
    assert await orders(world) == 1


async def test_those_who_asked_are_kept_out_where_policy_says_so(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path, approvers="{channel_members: true, requester: false}")
    assert "other than @Ann Archer" in card.seen_text
    await talk.clicks("ann", card)
    await talk.is_told("ann", "Your click did not count", "but not @Ann Archer")
    assert await orders(world) == 0
    await talk.clicks("ben", card)
    await talk.sees("Done.")


async def test_a_named_person_alone_may_decide(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path, approvers=f"{{users: [{world.slack.people['cleo']}]}}")
    await talk.clicks("ben", card)
    await talk.is_told("ben", "Your click did not count", "Cleo")
    await talk.rejects("ann", card)  # nor may she reject
    await talk.is_told("ann", "Your click did not count")
    await talk.clicks("cleo", card)
    await talk.sees("Done.")
    assert await orders(world) == 1


async def test_a_group_is_read_at_the_click(world: World, tmp_path: Path) -> None:
    group = world.slack.add_usergroup(["cleo"])
    talk, card = await asked(world, tmp_path, approvers=f"{{groups: [{group}]}}")
    await talk.clicks("ben", card)
    await talk.is_told("ben", "Your click did not count")
    world.slack.workspace.usergroups[group] = (world.slack.people["ben"],)  # ben joins, cleo leaves
    await talk.clicks("cleo", card)
    await talk.is_told("cleo", "Your click did not count")
    await talk.clicks("ben", card)
    await talk.sees("Done.")


@pytest.mark.parametrize("error", ["missing_scope"])
async def test_a_group_that_slack_does_not_tell_counts_for_nobody(world: World, tmp_path: Path, error: str) -> None:
    group = world.slack.add_usergroup(["ben"])
    talk, card = await asked(world, tmp_path, approvers=f"{{groups: [{group}]}}")
    before = len([call for call in world.slack.calls if call.method == "usergroups.users.list"])
    world.slack.faults.error("usergroups.users.list", error, times=2)
    await talk.clicks("ben", card)
    await talk.sees("Done.")  # asked again, and only then counted
    listed = [call for call in world.slack.calls if call.method == "usergroups.users.list"]
    assert len(listed) - before == 3
