"""What a Home tab says of what is remembered, and what is deleted there."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from agent.memory.values import Value, owner_key
from agent.store.memory_values import Values
from bot.home.home_view import PAGE, HomeContent, home_view
from bot.home.memories import Memories, SeenItem
from tests.leaks.changes import Changes
from tests.leaks.judge import Judge


class Home:
    """The Home tabs of one workspace."""

    def __init__(self, memories: Memories, values: Values, team: str, judge: Judge) -> None:
        self._memories, self._values, self._team, self._judge = memories, values, team, judge

    async def looked_at(self, random: Random, spoke: Sequence[tuple[str, str]], changes: Changes) -> None:
        """Somebody opens theirs: most often one of those who spoke, each with the channel, perhaps after they left it. They may
        delete a value."""
        there = changes.world.now.active
        person = random.choice(there)
        known = [(one, channel) for one, channel in spoke if one in there]
        if known and random.random() < 0.7:
            person, channel = random.choice(known)
            if random.random() < 0.4:
                changes.part(channel, person)
        await self.opened(person)
        if random.random() < 0.5:
            await self.deletes(person, random)

    async def opened(self, person: str) -> None:
        """Somebody opens theirs."""
        for page in pages(await self._memories.seen(person), await self._memories.kept(person)):
            self._judge.seen_by("the Home tab", person, page)

    async def deletes(self, person: str, random: Random) -> None:
        """Somebody deletes a value there, whether their tab shows it or is an old one: only what they may know goes."""
        owner = owner_key("user", person, "")
        keys = {value.key for value in (await self._values.kept(self._team, [owner]))[owner]}
        if not keys:
            return
        key = random.choice(sorted(keys))
        click: Any = {"user": {"id": person}, "trigger_id": "T", "actions": [{"value": key}]}
        await self._memories.deleted(click, None)
        left = (await self._values.kept(self._team, [owner]))[owner]
        if all(value.key != key for value in left):
            self._judge.seen_by("deleting on the Home tab", person, self._judge.words_of(f"value:{owner}:{key}"))
            self._judge.drop(f"value:{owner}:{key}")


def pages(remembered: Sequence[SeenItem] | None, kept: Sequence[Value] | None) -> Iterator[str]:
    """Each as it is published, as text."""
    for page in range(1, 2 + max(len(remembered or ()), len(kept or ())) // PAGE["memory"]):
        gathered = HomeContent(remembered=remembered, kept=kept)
        yield str(home_view(gathered, {"memory": page, "values": page}, {}, "https://slack.example/"))
