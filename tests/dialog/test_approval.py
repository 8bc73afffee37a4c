"""The card and the click: who may decide, until when, exactly what, and what becomes of every other click."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel

from agent.tool.definition import Effect, Tool, ToolContext, ToolError
from bot.sandbox.model import Lines, call
from bot.sandbox.slack.types import Message
from tests.dialog.conftest import Talk, World, mention

ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)


class Payment(BaseModel):
    """What `pay` takes."""

    to: str
    details: dict[str, Any] = {}


class Payments:
    """A tool with a separate ledger, to be told how to fail."""

    def __init__(self) -> None:
        self.ledger: list[str] = []
        self.fails: Exception | None = None
        self.time_limit_seconds = 5.0

    async def handler(self, arguments: Payment, context: ToolContext) -> Mapping[str, Any]:
        """Writes a line, then perhaps fails."""
        self.ledger.append(arguments.to)
        if isinstance(self.fails, TimeoutError):
            await asyncio.Event().wait()
        if self.fails is not None:
            raise self.fails
        return {"paid": arguments.to}

    def tool(self, effect: Effect = Effect.WRITE) -> Tool:
        """As the bot gets it."""
        return Tool(
            name="pay",
            description="Pays somebody.",
            arguments=Payment,
            handler=self.handler,
            effect=effect,
            time_limit_seconds=self.time_limit_seconds,
            verb="Pay",
            consequence="Sends the money at once.",
            undo="It cannot be taken back.",
            headline=lambda arguments: f"Pay {arguments.to}",
        )


@pytest.fixture
def payments(world: World) -> Payments:
    """The world's bots get the tool `pay`."""
    payments = Payments()
    world.packs["payments"] = [payments.tool()]
    return payments


async def test_stale_and_second_clicks_are_answered_to_the_clicker_alone(bot: World) -> None:
    bot.model.script = Lines(ORDER, "Ordered.")
    talk = await mention(bot, "ann", "order two")
    card = await talk.card()
    await talk.clicks("ann", card)
    await talk.sees("Ordered.")
    await bot.slack.click("ben", talk.channel, card.ts, "approve", stale=True)
    await talk.is_told("ben", "already settled (succeeded) by", "Ann")
    await bot.slack.click("cleo", talk.channel, card.ts, "reject", stale=True)
    await talk.is_told("cleo", "already settled (succeeded) by", "Ann")
    assert bot.slack.view("cleo") is None
    assert len(await bot.rows("SELECT FROM shop.orders WHERE idempotency_key IS NOT NULL")) == 1


async def test_somebody_outside_the_conversation_may_not_decide(bot: World) -> None:
    bot.model.script = Lines(ORDER, "Ordered.")
    talk = await mention(bot, "ann", "order two")
    card = await talk.card()
    await talk.clicks("dan", card)  # sees the public channel, is not in it
    told = bot.slack.dm_channel("dan")  # Slack shows nobody something in a channel that they are not in
    await bot.slack.until(
        lambda: "to be decided by any full member of this conversation" in str(bot.slack.workspace.messages[told])
    )
    assert len(talk.open_cards()) == 1
    await talk.clicks("ben", card)
    await talk.sees("Ordered.")


async def test_an_action_that_nobody_decides_expires(bot: World) -> None:
    bot.model.script = Lines(ORDER, "Nobody answered, so I did nothing.")
    talk = await mention(bot, "ann", "order two")
    card = await talk.card()
    await talk.rests("suspended")
    due = "SELECT expires_at - created_at BETWEEN interval '23:59' AND interval '24:01' FROM action"
    assert await bot.rows(due) == [(True,)]  # 24 hours by default
    await _let_time_pass(bot, hours=25)
    await talk.sees("Expired", "nothing was run")
    await talk.sees("Nobody answered, so I did nothing.")
    await bot.slack.click("ann", talk.channel, card.ts, "approve", stale=True)
    await talk.is_told("ann", "already settled (expired)")
    assert await bot.rows("SELECT FROM shop.orders WHERE idempotency_key IS NOT NULL") == []


async def _let_time_pass(world: World, hours: int) -> None:
    """As if everything had been written that long ago: deadlines are data, so they are moved instead of the clock."""
    async with world.pool.connection() as connection:
        await connection.execute(
            "UPDATE step SET body = ('{\"kind\":\"proposed_action\",' || substr((jsonb_set(body::jsonb - 'kind', '{expires_at}', "
            "to_jsonb((body->>'expires_at')::timestamptz - make_interval(hours => %s))))::text, 2))::json "
            "WHERE kind = 'proposed_action'",
            (hours,),
        )
        await connection.execute("UPDATE action SET expires_at = expires_at - make_interval(hours => %s)", (hours,))
        await connection.execute("UPDATE session SET wake_at = wake_at - make_interval(hours => %s)", (hours,))


