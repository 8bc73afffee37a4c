"""A word to one person: in the place where only they see it, or directly, where the place does not take it."""

import asyncio
import logging
from typing import Any

from agent.errors import DelayedError, FencedError, RefusedError, UnclearError
from agent.foreign_json import members
from agent.types import Place
from bot.cards.links import message_link
from bot.slack.streams import SlackCall

log = logging.getLogger(__name__)

WAIT_SECONDS = 5.0  # that Slack may ask for before somebody is told something: later it would come out of nowhere
NO_PREVIEWS = {"unfurl_links": False, "unfurl_media": False}


class OnePerson:
    """Tells people something through the surface's own calls. `url`: the workspace's address."""

    def __init__(self, call: SlackCall, url: str) -> None:
        self._call, self._url = call, url
        self._channels: dict[str, str] = {}  # of direct messages, by person: they stay the same

    async def whisper(self, place: Place, user: str, text: str) -> None:
        """See `Surface.whisper`. Who cannot be told in the place, such as somebody outside a channel, gets a direct message;
        so does who was in none."""
        try:
            if not place.channel or not await self._said_in(place, user, text):
                await self.say_directly(user, text)
        except (RefusedError, DelayedError, UnclearError, FencedError) as error:
            log.warning("%s could not be told: %s", user, error)

    async def _said_in(self, place: Place, user: str, text: str) -> bool:
        """Tell somebody in a place, where only they see it. False: Slack does not take it there. Raises what waits and what is
        unclear."""
        where = {"channel": place.channel, "user": user, **({"thread_ts": place.thread_ts} if place.thread_ts else {})}
        try:
            await self._call_in_time("chat.postEphemeral", **where, text=text)
        except RefusedError as error:
            log.info("%s cannot be told in %s: %s", user, place.channel, error)
            return False
        return True

    async def say_elsewhere(self, place: Place, user: str, text: str, why: str) -> None:
        """Tell directly what could not be posted in a place, with a link there. Raises what waits and what is unclear."""
        there = f"<{await self._permalink(place)}|this place> in <#{place.channel}>"
        try:
            await self.say_directly(user, f"I could not post this at {there} (Slack says: {why}):\n\n{text}")
        except RefusedError as error:
            log.warning("%s could not be told directly either: %s", user, error)

    async def say_directly(self, user: str, text: str) -> None:
        """Write somebody a direct message. Raises like the calls."""
        await self._call("chat.postMessage", channel=await self.channel_with(user), text=text, **NO_PREVIEWS)

    async def channel_with(self, user: str) -> str:
        """Return the channel of the direct messages with somebody. Raises like the calls."""
        if user not in self._channels:
            opened = await self._call("conversations.open", users=user)
            if not (channel := members(opened["channel"]).get("id")):
                raise UnclearError("conversations.open: the answer does not say which conversation")
            self._channels[user] = str(channel)
        return self._channels[user]

    async def _permalink(self, place: Place) -> str:
        """Return the address of a thread, or of the channel: Slack's own if it gives it, else as Slack makes them."""
        if not place.thread_ts:
            return f"{self._url}archives/{place.channel}"
        try:
            answer = await self._call("chat.getPermalink", channel=place.channel, message_ts=place.thread_ts)
            return str(answer["permalink"])
        except (RefusedError, DelayedError, UnclearError) as error:
            log.info("the address of a thread in %s was not said: %s", place.channel, error)
            return message_link(self._url, place.channel, place.thread_ts)

    async def _call_in_time(self, method: str, **arguments: Any) -> None:
        """Make a call, and once more if Slack asks for a short wait. Raises like the call."""
        try:
            await self._call(method, **arguments)
        except DelayedError as error:
            if error.seconds > WAIT_SECONDS:
                raise
            await asyncio.sleep(error.seconds)
            await self._call(method, **arguments)
