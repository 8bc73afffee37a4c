"""Edit, then approve: what a person changes is validated, judged and proposed anew, and the model is told what ran."""

from pathlib import Path

from bot.config.file import load_config
from bot.sandbox.model import Lines, call
from bot.sandbox.slack.types import Message
from tests.dialog.conftest import Talk, World, mention

ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)
PLACED = "SELECT sku, quantity, note FROM shop.orders WHERE idempotency_key IS NOT NULL"


async def asked(world: World, folder: Path, policy: str = "") -> tuple[Talk, Message]:
    """Ann asks, and a card stands in the thread."""
    if policy:
        path = folder / "signoff.yaml"
        path.write_text(f"policy:\n{policy}")
        world.config = load_config(path)
    await world.start_bot()
    world.model.script = Lines(ORDER, "All is settled.")
    talk = await mention(world, "ann", "order two")
    return talk, await talk.card()


async def newer(talk: Talk, card: Message) -> Message:
    """The card that is posted instead of this one."""
    return await talk.slack.until(lambda: next((m for m in talk.open_cards() if m.ts != card.ts), None))


async def test_an_edit_is_a_new_proposal_and_runs_as_edited(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path)
    assert (await talk.edits("ben", card, quantity="5", note="by noon")).closed
    edited = await newer(talk, card)
    assert all(words in edited.seen_text for words in ("Order 5 × Widget Pro", "by noon", "Edited by @Ben Baker"))
    await talk.sees("Edited by @Ben Baker", "nothing was run")
    assert await world.rows(PLACED) == []  # an edit approves nothing
    await talk.clicks("ann", edited)
    await talk.sees("Approved by", "Done.")
    await talk.sees("All is settled.")
    assert await world.rows(PLACED) == [("WGT-001", 5, "by noon")]
    [result] = world.last_request().turn_results
    assert result.ok
    assert "quantity: 2 -> 5" in result.text
    assert f"<@{world.slack.people['ben']}> edited" in result.text


async def test_a_click_on_the_card_from_before_the_edit_changes_nothing(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path)
    await talk.edits("ben", card, quantity="5")
    await newer(talk, card)
    await talk.sees("Edited by @Ben Baker")
    await talk.slack.click("ann", talk.channel, card.ts, "approve", stale=True)
    await talk.is_told("ann", "already settled (edited)", "Ben Baker")
    assert await world.rows(PLACED) == []


async def test_errors_stand_beside_the_fields_and_the_card_stays(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path)
    answer = await talk.edits("ann", card, sku="not a sku!", customer="nobody")
    assert not answer.closed
    assert len(answer.errors) == 2
    assert [message.ts for message in talk.open_cards()] == [card.ts]
    await talk.clicks("ann", card)
    await talk.sees("Done.")
    assert await world.rows(PLACED) == [("WGT-001", 2, "")]


async def test_an_edit_that_policy_refuses_is_told_and_the_card_stays(world: World, tmp_path: Path) -> None:
    policy = '  - {tool: create_order, when: "args.quantity > 10", verdict: refuse}\n'
    talk, card = await asked(world, tmp_path, policy)
    await talk.edits("ann", card, quantity="11")
    await talk.is_told("ann", "policy refuses it", "args.quantity > 10")
    await talk.clicks("ann", card)
    await talk.sees("Done.")


async def test_an_edit_may_ask_others_and_more_of_them(world: World, tmp_path: Path) -> None:
    policy = '  - {tool: create_order, when: "args.quantity > 10", quorum: 2}\n'
    talk, card = await asked(world, tmp_path, policy)
    await talk.edits("ben", card, quantity="12")
    edited = await newer(talk, card)
    assert "needs 2 full members" in edited.seen_text
    await talk.clicks("ann", edited)
    await talk.sees("1 of 2")
    await talk.clicks("cleo", edited)
    await talk.sees("Done.")


async def test_an_edit_to_what_policy_allows_still_asks(world: World, tmp_path: Path) -> None:
    policy = '  - {tool: create_order, when: "args.quantity == 1", verdict: allow}\n'
    talk, card = await asked(world, tmp_path, policy)
    await talk.edits("ann", card, quantity="1")
    edited = await newer(talk, card)
    assert await world.rows(PLACED) == []
    await talk.clicks("ben", edited)
    await talk.sees("Done.")
    assert await world.rows(PLACED) == [("WGT-001", 1, "")]


async def test_votes_start_anew_after_an_edit(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path, "  - {tool: create_order, quorum: 2}\n")
    await talk.clicks("ann", card)
    await talk.sees("1 of 2")
    await talk.edits("ben", card, quantity="3")
    edited = await newer(talk, card)
    await talk.clicks("cleo", edited)
    await talk.sees("1 of 2", "Cleo")
    assert await world.rows(PLACED) == []
    await talk.clicks("ann", edited)
    await talk.sees("Done.")


async def test_who_edits_is_a_requester_of_what_they_edited(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path, "  - {tool: create_order, approvers: {channel_members: true, requester: false}}\n")
    await talk.edits("ben", card, quantity="3")
    edited = await newer(talk, card)
    await talk.clicks("ben", edited)
    await talk.is_told("ben", "Your click did not count", "Ben Baker")
    await talk.clicks("cleo", edited)
    await talk.sees("Done.")


async def test_somebody_who_may_not_decide_does_not_see_the_form(world: World, tmp_path: Path) -> None:
    talk, card = await asked(
        world, tmp_path, f"  - {{tool: create_order, approvers: {{users: [{world.slack.people['cleo']}]}}}}\n"
    )
    await talk.clicks("ben", card, "edit")
    await talk.is_told("ben", "only for those who may decide it")
    assert talk.slack.view("ben") is None
    assert (await talk.edits("ann", card, quantity="3")).closed  # she asked
    edited = await newer(talk, card)
    await talk.clicks("cleo", edited)
    await talk.sees("Done.")


async def test_an_edit_that_changes_nothing_is_told(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path)
    await talk.edits("ann", card)
    await talk.is_told("ann", "changed nothing")
    assert [message.ts for message in talk.open_cards()] == [card.ts]


async def test_edits_outlive_a_restart(world: World, tmp_path: Path) -> None:
    stop = await world.start_bot()
    world.model.script = Lines(ORDER, "All is settled.")
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    await talk.edits("ben", card, quantity="5")
    edited = await newer(talk, card)
    await stop()
    await world.start_bot()
    await talk.clicks("ann", edited)
    await talk.sees("Done.")
    assert await world.rows(PLACED) == [("WGT-001", 5, "")]
