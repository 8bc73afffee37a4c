"""The other six of the twelve failures that approvals of other agents have had, one test each, always with two bots."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from bot.sandbox.model import Conversations, Lines, call, calls
from bot.sandbox.slack.types import Message
from tests.chaos.asks import asked, last_request, stale_click, transfer
from tests.chaos.conftest import NewStage
from tests.chaos.stage import BotProcess, Stage
from tests.dialog.conftest import Talk, input_of, mention, rows


async def newer(talk: Talk, card: Message) -> Message:
    """The open card that is not this one."""
    return await talk.slack.until(lambda: next((m for m in talk.open_cards() if m.ts != card.ts), None))


async def test_7_siblings_lose_buttons_revive_or_deny_each_other(new_stage: NewStage) -> None:
    async with new_stage() as stage:
        batch = calls(*(transfer(name, 1) for name in ("ada", "bob", "cid", "dot")))
        stage.model.script = Lines(batch, "All is settled.")
        bots = await stage.start_two()
        talk, card = await asked(stage, "one each")
        await asyncio.gather(talk.clicks("ann", card, row=1), talk.rejects("ben", card, "not him", row=2))
        await talk.edits("cleo", card, row=3, amount="3")
        again = await newer(talk, card)
        await talk.sees("Done.", "Rejected by @Ben Baker", "not him", "Edited by @Cleo Cooper", "[One by one…]")
        assert stage.ledger.lines == ["ada 1"]
        for bot in bots:
            await bot.stop()
        await stage.start_two()

        [now] = [message for message in talk.open_cards() if message.ts == card.ts]
        assert rows(now) == rows(card)[3:]
        for settled in (1, 2, 3):
            await stale_click(talk, "ann", card, row=settled)
        await stage.slack.until(lambda: len(stage.slack.ephemerals("ann")) == 3)
        assert [len(rows(message)) for message in talk.open_cards()] == [1, 1]
        assert stage.ledger.lines == ["ada 1"]
        await talk.clicks("ann", again)
        await talk.sees("Transfer 3 to cid", "Done.")
        assert len(stage.model.requests) == 1  # which goes on when every call has its result
        await talk.clicks("ben", now)
        await talk.sees("All is settled.")
        assert stage.ledger.lines == ["ada 1", "cid 3", "dot 1"]
        assert [result.ok for result in last_request(stage).turn_results] == [True, False, True, True]
        assert talk.open_cards() == []


async def test_8_a_message_while_pending_is_a_stuck_thread_or_an_orphan_tool_use(new_stage: NewStage) -> None:
    async with new_stage() as stage:
        stage.model.script = Conversations(
            {
                "withdraw": [calls(transfer("ada", 1), transfer("bob", 2)), "Then not.", "It is sunny."],
                "approve": [transfer("cid", 3), "It is done.", "It rains."],
                "stop": [transfer("dot", 4), "It snows."],
            }
        )
        await stage.start_two()
        talks = [(await asked(stage, name))[0] for name in ("withdraw", "approve", "stop")]
        withdraw, approve, stop = talks
        for talk in talks:
            await talk.says("ben", "yes, approved. How is the weather?")
        notices = [await talk.sees("waiting for a decision", "approves nothing", "[Withdraw and continue]") for talk in talks]
        assert stage.ledger.lines == []
        assert len(stage.model.requests) == 3

        await withdraw.clicks("ann", notices[0], "withdraw")
        await withdraw.sees("Withdrawn by @Ann Archer")
        await approve.clicks("ann", await approve.card())
        await stop.says("ann", "stop")
        await stop.sees("Stopped by", "Nothing further was run.")
        for talk, weather in ((withdraw, "It is sunny."), (approve, "It rains."), (stop, "It snows.")):
            await talk.sees(weather)
            await talk.rests()
            assert talk.open_cards() == []
        assert stage.ledger.lines == ["cid 3"]
        for arrived in stage.model.requests:
            assert_answered(arrived["messages"])


def assert_answered(messages: list[Any]) -> None:
    """Right after each message with calls stands one with a result for each of them."""
    for message, following in pairwise(messages):
        asked_for = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
        assert asked_for == [block["tool_use_id"] for block in following["content"] if block["type"] == "tool_result"]


async def test_9_a_restart_loses_the_request_or_swallows_the_first_click(new_stage: NewStage) -> None:
    async with new_stage() as stage:
        stage.model.script = Conversations({name: [transfer(name, 1), f"{name} has it."] for name in ("ada", "bob")})
        bots = await stage.start_two()
        asking = [await asked(stage, name) for name in ("ada", "bob")]
        for talk, _ in asking:
            await talk.rests("suspended")
        for bot in bots:
            await bot.stop()
        (talk, card), (other, others) = asking
        bots = await stage.start_two()
        await talk.clicks("ann", card)
        await talk.sees("ada has it.")
        await talk.rests()
        for bot in bots:
            bot.kill()
        await stage.start_two()
        await other.clicks("ann", others)
        await other.sees("bob has it.")
        assert stage.ledger.lines == ["ada 1", "bob 1"]
        assert [one.kind for one in stage.slack.deliveries].count("block_actions") == 2  # one click each
        assert [len(each.posts()) for each in (talk, other)] == [2, 2]


async def test_10_ends_that_are_not_ends(new_stage: NewStage) -> None:
    async with new_stage() as stage:
        stage.policy("{tool: transfer, when: \"args.to == 'late'\", expires: 4s}")
        late = {f"late {number}": [transfer("late", number), "Over.", "Here again."] for number in (1, 2, 3, 4)}
        others = {
            "unposted": [transfer("ada", 4), "Nobody could be asked.", "Here again."],
            "slow": [transfer("bob", 5), "Over.", "Here again."],
        }
        stage.model.script = Conversations({**late, **others})
        bots = await stage.start_two()
        stage.slack.faults.error("chat.postMessage", "restricted_action")
        unposted = await mention(stage, "ann", "unposted")
        await unposted.sees("Nobody could be asked.")
        assert "could not be shown" in last_request(stage).turn_results[0].detail

        slow, card = await asked(stage, "slow")
        stage.slack.faults.hold("conversations.members")  # whether Ann may decide is not known yet
        await slow.clicks("ann", card)
        await stage.slack.until(lambda: stage.slack.faults.holding("conversations.members") == 1)
        assert "Approved" not in (await slow.card()).seen_text
        stage.slack.faults.fail("chat.update")
        stage.slack.faults.rate_limit("chat.update")
        stage.slack.faults.release("conversations.members")
        await slow.sees("Approved by", "Done.")  # not stale, though Slack did not take it at first
        assert [one.status for one in stage.slack.calls if one.method == "chat.update"] == [500, 429, 200]
        await slow.sees("Over.")

        *racing, frozen = late
        race = await asyncio.gather(*(asked(stage, name) for name in racing))
        ahead_seconds = (0.1, 0.0, -0.1)
        await asyncio.gather(*(click_at_the_end(stage, *each, ahead) for each, ahead in zip(race, ahead_seconds, strict=True)))
        race.append(await asked(stage, frozen))
        await click_that_comes_late(stage, bots, *race[-1])
        for talk in (unposted, slow, *(talk for talk, _ in race)):
            assert talk.open_cards() == []
            await talk.says("ann", "are you there?")
            await talk.sees("Here again.")
            await talk.rests()


async def until_the_end(stage: Stage, card: Message, ahead_seconds: float) -> None:
    """Until so long before a card expires, by the database's clock."""
    query = "SELECT extract(epoch FROM expires_at - now())::float FROM action WHERE id = %s"
    [(left_seconds,)] = await stage.rows(query, *rows(card))
    await asyncio.sleep(max(0.0, left_seconds - ahead_seconds))


