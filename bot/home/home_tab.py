"""The Home tab: gathers what one person may see, and publishes it.

Slack is asked once for each list of people, however many actions wait on it. What it does not say counts as a no.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from psycopg import Error as DatabaseError
from psycopg_pool import PoolTimeout
from slack_sdk.web.async_client import AsyncWebClient

from agent.approvals.deciders import Membership, deciders_of
from agent.errors import DelayedError, FencedError, RefusedError, UnclearError
from agent.reports.home_overview import Overview, SpentOfBudget, Waiting
from agent.run.ports import Readers
from agent.session.rules import Rules
from agent.store.action_seen import ActionSeen
from agent.store.sessions import session_id
from agent.tool.definition import Tools
from agent.types import Place
from bot.home.budgets import Budgets
from bot.home.home_rows import card_link
from bot.home.home_view import AgentSeen, HomeContent, Pages, home_view, trouble_view
from bot.home.memories import Memories
from bot.slack.as_made import as_made, user_in
from bot.slack.inbound import where_clicked
from bot.slack.people import Says, decides
from bot.slack.surface import SlackSurface
from bot.slack.web_api import called

log = logging.getLogger(__name__)

READS = 1_000  # open actions looked through for one person, those next to expire first
RECENT = 50
CONVERSATIONS = 20
MOST_LISTS = 50  # of people that Slack is asked for: it allows about a hundred such calls a minute, clicks included
LISTS_AT_ONCE = 5
REVOKED = "Revoked: from now on each such call in that thread is asked about again."
NOT_REVOKED = "Nothing was changed: this permission is over already, or somebody else gave it, and only they can revoke it."
SETTLED_SECONDS, LOOK_SECONDS = 5.0, 0.2  # that a tab waits for a decision made there to count, and between two looks


class Answers(Protocol):
    """What Slack says now. Every method raises UnclearError or DelayedError when it does not."""

    async def membership(self, user: str) -> Membership:
        """Return what a person is to the installation's workspace."""
        ...

    async def listed(self, list_id: str) -> frozenset[str]:
        """Return everybody in a conversation or user group."""
        ...


T = TypeVar("T")


class AskedOnce:
    """What Slack says of one person and of lists of people, each asked once, for one rendering."""

    def __init__(self, slack: Answers) -> None:
        self._slack = slack
        self._memberships: dict[str, asyncio.Task[Membership | None]] = {}
        self._lists: dict[str, asyncio.Task[frozenset[str] | None]] = {}
        self._turns = asyncio.Semaphore(LISTS_AT_ONCE)
        self._enough = False

    async def membership(self, user: str) -> Membership | None:
        """See `Says.membership`."""
        if user not in self._memberships:
            self._memberships[user] = asyncio.create_task(self._ask(self._slack.membership(user), user))
        return await self._memberships[user]

    async def holds(self, list_id: str, user: str) -> bool | None:
        """See `Says.holds`."""
        if list_id not in self._lists:
            if len(self._lists) >= MOST_LISTS:
                return None
            self._lists[list_id] = asyncio.create_task(self._ask(self._slack.listed(list_id), list_id))
        people = await self._lists[list_id]
        return None if people is None else user in people

    async def _ask(self, asking: Coroutine[Any, Any, T], about: str) -> T | None:
        async with self._turns:
            if self._enough:
                asking.close()
                return None
            try:
                return await asking
            except DelayedError as error:
                self._enough = True  # clicks ask the same methods: they come first
                log.warning("Slack is not asked any more for a Home tab: %s", error)
            except UnclearError as error:
                log.warning("a Home tab goes without what Slack says of %s: %s", about, error)
            return None


async def may_decide_now(slack: Says, waiting: Waiting, user: str, now: datetime) -> bool | None:
    """Return what a click of this person would be judged as. None: that depends on what Slack does not say now."""
    seen = waiting.seen
    return await decides(slack, user, deciders_of(seen.approvers(now), seen.proposed.requesters), seen.place.channel)


