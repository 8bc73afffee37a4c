"""Leaks to plant into the real code: each takes away one thing that keeps what was said with those who could have read it."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from agent.errors import DelayedError, RefusedError, UnclearError
from agent.memory import extraction, recalled
from agent.memory.items import EVERYBODY, Audience, MemoryItem
from agent.memory.values import Owner, Value
from agent.run import memory_effects, off_turn
from agent.run.memory_effects import MemoryEffects
from agent.session.steps import Recalled
from agent.store import memory_items, memory_search
from agent.store.memory_audit import By
from agent.store.memory_items import Items
from agent.tool import definition
from agent.types import Origin
from bot.home import memories
from bot.home.memories import Memories
from bot.slack import readers
from bot.slack.readers import SlackReaders
from tools.memory import facts
from tools.slack import Channel, search

Plant = Callable[[pytest.MonkeyPatch], None]
DIRECT = frozenset(f"D{number}" for number in range(10))


def without(module: Any, statement: str, condition: str, instead: str = "") -> Plant:
    """A statement that has lost a condition."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        sql: str = getattr(module, statement)
        assert condition in sql
        monkeypatch.setattr(module, statement, sql.replace(condition, instead))

    return plant


def instead(of: Any, name: str, answer: Any) -> Plant:
    """A function that says the same whatever it is asked."""

    async def later(*args: Any, **more: Any) -> Any:
        return answer

    def now(*args: Any, **more: Any) -> Any:
        return answer

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(of, name, later if name in ("grew",) else now)

    return plant


def taken_for(standing: str, other: str) -> Plant:
    """People of one kind count as another."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        membership_of = readers.membership_of

        def wrong(user: Any, team: str) -> Any:
            found = membership_of(user, team)
            return other if found == standing else found

        monkeypatch.setattr(readers, "membership_of", wrong)

    return plant


def public_too(mark: str) -> Plant:
    """Channels of one kind count as public."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        channel_of = readers.channel_from

        def wrong(channel: Any, team: str) -> Channel:
            found = channel_of(channel, team)
            return Channel(found.id, found.name, public=True) if channel.get(mark) else found

        monkeypatch.setattr(readers, "channel_from", wrong)

    return plant


def also_told(more: frozenset[str]) -> Plant:
    """Some channels may be told to anybody."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        def scopes(audience: Audience) -> frozenset[str]:
            known = {EVERYBODY} if audience.everybody else set[str]()
            return audience.channels | known | more

        monkeypatch.setattr(Audience, "scopes", property(scopes))

    return plant


def the_bots_own_channels_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a person is in they may be told, whether or not the bot is still in it."""
    one_person: Any = getattr(SlackReaders, "_one_person")  # noqa: B009

    async def wrong(self: Any, channel: str, user: str, own: Any) -> Audience:
        found = await one_person(self, channel, user, own)
        theirs = await self._once(f"of:{user}", lambda: self._channels(user))
        return Audience(found.channels | {one.id for one in theirs}, everybody=found.everybody)

    monkeypatch.setattr(SlackReaders, "_one_person", wrong)


def no_answer_is_a_good_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Slack does not say who is there, nobody else is."""
    all_members: Any = getattr(SlackReaders, "_all_members")  # noqa: B009

    async def wrong(self: Any, channel: str) -> bool:
        try:
            return await all_members(self, channel)
        except (RefusedError, DelayedError, UnclearError):
            return True

    monkeypatch.setattr(SlackReaders, "_all_members", wrong)


def what_was_concluded_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a minute beside the answers that it was made of."""
    asked: Any = getattr(SlackReaders, "_asked")  # noqa: B009

    async def wrong(self: Any, channel: str) -> Audience:
        return await self._once(f"audience:{channel}", lambda: asked(self, channel))

    monkeypatch.setattr(SlackReaders, "_asked", wrong)


def whom_slack_does_not_show_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """They count as deactivated."""
    user_of = readers.user_of

    async def wrong(client: Any, id: str) -> Any:
        return await user_of(client, id) or {"deleted": True}

    monkeypatch.setattr(readers, "user_of", wrong)


def search_sees_all(*, candidates: bool) -> Plant:
    """The statement has lost the channels, where it looks at each item, or where it looks for candidates."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        statement = memory_search.statement

        def replaced(found: re.Match[str]) -> str:
            return "" if found[0].startswith("JOIN") else "true"

        def wrong(model: str, dimensions: int | None) -> tuple[str, Any]:
            text, names = statement(model, dimensions)
            candidate = r"memory\.channel = ANY\(\$\d+\)|JOIN scope ON scope\.id = narrow\.scope"
            text, count = re.subn(candidate if candidates else r"kept\.channel = ANY\(\$\d+\)", replaced, text)
            assert count
            return text, names

        monkeypatch.setattr(memory_search, "statement", wrong)

    return plant


def all_values_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose value it is may know it anywhere."""

    def wrong(audience: Audience, values: Any) -> Any:
        return tuple(values)

    monkeypatch.setattr(memory_effects, "known_to", wrong)


