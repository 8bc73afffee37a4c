"""Items in Postgres: learnt once, confirmed when said again, replaced, and forgotten with everything that came of them.

What is forgotten is deleted, and its source gets a tombstone: nothing is learnt from there any more, however often it is read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from agent import metrics, telemetry
from agent.embeddings.port import Vector
from agent.memory.items import MemoryItem, NewItem, Source, session_key
from agent.memory.terms import FOR_GOOD, Terms
from agent.store.fenced import PgConnection, Pool, rows
from agent.store.memory_audit import By, note_items, note_over
from agent.store.memory_gone import any_gone
from agent.store.memory_terms import LASTS, term_values
from agent.types import Origin

COLUMNS: LiteralString = "id, channel, kind, body, source, quote, said_by, link, subject, confirmed, learnt_at, valid_until"

# A fact that is known already is confirmed by another source; the same source read again changes nothing.
LEARN: LiteralString = f"""
WITH learnt AS (
    INSERT INTO memory AS before (team, channel, kind, subject, body, digest, source, quote, said_by, link, grouped, position,
                                  expires_at, model, embedding)
    VALUES (%(team)s, %(channel)s, %(kind)s, %(subject)s, %(body)s, %(digest)s, %(source)s, %(quote)s, %(said_by)s, %(link)s,
            %(grouped)s, %(position)s, now() + %(lasts)s::interval, %(model)s, %(embedding)s::vector)
    ON CONFLICT (team, channel, kind, digest) WHERE valid_until IS NULL AND kind = 'fact'
    DO UPDATE SET confirmed = before.confirmed
        + (NOT EXISTS (SELECT FROM memory_said WHERE item = before.id AND source = excluded.source))::int
    RETURNING {COLUMNS}
), said AS (
    INSERT INTO memory_said (item, source) SELECT id, %(source)s FROM learnt ON CONFLICT DO NOTHING
)
SELECT {COLUMNS} FROM learnt
"""
# Learning shares the lock of the source, forgetting has it alone: each sees what the other committed.
LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended(%(team)s || %(source)s, 0))"
LOCK_SHARED: LiteralString = "SELECT pg_advisory_xact_lock_shared(hashtextextended(%(team)s || %(source)s, 0))"
GONE: LiteralString = "SELECT source FROM memory_gone WHERE team = %(team)s AND source = ANY(%(sources)s)"
REPLACE: LiteralString = f"""
UPDATE memory SET valid_until = now()
WHERE team = %(team)s AND channel = %(channel)s AND id = %(id)s AND kind = 'fact' AND valid_until IS NULL RETURNING {COLUMNS}
"""
# Summaries of the conversations that the forgotten items came from go with them, and are not made later: they may say the same.
FORGET: LiteralString = f"""
WITH gone AS (
    DELETE FROM memory WHERE team = %(team)s AND (%(channels)s::text[] IS NULL OR channel = ANY(%(channels)s))
        AND (id = ANY(%(ids)s) OR source = ANY(%(sources)s))
    RETURNING {COLUMNS}, grouped
), summaries AS (
    DELETE FROM memory USING (SELECT DISTINCT 'session:' || grouped AS source FROM gone WHERE kind <> 'document') AS of
    WHERE team = %(team)s AND memory.kind = 'summary' AND memory.source = of.source
    RETURNING memory.source
), tombstones AS (
    INSERT INTO memory_gone (team, source)
    SELECT %(team)s, source FROM (
        SELECT source FROM gone WHERE kind <> 'document'
        UNION SELECT 'session:' || grouped FROM gone WHERE kind <> 'document' AND grouped <> ''
        UNION SELECT unnest(%(sources)s::text[])
        UNION SELECT memory_said.source FROM memory_said JOIN gone ON gone.id = memory_said.item WHERE gone.kind <> 'document'
    ) AS sources
    ON CONFLICT DO NOTHING
)
SELECT {COLUMNS} FROM gone
"""
# Of every message that said it, and every conversation: each is locked before.
SAID: LiteralString = """
SELECT DISTINCT unnest(ARRAY[memory_said.source, 'session:' || grouped])
FROM memory_said JOIN memory ON memory.id = memory_said.item
WHERE team = %(team)s AND (%(channels)s::text[] IS NULL OR channel = ANY(%(channels)s))
    AND (memory.id = ANY(%(ids)s) OR memory.source = ANY(%(sources)s))
"""
LISTED: LiteralString = """
WHERE team = %(team)s AND channel = ANY(%(channels)s) AND valid_until IS NULL AND (expires_at IS NULL OR expires_at > now())
    AND (%(said_by)s = '' OR said_by = %(said_by)s) AND (%(kind)s = '' OR kind = %(kind)s)
    AND (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s)) AND (%(before)s::bigint IS NULL OR id < %(before)s)
