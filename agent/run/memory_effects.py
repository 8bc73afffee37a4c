"""What is remembered, looked up for a turn: only what everybody who reads along could read where it was learnt."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent import metrics, telemetry
from agent.decide.move_outcome import Ended
from agent.decide.moves import Recall
from agent.embeddings.port import Embedder, Vector
from agent.errors import AudienceGrewError, UnreachableError
from agent.memory import compaction, extraction
from agent.memory.items import Audience, MemoryItem, item_origin
from agent.memory.recalled import recalled
from agent.memory.transcript import Transcript
from agent.memory.values import Owner, Value, known_to, owner_key, value_origins
from agent.model.port import Reply
from agent.run.ports import Readers
from agent.session.state import Session
from agent.session.steps import Halted, Learnt
from agent.store.memory_items import Embedded, Items
from agent.store.memory_search import MemorySearch
from agent.store.memory_values import Values
from agent.types import Place

log = logging.getLogger(__name__)

QUERY_CHARACTERS = 2_000  # of what people said, that is searched for
FOUND_ITEMS = 8
KNOWN_FACTS = 30  # that a reading is shown, so that it does not find them anew
GREW = (
    "I remembered something in this conversation that was learnt where not everybody who reads along here could read it: people "
    "joined since, or Slack does not say who reads along. Please begin a new thread."
)


@dataclass(frozen=True, slots=True)
class LongTerm:
    """What a process remembers with."""

    readers: Readers
    search: MemorySearch
    values: Values
    items: Items
    embedder: Embedder | None = None

    async def found(self, team: str, audience: Audience, words: str, most: int) -> Sequence[MemoryItem]:
        """Return what an audience may know that fits some words, the best first."""
        if not words.strip():
            return ()
        with telemetry.memory_span("search_memory", "items") as span, metrics.retrieval() as measured:
            vector = await self.vector(words)
            model = self.embedder.model if self.embedder is not None else ""
            hits = await self.search.search(team, sorted(audience.scopes), words, vector, model, most)
            measured.items = len(hits)
            telemetry.records_touched(span, len(hits))
        return [hit.item for hit in hits]

    async def vector(self, words: str) -> Vector | None:
        """Return the vector of a text. None: there is no embedder, or it cannot be had now, and full text has to do."""
        if self.embedder is None:
            return None
        try:
            [vector] = await self.embedder.embed([words])
        except UnreachableError as error:
            log.warning("memory is searched by words alone: %s", error)
            return None
        return vector

    async def embedded(self, text: str) -> Embedded | None:
        """Return a text's vector with the model that made it, if one is to be had now."""
        vector = await self.vector(text)
        return Embedded(self.embedder.model, vector) if vector is not None and self.embedder is not None else None

    async def told_values(self, place: Place, user: str, audience: Audience) -> Mapping[Owner, tuple[Value, ...]]:
        """Return the values of the person, the channel and the workspace that an audience may know."""
        owners: Sequence[Owner] = ("user", "channel", "workspace")
        keys: dict[Owner, str] = {owner: owner_key(owner, user, place.channel) for owner in owners}
        with telemetry.memory_span("search_memory", "values") as span:
            kept = await self.values.kept(place.team, list(keys.values()))
            told: Mapping[Owner, tuple[Value, ...]] = {owner: known_to(audience, kept[key]) for owner, key in keys.items()}
            telemetry.records_touched(span, sum(map(len, told.values())))
        return told


@dataclass(frozen=True, slots=True)
class MemoryEffects:
    """Memory between the stores, the log and the model."""

    memory: LongTerm | None

    async def recall(self, move: Recall, session: Session, said: Transcript) -> Ended:
        """Quote what is remembered into the turn; or end it, where something was told before that is not for all who read now.

        Where something that was told before is not remembered any more, the turn begins a new context without it.
        """
        assert self.memory is not None
        gone = await self.memory.items.any_gone(session.place.team, session.context.origins)
        anew = (compaction.begun_anew(session),) if gone else ()
        audience = await self.memory.readers.audience(session.place)
        if not gone and (grew := _grew(session, audience)) is not None:
            return Ended((grew,))
        words = "\n".join(each.text for each in said.asked())[:QUERY_CHARACTERS]
        user, first = session.turn.speakers[0], move.values or gone
        values = await self.memory.told_values(session.place, user, audience) if first else dict[Owner, tuple[Value, ...]]()
        items = await self.memory.found(session.place.team, audience, words, FOUND_ITEMS)
        return Ended((*anew, recalled(items, values, value_origins(values, user, session.place.channel))))

    async def grew(self, session: Session) -> Halted | None:
        """Return the end of a turn whose conversation was told something that is not for all who read along now: a turn that
        waited for people may go on days later."""
        if not session.context.known_from:
            return None
        readers = self.memory.readers if self.memory is not None else None
        here = Audience(frozenset({session.place.channel}))  # of a process that remembers nothing any more, and asks nobody
        return _grew(session, await readers.audience(session.place) if readers is not None else here)

    async def known(self, session: Session, said: Transcript) -> Sequence[MemoryItem]:
        """Return facts of the same channel that what is read now may confirm or replace."""
        assert self.memory is not None
        words = "\n".join(one.text for one in extraction.messages_of(said))[:QUERY_CHARACTERS]
        here = Audience(frozenset({session.place.channel}))
        found = await self.memory.found(session.place.team, here, words, KNOWN_FACTS)
        return [item for item in found if item.kind == "fact"]

    async def learn(self, session: Session, said: Transcript, reply: Reply, known: Sequence[MemoryItem]) -> Learnt:
        """Remember what a reply teaches. To learn the same again changes nothing, so a crash on the way costs nothing."""
        assert self.memory is not None
        learnt = list[MemoryItem]()
        for lesson in extraction.lessons(session, said, reply, known):
            embedded = await self.memory.embedded(lesson.item.text)
            item = await self.memory.items.learn(session.place.team, lesson.item, embedded, replaces=lesson.replaces)
            learnt += [item] if item is not None else []
        facts = tuple(item_origin(item) for item in learnt if item.kind == "fact")
        return Learnt(count=len(learnt), origins=facts, usage=reply.usage, lost=reply.lost)


def _grew(session: Session, audience: Audience) -> Halted | None:
    if set(session.context.known_from) <= audience.scopes:
        return None
    return Halted(error=AudienceGrewError.__name__, sentence=GREW)
