"""What is remembered of a person, on their Home tab: facts in their own words, corrected or forgotten there, and the values that
are kept for them, deleted there."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.errors import UnreachableError
from agent.memory.items import Audience, MemoryItem, NewItem, Source
from agent.memory.values import Value, known_to, owner_key
from agent.store.memory_audit import By
from bot.cards.block_kit import SlackBlock, entry, modal, section
from bot.cards.harmless_text import cut, visible
from bot.slack.as_made import as_made, user_in
from bot.slack.inbound import at
from bot.slack.web_api import view_opened
from tools.memory import Memory

log = logging.getLogger(__name__)

MOST_ITEMS = 100
SHOWN_CHARACTERS, MOST_CHARACTERS = 1_000, 500
NOT_THERE = "This is not remembered any more."
NOT_DELETED = "Nothing was deleted, since a store does not answer. Please try again in a minute."


@dataclass(frozen=True, slots=True)
class SeenItem:
    """An item, and channel and ts of the message that says it. None: no message does, or the person cannot open it any more."""

    item: MemoryItem
    message: tuple[str, str] | None


class Memories:
    """The facts that one person said, and the values that are kept for them, as far as they can still read where that was."""

    def __init__(self, memory: Memory | None, team: str) -> None:
        self._memory, self._team = memory, team

    async def seen(self, user: str) -> Sequence[SeenItem] | None:
        """Return what is remembered of this person's words, newest first. None: nothing is ever remembered here."""
        if self._memory is None:
            return None
        audience = await self._memory.long_term.readers.of_person(user)
        said = await self._memory.items.said(self._team, user, sorted(audience.scopes), MOST_ITEMS)
        return [SeenItem(item, message_of(item, audience)) for item in said]

    async def kept(self, user: str) -> Sequence[Value] | None:
        """Return the values that are kept for this person, by their keys. None: nothing is ever remembered here."""
        if self._memory is None:
            return None
        owner = owner_key("user", user, "")
        audience = await self._memory.long_term.readers.of_person(user)
        values = (await self._memory.long_term.values.kept(self._team, [owner]))[owner]
        direct = {value.channel for value in values if value.channel.startswith("D")}  # nobody else writes in theirs
        return known_to(Audience(audience.channels | direct, audience.everybody), values)

    async def deleted(self, body: dict[str, Any], client: Any) -> str:
        """Delete the value that the person chose, if they may know it; whose tab is to be shown anew."""
        with as_made():
            user, trigger, key = user_in(body), str(body["trigger_id"]), str(body["actions"][0]["value"])
        if self._memory is None or all(value.key != key for value in await self.kept(user) or ()):
            return user
        try:
            await self._memory.long_term.values.delete(self._team, owner_key("user", user, ""), key, By(user, "home"))
        except UnreachableError as error:
            log.warning("a value is not deleted from a Home tab: %s", error)
            await view_opened(client, trigger, modal("not_deleted", "Not deleted", [section(NOT_DELETED)], close="Go back"))
        return user

    async def chosen(self, body: dict[str, Any], client: Any) -> str:
        """Forget what the person chose, or open the dialog that corrects it, if they said it; whose tab is to be shown anew."""
        with as_made():
            user, trigger = user_in(body), str(body["trigger_id"])
            what, _, id = str(body["actions"][0]["selected_option"]["value"]).partition(":")
            item = await self._own(user, int(id))
        if self._memory is not None and item is not None and what == "forget":
            await self._memory.items.forget(self._team, [item.channel], by=By(user, "home"), ids=[item.id])
        elif item is not None and what == "correct":
            await view_opened(client, trigger, correct_view(item))
        return user

    async def submitted(self, body: dict[str, Any]) -> Mapping[str, str]:
        """Remember the new words in the place of the old ones; or what is wrong, by block."""
        with as_made():
            user, view_id, id = user_in(body), str(body["view"]["id"]), int(body["view"]["private_metadata"])
            text = " ".join(str(at(body, "view", "state", "values", "fact", "fact", "value") or "").split())
        if not text:
            return {"fact": "Please write what is right."}
        item = await self._own(user, id)
        if self._memory is None or item is None:
            return {"fact": NOT_THERE}
        source = Source(key=f"home:{user}:{view_id}", quote=text, by=user)
        right = NewItem(channel=item.channel, kind="fact", text=text, subject=item.subject, source=source)
        embedded = await self._memory.embedded(text)
        corrected = await self._memory.items.correct(self._team, item.id, right, embedded, by=By(user, "home"))
        return {} if corrected is not None else {"fact": NOT_THERE}

    async def _own(self, user: str, id: int) -> MemoryItem | None:
        """Return one of the items that this person may see on their tab."""
        return next((each.item for each in await self.seen(user) or () if each.item.id == id), None)


def correct_view(item: MemoryItem) -> SlackBlock:
    """Return the dialog that asks what is right."""
    words = {"type": "plain_text_input", "action_id": "fact", "multiline": True, "max_length": MOST_CHARACTERS}
    blocks = [
        section(cut(visible(item.text), SHOWN_CHARACTERS)),
        entry("fact", "What is right", {**words, "initial_value": cut(item.text, MOST_CHARACTERS)}),
    ]
    return modal("correct_memory", "Correct", blocks, submit="Correct", close="Go back", metadata=str(item.id))


def message_of(item: MemoryItem, audience: Audience) -> tuple[str, str] | None:
    """Return channel and ts of the message that says an item, told to everybody perhaps where not everybody reads.

    None: no message does, or this audience does not read where it stands.
    """
    kind, _, place = item.source.key.partition(":")
    channel, _, ts = place.partition(":")
    readable = channel in audience.channels or channel.startswith("D")  # nobody else writes in the direct messages of a person
    return (channel, ts) if kind == "message" and readable and ts else None