"""
LIST: LiteralString = f"SELECT {COLUMNS} FROM memory {LISTED} ORDER BY id DESC LIMIT %(most)s"
COUNT: LiteralString = f"SELECT count(*) FROM memory {LISTED}"
# Nobody else writes in the direct messages of a person.
SAID_BY: LiteralString = f"""
SELECT {COLUMNS} FROM memory
WHERE team = %(team)s AND said_by = %(user)s AND kind = 'fact' AND (channel = ANY(%(channels)s) OR starts_with(channel, 'D'))
    AND valid_until IS NULL AND (expires_at IS NULL OR expires_at > now())
ORDER BY id DESC LIMIT %(most)s
"""
# A fact that is over and not yet purged is not known any more: who says it now says it for the first time.
OVER: LiteralString = """
DELETE FROM memory WHERE team = %(team)s AND channel = %(channel)s AND kind = %(kind)s AND digest = %(digest)s
    AND kind = 'fact' AND valid_until IS NULL AND expires_at <= now()
"""
# Summaries of the conversations that a fact came from go with it, as when it is forgotten.
PURGE: LiteralString = """
WITH gone AS (
    DELETE FROM memory WHERE expires_at <= now() RETURNING team, channel, kind, grouped
), summaries AS (
    DELETE FROM memory USING (SELECT DISTINCT team, channel, grouped FROM gone WHERE kind = 'fact' AND grouped <> '') AS of
    WHERE memory.team = of.team AND memory.channel = of.channel AND memory.grouped = of.grouped AND memory.kind = 'summary'
        AND (expires_at > now()) IS NOT FALSE
    RETURNING memory.team, memory.channel, memory.kind
)
SELECT team, channel, kind, count(*)
FROM (SELECT team, channel, kind FROM gone UNION ALL SELECT team, channel, kind FROM summaries) AS one GROUP BY 1, 2, 3
"""
# A stretch of ids at a time, so that nobody waits long.
STRETCH = 10_000
MOST_ID: LiteralString = "SELECT coalesce(max(id), 0) FROM memory WHERE team = %(team)s"
TO_TERMS: LiteralString = f"""
UPDATE memory SET expires_at = should.at
FROM (SELECT id, learnt_at + {LASTS} AS at FROM memory WHERE team = %(team)s AND id > %(after)s AND id <= %(upto)s) AS should
WHERE memory.id = should.id AND expires_at IS DISTINCT FROM should.at RETURNING memory.id
"""


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vector of an item, and the model that made it."""

    model: str
    vector: Vector


