"""The Home tab as it is gathered and published: real Postgres, and the sandbox as Slack."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, cast

import pytest
from psycopg_pool import AsyncConnectionPool

from agent.reports.home_overview import Overview
from agent.session.rules import Rules
from agent.store.redis_budgets import RedisBudget
from agent.store.sessions import Pool
from agent.store.usage import Ledger
from agent.tool.definition import registry
from agent.types import Approvers, Escalation, Place, Verdict
from bot.config.file import Config
from bot.config.manifest import read_manifest
from bot.home.budgets import Budgets
from bot.home.home_tab import HomeTab
from bot.home.memories import Memories
from bot.sandbox.slack.faults import Faults
from bot.sandbox.slack.sandbox import SlackSandbox
from bot.slack.readers import SlackReaders
from bot.slack.surface import SlackSurface
from bot.slack.web_api import open_client
from tests.stores.core import Core
from tests.stores.desk import Desk, proposal
from tools.web import web

TOOLS = registry([])
OWN = registry([replace(web()[0], can="Read a page. Ask: “What do our terms say?”")])


class Office:
    """A workspace, sessions in its channels, and the tab."""

    def __init__(
        self, slack: SlackSandbox, core: Core, client: Any, pool: Pool | None = None, other_agent_in: str = "orders"
    ) -> None:
        self.slack, self.core, self.client = slack, core, client
        self._threads = count(1)
        surface = SlackSurface(client, TOOLS, team=slack.team_id, url=slack.page_url)
        url = "https://team.slack.com/"
        ledger = Ledger(core.pool)
        budgets = Budgets(Config(), ledger, RedisBudget("redis://127.0.0.1:1", ledger), surface, slack.team_id)
        self.tab = HomeTab(
            Overview(pool or core.pool),
            surface,
            client,
            TOOLS,
            url,
            lambda channel: Rules(OWN if channel else TOOLS),
            {slack.channels[other_agent_in]: "shop"},
            budgets,
            slack.team_id,
            Memories(None, slack.team_id),
            SlackReaders(client, slack.team_id),
        )

    async def propose(self, channel: str, *tools: str, by: str = "ann", **verdict: Any) -> Desk:
        """Actions of a session in this channel, each of another tool, so that one can tell them apart."""
        at = Place(team=self.slack.team_id, channel=self.slack.channels[channel], thread_ts=f"{next(self._threads)}.0")
        desk = Desk(self.core, await self.core.hold(at), at)
        rule = Verdict(answer="ask", rule="test").model_copy(update=verdict)
        fields = {"requesters": (self.slack.people[by],), "verdict": rule}
        steps = [proposal(f"{channel}-{tool}").model_copy(update={**fields, "tool": tool}) for tool in tools]
        await self.core.store.append(desk.lease, 0, steps)
        return desk

    async def reads(self, user: str, **pages: int) -> str:
        """This person's tab when it was just published."""
        await self.tab.publish(self.slack.people[user], pages)
        view = self.slack.home(user)
        assert view is not None
        return view.seen_text

    def lists(self) -> Counter[str]:
        """How often Slack was asked for each list of people."""
        names = {"conversations.members": "channel", "usergroups.users.list": "usergroup"}
        return Counter(str(call.arguments[names[call.method]]) for call in self.slack.calls if call.method in names)


@pytest.fixture
async def office(core: Core) -> AsyncIterator[Office]:
    """With nothing waiting yet."""
    async with SlackSandbox(read_manifest()) as slack:
        client = open_client(slack.bot_token, slack.api_url)
        try:
            yield Office(slack, core, client)
        finally:
            await cast(Any, client.session).close()


async def test_five_hundred_actions_ask_slack_once_for_each_list(office: Office) -> None:
    group = office.slack.add_usergroup(["ben"])
    for channel in ("general", "orders", "support"):
        await office.propose(channel, *(f"tool_{number}" for number in range(150)))
    of_group = Approvers(groups=(group,))
    await office.propose("finance", *(f"tool_{number}" for number in range(50)), approvers=of_group)
    text = await office.reads("ben", decide=2)
    assert "11 to 20 of 500" in text
    assert office.lists() == {**{office.slack.channels[name]: 1 for name in ("general", "orders", "support")}, group: 1}


async def test_only_those_who_may_decide_see_it_and_the_requester(office: Office) -> None:
    await office.propose("orders", "named", by="ann", approvers=Approvers(users=(office.slack.people["ben"],)))
    assert "Run: named" in await office.reads("ben")
    asked = (await office.reads("ann")).partition("You asked for")
    assert "Nothing waits for you." in asked[0]
    assert "Run: named" in asked[2]
    assert "named" not in await office.reads("cleo")


async def test_members_decide_and_a_member_who_left_sees_nothing(office: Office) -> None:
    await office.slack.invite("cleo", "orders")
    await office.propose("orders", "sudden")
    assert "Run: sudden" in await office.reads("cleo")
    await office.slack.remove("cleo", "orders")
    assert "sudden" not in await office.reads("cleo")


