"""Who may ask and decide: full members of the workspace, as they are at that moment; guests, strangers and others are told so.

Long because each kind of person has its dialogs.
"""

from pathlib import Path
from typing import Any

import pytest

from agent.run import people_effects
from agent.tool.definition import Effect
from bot.config.file import load_config
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import Talk, World, dm, input_of, mention
from tests.dialog.test_approval import Payments, payments
from tests.dialog.test_grants import allows

__all__ = ["payments"]


def order() -> Any:
    """The model orders two."""
    return call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)


OTHERS: dict[str, dict[str, Any]] = {
    "guest": {"is_restricted": True},
    "guest of one channel": {"is_ultra_restricted": True},
    "external": {"team_id": "TOTHER"},
    "deactivated": {"deleted": True},
    "bot": {"is_bot": True},
}
SENTENCES = {
    "guest": "You are a guest of this workspace",
    "guest of one channel": "You are a guest of this workspace",
    "external": "You belong to another organisation",
    "deactivated": "no active account",
    "bot": "from people only",
}


async def started(world: World, folder: Path, text: str = "") -> None:
    """A bot with this signoff.yaml, whose model orders once and is done. People are written as {name}."""
    for name, id in world.slack.people.items():
        text = text.replace(f"{{{name}}}", id)
    path = folder / "signoff.yaml"
    path.write_text(text)
    world.config = load_config(path)
    await world.start_bot()
    world.model.script = Lines(order(), "All is settled.")


async def orders(world: World) -> int:
    return len(await world.rows("SELECT FROM shop.orders WHERE idempotency_key IS NOT NULL"))


# ---------------------------------------------------------------------------------------------- ask


@pytest.mark.parametrize("kind", OTHERS)
async def test_others_are_told_that_they_may_not_ask_and_no_model_is(world: World, tmp_path: Path, kind: str) -> None:
    world.slack.join("olga", "orders", **OTHERS[kind])
    world.slack.share("orders", "TOTHER")
    await started(world, tmp_path)
    talk = await mention(world, "olga", "order two")
    await talk.is_told("olga", SENTENCES[kind])
    assert world.model.requests == []
    assert talk.posts() == []
    await talk.says("ann", f"<@{world.slack.workspace.bot_user_id}> I ask for it")
    await talk.clicks("ann", await talk.card())
    await talk.sees("All is settled.")
    assert "olga" not in str(world.model.requests[0]["messages"])


async def test_the_configuration_lets_guests_and_strangers_ask_and_neither_decides_it(world: World, tmp_path: Path) -> None:
    for name, what in (("gail", OTHERS["guest"]), ("olga", OTHERS["external"])):
        world.slack.join(name, "orders", **what)
    await started(world, tmp_path, "people: {guests: ask, external: ask}\n")
    world.model.script = Lines(order(), "Gail's is settled.", order(), "Olga's is settled.")
    for name, words in (("gail", "Gail's is settled."), ("olga", "Olga's is settled.")):
        talk = await mention(world, name, "order two")
        card = await talk.card()
        await talk.clicks(name, card)
        await talk.is_told(name, "Your click did not count")
        await talk.clicks("ann", card)
        await talk.sees(words)
    assert await orders(world) == 2


async def test_what_is_said_in_a_shared_channel_belongs_to_the_installations_workspace(world: World, tmp_path: Path) -> None:
    world.slack.join("olga", "orders", team_id="TOTHER")
    world.slack.share("orders", "TOTHER")
    await started(world, tmp_path, "people: {external: ask}\n")
    talk = await mention(world, "olga", "order two")
    await talk.card()
    await talk.says("olga", "never mind")
    await talk.clicks("olga", await talk.sees("[Withdraw and continue]"), "withdraw")  # Slack names Olga's own workspace with it
    await talk.sees("Withdrawn by @Olga")
    assert await world.rows("SELECT DISTINCT team FROM session") == [(world.slack.team_id,)]


async def test_a_person_who_cannot_be_looked_up_waits_and_hears_so(world: World, tmp_path: Path) -> None:
    await started(world, tmp_path)
    world.slack.faults.error("users.info", "missing_scope", times=2)
    talk = await mention(world, "ann", "order two")
    await talk.is_told("ann", "Slack does not say right now")
    await talk.clicks("ann", await talk.card())
    await talk.sees("All is settled.")


async def test_who_became_a_guest_cannot_let_a_halted_turn_go_on(world: World, tmp_path: Path) -> None:
    text = "agents: {assistant: {budget: {session_tokens: 3_000}}}\n"  # another such budget is enough for a call
    await started(world, tmp_path, text)
    talk = await mention(world, "ben", "order two")
    halted = await talk.sees("[Continue]")
    world.slack.become("ben", is_restricted=True)
    await talk.clicks("ben", halted, "continue")
    await talk.is_told("ben", "You are a guest")
    assert world.model.requests == []