async def test_a_click_after_the_deadline_counts_for_nothing(world: World) -> None:
    """The deadline has passed while no bot was up, and the click is the first thing that the next one sees."""
    stop = await world.start_bot()
    world.model.script = Lines(ORDER, "Too late.")
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    await talk.rests("suspended")
    await stop()
    await _let_time_pass(world, hours=25)
    await talk.clicks("ann", card)
    await world.start_bot()
    await talk.sees("Too late.")
    assert await world.rows("SELECT FROM shop.orders WHERE idempotency_key IS NOT NULL") == []


@pytest.mark.parametrize("what", ["the action's row", "the log", "both"])
async def test_what_was_shown_is_what_runs_or_nothing_runs(world: World, payments: Payments, what: str) -> None:
    await world.start_bot()
    world.model.script = Lines(call("pay", to="ada"), call("pay", to="ada"), "Done.")
    talk = await mention(world, "ann", "pay ada")
    card = await talk.card()
    await talk.rests("suspended")
    forged = "json_build_object('to', 'mallory', 'details', json_build_object())"
    changed = f"jsonb_set(body::jsonb - 'kind', '{{arguments}}', {forged}::jsonb)"
    body = f'(\'{{"kind":"proposed_action",\' || substr({changed}::text, 2))::json'  # a step's kind is its first field
    if what in ("the action's row", "both"):
        await world.rows(f"UPDATE action SET body = {body} RETURNING 1")
    if what in ("the log", "both"):
        await world.rows(f"UPDATE step SET body = {body} WHERE body->>'kind' = 'proposed_action' RETURNING 1")
    await talk.clicks("ann", card)
    if what == "the action's row":  # only a copy for people who look it up: the log is what runs
        await talk.sees("Pay ada", "Done.")
    else:
        await talk.sees("Not run by", "The approval no longer holds")
        await talk.sees("Pay mallory", "[Reject]")  # asked anew, with what would really run
    assert "mallory" not in payments.ledger


async def test_a_failed_run_closes_the_card_in_words(world: World, payments: Payments) -> None:
    await world.start_bot()
    payments.fails = ToolError("not_found", "There is no account of that name.")
    world.model.script = Lines(call("pay", to="ada"), "It failed.")
    talk = await mention(world, "ann", "pay ada")
    await talk.clicks("ann", await talk.card())
    await talk.sees("Approved by", "It failed.", "There is no account of that name.")
    await talk.sees("It failed.")
    assert talk.open_cards() == []


@pytest.mark.parametrize("fails", [TimeoutError(), ConnectionResetError("the answer was lost")])
async def test_an_unclear_write_is_unknown_and_people_are_asked(world: World, payments: Payments, fails: Exception) -> None:
    payments.fails, payments.time_limit_seconds = fails, 0.5
    world.packs["payments"] = [payments.tool()]
    await world.start_bot()
    world.model.script = Lines(call("pay", to="ada"), "I do not know whether it happened.", "Good to know.")
    talk = await mention(world, "ann", "pay ada")
    await talk.clicks("ann", await talk.card())
    await talk.sees("Its outcome is unknown")
    question = await talk.sees("Outcome unknown: Pay ada", "[It happened]", "[Run again]", "[Leave it]")
    await talk.sees("I do not know whether it happened.")
    assert "unknown" in json.loads(world.model.requests[1]["messages"][-1]["content"][0]["content"])["detail"]
    await talk.clicks("ben", question, "happened")
    await talk.sees("Good to know.")
    assert "it did happen" in world.model.requests[2]["messages"][-1]["content"][0]["text"]
    assert payments.ledger == ["ada"]
    await talk.rests()
    assert_closed(talk, question, "Done.")


def assert_closed(talk: Talk, question: Message, how: str) -> None:
    """A question that is answered says how it ended, and has nothing to click."""
    [closed] = [message for message in talk.posts() if message.ts == question.ts]
    assert how in closed.seen_text
    assert "[" not in closed.seen_text.replace("[Details]", "")
    assert not any("unknown" in message.seen_text for message in talk.posts() if "Approved by" in message.seen_text)


