"""Rules of signoff.yaml in conversations: which call runs, who is asked until when, and what a changed file undoes."""

from pathlib import Path
from typing import Any

import pytest

from agent.tool.definition import Effect, Tool, ToolError
from agent.tool.json_schema import json_arguments
from bot.config.file import load_config
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import World, mention
from tests.dialog.test_approval import Payments


@pytest.fixture
def policy(world: World, tmp_path: Path) -> Any:
    """Gives the world's bots a signoff.yaml with these lines as its policy. People are written as {ann}."""

    def write(*lines: str) -> None:
        path = tmp_path / "signoff.yaml"
        rules = "\n".join(["policy:", *(f"  {line}" for line in lines)])
        for name in ("ann", "ben", "cleo"):
            rules = rules.replace(f"{{{name}}}", world.slack.people[name])
        path.write_text(rules)
        world.config = load_config(path)

    return write


def order(quantity: int) -> Any:
    """The model orders this many."""
    return call("create_order", customer="ada@example.com", sku="WGT-001", quantity=quantity)


async def orders(world: World) -> list[int]:
    """How many pieces each order that was made is of."""
    query = "SELECT quantity FROM shop.orders WHERE idempotency_key IS NOT NULL"
    return [quantity for (quantity,) in await world.rows(query)]


def told(world: World, request: int = 1) -> str:
    """What the model read of its last call."""
    return str(world.model.requests[request]["messages"][-1]["content"])


# ---------------------------------------------------------------------------------------------- which call


async def test_a_refused_call_is_told_to_the_model_and_shown_to_nobody(world: World, policy: Any) -> None:
    policy("- tool: create_order", "  verdict: refuse")
    await world.start_bot()
    world.model.script = Lines(order(2), "I may not order here.")
    talk = await mention(world, "ann", "order two")
    await talk.sees("I may not order here.")
    assert "Policy refuses create_order (rule 1 of signoff.yaml, line 2: create_order)." in told(world)
    assert len(talk.posts()) == 1
    assert await orders(world) == []


async def test_an_allowed_call_runs_without_a_card_and_the_condition_picks_the_rule(world: World, policy: Any) -> None:
    policy(
        "- {tool: create_order, when: args.quantity < 5, verdict: allow}",
        "- {tool: create_order, when: args.quantity > 100, verdict: refuse}",
        "- {tool: create_order, approvers: {users: ['{ben}']}}",
    )
    await world.start_bot()
    world.model.script = Lines(order(4), "Four are ordered.", order(101), "That is too many.", order(5), "Five are ordered.")
    talk = await mention(world, "ann", "order four")
    await talk.sees("Four are ordered.")
    assert len(talk.posts()) == 1
    assert await orders(world) == [4]
    await talk.says("ann", "now 101")
    await talk.sees("That is too many.")
    await talk.says("ann", "then five")
    card = await talk.card()
    assert "rule 3 of signoff.yaml, line 4: create_order" in await talk.details("ann", card)
    await talk.clicks("ann", card)
    await talk.is_told("ann", "Your click did not count: this is to be decided by", "Ben")
    await talk.clicks("ben", card)
    await talk.sees("Five are ordered.")
    assert sorted(await orders(world)) == [4, 5]


async def test_a_rule_can_look_at_who_asks_and_where(world: World, policy: Any) -> None:
    policy("- {tool: create_order, when: \"requester == '{ann}' && channel.startsWith('C')\", verdict: allow}")
    await world.start_bot()
    world.model.script = Lines(order(1), "Ann's is ordered.", order(2), "Ben's is ordered.")
    anns = await mention(world, "ann", "order one")
    await anns.sees("Ann's is ordered.")
    bens = await mention(world, "ben", "order two")
    await bens.clicks("ben", await bens.card())
    await bens.sees("Ben's is ordered.")
    assert anns.open_cards() == []


async def test_a_rule_can_ask_before_a_read_too(world: World, policy: Any) -> None:
    policy("- {tool: get_order_status, approvers: {users: ['{ben}']}}")
    await world.start_bot()
    world.model.script = Lines(call("get_order_status", order_id="ORD-1001"), "That is how it stands.")
    talk = await mention(world, "ann", "where is my order?")
    await talk.clicks("ben", await talk.card())
    await talk.sees("That is how it stands.")