# ---------------------------------------------------------------------------------------------- decide


@pytest.mark.parametrize("kind", OTHERS)
async def test_a_person_who_is_no_member_any_more_when_the_click_is_judged_does_not_decide(
    world: World, tmp_path: Path, kind: str
) -> None:
    await started(world, tmp_path)
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    world.slack.become("ben", **OTHERS[kind])
    await talk.clicks("ben", card)
    await talk.is_told("ben", "Your click did not count", "any full member of this conversation")
    await talk.rejects("ben", card)
    assert await orders(world) == 0
    await talk.clicks("ann", card)
    await talk.sees("All is settled.")
    assert await orders(world) == 1


@pytest.mark.parametrize(("kind", "decides"), [("guest", True), ("external", True), ("deactivated", False), ("bot", False)])
async def test_a_rule_that_names_them_lets_guests_and_strangers_decide(
    world: World, tmp_path: Path, kind: str, decides: bool
) -> None:
    world.slack.join("olga", "orders")
    await started(world, tmp_path, "policy:\n- {tool: create_order, approvers: {users: ['{olga}', '{ben}']}}\n")
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    world.slack.become("olga", **OTHERS[kind])
    await talk.clicks("olga", card)
    if not decides:
        await talk.is_told("olga", "Your click did not count")
        await talk.clicks("ben", card)
    await talk.sees("Approved by @Olga" if decides else "Approved by @Ben Baker")
    await talk.sees("All is settled.")


async def test_a_guest_in_a_user_group_does_not_decide(world: World, tmp_path: Path) -> None:
    world.slack.join("gail", "orders", is_restricted=True)
    group = world.slack.add_usergroup(["gail", "ben"])
    await started(world, tmp_path, f"policy:\n- {{tool: create_order, approvers: {{groups: [{group}]}}}}\n")
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    await talk.clicks("gail", card)
    await talk.is_told("gail", "Your click did not count")
    await talk.clicks("ben", card)
    await talk.sees("All is settled.")


async def test_a_click_that_slack_does_not_vouch_for_counts_once_it_does(world: World, tmp_path: Path) -> None:
    await started(world, tmp_path)
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    world.slack.faults.error("users.info", "missing_scope", times=2)
    await talk.clicks("ben", card)
    await talk.is_told("ben", "Slack does not say right now")
    await talk.sees("Approved by @Ben Baker", "Done.")


async def test_a_click_that_slack_takes_its_time_over_is_told_so_and_counted_when_it_can_be(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people_effects, "UNSURE_SECONDS", 0.1)
    await started(world, tmp_path)
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    world.slack.faults.hold("users.info")
    await talk.clicks("ben", card)
    await talk.is_told("ben", "Slack does not say right now")
    world.slack.faults.release("users.info")
    await talk.sees("Approved by @Ben Baker", "Done.")


async def test_who_asked_and_became_a_guest_does_not_edit(world: World, tmp_path: Path) -> None:
    await started(world, tmp_path)
    talk = await mention(world, "ben", "order two")
    card = await talk.card()
    await talk.clicks("ben", card, "edit")
    view = await talk.slack.until(lambda: talk.slack.view("ben"))
    world.slack.become("ben", is_restricted=True)
    await talk.slack.submit("ben", view.id, {input_of(view, "quantity"): "4"})
    await talk.is_told("ben", "Your click did not count")
    await talk.clicks("ben", card, "edit")
    await talk.is_told("ben", "only for those who may decide it and those who asked for it")
    await talk.clicks("ann", card)
    await talk.sees("All is settled.")
    assert await world.rows("SELECT quantity FROM shop.orders WHERE idempotency_key IS NOT NULL") == [(2,)]


async def test_a_grant_is_worth_nothing_once_its_giver_is_deactivated(world: World, tmp_path: Path) -> None:
    await started(world, tmp_path)
    world.model.script = Lines(order(), "First.", order(), "Second.")
    talk = await mention(world, "ann", "order two")
    assert (await allows(talk, "ben", await talk.card())).closed
    await talk.sees("First.")
    world.slack.become("ben", deleted=True)
    await talk.says("ann", "once more")
    await talk.clicks("ann", await talk.card())
    await talk.sees("Second.")


async def test_the_home_tab_of_a_guest_offers_nothing_to_decide(world: World, tmp_path: Path) -> None:
    world.slack.join("gail", "orders", is_restricted=True)
    await started(world, tmp_path)
    talk = await mention(world, "ann", "order two")
    await talk.card()
    for name, words in (("gail", "Nothing waits for you."), ("ben", "Order 2 × Widget Pro")):
        await world.slack.open_home(name)
        home = await world.slack.until(lambda name=name: world.slack.home(name))
        decide = home.seen_text.partition("You asked for")[0]
        assert words in decide, name