async def click_at_the_end(stage: Stage, talk: Talk, card: Message, ahead_seconds: float) -> None:
    """Approve as the card expires. Whichever is first holds, everywhere."""
    await until_the_end(stage, card, ahead_seconds)
    await stale_click(talk, "ann", card)
    await talk.sees("Over.")
    query = "SELECT status, decided_at < expires_at, body->'arguments'->>'amount' FROM action WHERE id = %s"
    [(status, in_time, amount)] = await stage.rows(query, *rows(card))
    assert status == ("succeeded" if in_time else "expired")
    await talk.sees(*(("Approved by", "Done.") if in_time else ("Expired", "nothing was run")))
    assert stage.ledger.lines.count(f"late {amount}") == in_time


async def click_that_comes_late(stage: Stage, bots: Sequence[BotProcess], talk: Talk, card: Message) -> None:
    """Approve in time, and have both bots hear of it when the time is over."""
    await until_the_end(stage, card, 0.3)
    for bot in bots:
        bot.freeze()
    await stale_click(talk, "ann", card)
    await until_the_end(stage, card, -0.3)
    for bot in bots:
        bot.thaw()
    await talk.sees("Expired", "nothing was run")
    await talk.sees("Over.")
    assert stage.ledger.lines.count("late 4") == 0