async def test_who_gave_their_word_is_not_asked_again(office: Office) -> None:
    ben = office.slack.people["ben"]
    desk = await office.propose("orders", "paired", by="cleo", quorum=2)
    await desk.core.sql("UPDATE action SET quorum = 2")
    desk.seq = 1
    assert "Run: paired" in await office.reads("ben")
    await desk.votes("orders-paired", ben)
    assert "Nothing waits for you." in await office.reads("ben")
    assert "2 approvals needed (heard so far: @Ben Baker)" in await office.reads("ann")


async def test_an_escalated_action_shows_up_for_those_who_may_decide_now(office: Office) -> None:
    to = Approvers(users=(office.slack.people["cleo"],))
    # A proposal of this test's lasts an hour: of two hours half is over.
    escalation = Escalation(after_seconds=1800, to=to)
    approvers = Approvers(users=(office.slack.people["ben"],))
    await office.propose("orders", "late", approvers=approvers, expires_seconds=7200, escalation=escalation)
    await office.propose("orders", "early", approvers=approvers, expires_seconds=3600, escalation=escalation)
    text = await office.reads("cleo")
    assert "Run: late" in text
    assert "Run: early" not in text


def refuse(faults: Faults, method: str) -> None:
    """The app may not ask this."""
    faults.error(method, "missing_scope")


@pytest.mark.parametrize("trouble", [refuse, Faults.fail, Faults.rate_limit])
async def test_what_slack_does_not_tell_is_counted_and_not_shown(office: Office, trouble: Callable[[Faults, str], None]) -> None:
    group = office.slack.add_usergroup(["ben"])
    await office.propose("orders", "hidden_1", "hidden_2", by="ann", approvers=Approvers(groups=(group,)))
    await office.propose("orders", "plain")
    trouble(office.slack.faults, "usergroups.users.list")
    text = await office.reads("ben")
    assert "Run: plain" in text
    assert "hidden" not in text
    assert "2 actions could not be checked right now" in text
    assert "Run: hidden_1" in await office.reads("ben")  # asked again


async def test_what_came_of_it_is_told_with_who_decided(office: Office) -> None:
    desk = await office.propose("orders", "done")
    desk.seq = 1
    await desk.votes("orders-done", office.slack.people["ben"], "rejected")
    for user in ("ann", "ben"):
        text = await office.reads(user)
        assert "Rejected, nothing was run  ·  decided by @Ben Baker" in text


async def decided(office: Office, channel: str, what: str) -> None:
    """Ann asked for something there, and rejected it."""
    desk = await office.propose(channel, what)
    desk.seq = 1
    await desk.votes(f"{channel}-{what}", office.slack.people["ann"], "rejected")


async def test_who_can_read_a_channel_sees_what_was_decided_there(office: Office) -> None:
    for channel in ("orders", "finance"):
        await decided(office, channel, f"in_{channel}")
    seen = {user: await office.reads(user) for user in ("ann", "ben", "cleo")}
    assert {user for user, text in seen.items() if "Run: in_orders" in text} == {"ann", "ben", "cleo"}  # it is public
    assert {user for user, text in seen.items() if "Run: in_finance" in text} == {"ann", "cleo"}  # Ben is no member


@pytest.mark.parametrize("trouble", [refuse, Faults.fail, Faults.rate_limit])
async def test_where_slack_does_not_say_who_reads_what_only_ones_own_is_seen(
    office: Office, trouble: Callable[[Faults, str], None]
) -> None:
    await decided(office, "orders", "done")
    trouble(office.slack.faults, "users.conversations")
    assert "Run: done" not in await office.reads("cleo")
    assert "Run: done" in await office.reads("ann")


async def test_what_an_agent_of_another_channel_can_do_is_for_those_who_read_it(office: Office) -> None:
    text = await office.reads("cleo")
    assert text.endswith("In #orders also:\n•  Read a page. Ask: “What do our terms say?”  _(asks for approval first)_")
    office.tab = tab_where_another_answers(office, "finance")
    assert "Read a page" not in await office.reads("ben")
    assert "In #finance also:" in await office.reads("cleo")


def tab_where_another_answers(office: Office, channel: str) -> HomeTab:
    """The tab, where another agent answers in this channel."""
    return Office(office.slack, office.core, office.client, office.core.pool, other_agent_in=channel).tab


async def test_a_database_that_does_not_answer_is_told_instead_of_an_empty_list(office: Office) -> None:
    pool: Pool = AsyncConnectionPool("postgresql://127.0.0.1:1/none", min_size=0, max_size=1, open=False, timeout=0.2)
    async with pool:
        office.tab = Office(office.slack, office.core, office.client, pool).tab
        text = await office.reads("ann")
    assert text.startswith("What waits for you could not be read just now.")
    assert "Nothing waits" not in text


async def test_deadlines_decide_what_comes_first(office: Office) -> None:
    await office.propose("orders", "later", "sooner")
    soon = datetime.now(UTC) + timedelta(minutes=1)
    await office.core.sql("UPDATE action SET expires_at = %s WHERE id = 'orders-sooner'", soon)
    text = await office.reads("ann")
    assert text.index("Run: sooner") < text.index("Run: later")