async def test_what_would_allow_a_call_and_is_unclear_asks(world: World, policy: Any) -> None:
    policy("- {tool: create_order, when: 'args.quantity < args.stock', verdict: allow}")
    await world.start_bot()
    world.model.script = Lines(order(1), "Ordered.")
    talk = await mention(world, "ann", "order one")
    card = await talk.card()
    why = "rule 1 of signoff.yaml, line 2 does not allow it, since args.stock is missing"
    assert why in await talk.details("ann", card)
    assert await orders(world) == []
    await talk.clicks("ann", card)
    await talk.sees("Ordered.")


NOTE = {"type": "string", "title": "note"}
TRANSFER = {"type": "object", "properties": {"to": {"type": "string", "title": "to"}, "note": NOTE}, "required": ["to"]}


async def test_an_argument_that_an_edit_empties_makes_no_rule_laxer(world: World, policy: Any) -> None:
    made: list[Any] = []

    async def transfer(arguments: Any, context: Any) -> str:
        made.append(arguments.model_dump())
        return "Transferred."

    description = "Transfers money, as a server of others describes it: a note may be left out."
    tool = Tool(name="transfer", description=description, arguments=json_arguments(TRANSFER), handler=transfer)
    world.packs["bank"] = [tool]
    policy(
        "- {tool: transfer, when: \"args.note.contains('payroll')\", verdict: refuse, reason: Payroll has its own tool}",
        "- {tool: transfer, approvers: {users: ['{ben}', '{cleo}'], requester: false}, quorum: 2, reason: Two look at money}",
    )
    await world.start_bot()
    world.model.script = Lines(call("transfer", to="dan"), call("transfer", to="dan", note="rent"), "Transferred.")
    talk = await mention(world, "ann", "pay the rent")
    card = await talk.card()
    refused = "rule 1 of signoff.yaml, line 2: transfer when args.note.contains('payroll') (args.note is missing, so it counts"
    assert refused in told(world).replace("\\", "")  # which is JSON in Python's spelling
    assert "as matched): Payroll has its own tool)" in told(world)
    assert "Why: Two look at money" in card.seen_text
    await talk.edits("ann", card, note="")
    await talk.is_told("ann", "Your edit was not taken: policy refuses it", "args.note is missing")
    assert len(talk.open_cards()) == 1
    for user in ("ann", "ben"):
        await talk.clicks(user, card)
    await talk.is_told("ann", "Your click did not count")
    await talk.sees("1 of 2")
    assert made == []
    await talk.clicks("cleo", card)
    await talk.sees("Transferred.")
    assert made == [{"to": "dan", "note": "rent"}]


async def test_a_write_that_policy_lets_run_is_a_question_when_its_result_is_lost(world: World, policy: Any) -> None:
    payments = Payments()
    payments.fails = ToolError("unexpected", "the connection broke", unclear=True)
    world.packs["payments"] = [payments.tool(Effect.IRREVERSIBLE)]  # neither to be repeated nor to be looked up
    policy("- {tool: 'pa*', effect: [irreversible], when: \"args.to == 'ben'\", verdict: allow}")
    await world.start_bot()
    world.model.script = Lines(call("pay", to="ben"), "I do not know.", call("pay", to="cleo"), "Done.")
    talk = await mention(world, "ann", "pay ben")
    question = await talk.sees("Outcome unknown", "Pay ben", "[It happened]")
    assert payments.ledger == ["ben"]
    assert talk.open_cards() == []
    await talk.clicks("ben", question, "happened")
    await talk.sees("Pay ben", "Done.")  # the question shows its answer
    await talk.says("ann", "and cleo")
    card = await talk.card()
    assert "Pay cleo" in card.seen_text
    assert payments.ledger == ["ben"]


# ---------------------------------------------------------------------------------------------- by whom


