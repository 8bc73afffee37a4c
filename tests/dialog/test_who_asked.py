"""Who asked for a call is everybody whose words led to it, not who spoke last; policy may shut all of them out."""

import pytest

from agent.approvals.policy import Policy, Rule
from agent.types import Approvers
from bot.config.file import Config
from bot.config.sections import AgentSection, BudgetSection
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import Talk, World, mention
from tests.dialog.test_approval import Payments, payments

__all__ = ["payments"]

ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)
NOT_THOSE_WHO_ASKED = Policy((Rule(tool="create_order", approvers=Approvers(channel_members=True, requester=False)),))


@pytest.fixture
async def strict(world: World) -> World:
    """A bot whose orders are decided by members who did not ask for them."""
    world.config = Config(policy=NOT_THOSE_WHO_ASKED)
    await world.start_bot()
    return world


async def refused(talk: Talk, user: str, action_id: str = "approve") -> None:
    """A click of somebody who asked counts nothing."""
    before = len(talk.slack.ephemerals(user))
    await talk.clicks(user, await talk.card(), action_id)
    await talk.slack.until(lambda: "Your click did not count" in str(talk.slack.ephemerals(user)[before:]))


async def test_whoever_set_it_up_in_an_earlier_turn_asked_for_it_too(strict: World) -> None:
    strict.model.script = Lines("Ready when you are.", ORDER, "Ordered.")
    talk = await mention(strict, "ann", "when somebody says lunch, order two")
    await talk.sees("Ready when you are.")
    await talk.says("ben", "lunch anyone?")
    card = await talk.card()
    assert "Asked by @Ben Baker, @Ann Archer" in card.seen_text
    assert "other than @Ben Baker, @Ann Archer" in card.seen_text
    await refused(talk, "ann")
    await refused(talk, "ben")
    await talk.clicks("cleo", card)
    await talk.sees("Ordered.")


async def test_a_continued_turn_keeps_its_requesters(world: World) -> None:
    world.config = Config(
        agents={"assistant": AgentSection(budget=BudgetSection(session_tokens=6_000))}, policy=NOT_THOSE_WHO_ASKED
    )
    await world.start_bot()

    world.model.script = Lines(*[call("search_product_catalog", query=f"widget {number}", limit=1) for number in range(10)])
    talk = await mention(world, "ann", "order two")
    halted = await talk.sees("[Continue]")
    world.model.script = Lines(ORDER, "Ordered.")
    await talk.clicks("ben", halted, "continue")
    card = await talk.card()
    assert "Asked by @Ann Archer ·" in card.seen_text
    await refused(talk, "ann")
    payers = await world.rows("SELECT payer FROM usage ORDER BY started_at")
    assert (payers[0], payers[-1]) == ((world.slack.people["ann"],), (world.slack.people["ben"],))
    await talk.clicks("ben", card)
    await talk.sees("Ordered.")


async def test_whoever_only_spoke_while_the_card_waited_did_not_ask_for_it(strict: World) -> None:
    strict.model.script = Lines(ORDER, "Ordered.", "You are welcome.")
    talk = await mention(strict, "ann", "order two")
    card = await talk.card()
    await talk.says("ben", "what is this about?")
    await talk.sees("Your message is queued")
    await talk.clicks("ben", card)
    await talk.sees("Ordered.")


async def test_the_opener_of_the_thread_asked_too_where_somebody_else_called_the_bot(strict: World) -> None:
    place = strict.slack.channels["orders"]
    talk = Talk(strict, place, await strict.slack.say("ann", place, "We need two widgets for Ada."))
    strict.model.script = Lines(ORDER, "Ordered.")
    await strict.slack.mention("ben", place, "do it", thread_ts=talk.ts)
    card = await talk.card()
    assert "Asked by @Ben Baker, @Ann Archer" in card.seen_text
    await refused(talk, "ann")
    await talk.clicks("cleo", card)
    await talk.sees("Ordered.")


async def test_who_answers_for_an_unknown_outcome_did_not_ask_for_what_follows(world: World, payments: Payments) -> None:
    rule = Rule(tool="pay", approvers=Approvers(channel_members=True, requester=False))
    world.config = Config(policy=Policy((rule,)))
    payments.fails, payments.time_limit_seconds = ConnectionResetError(), 0.1
    await world.start_bot()
    world.model.script = Lines(call("pay", to="ada"), "I do not know.", call("pay", to="bob"), "Paid.")
    talk = await mention(world, "ann", "pay ada and bob")
    await talk.clicks("ben", await talk.card())
    question = await talk.sees("Outcome unknown: Pay ada")
    await talk.sees("I do not know.")
    payments.fails = None
    await talk.clicks("ben", question, "happened")
    card = await talk.card()
    assert "Asked by @Ann Archer ·" in card.seen_text
    await refused(talk, "ann")
    await talk.clicks("ben", card)
    await talk.sees("Paid.")
