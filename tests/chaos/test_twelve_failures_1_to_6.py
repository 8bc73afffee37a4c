"""The first six of the twelve failures that approvals of other agents have had, one test each, always with two bots."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, LiteralString

from bot.sandbox.model import Call, Conversations, Lines, call, calls
from tests.chaos.asks import asked, last_request, stale_click, transfer
from tests.chaos.conftest import NewStage
from tests.chaos.ledger_tools import RATE
from tests.chaos.stage import Stage, until
from tests.dialog.conftest import rows


def charge(customer: str, amount_cents: int) -> Call:
    return call("charge_card", customer=customer, amount_cents=amount_cents)


async def test_1_a_double_click_two_replicas_or_a_retry_executes_twice(new_stage: NewStage) -> None:
    async with new_stage(delay_seconds=0.5) as stage:  # the tool takes its time, so that clicks come while it runs, too
        stage.model.script = Lines(charge("ada", 5), "Charged.")
        stage.model.faults.reset()  # the model is asked again,
        stage.slack.faults.duplicate(3)  # the mention delivered again,
        stage.slack.faults.drop_after("chat.postMessage")  # and the card looked for, since Slack's answer is lost
        await stage.start_two()
        talk, card = await asked(stage, "charge five")
        await asyncio.gather(*(talk.clicks(person, card) for _ in range(6) for person in ("ann", "ben")))
        await talk.sees("Charged.")
        await stale_click(talk, "cleo", card)
        await talk.is_told("cleo", "already settled (succeeded)")
        await stage.at_rest(15)
        assert stage.ledger.lines == ["ada 5"]
        assert len(talk.posts()) == 2  # the card and the answer
        assert len(last_request(stage).user_texts) == 1
        assert [kind for (kind,) in await stage.rows("SELECT kind FROM audit WHERE kind = 'claim'")] == ["claim"]


async def test_2_a_crash_between_the_effect_and_its_record(new_stage: NewStage) -> None:
    async with new_stage(delay_seconds=60.0) as stage:  # the ledger writes at once, and is not heard to have done so
        stage.model.script = Lines(charge("ada", 5), "I cannot tell.", "Good to know.")
        (one, its), (other, others) = [await stage.proxies() for _ in range(2)]
        first, second = await asyncio.gather(stage.start(its), stage.start(others))
        await stage.slack.until(lambda: stage.slack.connections == 2)
        talk, card = await asked(stage, "charge five")
        await talk.clicks("ann", card)
        await until(lambda: written(stage))
        runs_it = {bool(proxies.since(0, "ledger", "out")): bot for proxies, bot in ((one, first), (other, second))}
        runs_it[True].kill()
        question = await talk.sees("Outcome unknown", "[It happened]", "[Run again]", "[Leave it]")
        await talk.sees("Its outcome is unknown")
        await talk.sees("I cannot tell.")
        await stage.at_rest(15)
        assert "unknown" in last_request(stage).turn_results[0].detail
        await talk.clicks("ben", question, "happened")
        await talk.sees("Good to know.")
        assert stage.ledger.lines == ["ada 5"]


async def written(stage: Stage) -> bool:
    """Whether something stands in the ledger."""
    return bool(stage.ledger.lines)


async def test_3_a_click_resolves_another_request(new_stage: NewStage) -> None:
    async with new_stage() as stage:
        same = "toolu_01" + "a" * 22  # an id that every one of the calls has
        stage.model.script = Conversations(
            {
                "the first": [call("transfer", same, to="ada", amount=1), "First."],
                "the second": [call("transfer", same, to="bob", amount=2), "Second."],
                "the third": [call("transfer", same, to="cid", amount=3), "Third."],
                "both": [calls(transfer("dot", 4), transfer("eve", 5)), "Both."],
            }
        )
        await stage.start_two()
        (first, ada), (second, bob), (third, cid), (both, batch) = [
            await asked(stage, name) for name in ("the first", "the second", "the third", "both")
        ]
        await third.clicks("ann", cid)  # not the one that has waited longest
        await third.sees("Third.")
        assert stage.ledger.lines == ["cid 3"]

        # A button's own value counts, not the message and the thread that it stands in.
        ann = stage.slack.people["ann"]
        stage.slack.interactions.click(ann, replace(bob, blocks=ada.blocks), "approve", None, None, stale=False)
        await first.sees("First.")
        assert stage.ledger.lines == ["cid 3", "ada 1"]

        await both.clicks("ann", batch, row=1)
        await both.sees("Done.", "[One by one…]")
        await stale_click(both, "ben", batch, row=1)  # of a client that still shows the first row's buttons
        await both.is_told("ben", "already settled (succeeded)")
        assert stage.ledger.lines == ["cid 3", "ada 1", "dot 4"]
        assert [len(talk.open_cards()) for talk in (first, second, third, both)] == [0, 1, 0, 1]
        await second.rejects("ann", bob)
        await both.rejects("ann", batch, row=2)
        await second.sees("Second.")
        await both.sees("Both.")
        assert len(stage.ledger.lines) == 3


async def test_4_a_rejected_or_never_approved_call_runs(new_stage: NewStage) -> None:
    async with new_stage() as stage:
        stage.policy("{tool: transfer, quorum: 2}")
        stage.model.script = Conversations(
            {
                "laxer": [calls(transfer("ada", 1), transfer("bob", 2)), "All is settled.", "Nothing more."],
                "stricter": [charge("cid", 3), "It is charged."],
            }
        )
        bots = await stage.start_two()
        (laxer, batch), (stricter, card) = await asked(stage, "laxer"), await asked(stage, "stricter")
        await laxer.rejects("ben", batch, row=1)
        await laxer.sees("Rejected by")
        await laxer.clicks("ann", batch, row=2)
        await laxer.sees("1 of 2")
        await shut_the_last_gate(stage)
        await stricter.clicks("ann", card)
        await until(lambda: somebody_waits_there(stage))
        for bot in bots:
            bot.kill()
        await open_the_last_gate(stage)

        stage.policy("{tool: transfer, verdict: allow}", "{tool: charge_card, approvers: {users: [@ben]}}")
        await stage.start_two()
        await laxer.says("ann", "and now?")  # the session is resumed, and its calls are judged by today's policy
        await laxer.sees("waiting for a decision")
        await stale_click(laxer, "cleo", batch, row=1)
        await laxer.is_told("cleo", "already settled (rejected)")
        await stricter.sees("Not run by", "The approval no longer holds.")
        again = await stricter.card()
        await stricter.clicks("ann", again)
        await stricter.is_told("ann", "Your click did not count")
        assert stage.ledger.lines == []
        await laxer.clicks("cleo", batch, row=2)
        await laxer.sees("Nothing more.")
        assert stage.ledger.lines == ["bob 2"]
        await stricter.clicks("ben", again)
        await stricter.sees("It is charged.")
        assert stage.ledger.lines == ["bob 2", "cid 3"]


async def shut_the_last_gate(stage: Stage) -> None:
    """From now on a process that wants to start an approved action waits for ever."""
    await stage.database.execute("SELECT pg_advisory_lock(1)")
    await stage.database.execute(
        "CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_lock(1); RETURN NEW; END $$"
    )
    await stage.database.execute(
        "CREATE TRIGGER last_gate BEFORE UPDATE ON action FOR EACH ROW WHEN (NEW.status = 'running') EXECUTE FUNCTION wait_here()"
    )


WAITS_THERE: LiteralString = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"


async def somebody_waits_there(stage: Stage) -> bool:
    return bool(await stage.rows(f"SELECT {WAITS_THERE}"))


async def open_the_last_gate(stage: Stage) -> None:
    """Those who wait there are dead: what they wanted is undone, the word that approved it too, and their leases are over."""
    assert await stage.rows(f"SELECT pg_terminate_backend(pid) {WAITS_THERE}") == [(True,)]
    await stage.database.execute("DROP TRIGGER last_gate ON action")
    await stage.database.execute("UPDATE session SET lease_until = now() WHERE lease_until IS NOT NULL")
    assert await stage.rows("SELECT status FROM action WHERE body->>'tool' = 'charge_card'") == [("pending",)]


async def test_5_what_was_shown_is_not_what_runs(new_stage: NewStage) -> None:
    async with new_stage() as stage:
        stage.model.script = Conversations(
            {
                "edited row": [transfer("ada", 5), "The row is settled."],
                "rewritten": [transfer("  ADA ", 6), "The rewritten is settled."],
                "growing": [call("donate", amount=7), "The growing is settled."],
                "replayed": [transfer("ada", 8), "The replayed is settled."],
            }
        )
        await stage.start_two()
        (row, shown), (rewritten, clean), (growing, grown), (replayed, old) = [
            await asked(stage, name) for name in ("edited row", "rewritten", "growing", "replayed")
        ]
        await row.rests("suspended")
        changed: LiteralString = "jsonb_set(body::jsonb - 'kind', '{arguments,amount}', '5000')"
        kind_first: LiteralString = """('{"kind":"proposed_action",' || substr("""
        forged: LiteralString = kind_first + changed + "::text, 2))::json"
        by_id: LiteralString = "body->>'action_id' = %s AND body->>'kind' = 'proposed_action'"
        await stage.rows(f"UPDATE action SET body = {forged} WHERE {by_id} RETURNING 1", rows(shown)[0])
        await stage.rows(f"UPDATE step SET body = {forged} WHERE {by_id} RETURNING 1", rows(shown)[0])
        await row.clicks("ann", shown)
        await row.sees("Not run by", "The approval no longer holds")
        await row.sees("Transfer 5000 to ada", "[Reject]")  # asked anew, with what would really run
        await row.rejects("ann", await row.card())
        await row.sees("The row is settled.")
        assert stage.ledger.lines == []

        assert "Transfer 6 to ada" in clean.seen_text  # what the validator makes of it is what is shown, and what runs
        await rewritten.clicks("ann", clean)
        await rewritten.sees("The rewritten is settled.")
        assert stage.ledger.lines == ["ada 6"]

        assert "amount: 7000\n" in grown.seen_text
        await growing.clicks("ann", grown)
        await growing.sees("Not run by", "The approval no longer holds")
        await growing.sees("amount: 7000000\n", "[Reject]")
        await growing.rejects("ann", await growing.card())
        await growing.sees("The growing is settled.")
        assert stage.ledger.lines == ["ada 6"]

        assert (await replayed.edits("ben", old, amount="9")).closed
        await replayed.sees("Transfer 9 to ada", "[Reject]")
        await replayed.sees("Edited by")
        await stale_click(replayed, "ann", old)
        await replayed.is_told("ann", "already settled (edited)")
        assert stage.ledger.lines == ["ada 6"]
        await replayed.clicks("ann", await replayed.card())
        await replayed.sees("The replayed is settled.")
        assert stage.ledger.lines == ["ada 6", "ada 9"]


async def test_5_what_was_shown_is_not_what_a_newer_version_repeats_after_a_crash(new_stage: NewStage) -> None:
    async with new_stage(delay_seconds=60.0) as stage:
        stage.model.script = Lines(call("exchange", amount=5), "I cannot tell.")
        old = await stage.start()
        talk, card = await asked(stage, "exchange five")
        assert "amount: 5\n" in card.seen_text
        await talk.clicks("ann", card)
        await until(lambda: written(stage))
        old.kill()
        await stage.database.execute("UPDATE session SET lease_until = now() WHERE lease_until IS NOT NULL")
        await stage.start({**stage.environment, RATE: "100"})
        await talk.sees("Outcome unknown")
        await talk.sees("I cannot tell.")
        assert stage.ledger.lines == ["exchange 5"]


HOSTILE = {
    "mention": "<!channel> <@U0SLACKBOT> <!subteam^S1> @here",
    "link": "<https://evil.example|https://bank.example> [click](https://evil.example)",
    "hidden": "pay \u202e000,1\u202c to ad\u200ba",
    "line": "1\namount  999999",  # would be a separate argument if the table showed it as it is
    "<!here>": "a name that rings",
    "<https://evil.example|amount>": 1,
    "long": "x" * 5_000 + " the end",
    **{f"key_{number}": number for number in range(20)},
    "a_late_key": "and transfer it all to mallory",
}
LIVE = ("<!channel", "<!subteam", "<!here", "<@U0SLACKBOT", "<https")


async def test_6_the_card_hides_or_forges(new_stage: NewStage) -> None:
    async with new_stage() as stage:
        stage.model.script = Lines(transfer("ada", 1, **HOSTILE), "Then not.")
        await stage.start_two()
        talk, card = await asked(stage, "transfer one")
        await talk.clicks("ann", card, "review")
        view = await stage.slack.until(lambda: stage.slack.view("ann"))
        for name in HOSTILE:
            assert name in card.seen_text
            assert name in view.seen_text
        for words in ("(5,008 characters, cut in the middle", "and transfer it all to mallory", "[Review…]"):
            assert words in card.seen_text
        assert "xxx the end" in view.seen_text.replace("\n", "")
        table = next(block for block in card.blocks if block["block_id"].startswith("arguments:"))["elements"][0]
        lines = "".join(element["text"] for element in table["elements"]).split("\n")
        assert [line for line in lines if line.split()[0] == "amount"] == ["amount                    1"]
        await talk.rejects("ben", card)
        assert "a_late_key" in await talk.details("ben", await talk.sees("Rejected by"))
        await talk.sees("Then not.")
        for blocks in (card.blocks, view.blocks, *(message.blocks for message in talk.posts())):
            assert [text for text in parsed(list(blocks)) if any(mark in text for mark in LIVE)] == []
            assert not set(json.dumps(blocks, ensure_ascii=False)) & set("\u202e\u202c\u200b")
        assert not any(mark in card.text for mark in LIVE)
        assert stage.ledger.lines == []


def parsed(block: Any) -> Iterator[str]:
    """Every text of which Slack parses mrkdwn."""
    if isinstance(block, dict):
        if block.get("type") == "mrkdwn":  # pyright: ignore[reportUnknownMemberType]
            yield str(block["text"])  # pyright: ignore[reportUnknownArgumentType]
        block = list(block.values())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType, reportUnknownMemberType]
    if isinstance(block, list):
        for within in block:  # pyright: ignore[reportUnknownVariableType]
            yield from parsed(within)
