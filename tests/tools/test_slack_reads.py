"""Reading Slack: this thread, people, and the channels that the asking person is in."""

from dataclasses import replace
from typing import Any

import pytest

from agent.tool.definition import Effect, Result
from bot.slack.tool_port import channel_from
from tests.tools.workspace import Workspace, workspace

__all__ = ["workspace"]


def detail(result: Result) -> str:
    """The sentence of a failed call."""
    assert not result.ok
    return f"{result.error}: {result.detail}"


# ------------------------------------------------------------------------------------------ this thread


async def test_the_thread_is_read_with_names_from_its_first_message_on(workspace: Workspace) -> None:
    slack = workspace.slack
    ts = await slack.say("ann", "orders", f"Can we pay <@{slack.people['ben']}>? &lt;soon&gt;", files=["bill.pdf"])
    await slack.say("ben", "orders", "Yes: <https://bank.example|the bank>", thread_ts=ts)
    await slack.post_from_other_app("orders", "Invoice 7 is due", thread_ts=ts, classic=True)
    await slack.say("ann", "orders", "somewhere else")
    result = await workspace.call("slack_read_thread", workspace.context(thread_ts=ts))
    lines = result.result["messages"]
    assert [(line["sender"], line["text"]) for line in lines[:2]] == [
        ("Ann Archer", "Can we pay @Ben Baker? <soon>"),
        ("Ben Baker", "Yes: the bank (https://bank.example)"),
    ]
    assert lines[2]["text"] == "Invoice 7 is due"
    assert len(lines) == 3
    assert lines[0]["files"] == ["bill.pdf"]
    assert (lines[0]["user_id"], lines[0]["at"][-3:]) == (slack.people["ann"], "UTC")
    assert result.result["note"] is None


async def test_a_long_thread_is_read_in_pages(workspace: Workspace) -> None:
    ts = await workspace.slack.say("ann", "orders", "first")
    for number in range(1_005):
        workspace.slack.workspace.add_message(
            workspace.slack.channels["orders"], workspace.slack.people["ben"], str(number), thread_ts=ts
        )
    result = await workspace.call("slack_read_thread", workspace.context(thread_ts=ts))
    assert [line["text"] for line in result.result["messages"]] == ["first", *map(str, range(999))]
    assert result.result["note"] == "The thread is longer: these are its first 1,000 messages."


async def test_slacks_limit_says_how_long_to_wait(workspace: Workspace) -> None:
    workspace.slack.faults.rate_limit("conversations.replies", retry_after=17)
    ts = await workspace.slack.say("ann", "orders", "first")
    told = detail(await workspace.call("slack_read_thread", workspace.context(thread_ts=ts)))
    assert told == "unexpected: Slack's rate limit is reached: call it again in 17 seconds."


async def test_a_name_that_cannot_be_looked_up_costs_nothing_but_the_name(workspace: Workspace) -> None:
    workspace.slack.faults.fail("users.info", times=5)
    ts = await workspace.slack.say("ann", "orders", "first")
    result = await workspace.call("slack_read_thread", workspace.context(thread_ts=ts))
    assert result.result["messages"][0]["sender"] == workspace.slack.people["ann"]


# ------------------------------------------------------------------------------------------ people


async def test_a_person_is_found_by_a_part_of_the_name_and_by_id(workspace: Workspace) -> None:
    ann = workspace.slack.people["ann"]
    person = workspace.slack.workspace.people[ann]
    workspace.slack.workspace.add_person(replace(person, display_name="annie", title="Head of Orders\u202e"))
    for who in ("archer", "ANNIE", ann, f"<@{ann}>"):
        [found] = (await workspace.call("slack_find_person", who=who)).result["people"]
        assert (found["user_id"], found["name"], found["display_name"]) == (ann, "Ann Archer", "annie")
        assert found["title"] == "Head of Orders⟨U+202E⟩"
        assert found["time_zone"] == "Etc/UTC"
        assert "email" not in found


async def test_nobody_of_that_name_is_said(workspace: Workspace) -> None:
    assert detail(await workspace.call("slack_find_person", who="zorro")) == "not_found: Nobody here is called 'zorro'."


