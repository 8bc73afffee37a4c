"""The audit log, read back: `verify` walks every workspace's hash chain and compares it with the rows, `export` hands it out.

Postgres writes it (migrations 0003 and 0010): a trigger on `step` makes the entries and another one chains them, so no code of
ours can forget either. Here the hashes are computed anew, and `agent.reports.audit_rows` compares the entries with what they are
about. Somebody who may change every row of the database can write a whole new one that fits together; what tells then is a head
that was kept elsewhere.
"""

import hashlib
import json
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import DictRow, dict_row

from agent.reports.audit_rows import Broken, compared
from agent.reports.audit_shapes import Erased, Older
from agent.store.fenced import PgConnection

BATCH = 1000  # entries read at a time

COLUMNS: LiteralString = """
    team, seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, kind, actor, session_id, action_id, call_id,
    tool, digest, rule, body::text, previous_hash, hash
"""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a workspace's chain ends: how many entries it has, and the hash of the last one."""

    team: str
    count: int
    hash: str


def entry_hash(entry: Mapping[str, Any]) -> str:
    """Return the SHA-256 over the text of all fields but `hash`, in their order, each preceded by its length in characters."""
    texts = [str(field) for name, field in entry.items() if name != "hash"]
    return hashlib.sha256(",".join(f"{len(text)}:{text}" for text in texts).encode()).hexdigest()


async def verify(
    connection: PgConnection, earlier: Sequence[Head] = (), hashes: Collection[str] = ()
) -> AsyncGenerator[Broken | Older | Erased | Head]:
    """Yield what is broken, and the head of every chain, a workspace after the other; then what does not fit the rows.

    All of it as of one moment. `earlier`: heads that were kept; each must still be in its chain. `hashes`: of any chain.
    """
    missing = set(hashes)
    kept: dict[str, list[Head]] = {}
    for head in earlier:
        kept.setdefault(head.team, []).append(head)
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        heads = {head.team: head for head in await heads_now(connection)}
        chain: _Chain | None = None
        seen: set[str] = set()
        async with aclosing(_entries(connection, f"SELECT {COLUMNS} FROM audit ORDER BY team, seq", ())) as entries:
            async for entry in entries:
                if chain is None or chain.team != entry["team"]:
                    for finding in chain.end(heads.get(chain.team)) if chain else ():
                        yield finding
                    chain = _Chain(entry["team"], kept.get(entry["team"], []))
                    seen.add(chain.team)
                for finding in chain.add(entry):
                    yield finding
                missing.discard(entry["hash"])
        for finding in chain.end(heads.get(chain.team)) if chain else ():
            yield finding
        for team in sorted({*heads, *kept} - seen):  # of these, not one entry is left
            for finding in _Chain(team, kept.get(team, [])).end(heads.get(team)):
                yield finding
        for hash_ in sorted(missing):
            yield Broken("-", 0, f"no entry of any workspace has the hash {hash_}")
        async with aclosing(compared(connection)) as comparison:
            async for finding in comparison:
                yield finding


class _Chain:
    """One workspace's entries as they come by, in order."""

    def __init__(self, team: str, earlier: Sequence[Head]) -> None:
        self.team = team
        self._earlier: dict[int, set[str]] = {}
        for head in earlier:
            self._earlier.setdefault(head.count, set()).add(head.hash)
        self._last = Head(team, 0, "")

    def add(self, entry: Mapping[str, Any]) -> list[Broken]:
        seq, hash_ = entry["seq"], entry["hash"]
        found: list[Broken] = []
        if seq != self._last.count + 1:
            found.append(self._broken(seq, f"comes right after entry {self._last.count}: those in between are missing"))
        elif entry["previous_hash"] != self._last.hash:
            found.append(self._broken(seq, "does not name the hash of the entry before it"))
        if entry_hash(entry) != hash_:
            found.append(self._broken(seq, "was changed: its hash is not that of its fields"))
        if self._earlier.get(seq, {hash_}) != {hash_}:
            found.append(self._broken(seq, "is not the entry that was there earlier"))
        self._last = Head(self.team, seq, hash_)
        return found

    def end(self, head: Head | None) -> list[Broken | Head]:
        found: list[Broken | Head] = []
        count = max(head.count if head else 0, *self._earlier, 0)
        if count > self._last.count:
            found.append(self._broken(count, f"the end is missing: only {self._last.count} of {count} entries are there"))
        elif head != self._last:
            found.append(self._broken(self._last.count, "is not the entry that was written last"))
        return [*found, self._last]

    def _broken(self, seq: int, what: str) -> Broken:
        return Broken(self.team, seq, what)


async def heads_now(connection: PgConnection) -> Sequence[Head]:
    """Return where every chain ends."""
    rows = await (await connection.execute("SELECT team, seq, hash FROM audit_head ORDER BY team")).fetchall()
    return [Head(*row) for row in rows]


async def export(connection: PgConnection, since: datetime) -> AsyncGenerator[str]:
    """Yield entries since then, a JSON object each, in the order of their chains.

    `body` is written so that its compact JSON is the text that was hashed.
    """
    statement: LiteralString = f"SELECT {COLUMNS} FROM audit WHERE at >= %s ORDER BY team, seq"
    async with connection.transaction(), aclosing(_entries(connection, statement, (since,))) as entries:
        async for entry in entries:
            yield json.dumps(entry | {"body": json.loads(entry["body"])}, ensure_ascii=False, separators=(",", ":"))


async def _entries(connection: PgConnection, statement: LiteralString, values: tuple[Any, ...]) -> AsyncGenerator[DictRow]:
    """Yield rows of a statement, by a cursor of the server: a log of years is never in memory."""
    async with connection.cursor(name="audit", row_factory=dict_row) as cursor:
        cursor.itersize = BATCH
        await cursor.execute(statement, values)
        async for row in cursor:
            yield row
