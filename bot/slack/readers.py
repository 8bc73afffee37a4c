"""Who reads along in a conversation, and which channels all of them can read: asked of Slack, and failing closed.

A channel that the bot is not in any more counts as one that nobody can read. Guests and people of other organisations can read
only the channels that they are in.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from agent.approvals.deciders import Membership
from agent.errors import DelayedError, RefusedError, UnclearError
from agent.memory.items import Audience
from agent.types import Place
from bot.slack.people import membership_of, people_on, user_of
from bot.slack.tool_port import channel_from
from bot.slack.web_api import called, pages_of
from tools.slack import Channel

log = logging.getLogger(__name__)

KEPT_SECONDS = 60.0  # that an answer of Slack's may be old
ANSWER_SECONDS = 5.0  # that an answer is waited for: people wait for theirs meanwhile
PAGE = 200
PAGE_PEOPLE = 1_000
MOST_PEOPLE_PAGES = 5  # of the workspace's people: in a larger one those who are not on them are asked about one by one
MOST_ASKED_ABOUT = 20
NOWHERE = "nowhere"  # in no channel
KINDS = "public_channel,private_channel,mpim"


class SlackReaders:
    """The `agent.run.ports.Readers` of one workspace.

    Wide because it asks one thing after the other of Slack, a method each.
    Only what Slack itself answered is kept, never what was concluded from it: that would be as old as the oldest answer in it.
    """

    def __init__(self, client: AsyncWebClient, team: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._team = team
        self._clock = clock
        self._kept: dict[str, tuple[float, asyncio.Task[Any]]] = {}

    async def audience(self, place: Place) -> Audience:
        """See `Readers.audience`."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._asked(place.channel)
        except (RefusedError, DelayedError, UnclearError, TimeoutError) as error:
            log.warning("nobody knows who reads along in %s (%s): only what was learnt there is told", place.channel, error)
            return Audience(frozenset({place.channel}))

    async def of_person(self, user: str) -> Audience:
        """Return what one person may know by themselves, as on their Home tab. Never raises: where Slack does not say, it is
        nothing."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                own: list[Channel] = await self._once("own", self._channels)
                known = await self._one_person(NOWHERE, user, own)
                return Audience(known.channels - {NOWHERE}, known.everybody)
        except (RefusedError, DelayedError, UnclearError, TimeoutError) as error:
            log.warning("nobody knows what %s may read (%s): nothing is shown", user, error)
            return Audience(frozenset())

    async def administers(self, user: str, channel: str) -> bool:
        """Return whether a person made a channel, or administers the workspace; a direct message is its person's own.

        False where Slack does not say.
        """
        try:
            here: Any = (await called(self._client, "conversations.info", channel=channel))["channel"]
            found = await user_of(self._client, user)
        except (RefusedError, DelayedError, UnclearError) as error:
            log.warning("nobody knows who administers %s: %s", channel, error)
            return False
        if found is None or membership_of(found, self._team) != "member":
            return False
        made = user in (here.get("creator"), here.get("user") if here.get("is_im") else None)
        return made or bool(found.get("is_admin") or found.get("is_owner"))

    async def _asked(self, channel: str) -> Audience:
        here: Any = await self._once(f"channel:{channel}", lambda: self._channel(channel))
        own: list[Channel] = await self._once("own", self._channels)
        if here.get("is_im"):
            return await self._one_person(channel, str(here.get("user") or ""), own)
        if channel_from(here, self._team).shared or not await self._all_members(channel):
            return Audience(frozenset({channel}))
        return Audience(frozenset({channel, *(one.id for one in own if one.public)}), everybody=True)

    async def _one_person(self, channel: str, user: str, own: list[Channel]) -> Audience:
        """Return what one person may know in a direct message: what they can read themselves."""
        if not user:  # Slack does not say whose it is
            return Audience(frozenset({channel}))
        member = await self._stands(user) == "member"
        theirs = {one.id for one in await self._once(f"of:{user}", lambda: self._channels(user))}
        readable = {one.id for one in own if one.id in theirs or (member and one.public)}
        return Audience(frozenset({channel, *readable}), everybody=member)

    async def _all_members(self, channel: str) -> bool:
        """Return whether everybody in a channel is a full member of the workspace, or one of its bots."""
        there: frozenset[str] = await self._once(f"in:{channel}", lambda: self._members(channel))
        known: dict[str, Membership] = await self._once("people", self._people)
        asked_about = [user for user in there if user not in known]
        if len(asked_about) > MOST_ASKED_ABOUT:
            raise UnclearError(f"{len(asked_about)} people of the channel are not on the list of the workspace")
        further: list[Membership] = await asyncio.gather(*(self._stands(user) for user in asked_about))
        return {known[user] for user in there if user in known} | {*further} <= {"member", "bot", "inactive"}

    def _stands(self, user: str) -> Awaitable[Membership]:
        return self._once(f"person:{user}", lambda: self._membership(user))

    # ------------------------------------------------------------------------------------------ what Slack says

    async def _channel(self, id: str) -> Any:
        return (await called(self._client, "conversations.info", channel=id))["channel"]

    async def _members(self, channel: str) -> frozenset[str]:
        return frozenset([user async for page in people_on(self._client, channel) for user in page])

    async def _membership(self, user: str) -> Membership:
        """Return what one person is to the workspace. Whom Slack does not show may be anybody: they count as of elsewhere."""
        found = await user_of(self._client, user)
        return membership_of(found, self._team) if found is not None else "external"

    async def _channels(self, user: str = "") -> list[Channel]:
        """Return the channels that a person, or the bot, is in."""
        of = {"types": KINDS, "exclude_archived": "false", "limit": PAGE, **({"user": user} if user else {})}
        listed = pages_of(self._client, "users.conversations", of)
        return [channel_from(one, self._team) async for page in listed for one in page["channels"]]

    async def _people(self) -> dict[str, Membership]:
        """Return what the people of the workspace are to it; of a large workspace only the first of them."""
        found: dict[str, Membership] = {}
        number = 0
        async for page in pages_of(self._client, "users.list", {"limit": PAGE_PEOPLE}):
            found |= {str(user["id"]): membership_of(user, self._team) for user in page["members"]}
            number += 1
            if number == MOST_PEOPLE_PAGES:
                break
        return found

    async def _once(self, key: str, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Return what was asked within the last minute, or ask: many that want to know at once ask once."""
        now = self._clock()
        at, task = self._kept.get(key, (0.0, None))
        if task is None or now - at > KEPT_SECONDS or (task.done() and (task.cancelled() or task.exception())):
            task = asyncio.ensure_future(ask())
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody may wait for it any more
            self._kept = {one: kept for one, kept in self._kept.items() if now - kept[0] <= KEPT_SECONDS}
            self._kept[key] = now, task
        return await asyncio.shield(task)
