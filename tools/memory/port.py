"""What the memory tools ask for; `agent.run.memory_effects` and `agent.store` give it, `bot` brings them together."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from agent.errors import UnreachableError
from agent.memory.extraction import says
from agent.memory.items import EVERYBODY, Audience, NewItem, Source, message_key
from agent.run.memory_effects import LongTerm
from agent.run.ports import Files
from agent.store.instructions import Instructions
from agent.store.memory_audit import By
from agent.store.memory_documents import Documents
from agent.store.memory_items import Embedded, Items
from agent.tool.definition import ToolContext, ToolError
from agent.types import Place


@dataclass(frozen=True, slots=True)
class Memory:
    """What the tools of one process remember with."""

    long_term: LongTerm
    documents: Documents
    files: Files
    instructions: Instructions
    administers: Callable[[str, str], Awaitable[bool]]  # a person, a channel

    @property
    def items(self) -> Items:
        """Return what is remembered."""
        return self.long_term.items

    async def audience(self, place: Place) -> Audience:
        """Return who reads along there."""
        return await self.long_term.readers.audience(place)

    async def embedded(self, text: str) -> Embedded | None:
        """Return a text's vector, if one is to be had now."""
        return await self.long_term.embedded(text)


def thread_of_call(context: ToolContext) -> Place:
    """Return the thread of a call. Raises ToolError where there is none."""
    if context.place is None:
        raise ToolError("not_found", "This conversation is in no Slack workspace, so nothing is remembered.")
    return context.place


def taker(context: ToolContext) -> By:
    """Return for the audit log who takes something out of memory by a call."""
    return By(context.requester, "tool", context.session_id)


def said_fact(context: ToolContext, text: str, subject: str, quote: str, *, everybody: bool) -> NewItem:
    """Return a fact with the message that says it. Raises ToolError where no message of this turn does, word for word."""
    place = thread_of_call(context)
    said = next((one for one in context.asked if says(one, quote)), None)
    if said is None:
        raise ToolError(
            "invalid_input", "Nobody said these words in the message that you answer: quote them exactly as they stand there."
        )
    return NewItem(
        channel=EVERYBODY if everybody else place.channel,
        kind="fact",
        text=text,
        subject=subject,
        source=Source(key=message_key(place.channel, said.ts), quote=quote, by=said.user),
        group=context.session_id,
        position=int(float(said.ts)),
    )


def out_of_reach(error: UnreachableError) -> ToolError:
    """Return the error of a store that cannot be had now; nothing was changed."""
    return ToolError("unexpected", f"Nothing was changed: {error}. Try once more later.")
