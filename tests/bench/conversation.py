"""What people do in a bench, and how long it took until the workspace had what they wait for.

Times are taken by the workspace itself: from the moment a person acts to the moment the Web API has done the post.
"""

import asyncio
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from bot.sandbox.slack.sandbox import SlackSandbox
from bot.sandbox.slack.types import ApiCall

PERSON, CHANNEL = "ann", "orders"
REQUEST = "please order a desk lamp for ada@example.com"
ANSWER_SECONDS = 30.0  # a post that takes longer ends the bench


@dataclass(frozen=True, slots=True)
class Card:
    """A card that waits for a click."""

    channel: str
    thread_ts: str
    ts: str
    seconds: float  # since the person wrote
    delivery: int  # its number, for `ack_seconds`


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that stands."""

    seconds: float  # since the click
    delivery: int


class Conversations:
    """All threads with one program. `async with`: it watches the workspace meanwhile."""

    def __init__(self, slack: SlackSandbox) -> None:
        self._slack = slack
        self._posts: defaultdict[str, asyncio.Queue[ApiCall]] = defaultdict(asyncio.Queue)

    async def __aenter__(self) -> Self:
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._watching.cancel()
        with suppress(asyncio.CancelledError):
            await self._watching

    async def mention(self, thread_ts: str | None = None) -> Card:
        """Ann mentions the bot, in a thread or at the top; until the card stands."""
        return await self._asked(CHANNEL, f"<@{self._slack.bot_user_id}> {REQUEST}", thread_ts)

    async def dm(self) -> Card:
        """Ann writes the bot a DM, which arrives as one event, where a mention arrives as two; until the card stands."""
        return await self._asked(self._slack.dm_channel(PERSON), REQUEST, None)

    async def approve(self, card: Card) -> Answered:
        """Ann approves; until the answer stands."""
        delivery, started = len(self._slack.deliveries), time.monotonic()
        await self._slack.click(PERSON, card.channel, card.ts, "approve")
        post = await self._post(card.thread_ts)
        return Answered(post.at - started, delivery)

    async def ack_seconds(self, delivery: int) -> float:
        """How long a delivery took to be acked. Only while one thread is held at a time: else it is another one's."""
        return await self._slack.until(
            lambda: self._slack.deliveries[delivery].acked_after_seconds if delivery < len(self._slack.deliveries) else None
        )

    async def _asked(self, channel: str, text: str, thread_ts: str | None) -> Card:
        delivery, started = len(self._slack.deliveries), time.monotonic()
        ts = await self._slack.say(PERSON, channel, text, thread_ts=thread_ts)
        post = await self._post(thread_ts or ts)
        assert post.answer is not None
        return Card(channel, thread_ts or ts, str(post.answer["ts"]), post.at - started, delivery)

    async def _post(self, thread_ts: str) -> ApiCall:
        """The thread's next message."""
        async with asyncio.timeout(ANSWER_SECONDS):
            return await self._posts[thread_ts].get()

    async def _watch(self) -> None:
        """One look at each new call, however many threads wait: the workspace must not become what is measured."""
        seen = 0
        while True:
            for call in self._slack.calls[seen:]:
                seen += 1
                if call.method == "chat.postMessage":
                    if call.error:
                        raise RuntimeError(f"a post was refused: {call.error}")
                    self._posts[str(call.arguments["thread_ts"])].put_nowait(call)
            await self._slack.workspace.next_change()
