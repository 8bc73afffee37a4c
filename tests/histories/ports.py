"""The core's ports as one process sees them: every call may be slow, refused, put off, or end without an answer."""

import asyncio
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from agent import fence
from agent.approvals.deciders import Membership, deciders_of
from agent.approvals.grants import grantable
from agent.decide.moves import AnswerPart, Cards, Content, Question, Work
from agent.errors import (
    DelayedError,
    ModelFailedError,
    ModelOutOfReachError,
    ModelRetiredError,
    RefusedError,
    UnclearError,
    UnreachableError,
)
from agent.model.port import DEAF, Listener, Reply, Request
from agent.model.spending import Ask, BudgetStanding, Charge, Refused, Reserved
from agent.tool.definition import Tools
from agent.types import Approvers, Attachment, Place, Usage, Verdict
from bot.cards.cards import card_blocks, question_blocks
from bot.sandbox.model.message_rules import check_messages
from bot.sandbox.model.models import ModelCard, Models
from bot.sandbox.model.pairing import check_pairing
from bot.sandbox.model.refusal import Refusal
from bot.slack.people import decides
from tests.fakes.surface import FakeSurface
from tests.histories.outside import BOSS, CHANNEL, Requested, now
from tests.histories.screens import Screen
from tests.samples import png

if TYPE_CHECKING:
    from tests.histories.process import Process

MODEL = cast(ModelCard, Models().get("claude-sonnet-5-5"))


class Ports(FakeSurface):
    """Surface, model, budget and files of one process, with all that goes wrong there.

    Wide because it is every port at once: what freezes or dies is the process that they belong to.
    """

    def __init__(self, process: "Process", tools: Tools) -> None:
        super().__init__(process.outside.threads)
        self._process, self._outside, self._tools = process, process.outside, tools

    async def reach(self) -> None:
        """Get there, or not. Nothing has happened outside when this raises."""
        await self._outside.dawdle()
        if self._outside.happens(0.03):
            raise UnclearError("no connection")
        if self._outside.happens(0.02):
            raise DelayedError(0.05)
        await self._process.goes_on()
        fence.begin()

    def take(self, content: Content | Work) -> None:
        """Take it, unless it is a card that the channel refuses, or a stream that it does not allow."""
        if isinstance(content, Cards) and self._outside.happens(0.02):
            raise RefusedError("restricted_action")
        if isinstance(content, Work) and self._outside.happens(0.05):
            raise RefusedError("not_allowed")

    def draw(self, content: Content) -> None:
        """Draw cards as Slack gets them."""
        match content:
            case Cards(rows=rows):
                blocks = card_blocks(content, self._tools, may_grant=grantable)
                self._outside.screens.append(Screen(now(), blocks, frozenset(row.action_id for row in rows)))
            case Question(card=card):
                blocks = question_blocks(card, self._tools.get(card.tool))
                self._outside.screens.append(Screen(now(), blocks, frozenset({card.action_id})))
            case _:
                pass

    async def come_back(self) -> None:
        """Bring the answer, or lose it."""
        await self._outside.dawdle()
        await self._process.goes_on()
        if self._outside.happens(0.03):
            raise UnclearError("the answer was lost")

    # ------------------------------------------------------------------------------------------ the surface

    async def post(self, place: Place, content: Content, key: str) -> str:
        """Post it, and note where the card of each action stands."""
        if isinstance(content, Cards) and place.channel == CHANNEL:
            self._outside.card_threads |= {row.action_id: place.thread_ts for row in content.rows}
        if isinstance(content, Question):  # of a run without a card, the first that people see of it
            self._outside.card_threads.setdefault(content.card.action_id, place.thread_ts)
        return await super().post(place, content, key)

    async def open_stream(self, place: Place, reader: str, work: Work) -> str:
        """Count it."""
        ts = await super().open_stream(place, reader, work)
        self._outside.tally["streams"] += 1
        return ts

    async def extend(self, place: Place, ts: str, shown: Work, work: Work) -> None:
        """No fence here: it may come late."""
        await self._outside.dawdle()
        if self._outside.happens(0.05):
            raise DelayedError(0.05)
        await self._process.goes_on()
        if self._outside.happens(0.05) and ts in self.threads.growing:
            self.threads.growing[ts].taking = False  # its five minutes are over
        if not self.threads.extend(ts, shown, work):
            raise RefusedError("message_not_in_streaming_state")
        self._outside.tally["appends"] += 1
        await self.come_back()

    async def finish(self, place: Place, ts: str, content: AnswerPart | Work, key: str, shown: Work | None) -> str:
        """Count it."""
        if ts in self.threads.growing:
            self._outside.tally["ends known" if shown is not None else "ends unknown"] += 1
        return await super().finish(place, ts, content, key, shown)

    # ------------------------------------------------------------------------------------------ people

    async def whisper(self, place: Place, user: str, text: str) -> None:
        """Words to one person."""
        self._outside.tally["whispers"] += 1

    async def tell_who_may_decide(self, place: Place, user: str, verdict: Verdict, requesters: Sequence[str]) -> None:
        """Words to one person whose click does not count."""
        self._outside.tally["clicks of people who may not"] += 1

    async def is_admin(self, user: str) -> bool:
        """One person is."""
        await self.reach()
        return user == BOSS

    async def membership(self, user: str) -> Membership:
        """See `Surface.membership`. What the person is now; it may be old by the time that it is heard."""
        await self.reach()
        kind = self._outside.membership().kind(user)
        await self.come_back()
        if self._outside.happens(0.3):
            await asyncio.sleep(0.1)
        return cast(Membership, kind)

    async def holds(self, list_id: str, user: str) -> bool:
        """See `Says.holds`."""
        await self.reach()
        was = self._outside.membership()
        await self.come_back()
        return user in (was.members if list_id == CHANNEL else was.group)

    async def may_decide(self, place: Place, user: str, approvers: Approvers, requesters: Sequence[str]) -> bool:
        """See `Surface.may_decide`."""
        return bool(await decides(self, user, deciders_of(approvers, requesters), place.channel))

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
        requested = Requested(now(), json.dumps(messages, ensure_ascii=False))
        self._outside.requested |= {str(block["id"]): requested for block in content if "id" in block}
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
            standing = BudgetStanding(ask.spender.scopes()[0], "tokens", used=1, open=0, limit=1, needed=1)
            return Refused((standing,), busy=self._outside.happens(0.5))
        return Reserved(ask.most_output, ask.tokens(ask.most_output), 0)

    async def settle(self, charge: Charge) -> None:
        """Nobody counts here."""


def _session(messages: Sequence[Any]) -> str:
    """The session that a request belongs to: people who speak in a thread name it. Empty where all who did are left out."""
    found = re.search(r"in (T\S+:\S+)\.", str(messages))
    return found[1] if found is not None else ""