class Items:
    """What is remembered in the table `memory`."""

    def __init__(self, pool: Pool, terms: Terms = FOR_GOOD) -> None:
        self._pool = pool
        self._terms = terms

    async def learn(
        self, team: str, item: NewItem, embedded: Embedded | None = None, *, replaces: int | None = None
    ) -> MemoryItem | None:
        """Remember an item, or confirm the one that says the same. `replaces`: the fact of its channel that was true until now.

        None: its source was forgotten or corrected, or the fact that it replaces is not true any more.
        """
        values = self._values(team, item, embedded)
        with telemetry.memory_span("upsert_memory" if replaces is None else "update_memory", "items") as span:
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute(LOCK_SHARED, values)
                learnt = await _learnt(connection, values, replaces)
            telemetry.records_touched(span, int(learnt is not None))
        if learnt is not None:
            metrics.count_learnt(learnt.kind)
        return learnt

    async def correct(self, team: str, id: int, item: NewItem, embedded: Embedded | None = None, *, by: By) -> MemoryItem | None:
        """Forget an item that was wrong from the beginning, and remember what a person says instead, both or neither.

        None: the item is not there, or the new one's source was forgotten or corrected; then nothing is changed.
        """
        values = self._values(team, item, embedded)
        wrong = {"team": team, "channels": [item.channel], "ids": [id], "sources": []}
        with telemetry.memory_span("update_memory", "items") as span:
            async with self._pool.connection() as connection, connection.transaction() as both:
                await _lock(connection, wrong, item.source.key)
                forgotten = await (await connection.execute(FORGET, wrong)).fetchall()
                learnt = await _learnt(connection, values) if forgotten else None
                if learnt is None:
                    raise psycopg.Rollback(both)
                await note_items(connection, team, by, [(row[0], row[1]) for row in forgotten], learnt.id)
                telemetry.records_touched(span, 1)
                return learnt
            telemetry.records_touched(span, 0)
        return None

    async def forget(
        self, team: str, channels: Sequence[str] | None, *, by: By, ids: Sequence[int] = (), sources: Sequence[str] = ()
    ) -> Sequence[MemoryItem]:
        """Forget items of these channels, by their ids or sources, and the summaries that may say the same; what was forgotten.
        None: of all channels.

        Nothing is learnt from their sources any more. A document that was forgotten may be added again.
        """
        of = None if channels is None else list(channels)
        values = {"team": team, "channels": of, "ids": list(ids), "sources": list(sources)}
        with telemetry.memory_span("delete_memory", "items") as span:
            async with self._pool.connection() as connection, connection.transaction():
                await _lock(connection, values, *sources)
                found = await (await connection.execute(FORGET, values)).fetchall()
                await note_items(connection, team, by, [(row[0], row[1]) for row in found])
            telemetry.records_touched(span, len(found))
        return [item_of(row) for row in found]

    async def message_gone(self, team: str, message: str, session_id: str) -> int:
        """Forget what came from a message that was deleted or changed, wherever it may be told, the summary of its conversation
        included; how much."""
        forgotten = await self.forget(team, None, by=By("", "slack"), sources=[message, session_key(session_id)])
        return len(forgotten)

    async def listed(
        self,
        team: str,
        channels: Sequence[str],
        *,
        said_by: str = "",
        kind: str = "",
        ids: Sequence[int] | None = None,
        before: int | None = None,
        most: int = 50,
    ) -> Sequence[MemoryItem]:
        """Return what is true now of these channels, newest first; `before`: only items older than the one of this id."""
        values = {"team": team, "channels": list(channels), "said_by": said_by, "kind": kind, "before": before, "most": most}
        return [item_of(row) for row in await rows(self._pool, LIST, {**values, "ids": None if ids is None else list(ids)})]

    async def any_gone(self, team: str, origins: Sequence[Origin]) -> bool:
        """See `agent.store.memory_gone`."""
        return await any_gone(self._pool, team, origins)

    async def count(self, team: str, channels: Sequence[str], *, said_by: str = "", kind: str = "") -> int:
        """Return how much `listed` would have to return to return all."""
        values = {"team": team, "channels": list(channels), "said_by": said_by, "kind": kind, "ids": None, "before": None}
        [(count,)] = await rows(self._pool, COUNT, values)
        return count

    async def said(self, team: str, user: str, channels: Sequence[str], most: int) -> Sequence[MemoryItem]:
        """Return the facts that one person said in these channels, or in their direct messages, newest first."""
        values = {"team": team, "user": user, "channels": list(channels), "most": most}
        return [item_of(row) for row in await rows(self._pool, SAID_BY, values)]

    async def gone(self, team: str, sources: Sequence[str]) -> frozenset[str]:
        """Return those of the sources that nothing is learnt from any more."""
        return frozenset(row[0] for row in await rows(self._pool, GONE, {"team": team, "sources": list(sources)}))

    async def purge(self) -> int:
        """Delete what has outlived its term, with the summaries that may say the same; how many."""
        async with self._pool.connection() as connection, connection.transaction():
            gone = await (await connection.execute(PURGE)).fetchall()
            await note_over(connection, "channel", gone)
        return sum(count for *_, count in gone)

    async def apply_terms(self, team: str) -> int:
        """Hold what is there already to the terms of today, counted from when it was learnt; how many changed."""
        values = {"team": team, **term_values(self._terms)}
        [(most,)] = await rows(self._pool, MOST_ID, values)
        count = 0
        for after in range(0, most, STRETCH):
            count += len(await rows(self._pool, TO_TERMS, {**values, "after": after, "upto": after + STRETCH}))
        return count

    def _values(self, team: str, item: NewItem, embedded: Embedded | None) -> dict[str, Any]:
        return {
            "team": team,
            "channel": item.channel,
            "kind": item.kind,
            "subject": item.subject,
            "body": item.text,
            "digest": item.digest,
            "source": item.source.key,
            "quote": item.source.quote,
            "said_by": item.source.by,
            "link": item.source.link,
            "grouped": item.group,
            "position": item.position,
            "lasts": self._terms.term(item.channel, item.kind),
            "model": embedded.model if embedded else "",
            "embedding": f"[{','.join(map(repr, map(float, embedded.vector)))}]" if embedded else None,
        }


async def _learnt(connection: PgConnection, values: Mapping[str, Any], replaces: int | None = None) -> MemoryItem | None:
    """Learn an item whose source is locked. None: see `Items.learn`."""
    gone = await connection.execute(GONE, {**values, "sources": [values["source"]]})
    if await gone.fetchone() is not None:
        return None
    if replaces is not None and await (await connection.execute(REPLACE, {**values, "id": replaces})).fetchone() is None:
        return None
    over = await connection.execute(OVER, values)
    await note_over(connection, "channel", [(values["team"], values["channel"], values["kind"], over.rowcount)])
    row = await (await connection.execute(LEARN, values)).fetchone()
    assert row is not None
    return item_of(row)


async def _lock(connection: PgConnection, values: Mapping[str, Any], *further: str) -> None:
    """Lock the sources of what is to be forgotten, and further ones, in one order: nobody waits in a circle."""
    said = await (await connection.execute(SAID, values)).fetchall()
    for key in sorted({*further, *(row[0] for row in said)}):
        await connection.execute(LOCK, {"team": values["team"], "source": key})


def item_of(row: Sequence[Any]) -> MemoryItem:
    """Return the item of a row of `COLUMNS`."""
    id, channel, kind, text, key, quote, by, link, subject, confirmed, learnt_at, valid_until = row
    return MemoryItem(
        id=id,
        channel=channel,
        kind=kind,
        text=text,
        source=Source(key=key, quote=quote, by=by, link=link),
        subject=subject,
        confirmed=confirmed,
        learnt_at=learnt_at,
        valid_until=valid_until,
    )
