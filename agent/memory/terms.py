"""How long what is remembered is kept: a term for each kind, and others for some channels. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from agent.memory.items import ItemKind
from agent.memory.values import TERMS, ValueKind

MemoryKind = ItemKind | ValueKind
Term = timedelta | None  # None: for good
ITEM_KINDS: tuple[ItemKind, ...] = ("fact", "summary", "document")
VALUE_KINDS: tuple[ValueKind, ...] = ("preference", "checkpoint", "flag")


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms by kind, counted from when something was learnt. `channels`: of what was learnt in one, instead."""

    kinds: Mapping[MemoryKind, Term] = field(default_factory=dict[MemoryKind, Term])
    channels: Mapping[str, Mapping[MemoryKind, Term]] = field(default_factory=dict[str, Mapping[MemoryKind, Term]])

    def term(self, channel: str, kind: MemoryKind) -> Term:
        """Return how long what is learnt in a channel is kept; None: for good. A kind that is not named has the term that it has
        anyway."""
        for terms in (self.channels.get(channel, {}), self.kinds):
            if kind in terms:
                return terms[kind]
        return TERMS.get(kind) if kind in VALUE_KINDS else None


FOR_GOOD = Terms()