async def test_an_unknown_outcome_is_run_again_only_when_a_person_says_so(world: World, payments: Payments) -> None:
    payments.fails, payments.time_limit_seconds = ConnectionResetError(), 0.1
    world.packs["payments"] = [payments.tool()]
    await world.start_bot()
    world.model.script = Lines(call("pay", to="ada"), "I do not know.", "Now it is paid.")
    talk = await mention(world, "ann", "pay ada")
    await talk.clicks("ann", await talk.card())
    question = await talk.sees("Outcome unknown: Pay ada")
    await talk.sees("I do not know.")
    payments.fails = None
    # The first run cannot be under way any more.
    await world.rows("UPDATE action SET started_at = now() - interval '6 s' RETURNING id")
    await talk.clicks("ben", question, "run_again")
    await talk.sees("Now it is paid.")
    await talk.sees("Pay ada", "Done.")
    assert payments.ledger == ["ada", "ada"]
    await talk.rests()
    assert_closed(talk, question, "Done.")


async def test_run_again_is_refused_while_the_first_run_could_be_under_way(world: World, payments: Payments) -> None:
    payments.fails, payments.time_limit_seconds = ConnectionResetError(), 60
    world.packs["payments"] = [payments.tool()]
    await world.start_bot()
    world.model.script = Lines(call("pay", to="ada"), "I do not know.")
    talk = await mention(world, "ann", "pay ada")
    await talk.clicks("ann", await talk.card())
    question = await talk.sees("Outcome unknown: Pay ada")
    await talk.sees("I do not know.")
    await talk.clicks("ben", question, "run_again")
    await talk.is_told("ben", "may still be under way")
    assert payments.ledger == ["ada"]


async def test_a_card_that_cannot_be_posted_is_told_to_the_model_and_nothing_runs(world: World, payments: Payments) -> None:
    await world.start_bot()
    world.model.script = Lines(call("pay", to="ada"), "I could not show it to anybody.")
    world.slack.faults.error("chat.postMessage", "restricted_action")
    talk = await mention(world, "ann", "pay ada")
    await talk.sees("I could not show it to anybody.")
    assert "could not be shown" in str(world.model.requests[1]["messages"])
    assert payments.ledger == []


async def test_an_irreversible_action_asks_twice_and_says_so(world: World, payments: Payments) -> None:
    world.packs["payments"] = [payments.tool(Effect.IRREVERSIBLE)]
    await world.start_bot()
    world.model.script = Lines(call("pay", to="ada"), "Paid.")
    talk = await mention(world, "ann", "pay ada")
    card = await talk.card()
    approve = next(block for block in card.blocks if block["type"] == "actions")["elements"][0]
    assert approve["style"] == "danger"
    assert approve["confirm"]["title"]["text"] == "This cannot be undone"
    assert "It cannot be taken back." in card.seen_text


HOSTILE = {
    "mentions": "<!channel> <@U0SLACKBOT> <!subteam^S1> @here",
    "links": "<https://evil.example|https://bank.example> [click](https://evil.example)",
    "formatting": "`code` *bold* ~struck~ ```pre``` > quote",
    "bidi": "pay \u202e000,1\u202c to \u2066ada\u2069",
    "hidden": "ad\u200ba\ufeff \U000e0041",
    "long": "x" * 5_000 + "the end",
}


@pytest.mark.parametrize("name", list(HOSTILE))
async def test_nothing_in_an_argument_is_live_or_hidden(world: World, payments: Payments, name: str) -> None:
    await world.start_bot()
    world.model.script = Lines(call("pay", to=HOSTILE[name], details={"<!here>": 1, "\u202eevil": [1, 2]}), "Paid.")
    talk = await mention(world, "ann", "pay")
    card = await talk.card()
    for text in [*_parsed_texts(list(card.blocks)), card.text.replace("evil.example", "")]:
        assert not any(mark in text for mark in ("<!channel", "<!sub", "<!here", "<@U0SLACK", "<https", "evil.example")), text
    assert not any(hidden in json.dumps(list(card.blocks), ensure_ascii=False) for hidden in "\u202e\u202c\u2066\u200b\ufeff")
    if name == "long":
        assert "(5,007 characters, cut in the middle" in card.seen_text
        await talk.clicks("ann", card, "review")
        view = await world.slack.until(lambda: world.slack.view("ann"))
        assert "the end" in view.seen_text


def _parsed_texts(blocks: Any) -> list[str]:
    """Every text of which Slack parses mrkdwn."""
    if isinstance(blocks, list):
        return [text for block in blocks for text in _parsed_texts(block)]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(blocks, dict):
        own = [str(blocks["text"])] if blocks.get("type") == "mrkdwn" else []  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        return own + [text for value in blocks.values() for text in _parsed_texts(value)]  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return []
