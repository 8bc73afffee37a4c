"""Documents in Postgres: all chunks of one version, or all of another. A document is replaced in one transaction, so who reads
meanwhile sees the old one or the new one."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, LiteralString

from agent.memory.items import NewItem
from agent.memory.terms import FOR_GOOD, Terms
from agent.store.fenced import Pool, rows
from agent.store.memory_audit import By, note_items
from agent.store.memory_items import Embedded

Became = Literal["added", "replaced", "unchanged"]

# As `version` makes it of chunks that are to be kept.
VERSION: LiteralString = """
encode(sha256(convert_to(string_agg(
    length(body)::text || ',' || length(quote)::text || ',' || length(link)::text || ':' || body || quote || link,
    '' ORDER BY position), 'UTF8')), 'hex')
"""
VERSIONS: LiteralString = f"""
SELECT channel, source, {VERSION} FROM memory
WHERE team = %(team)s AND kind = 'document' AND valid_until IS NULL AND (expires_at IS NULL OR expires_at > now())
    AND (%(source)s = '' OR source = %(source)s) GROUP BY channel, source
"""
# One writer of a document at a time.
LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended('document:' || %(team)s || %(channel)s || %(source)s, 0))"
REMOVE: LiteralString = """
DELETE FROM memory WHERE team = %(team)s AND channel = %(channel)s AND kind = 'document' AND source = %(source)s RETURNING id
"""
ADD: LiteralString = """
INSERT INTO memory (team, channel, kind, subject, body, digest, source, quote, said_by, link, grouped, position, expires_at,
                    model, embedding)
SELECT %(team)s, %(channel)s, 'document', '', body, digest, %(source)s, quote, %(said_by)s, link, %(source)s, position,
    now() + %(lasts)s::interval, %(model)s, vector::vector
FROM unnest(%(bodies)s::text[], %(digests)s::text[], %(quotes)s::text[], %(links)s::text[], %(vectors)s::text[])
    WITH ORDINALITY AS chunk (body, digest, quote, link, vector, position)
"""


@dataclass(frozen=True, slots=True)
class Document:
    """A document that is kept for the readers of a channel, by its key."""

    channel: str
    key: str


class Documents:
    """The documents in the table `memory`."""

    def __init__(self, pool: Pool, terms: Terms = FOR_GOOD) -> None:
        self._pool = pool
        self._terms = terms

    async def versions(self, team: str) -> Mapping[Document, str]:
        """Return the documents of a workspace, each with its version."""
        found = await rows(self._pool, VERSIONS, {"team": team, "source": ""})
        return {Document(channel, source): digest for channel, source, digest in found}

    async def put(self, team: str, of: Document, chunks: Sequence[NewItem], vectors: Sequence[Embedded] = ()) -> Became:
        """Keep the chunks of a document, in their order, in the place of those that it had. One that is the same is left alone.

        `vectors`: one a chunk; without them they are made later.
        """
        names = {"team": team, "channel": of.channel, "source": of.key}
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(LOCK, names)
            found = await (await connection.execute(VERSIONS, {"team": team, "source": of.key})).fetchall()
            if version(chunks) in [digest for channel, _, digest in found if channel == of.channel]:
                return "unchanged"
            gone = await (await connection.execute(REMOVE, names)).fetchall()
            await connection.execute(ADD, {**names, **_columns(chunks, vectors, self._terms.term(of.channel, "document"))})
        return "replaced" if gone else "added"

    async def remove(self, team: str, of: Document, by: By) -> int:
        """Delete a document; how many chunks it had."""
        names = {"team": team, "channel": of.channel, "source": of.key}
        async with self._pool.connection() as connection, connection.transaction():
            gone = await (await connection.execute(REMOVE, names)).fetchall()
            await note_items(connection, team, by, [(id, of.channel) for (id,) in gone])
        return len(gone)


def version(chunks: Sequence[NewItem]) -> str:
    """Return the digest of everything that is kept of a document: texts, quotes and links."""
    parts = ((each.text, each.source.quote, each.source.link) for each in chunks)
    told = "".join(f"{','.join(str(len(one)) for one in part)}:{''.join(part)}" for part in parts)
    return hashlib.sha256(told.encode()).hexdigest()


def _columns(chunks: Sequence[NewItem], vectors: Sequence[Embedded], lasts: timedelta | None) -> dict[str, object]:
    return {
        "said_by": chunks[0].source.by if chunks else "",
        "lasts": lasts,
        "bodies": [each.text for each in chunks],
        "digests": [each.digest for each in chunks],
        "quotes": [each.source.quote for each in chunks],
        "links": [each.source.link for each in chunks],
        "model": vectors[0].model if vectors else "",
        "vectors": [str(list(each.vector)) for each in vectors] if vectors else [None] * len(chunks),
    }
