"""The Home tab: gathers what one person may see, and publishes it.

Slack is asked once for each list of people, however many actions wait on it. What it does not say counts as a no.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import aiohttp
from psycopg import Error as DatabaseError
from psycopg_pool import PoolTimeout
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from agent.errors import DelayedError, UnclearError
from agent.overview import Overview, Spent, Waiting
from agent.tool import Tools
from bot.budgets import Budgets
from bot.home_view import Gathered, Pages, home_view, trouble_view
from bot.surface import SlackSurface

log = logging.getLogger(__name__)

READS = 1_000  # open actions looked through for one person, those next to expire first
RECENT = 50
CONVERSATIONS = 20
MOST_LISTS = 50  # of people that Slack is asked for: it allows about a hundred such calls a minute, clicks included
LISTS_AT_ONCE = 5

Listed = Callable[[str, dict[str, str]], Awaitable[frozenset[str]]]
People = frozenset[str]


class Lists:
    """Who is in which channel and user group, asked once, for one rendering. None: Slack does not say now."""

    def __init__(self, listed: Listed) -> None:
        self._listed = listed
        self._asked: dict[tuple[str, str], asyncio.Task[People | None]] = {}
        self._turns = asyncio.Semaphore(LISTS_AT_ONCE)
        self._enough = False

    async def members(self, channel: str) -> People | None:
        """The members of a conversation."""
        return await self._once("conversations.members", "channel", channel)

    async def group(self, group: str) -> People | None:
        """The members of a user group."""
        return await self._once("usergroups.users.list", "usergroup", group)

    async def _once(self, method: str, name: str, of: str) -> People | None:
        if (method, of) not in self._asked:
            if len(self._asked) >= MOST_LISTS:
                return None
            self._asked[method, of] = asyncio.create_task(self._ask(method, {name: of}))
        return await self._asked[method, of]

    async def _ask(self, method: str, of: dict[str, str]) -> People | None:
        async with self._turns:
            if self._enough:
                return None
            try:
                return await self._listed(method, of)
            except DelayedError as error:
                self._enough = True  # clicks ask the same methods: they come first
                log.warning("%s is not asked any more for a Home tab: %s", method, error)
            except UnclearError as error:
                log.warning("a Home tab goes without %s: %s", of, error)
            return None


async def may_decide(lists: Lists, waiting: Waiting, user: str, now: datetime) -> bool | None:
    """As `Surface.may_decide` judges a click. None: it depends on a list that Slack does not give now."""
    proposed, place = waiting.seen.proposed, waiting.seen.place
    approvers = waiting.seen.approvers(now)
    if user in proposed.requesters and approvers.requester is not None:
        return approvers.requester
    if user in approvers.users:
        return True
    asked = [(lists.members, place.channel)] if approvers.channel_members else []
    asked += [(lists.group, group) for group in approvers.groups]
    answer: bool | None = False
    for of, name in asked:
        people = await of(name)
        if people is None:
            answer = None
        elif user in people:
            return True
    return answer


class HomeTab:
    """Publishes it when it is opened, when a page is turned, and when a permission is revoked."""

    def __init__(
        self,
        overview: Overview,
        surface: SlackSurface,
        client: AsyncWebClient,
        tools: Tools,
        slack_url: str,
        session_tokens: Callable[[str], int],
        budgets: Budgets,
    ) -> None:
        self._overview = overview
        self._surface = surface
        self._client = client
        self._tools = tools
        self._slack_url = slack_url
        self._session_tokens = session_tokens  # of a conversation in this channel
        self._budgets = budgets

    # ------------------------------------------------------------------------------------------ what Bolt calls

    async def opened(self, event: dict[str, Any], body: dict[str, Any]) -> None:
        """`app_home_opened`."""
        if event.get("tab") == "home":
            self._surface.soon(self.publish(str(body["team_id"]), str(event["user"]), {}))

    async def turned(self, ack: Any, body: dict[str, Any]) -> None:
        """Previous or Next: the other sections stay on their pages."""
        await ack()
        section, _, page = str(body["actions"][0]["value"]).partition(":")
        self._surface.soon(self.publish(*_whose(body), {**_pages(body), section: int(page)}))

    async def revoked(self, ack: Any, body: dict[str, Any]) -> None:
        """A click on Revoke, confirmed: it is in the database before it is acknowledged."""
        team, user = _whose(body)
        if not await self._overview.revoke(str(body["actions"][0]["value"]), user):
            log.info("%s revoked a grant that is not theirs, or not there any more", user)
        await ack()
        self._surface.soon(self.publish(team, user, _pages(body)))

    async def raise_asked(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """A click on Raise a budget."""
        await self._budgets.open(body, client)
        await ack()

    async def raised(self, ack: Any, body: dict[str, Any]) -> None:
        """The dialog, submitted: what it changes is in the database before it is acknowledged."""
        if errors := await self._budgets.submitted(body):
            await ack(response_action="errors", errors=dict(errors))
            return
        await ack()
        self._surface.soon(self.publish(*_whose(body), {}))

    # ------------------------------------------------------------------------------------------ the tab

    async def publish(self, team: str, user: str, pages: Pages) -> None:
        """Bring the person's tab up to date. Slack's refusal is only logged: what stands there stays."""
        try:
            view = home_view(await self.gather(team, user), pages, self._tools, self._slack_url)
        except (DatabaseError, PoolTimeout) as error:
            log.warning("a Home tab cannot be shown, the database does not answer: %s", error)
            view = trouble_view()
        try:
            await cast(Any, self._client).views_publish(user_id=user, view=view)
        except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("a Home tab was not published: %s", error)

    async def gather(self, team: str, user: str) -> Gathered:
        """What this person may see now."""
        pending = await self._overview.pending(team, READS)
        decide, unclear = await self._to_decide(pending, user)
        budgets, may_raise = await self._budgets.seen(team, user)
        return Gathered(
            decide=decide,
            asked=[each for each in pending if user in each.seen.proposed.requesters],
            recent=await self._overview.recent(team, user, RECENT),
            grants=await self._overview.grants(team, user),
            budget=[(spent, self._limit(spent)) for spent in await self._overview.spent(team, user, CONVERSATIONS)],
            budgets=budgets,
            may_raise=may_raise,
            unclear=unclear,
            read_all=len(pending) < READS,
        )

    async def _to_decide(self, pending: Sequence[Waiting], user: str) -> tuple[list[Waiting], int]:
        """Those that this person may decide and has not voted on, and how many are unclear."""
        lists, now = Lists(self._surface.listed), datetime.now(UTC)
        open_to = [each for each in pending if each.seen.status == "unknown" or user not in each.voters]
        answers = await asyncio.gather(*(may_decide(lists, each, user, now) for each in open_to))
        return [each for each, may in zip(open_to, answers, strict=True) if may], answers.count(None)

    def _limit(self, spent: Spent) -> int:
        return self._session_tokens(spent.place.channel) + spent.added_tokens


def _whose(body: dict[str, Any]) -> tuple[str, str]:
    return str(body["team"]["id"]), str(body["user"]["id"])


def _pages(body: dict[str, Any]) -> dict[str, int]:
    """The pages that the tab showed, as it carries them itself."""
    return json.loads(body["view"]["private_metadata"] or "{}")
