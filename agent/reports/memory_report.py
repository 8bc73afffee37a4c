"""What is remembered in a workspace, for those who run the bot: all of it, for whomever it is. One statement each."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from agent.memory.exported import exported_line
from agent.memory.items import ItemKind, MemoryItem
from agent.memory.values import Value
from agent.store.fenced import Pool, rows
from agent.store.memory_items import COLUMNS, item_of

PAGE = 1_000

# Newest first. What has outlived its term and waits to be purged is not there any more.
LIST: LiteralString = f"""
SELECT {COLUMNS}, expires_at FROM memory
WHERE team = %(team)s AND (expires_at IS NULL OR expires_at > now()) AND (valid_until IS NULL OR %(past)s)
    AND (%(channel)s::text IS NULL OR channel = %(channel)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    AND (%(said_by)s::text IS NULL OR said_by = %(said_by)s) AND (%(source)s::text IS NULL OR source = %(source)s)
    AND (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s)) AND (%(before)s::bigint IS NULL OR id < %(before)s)
ORDER BY id DESC LIMIT %(most)s
"""
# The summaries of the conversations that these items come from: they go with them.
ALONG: LiteralString = f"""
SELECT {COLUMNS}, expires_at FROM memory
WHERE team = %(team)s AND kind = 'summary' AND NOT id = ANY(%(ids)s) AND (channel, grouped) IN (
    SELECT channel, grouped FROM memory WHERE team = %(team)s AND id = ANY(%(ids)s) AND grouped <> ''
) ORDER BY id DESC
"""
CHANNELS: LiteralString = "SELECT channel FROM memory_scope WHERE team = %(team)s AND items > 0 ORDER BY channel"
COUNTS: LiteralString = """
SELECT channel, kind, count(*), min(learnt_at), max(learnt_at), count(*) FILTER (WHERE embedding IS NULL) FROM memory
WHERE team = %(team)s AND valid_until IS NULL AND (expires_at IS NULL OR expires_at > now())
GROUP BY channel, kind ORDER BY channel, kind
"""
VALUE_COUNTS: LiteralString = """
SELECT split_part(owner, ':', 1), kind, count(*), count(DISTINCT owner) FROM memory_value
WHERE team = %(team)s AND (expires_at IS NULL OR expires_at > now()) GROUP BY 1, 2 ORDER BY 1, 2
"""
VALUES: LiteralString = """
SELECT owner, key, kind, value, channel, set_by, set_at, expires_at FROM memory_value
WHERE team = %(team)s AND (expires_at IS NULL OR expires_at > now()) AND (%(channel)s::text IS NULL OR channel = %(channel)s)
    AND (owner, key) > (%(owner)s, %(key)s)
ORDER BY owner, key LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which items; None: all of them. `past`: also those that something else took the place of."""

    channel: str | None = None
    kind: ItemKind | None = None
    said_by: str | None = None
    source: str | None = None
    ids: Sequence[int] | None = None
    past: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """An item, and until when it is kept; None: for good."""

    item: MemoryItem
    expires_at: datetime | None

    def line(self) -> str:
        """Return it as one line of JSON."""
        return exported_line(self.item.model_dump(mode="json"), expires_at=self.expires_at)


@dataclass(frozen=True, slots=True)
class KeptValue:
    """A value, whose it is (user:U1, channel:C1, workspace), and until when it is kept; None: for good."""

    owner: str
    value: Value
    set_at: datetime
    expires_at: datetime | None

    def line(self) -> str:
        """Return it as one line of JSON."""
        fields = {"owner": self.owner, **self.value.model_dump(mode="json")}
        return exported_line(fields, set_at=self.set_at, expires_at=self.expires_at)


@dataclass(frozen=True, slots=True)
class Counted:
    """How much of a kind is remembered of a channel."""

    channel: str
    kind: str
    count: int
    oldest: datetime
    newest: datetime
    without_vector: int


@dataclass(frozen=True, slots=True)
class CountedValues:
    """How many values of a kind are kept, and of how many owners."""

    owner: str
    kind: str
    count: int
    owners: int


async def entries(pool: Pool, team: str, wanted: Wanted) -> AsyncGenerator[Entry]:
    """Yield the items, newest first, read a page at a time."""
    values: dict[str, Any] = {
        "team": team,
        "channel": wanted.channel,
        "kind": wanted.kind,
        "said_by": wanted.said_by,
        "source": wanted.source,
        "ids": None if wanted.ids is None else list(wanted.ids),
        "past": wanted.past,
        "most": PAGE,
    }
    before: int | None = None
    while found := await rows(pool, LIST, {**values, "before": before}):
        for row in found:
            yield _entry_of(row)
        before = found[-1][0]


async def values(pool: Pool, team: str, channel: str | None = None) -> AsyncGenerator[KeptValue]:
    """Yield the values that were said in a channel, or all of them, by owner and key, read a page at a time."""
    owner, key = "", ""
    while found := await rows(pool, VALUES, {"team": team, "channel": channel, "owner": owner, "key": key, "most": PAGE}):
        for owner, key, kind, value, said_in, set_by, set_at, expires_at in found:
            kept = Value(kind=kind, key=key, value=value, channel=said_in, set_by=set_by)
            yield KeptValue(owner, kept, set_at, expires_at)


async def going_along(pool: Pool, team: str, ids: Sequence[int]) -> Sequence[Entry]:
    """Return the summaries that are forgotten with these items."""
    return [_entry_of(row) for row in await rows(pool, ALONG, {"team": team, "ids": list(ids)})]


async def channels(pool: Pool, team: str) -> Sequence[str]:
    """Return the channels that something is remembered of."""
    return [channel for (channel,) in await rows(pool, CHANNELS, {"team": team})]


async def counts(pool: Pool, team: str) -> Sequence[Counted]:
    """Return how much is remembered, by channel and kind."""
    return [Counted(*row) for row in await rows(pool, COUNTS, {"team": team})]


async def value_counts(pool: Pool, team: str) -> Sequence[CountedValues]:
    """Return how many values are kept, by whose and what they are."""
    return [CountedValues(*row) for row in await rows(pool, VALUE_COUNTS, {"team": team})]


def _entry_of(row: Sequence[Any]) -> Entry:
    return Entry(item_of(row[:-1]), row[-1])