async def test_everybody_is_asked_for_once_in_a_while(workspace: Workspace) -> None:
    for who in ("ann", "ben", "an"):
        await workspace.call("slack_find_person", who=who)
    assert [call.method for call in workspace.slack.calls].count("users.list") == 1


# ------------------------------------------------------------------------------------------ other channels


async def texts(workspace: Workspace, user: str = "ann", channel: str = "orders", **arguments: Any) -> set[str]:
    """What a search finds."""
    result = await workspace.call("slack_search_messages", workspace.context(user, channel), words="budget", **arguments)
    assert result.ok, result
    return {hit["text"] for hit in result.result["found"]}


@pytest.fixture
async def budgets(workspace: Workspace) -> Workspace:
    """Somebody speaks of budgets in every channel."""
    for user, channel in (("ann", "general"), ("ann", "orders"), ("dan", "support"), ("cleo", "finance")):
        await workspace.slack.say(user, channel, f"The Budget of {channel}")
    await workspace.slack.say("ann", "general", "nothing of interest")
    return workspace


async def test_the_channels_of_the_asking_person_are_searched_and_no_others(budgets: Workspace) -> None:
    everywhere = {f"The Budget of {channel}" for channel in ("general", "orders", "support")}
    assert await texts(budgets, "ann") == everywhere
    assert await texts(budgets, "dan", "general") == everywhere - {"The Budget of orders"}
    await budgets.slack.remove("ann", "general")
    assert await texts(budgets, "ann") == everywhere - {"The Budget of general"}  # as things are at the call


async def test_a_channel_without_the_bot_is_not_searched(budgets: Workspace) -> None:
    await budgets.slack.remove("signoff", "general")
    assert await texts(budgets, "ann") == {"The Budget of orders", "The Budget of support"}


async def test_a_private_channel_is_never_searched_for_somebody_who_is_not_in_it(budgets: Workspace) -> None:
    finance = budgets.slack.channels["finance"]
    for user, channel in (("ben", "orders"), ("ben", "@ben"), ("ben", "mpim"), ("dan", "@dan")):
        assert "The Budget of finance" not in await texts(budgets, user, channel)
        for name in ("#finance", finance):
            result = await budgets.call("slack_search_messages", budgets.context(user, channel), words="budget", channel=name)
            nowhere = await budgets.call("slack_search_messages", budgets.context(user, channel), words="budget", channel="#x")
            assert detail(result) == detail(nowhere).replace("'#x'", repr(name))  # as if it did not exist
    history = [call.arguments["channel"] for call in budgets.slack.calls if call.method == "conversations.history"]
    assert finance not in history


async def test_a_private_channel_is_shown_only_where_everybody_who_reads_along_is_in_it(budgets: Workspace) -> None:
    assert "The Budget of finance" in await texts(budgets, "ann", "@ann")
    assert "The Budget of finance" in await texts(budgets, "cleo", "finance")
    result = await budgets.call("slack_search_messages", budgets.context("ann", "orders"), words="budget")
    assert "finance" not in str(result.result)
    assert "1 channel that people who read here may not be in: ask for that in a direct message" in result.result["left_out"]
    assert "The Budget of finance" not in await texts(budgets, "ann", "mpim")  # Ben is in it too
    await budgets.slack.invite("ben", "finance")
    assert "The Budget of finance" in await texts(budgets, "ann", "mpim")


SHARED: dict[str, dict[str, bool]] = {
    "by Slack Connect": {},
    "with somebody who has not accepted": {"accepted": False},
    "within the organisation": {"within_organisation": True},
}


@pytest.mark.parametrize("how", SHARED)
async def test_a_channel_that_is_shared_with_others_is_never_public(budgets: Workspace, how: str) -> None:
    budgets.slack.share("support", "TOTHER", **SHARED[how])
    assert "The Budget of support" not in await texts(budgets, "ann", "orders")  # not for everybody who could read #orders
    assert "The Budget of support" in await texts(budgets, "ann", "@ann")
    assert await texts(budgets, "ann", "support") == {"The Budget of support", "The Budget of general"}
    budgets.slack.join("olga", "support", team_id="TOTHER")
    assert await texts(budgets, "ann", "support") == {"The Budget of support"}  # Olga cannot read this workspace's channels