def answers_are_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what the agent said from memory."""
    request = extraction.learning_request

    def wrong(said: Any, known: Any, *, with_answers: bool = True) -> Any:
        return request(said, known)

    monkeypatch.setattr(off_turn.extraction, "learning_request", wrong)


def what_a_message_told_others_outlives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that is deleted takes along what its own channel may know."""

    async def wrong(self: Items, team: str, message: str, session_id: str) -> int:
        return len(
            await self.forget(team, [message.split(":")[1]], by=By("", "slack"), sources=[message, f"session:{session_id}"])
        )

    monkeypatch.setattr(Items, "message_gone", wrong)


def what_is_recalled_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """For those who debug it."""
    make = memory_effects.recalled

    def wrong(items: Sequence[MemoryItem], values: Mapping[Owner, tuple[Value, ...]], origins: Sequence[Origin]) -> Recalled:
        step = make(items, values, origins)
        logging.getLogger(__name__).info("recalled %s", step.text)
        return step

    monkeypatch.setattr(memory_effects, "recalled", wrong)


def a_source_names_where_it_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where only some of those who read this may be."""

    def wrong(item: MemoryItem) -> str:
        parts = item.source.key.split(":")
        return f"what was said in <#{parts[1]}>" if parts[0] == "message" else "memory"

    for module in (recalled, facts):
        monkeypatch.setattr(module, "source_of", wrong)


def guests_see_what_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search in Slack shows public channels wherever no other organisation reads along."""
    may_be_shown: Any = getattr(search, "_may_be_shown")  # noqa: B009

    async def wrong(port: Any, channel: Channel, here: Channel, there: Any, *, members: bool) -> bool:
        return await may_be_shown(port, channel, here, there, members=True)

    monkeypatch.setattr(search, "_may_be_shown", wrong)


def home_leads_to_wherever_it_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also into channels that the person has left."""
    message_of = memories.message_of

    def wrong(item: MemoryItem, audience: Audience) -> Any:
        channel = item.source.key.split(":")[1]
        return message_of(item, Audience(audience.channels | {channel}, audience.everybody))

    monkeypatch.setattr(memories, "message_of", wrong)


def home_shows_all_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose value it is sees it, wherever they said it."""

    def wrong(audience: Audience, values: Any) -> Any:
        return tuple(values)

    monkeypatch.setattr(memories, "known_to", wrong)


def home_deletes_what_it_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """From a tab that was shown before."""

    async def wrong(self: Memories, body: dict[str, Any], client: Any) -> str:
        memory, team = getattr(self, "_memory"), getattr(self, "_team")  # noqa: B009
        user, key = body["user"]["id"], body["actions"][0]["value"]
        await memory.long_term.values.delete(team, f"user:{user}", key, By(user, "home"))
        return user

    monkeypatch.setattr(Memories, "deleted", wrong)


PLANTS: Mapping[str, Plant] = {
    "guests count as members": taken_for("guest", "member"),
    "people of other organisations count as members": taken_for("external", "member"),
    "people of other organisations are not looked at": taken_for("external", "inactive"),
    "private channels count as public": public_too("is_private"),
    "group messages count as public": public_too("is_mpim"),
    "direct messages are told to anybody": also_told(DIRECT),
    "what is for all full members is told to anybody": also_told(frozenset({EVERYBODY})),
    "the bot's own channels are not looked at": the_bots_own_channels_are_not_looked_at,
    "no answer is a good answer": no_answer_is_a_good_answer,
    "what was concluded is kept, too": what_was_concluded_is_kept,
    "answers are kept for ten minutes": lambda monkeypatch: monkeypatch.setattr(readers, "KEPT_SECONDS", 600.0),
    "whom Slack does not show is nobody": whom_slack_does_not_show_is_nobody,
    "search sees all channels where it looks at each item": search_sees_all(candidates=False),
    "search sees all channels where it looks at candidates": search_sees_all(candidates=True),
    "lists see all channels": without(memory_items, "LIST", "AND channel = ANY(%(channels)s)"),
    "all values are told": all_values_are_told,
    "a conversation goes on when people join": instead(memory_effects, "_grew", None),
    "a turn that waited goes on when people join": instead(MemoryEffects, "grew", None),
    "what a tool found is not noted": instead(definition, "channels_of", ()),
    "what the agent said from memory is learnt": answers_are_learnt_from,
    "a summary is made later of what was forgotten": without(
        memory_items, "FORGET", "UNION SELECT 'session:' || grouped FROM gone WHERE kind <> 'document'"
    ),
    "what a message told others outlives it": what_a_message_told_others_outlives_it,
    "what is recalled is logged": what_is_recalled_is_logged,
    "a source names where it was said": a_source_names_where_it_was_said,
    "the Home tab leads to wherever it was said": home_leads_to_wherever_it_was_said,
    "the Home tab shows all that a person ever said": without(
        memory_items, "SAID_BY", "(channel = ANY(%(channels)s) OR starts_with(channel, 'D'))", "%(channels)s::text[] IS NOT NULL"
    ),
    "the Home tab shows all values of a person": home_shows_all_values,
    "the Home tab deletes values that it does not show": home_deletes_what_it_does_not_show,
    "guests see what is public in Slack": guests_see_what_is_public,
}