async def test_a_card_that_nobody_can_decide_says_so_at_once(world: World, policy: Any) -> None:
    nobody = world.slack.add_usergroup([])
    policy(f"- {{tool: create_order, approvers: {{groups: [{nobody}], users: [U0GONE]}}, remind: 1h}}")
    await world.start_bot()
    world.model.script = Lines(order(2), "Then not.")
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    why = "it takes 1 who may approve, and there are 0 (@U0GONE is not active here"
    assert why in card.seen_text
    notice = await talk.sees("I am waiting for a decision on", why, "has no members", "[Withdraw and continue]")
    assert notice.ts != card.ts
    await talk.clicks("ann", card)
    await talk.is_told("ann", "Your click did not count")
    assert len([m for m in talk.posts() if "As things are nobody" in m.seen_text]) == 2
    await talk.clicks("ann", notice, "withdraw")
    assert (await talk.sees("Withdrawn by @Ann Archer · Nothing was run.")).ts == notice.ts
    await talk.sees("Then not.")


async def test_a_card_that_one_person_can_decide_says_nothing_of_it(world: World, policy: Any) -> None:
    policy("- {tool: create_order, approvers: {channel_members: true, requester: false}}")
    await world.start_bot()
    world.model.script = Lines(order(2), "Ordered.")
    talk = await mention(world, "ann", "order two")
    await talk.clicks("ben", await talk.card())
    await talk.sees("Ordered.")
    assert not [m for m in talk.posts() if "nobody can decide" in m.seen_text]


# ---------------------------------------------------------------------------------------------- until when


async def test_a_rule_says_until_when(world: World, policy: Any) -> None:
    policy("- {tool: create_order, expires: 1s}")
    await world.start_bot()
    world.model.script = Lines(order(1), "Nobody answered.")
    talk = await mention(world, "ann", "order one")
    await talk.sees("Expired", "nothing was run")
    await talk.sees("Nobody answered.")
    assert await world.rows("SELECT expires_at - created_at < interval '2 s' FROM action") == [(True,)]
    assert await orders(world) == []


# ---------------------------------------------------------------------------------------------- changed while a card waits


async def card_under(world: World, policy: Any, before: str, after: str) -> Any:
    """A card that was shown under one policy, and a bot that has been started with another one since."""
    policy(f"- {before}")
    stop = await world.start_bot()
    world.model.script = Lines(order(7), "That is all.")
    talk = await mention(world, "ann", "order seven")
    card = await talk.card()
    await talk.rests("suspended")
    await stop()
    policy("- {tool: get_order_status}", f"- {after}")
    await world.start_bot()
    return talk, card


async def test_a_stricter_policy_asks_anew(world: World, policy: Any) -> None:
    talk, card = await card_under(
        world, policy, before="{tool: create_order}", after="{tool: create_order, approvers: {users: ['{ben}']}}"
    )
    await talk.clicks("ann", card)
    await talk.sees("Not run", "The approval no longer holds.")
    again = await talk.card()
    assert again.ts != card.ts
    assert "rule 2 of signoff.yaml, line 3" in again.seen_text
    await talk.clicks("ann", again)
    await talk.is_told("ann", "Your click did not count")
    assert await orders(world) == []
    await talk.clicks("ben", again)
    await talk.sees("That is all.")
    assert await orders(world) == [7]


async def test_a_laxer_policy_changes_nothing(world: World, policy: Any) -> None:
    talk, card = await card_under(
        world, policy, before="{tool: create_order, approvers: {users: ['{ben}']}}", after="{tool: create_order, verdict: allow}"
    )
    await talk.clicks("ann", card)
    await talk.is_told("ann", "Your click did not count")
    await talk.clicks("ben", card)
    await talk.sees("That is all.")
    assert await orders(world) == [7]
    assert sum("Order" in message.seen_text and "Approved by" in message.seen_text for message in talk.posts()) == 1


async def test_what_policy_refuses_by_now_does_not_run(world: World, policy: Any) -> None:
    talk, card = await card_under(world, policy, before="{tool: create_order}", after="{tool: create_order, verdict: refuse}")
    await talk.clicks("ann", card)
    await talk.sees("Not run", "The approval no longer holds.")
    await talk.sees("That is all.")
    assert "Policy now refuses create_order (rule 2 of signoff.yaml, line 3: create_order)." in told(world)
    assert await orders(world) == []