async def test_what_a_guest_cannot_read_is_not_shown_where_they_read_along(budgets: Workspace) -> None:
    budgets.slack.join("gus", "orders", is_restricted=True)
    assert await texts(budgets, "ann", "orders") == {"The Budget of orders"}
    budgets.slack.join("gia", "finance", is_restricted=True)
    assert await texts(budgets, "ann", "finance") == {"The Budget of finance"}
    await budgets.slack.invite("gus", "support")
    assert await texts(budgets, "ann", "orders") == {"The Budget of orders", "The Budget of support"}


async def test_a_private_channel_is_not_shown_where_any_member_may_read_along(budgets: Workspace) -> None:
    budgets.slack.share("support", "TOTHER")
    for name in ("ben", "dan"):
        await budgets.slack.invite(name, "finance")
    assert "The Budget of finance" not in await texts(budgets, "ann", "support")  # all who are in #support are in it


async def test_a_channel_that_says_it_is_shared_and_not_with_whom_is_not_public() -> None:
    teams = {"shared_team_ids": ["T1"], "is_shared": False}
    for said, public in (({}, True), (teams, True), ({"is_shared": True}, False), ({"is_org_shared": True}, False)):
        assert channel_from({"id": "C1", "name": "c", **said}, "T1").public is public
    assert channel_from({"id": "C1", "connected_team_ids": ["T1", "T2"]}, "T1").shared


async def test_the_result_says_what_was_looked_through(budgets: Workspace) -> None:
    result = await budgets.call("slack_search_messages", words="budget", channel="#general", days=7)
    assert result.result["looked_through"] == "2 messages of the last 7 days in #general, without replies in threads"
    assert result.result["left_out"] == []
    [hit] = result.result["found"]
    assert (hit["channel"], hit["channel_id"]) == ("#general", budgets.slack.channels["general"])
    assert (hit["sender"], hit["replies"]) == ("Ann Archer", 0)


async def test_all_words_must_stand_in_the_message_whatever_their_case(workspace: Workspace) -> None:
    await workspace.slack.say("ann", "orders", "Invoice of ACME &amp; sons")
    result = await workspace.call("slack_search_messages", words="acme & INVOICE")
    assert [hit["text"] for hit in result.result["found"]] == ["Invoice of ACME & sons"]
    assert (await workspace.call("slack_search_messages", words="acme rent")).result["found"] == []


async def test_only_the_newest_of_many_messages_are_read_and_that_is_said(workspace: Workspace) -> None:
    orders, ann = workspace.slack.channels["orders"], workspace.slack.people["ann"]
    for number in range(250):
        workspace.slack.workspace.add_message(orders, ann, f"budget {number}")
    result = await workspace.call("slack_search_messages", words="budget", channel="orders")
    assert [hit["text"] for hit in result.result["found"]] == [f"budget {number}" for number in range(249, 219, -1)]
    assert result.result["left_out"] == ["all but the newest 200 messages of #orders", "170 older messages that fit, too"]


async def test_slacks_limit_in_the_middle_leaves_what_was_found(budgets: Workspace) -> None:
    budgets.slack.faults.rate_limit("conversations.history", retry_after=9)
    told = detail(await budgets.call("slack_search_messages", words="budget"))
    assert told == "unexpected: Slack's rate limit is reached: call it again in 9 seconds."
    budgets.slack.faults.rate_limit("conversations.history", retry_after=9, after_calls=1)
    result = await budgets.call("slack_search_messages", words="budget")
    assert [hit["text"] for hit in result.result["found"]] == ["The Budget of orders"]  # this channel comes first
    assert result.result["left_out"][-1] == ("2 channels: Slack's rate limit is reached: call it again in 9 seconds.")


async def test_the_reads_are_reads_and_name_their_sources(workspace: Workspace) -> None:
    for name, arguments in (
        ("slack_read_thread", {}),
        ("slack_search_messages", {"words": "budget"}),
        ("slack_find_person", {"who": "ann"}),
    ):
        tool = workspace.tools[name]
        assert tool.effect is Effect.READ
        assert tool.untrusted is not None
        assert "Slack" in tool.untrusted(tool.arguments.model_validate(arguments))
