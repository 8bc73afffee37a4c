"""The heart's ports as one process sees them: every call may be slow, refused, put off, or end without an answer."""

import asyncio
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from agent import fence
from agent.errors import (
    DelayedError,
    ModelFailedError,
    ModelOutOfReachError,
    ModelRetiredError,
    RefusedError,
    UnclearError,
    UnreachableError,
)
from agent.moves import Answer, Cards, Content, Work
from agent.ports import DEAF, Listener, Reply, Request, SurfaceStatus
from agent.spending import Ask, Charge, Refused, Reserved, Standing
from agent.store import session_id
from agent.types import Approvers, Attachment, Place, Usage, Verdict
from bot.sandbox.model.message_rules import check_messages
from bot.sandbox.model.models import ModelCard, Models
from bot.sandbox.model.pairing import check_pairing
from bot.sandbox.model.refusal import Refusal
from tests.histories.outside import BOSS
from tests.samples import png

if TYPE_CHECKING:
    from tests.histories.process import Process

MODEL = cast(ModelCard, Models().get("claude-sonnet-5-5"))


class Ports:
    """Surface, model and budget of one process."""

    def __init__(self, process: "Process") -> None:
        self._process, self._outside = process, process.outside

    async def _reach(self) -> None:
        """Get there, or not. Nothing has happened outside when this raises."""
        await self._outside.dawdle()
        if self._outside.happens(0.03):
            raise UnclearError("no connection")
        if self._outside.happens(0.02):
            raise DelayedError(0.05)
        await self._process.goes_on()
        fence.begin()

    async def _come_back(self) -> None:
        """Bring the answer, or lose it."""
        await self._outside.dawdle()
        await self._process.goes_on()
        if self._outside.happens(0.03):
            raise UnclearError("the answer was lost")

    # ------------------------------------------------------------------------------------------ the surface

    async def post(self, place: Place, content: Content, key: str) -> str:
        """A message, unless the channel does not take it."""
        await self._reach()
        if isinstance(content, Cards) and self._outside.happens(0.02):
            raise RefusedError("restricted_action")
        ts = self._outside.post(place.channel, place.thread_ts, _posted_as(place, key), content)
        await self._come_back()
        return ts

    async def find(self, place: Place, key: str) -> str | None:
        """By channel and key."""
        await self._reach()
        message = self._outside.messages.get((place.channel, _posted_as(place, key)))
        await self._come_back()
        return message.ts if message else None

    async def show(self, place: Place, cards: Cards, ts: str) -> None:
        """What the message shows from now on."""
        await self._reach()
        message = next(each for each in self._outside.messages.values() if (each.channel, each.ts) == (place.channel, ts))
        message.shows(cards)
        await self._come_back()

    # ------------------------------------------------------------------------------------------ messages that grow

    streams = True

    async def open_stream(self, place: Place, reader: str, work: Work) -> str:
        """A message that grows, unless the channel takes none."""
        await self._reach()
        if self._outside.happens(0.05):
            raise RefusedError("not_allowed")
        ts = self._outside.grow(place.channel, place.thread_ts, work)
        await self._come_back()
        return ts

    async def find_stream(self, place: Place) -> str | None:
        """The newest of the thread that nobody has ended."""
        await self._reach()
        found = [ts for ts, each in self._outside.growing.items() if each.thread_ts == place.thread_ts]
        await self._come_back()
        return found[-1] if found else None

    async def extend(self, place: Place, ts: str, shown: Work, work: Work) -> None:
        """No fence here: it may come late."""
        await self._outside.dawdle()
        if self._outside.happens(0.05):
            raise DelayedError(0.05)
        await self._process.goes_on()
        if self._outside.happens(0.05) and ts in self._outside.growing:
            self._outside.growing[ts].taking = False  # its five minutes are over
        if not self._outside.extend(ts, shown, work):
            raise RefusedError("message_not_in_streaming_state")
        await self._come_back()

    async def finish(self, place: Place, ts: str, content: Answer | Work, key: str, shown: Work | None) -> str:
        """What it is from now on."""
        await self._reach()
        ts = self._outside.finish(ts, _posted_as(place, key), content, shown)
        await self._come_back()
        return ts

    # ------------------------------------------------------------------------------------------ people

    async def whisper(self, place: Place, user: str, text: str) -> None:
        """Words to one person."""
        self._outside.tally["whispers"] += 1

    async def tell_who_may_decide(self, place: Place, user: str, verdict: Verdict, requesters: Sequence[str]) -> None:
        """Words to one person whose click does not count."""
        self._outside.tally["clicks of people who may not"] += 1

    async def status(self, place: Place, status: SurfaceStatus) -> None:
        """Nobody looks."""

    async def progress(self, place: Place, call_id: str, text: str) -> None:
        """Nor here."""

    async def is_admin(self, user: str) -> bool:
        """One person is."""
        await self._reach()
        return user == BOSS

    async def may_decide(self, place: Place, user: str, approvers: Approvers, requesters: Sequence[str]) -> bool:
        """As things are when the outside is asked; its answer takes a while."""
        await self._reach()
        allowed = self._outside.membership().allows(user, approvers, requesters)
        if self._outside.happens(0.3):
            await asyncio.sleep(0.1)
        await self._come_back()
        return allowed

    async def fetch(self, file: Attachment, most_bytes: int) -> bytes:
        """A file, which may be another one each time that it is looked at."""
        await self._outside.dawdle()
        await self._process.goes_on()
        if self._outside.happens(0.1):
            raise RefusedError("it is gone")
        self._outside.tally["files read"] += 1
        return png(width=self._outside.random.randint(1, 1_000), height=1)

    # ------------------------------------------------------------------------------------------ the model, the budget

    async def reply(self, request: Request, listener: Listener = DEAF) -> Reply:
        """A strict server looks at the request first."""
        await self._outside.dawdle()
        await self._process.goes_on()
        messages = [dict(message) for message in request.messages]
        try:
            check_messages(messages, MODEL, paused=self._outside.paused)
            check_pairing(messages, has_tools=True)
        except Refusal as refusal:
            self._outside.wrong.append(f"a request that the model refuses: {refusal}")
        blocks = [block for message in messages for block in message["content"]]
        summing_up = request.purpose == "compact"
        asked = blocks[:-1] if summing_up else blocks  # without the words that ask for a summary
        if session := _session(messages):
            self._outside.requests.setdefault((session, json.dumps(blocks[0])), []).append(asked)
        if request.pinned.model in self._outside.retired:
            raise ModelRetiredError("The model does not exist.")
        if self._outside.happens(0.03):
            raise self._outside.random.choice([ModelFailedError, ModelOutOfReachError])("The model cannot be reached.")
        content, reason = self._outside.summary() if summing_up else self._outside.reply()
        listener.begin()
        for word in (word for block in content for word in str(block.get("text", "")).split(" ")):
            listener.text(f"{word} ")
            await self._outside.dawdle()
        await self._outside.dawdle()
        await self._process.goes_on()
        usage = Usage(input_tokens=len(json.dumps(messages)) // 4, output_tokens=20)
        return Reply(tuple(content), reason, usage)

    async def reserve(self, ask: Ask) -> Reserved | Refused:
        """Mostly there is enough."""
        await self._process.goes_on()
        if self._outside.happens(0.03):
            raise UnreachableError("the budget does not answer")
        if self._outside.happens(0.06):
            standing = Standing(ask.spender.scopes()[0], "tokens", used=1, open=0, limit=1)
            return Refused((standing,), busy=self._outside.happens(0.5))
        return Reserved(ask.most_output, ask.tokens(ask.most_output), 0)

    async def settle(self, charge: Charge) -> None:
        """Nobody counts here."""


def _posted_as(place: Place, key: str) -> str:
    """Keys are looked for in one thread, or in a channel."""
    return f"{session_id(place)}:{key}"


def _session(messages: Sequence[Any]) -> str:
    """The session that a request belongs to: whoever speaks in a thread names it. Empty where all who did are left out."""
    found = re.search(r"in (T\S+:\S+)\.", str(messages))
    return found[1] if found is not None else ""