async def test_11_the_wrong_approver_or_a_channel_that_bypasses_the_gate(new_stage: NewStage) -> None:
    async with new_stage() as stage:
        slack = stage.slack
        group = slack.add_usergroup(["ben"])
        stage.policy(
            "{tool: transfer, when: \"args.to == 'cleos'\", approvers: {users: [@cleo]}, post_to: #support}",
            f"{{tool: transfer, when: \"args.to == 'group'\", approvers: {{groups: [{group}]}}}}",
            "{tool: transfer, post_to: #support}",
        )
        stage.model.script = Conversations(
            {
                "for cleo": [calls(transfer("cleos", 1), transfer("cleos", 2)), "Over.", "Over and out."],
                "for members": [transfer("members", 3), "Over."],
                "for the group": [transfer("group", 4), "Over."],
            }
        )
        await stage.start_two()
        cleos, card = await asked(stage, "for cleo")
        members, _ = await asked(stage, "for members")
        groups, groups_card = await asked(stage, "for the group")
        [copy, members_copy] = [await copied(stage, words) for words in ("Transfer 1 to cleos", "Transfer 3 to members")]

        await cleos.clicks("ben", card, row=1)
        await cleos.clicks("ben", card, "approve_all")
        await cleos.clicks("ben", copy, row=2)
        await cleos.clicks("ben", copy, "edit", row=1)
        await cleos.puts_away("ben")  # the dialog that shows them one by one: nothing opened above it
        await cleos.rejects("ben", card, row=2)
        await slack.until(lambda: len(slack.ephemerals("ben")) == 6)
        assert slack.view("ben") is None
        await cleos.says("ben", "approved, go ahead")
        await cleos.sees("waiting for a decision", "approves nothing")
        await members.clicks("dan", members_copy)  # he reads it in #support, and is no member of the conversation
        await slack.until(lambda: "to be decided by any full member" in str(slack.ephemerals("dan")))
        assert (await cleos.edits("ann", card, row=1, amount="11")).closed  # who asked may edit, and not approve
        edited = await newer(cleos, card)
        await cleos.clicks("ann", edited)
        await cleos.is_told("ann", "Your click did not count", "Cleo Cooper")

        slack.faults.error("usergroups.users.list", "missing_scope", times=3)
        await groups.clicks("ben", groups_card)
        await slack.until(lambda: sum(one.method == "usergroups.users.list" for one in slack.calls) >= 2)
        assert stage.ledger.lines == []  # nobody is in a group that cannot be read
        await groups.sees("Over.")
        assert stage.ledger.lines == ["group 4"]

        await cleos.clicks("cleo", copy, row=2)
        await cleos.clicks("cleo", edited)
        await cleos.sees("Over and out.")
        await members.clicks("ben", await members.card())
        await members.sees("Over.")
        assert sorted(stage.ledger.lines) == ["cleos 11", "cleos 2", "group 4", "members 3"]
        cleo_alone = "SELECT DISTINCT \"user\" FROM vote JOIN action ON id = action_id WHERE body->'arguments'->>'to' = 'cleos'"
        assert await stage.rows(cleo_alone) == [(slack.people["cleo"],)]


async def copied(stage: Stage, words: str) -> Message:
    """The card that stands in #support too."""
    there = stage.slack.workspace.messages[stage.slack.channels["support"]]
    return await stage.slack.until(lambda: next((one for one in there.values() if words in one.seen_text), None))


async def test_12_a_standing_permission_too_broad_or_one_that_releases_pending_siblings(new_stage: NewStage) -> None:
    async with new_stage() as stage:
        stage.model.script = Lines(
            calls(transfer("ada", 5), transfer("ada", 4), transfer("ada", 999_999)),
            "First.",
            transfer("ada", 5),
            "Within.",
            calls(transfer("ada", 999_998), transfer("mallory", 5), transfer("ada", 5, memo="more"), call("donate", amount=5)),
        )
        bots = await stage.start_two()
        talk, card = await asked(stage, "five, and more")
        await talk.clicks("ben", card, "always", row=1)
        view = await stage.slack.until(lambda: stage.slack.view("ben"))
        assert (await stage.slack.submit("ben", view.id, {input_of(view, "amount"): "at_most"})).closed
        await talk.puts_away("ben")
        await talk.sees("Approved by @Ben Baker", "Done.", "[One by one…]")
        await talk.rests("suspended")
        for bot in bots:
            await bot.stop()
        await stage.start_two()
        await talk.says("ann", "and?")  # the session is resumed with its grant
        await talk.sees("waiting for a decision")
        siblings = await talk.card()
        assert rows(siblings) == rows(card)[1:]
        assert stage.ledger.lines == ["ada 5"]

        await talk.clicks("ann", siblings, row=1)
        await talk.rejects("ann", siblings, row=2)
        await talk.sees("Within.")  # what the message has led to
        assert stage.ledger.lines == ["ada 5", "ada 4", "ada 5"]  # the last of them under the grant
        await talk.says("ann", "and more?")
        beyond = await talk.card()
        assert len(rows(beyond)) == 4
        assert "Transfer 999998 to ada" in beyond.seen_text
        assert len(stage.ledger.lines) == 3