# ---------------------------------------------------------------------------------------------- what cannot be undone


async def test_what_cannot_be_undone_takes_somebody_else_also_after_an_edit(world: World, payments: Payments) -> None:
    world.packs["payments"] = [payments.tool(Effect.IRREVERSIBLE)]
    await world.start_bot()
    world.model.script = Lines(call("pay", to="ada"), "Paid.")
    talk = await mention(world, "ann", "pay ada")
    card = await talk.card()
    assert "a full member of this conversation other than @Ann Archer" in card.seen_text
    await talk.clicks("ann", card)
    await talk.is_told("ann", "Your click did not count", "but not @Ann Archer")
    await talk.edits("ben", card, to="bob")
    again = await talk.sees("Edited by @Ben Baker", "other than @Ann Archer, @Ben Baker")
    await talk.clicks("ben", again)
    await talk.is_told("ben", "Your click did not count")
    assert payments.ledger == []
    await talk.clicks("cleo", again)
    await talk.sees("Paid.")
    assert payments.ledger == ["bob"]


async def test_what_cannot_be_undone_is_decided_by_the_requester_in_a_direct_message(world: World, payments: Payments) -> None:
    world.packs["payments"] = [payments.tool(Effect.IRREVERSIBLE)]
    await world.start_bot()
    world.model.script = Lines(call("pay", to="ada"), "Paid.")
    talk: Talk = await dm(world, "ann", "pay ada")
    await talk.clicks("ann", await talk.card())
    await talk.sees("Paid.")


async def test_a_rule_lets_the_requester_decide_what_cannot_be_undone(world: World, tmp_path: Path, payments: Payments) -> None:
    world.packs["payments"] = [payments.tool(Effect.IRREVERSIBLE)]
    await started(world, tmp_path, "policy:\n- {tool: pay, approvers: {channel_members: true, requester: true}}\n")
    world.model.script = Lines(call("pay", to="ada"), "Paid.")
    talk = await mention(world, "ann", "pay ada")
    await talk.clicks("ann", await talk.card())
    await talk.sees("Paid.")


# ---------------------------------------------------------------------------------------------- a run whose outcome is unknown


async def lost(world: World, folder: Path, payments: Payments) -> tuple[Talk, Any]:
    """Two people approved, the run's result was lost, and a question stands in the thread."""
    payments.time_limit_seconds = 0.2
    world.packs["payments"] = [payments.tool()]
    await started(world, folder, "policy:\n- {tool: pay, approvers: {channel_members: true}, quorum: 2}\n")
    world.model.script = Lines(call("pay", to="ada"), "I do not know.", "Now I do.")
    payments.fails = TimeoutError()
    talk = await mention(world, "ann", "pay ada")
    card = await talk.card()
    for name in ("ann", "ben"):
        await talk.clicks(name, card)
    question = await talk.sees("Outcome unknown", "To run it again takes 2 of them")
    await talk.sees("I do not know.")
    await talk.rests()
    payments.fails = None
    async with world.pool.connection() as connection:  # what a minute would do
        await connection.execute("UPDATE action SET started_at = started_at - interval '1 minute'")
    return talk, question


async def test_a_run_is_repeated_by_as_many_people_as_approved_it(world: World, tmp_path: Path, payments: Payments) -> None:
    talk, question = await lost(world, tmp_path, payments)
    await talk.clicks("ann", question, "run_again")
    await talk.sees("@Ann Archer said to run it again: 1 of the 2 people that this takes")
    await talk.clicks("ann", question, "run_again")
    await talk.is_told("ann", "Nothing was counted")
    world.slack.become("ben", is_restricted=True)
    await talk.clicks("ben", question, "run_again")
    await talk.is_told("ben", "Your click did not count")
    assert payments.ledger == ["ada"]
    await talk.clicks("cleo", question, "run_again")
    await talk.sees("Now I do.")
    assert payments.ledger == ["ada", "ada"]


@pytest.mark.parametrize("answer", ["happened", "leave"])
async def test_one_of_those_who_may_decide_says_what_became_of_it(
    world: World, tmp_path: Path, payments: Payments, answer: str
) -> None:
    talk, question = await lost(world, tmp_path, payments)
    await talk.clicks("ann", question, "run_again")
    await talk.sees("1 of the 2 people")
    await talk.clicks("cleo", question, answer)
    await talk.sees("Now I do.")
    assert payments.ledger == ["ada"]