class HomeTab:
    """Publishes it when it is opened, and after each click in it.

    Wide because it asks everything that one tab shows, and takes in every click of it.
    """

    def __init__(
        self,
        overview: Overview,
        surface: SlackSurface,
        client: AsyncWebClient,
        tools: Tools,
        slack_url: str,
        rules_in: Callable[[str], Rules],
        channels: Mapping[str, str],
        budgets: Budgets,
        team: str,
        memories: Memories,
        readers: Readers,
    ) -> None:
        """Keep what it asks. `rules_in`: those of the agent of a channel, of the one that answers in direct messages for none;
        `channels`: which agent answers where, if it is not that one."""
        self._overview = overview
        self._surface = surface
        self._client = client
        self._tools = tools
        self._slack_url = slack_url
        self._rules_in, self._channels, self._readers = rules_in, channels, readers
        self._budgets, self._team = budgets, team
        self._memories = memories

    # ------------------------------------------------------------------------------------------ what Bolt calls

    async def opened(self, event: dict[str, Any], body: dict[str, Any]) -> None:
        """Show the tab, on `app_home_opened`."""
        if event.get("tab") == "home":
            with as_made():
                user = user_in(event)
            self._surface.background.begin(self.publish(user, {}))

    async def turned(self, ack: Any, body: dict[str, Any]) -> None:
        """Turn to another page after Previous or Next: the other sections stay on their pages."""
        await ack()
        with as_made():
            section, _, page = str(body["actions"][0]["value"]).partition(":")
            turned = {**_pages(body), section: int(page)}
        self._surface.background.begin(self.publish(_user_id(body), turned))

    async def revoked(self, ack: Any, body: dict[str, Any]) -> None:
        """Revoke a grant after a confirmed click, here or below an answer: it is in the database before it is acknowledged."""
        user = _user_id(body)
        with as_made():
            grant, where = str(body["actions"][0]["value"]), where_clicked(body)
        revoked = await self._overview.revoke(grant, user)
        if not revoked:
            log.info("%s revoked a grant that is not theirs, or not there any more", user)
        await ack()
        if where is not None:
            place = Place(team=self._team, channel=where.channel, thread_ts=where.thread_ts)
            self._surface.background.begin(self._surface.whisper(place, user, REVOKED if revoked else NOT_REVOKED))
        self._surface.background.begin(self.publish(user, {} if where is not None else _pages(body)))

    def reviewed(self, body: dict[str, Any]) -> None:
        """Show the tab anew after a click on Review: what was decided meanwhile is not there any more."""
        self._surface.background.begin(self.publish(_user_id(body), _pages(body)))

    def decided(self, action_id: str, user: str) -> None:
        """Show the tab anew once a decision that was made there counts."""
        self._surface.background.begin(self._publish_without(action_id, user))

    async def _publish_without(self, action_id: str, user: str) -> None:
        """Wait until an action waits no more for this person, for a moment at most, and publish their tab."""
        try:
            async with asyncio.timeout(SETTLED_SECONDS):
                while await self._overview.awaits(action_id, user):  # noqa: ASYNC110  # the database sends no event for it
                    await asyncio.sleep(LOOK_SECONDS)
        except (TimeoutError, DatabaseError, PoolTimeout):
            pass  # the click was not taken, as its author heard; or nobody can say: the tab shows what there is
        await self.publish(user, {})

    async def raise_asked(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """Open the dialog after a click on Raise a budget."""
        await self._budgets.open(body, client)
        await ack()

    async def raised(self, ack: Any, body: dict[str, Any]) -> None:
        """Take in the submitted dialog: what it changes is in the database before it is acknowledged."""
        if errors := await self._budgets.submitted(body):
            await ack(response_action="errors", errors=dict(errors))
            return
        await ack()
        self._surface.background.begin(self.publish(_user_id(body), {}))

    async def memory_chosen(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """Forget what a person said, or open the dialog that corrects it, after a confirmed click."""
        user = await self._memories.chosen(body, client)
        await ack()
        self._surface.background.begin(self.publish(user, _pages(body)))

    async def value_deleted(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """Delete a value that is kept for a person, after a confirmed click: it is gone before that is acknowledged."""
        user = await self._memories.deleted(body, client)
        await ack()
        self._surface.background.begin(self.publish(user, _pages(body)))

    async def corrected(self, ack: Any, body: dict[str, Any]) -> None:
        """Take in the submitted correction: it is remembered before that is acknowledged."""
        if errors := await self._memories.submitted(body):
            await ack(response_action="errors", errors=dict(errors))
            return
        await ack()
        self._surface.background.begin(self.publish(_user_id(body), {}))

    # ------------------------------------------------------------------------------------------ the tab

    async def publish(self, user: str, pages: Pages) -> None:
        """Bring the person's tab up to date. Slack's refusal is only logged: the tab stays as it is."""
        try:
            gathered = await self.gather(user, pages)
            view = home_view(gathered, pages, self._tools, self._slack_url, self._surface.mask_in)
        except (DatabaseError, PoolTimeout) as error:
            log.warning("a Home tab cannot be shown, the database does not answer: %s", error)
            view = trouble_view()
        try:
            await called(self._client, "views.publish", user_id=user, view=view)
        except (RefusedError, DelayedError, UnclearError, FencedError) as error:
            log.warning("a Home tab was not published: %s", error)

    async def gather(self, user: str, pages: Pages) -> HomeContent:
        """Return what this person may see now, with links to the actions on these pages."""
        audience = await self._readers.of_person(user)
        pending = await self._overview.pending(self._team, READS)
        decide, unclear = await self._to_decide(pending, user)
        budgets, may_raise = await self._budgets.seen(user)
        gathered = HomeContent(
            user=user,
            decide=decide,
            asked=[each for each in pending if user in each.seen.proposed.requesters],
            recent=await self._overview.recent(self._team, user, audience.channels, RECENT),
            grants=await self._overview.grants(self._team, user),
            budget=[(spent, self._limit(spent)) for spent in await self._overview.spent(self._team, user, CONVERSATIONS)],
            budgets=budgets,
            may_raise=may_raise,
            unclear=unclear,
            read_all=len(pending) < READS,
            remembered=await self._memories.seen(user),
            kept=await self._memories.kept(user),
            agents=self._agents(audience.channels),
        )
        return replace(gathered, links=await self._links(gathered.shown(pages), audience.channels))

    def _agents(self, readable: Collection[str]) -> list[AgentSeen]:
        """Return the agent that answers everywhere else, and those of channels that this person can read."""
        theirs: dict[str, list[str]] = {}
        for channel in self._channels:
            if channel in readable:
                theirs.setdefault(self._channels[channel], []).append(channel)
        others = [AgentSeen(self._rules_in(channels[0]).tools, tuple(channels)) for channels in theirs.values()]
        return [AgentSeen(self._rules_in("").tools), *others]

    async def _links(self, shown: Sequence[ActionSeen], readable: Collection[str]) -> dict[str, str]:
        """Return the addresses of their cards, or of the questions what became of them, by action."""
        posted = await self._overview.messages({session_id(seen.place) for seen in shown}) if shown else {}
        links = {seen.proposed.action_id: card_link(seen, posted, readable, self._slack_url) for seen in shown}
        return {action_id: link for action_id, link in links.items() if link}

    async def _to_decide(self, pending: Sequence[Waiting], user: str) -> tuple[list[Waiting], int]:
        """Return those that this person may decide and has not voted on, and how many are unclear."""
        slack, now = AskedOnce(self._surface), datetime.now(UTC)
        open_to = [each for each in pending if each.seen.status == "unknown" or user not in each.voters]
        answers = await asyncio.gather(*(may_decide_now(slack, each, user, now) for each in open_to))
        return [each for each, may in zip(open_to, answers, strict=True) if may], answers.count(None)

    def _limit(self, spent: SpentOfBudget) -> int:
        return self._rules_in(spent.place.channel).budget_tokens + spent.added_tokens


@as_made()
def _user_id(body: dict[str, Any]) -> str:
    return user_in(body)


@as_made()
def _pages(body: dict[str, Any]) -> dict[str, int]:
    """Return the pages that the tab showed, as it carries them itself."""
    pages = json.loads(body["view"]["private_metadata"] or "{}")
    return {str(section): int(page) for section, page in pages.items()}
